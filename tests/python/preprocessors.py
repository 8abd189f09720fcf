# SPDX-License-Identifier: Apache-2.0
"""What python workers run in test_py_workers.py: imported there, in interpreters of their own."""
import ctypes
import os
import signal
import sys
import threading

import numpy

# value of the first pixel -> what happens
RAISES, EXITS, LEAVES, CRASHES, HANGS = 101, 102, 103, 104, 105


def mean(picture):
    """float32 [3]: the mean of each channel, and a surprise for some pictures."""
    act(int(picture[0, 0, 0]))
    return picture.astype(numpy.float32).mean(axis=(0, 1))


def act(value):
    if value == RAISES:
        raise ValueError("no good: \x07 ü")
    if value == EXITS:
        sys.exit(7)
    if value == LEAVES:
        os._exit(9)
    if value == CRASHES:
        ctypes.string_at(0)
    if value == HANGS:
        threading.Event().wait()


def shape_of(picture):
    """int64 [4]: what it was given."""
    return numpy.array([*picture.shape, picture.dtype == numpy.float32])


def as_it_is(picture):
    """The picture itself: rows of another shape where pictures differ."""
    return picture


def planes(picture):
    """float32 [3,512,512] of a picture at least as large."""
    return numpy.ascontiguousarray(picture[:512, :512].transpose(2, 0, 1)).astype(numpy.float32)


def says(picture):
    """Prints, as people do."""
    print("said on standard output")
    return numpy.float32([picture.size])


def encoded(data):
    """float32 [2]: the length and the first byte of a file."""
    assert isinstance(data, bytes)
    return numpy.float32([len(data), data[0]])


class Scaled:
    """Keywords, and one picture at a time, float32."""

    def __init__(self, factor, offset=0.0):
        self.factor, self.offset = factor, offset

    def _preprocess_single_jax(self, picture):
        assert picture.dtype == numpy.float32
        return picture[:4, :5].transpose(2, 0, 1) * self.factor + self.offset


class Together:
    """Several at once; one that it does not like spoils the call."""

    def preprocess_batch(self, pictures):
        if any(picture[0, 0, 0] == RAISES for picture in pictures):
            raise ValueError("one of them")
        return numpy.stack([numpy.float32([picture[0, 0, 0], len(pictures)]) for picture in pictures])


class TooFew:
    """Gives fewer rows than it was given pictures."""
    output_shape = (2,)

    def preprocess_batch(self, pictures):
        return numpy.zeros((len(pictures) - 1, 2), numpy.float32)


class Keeps:
    """Keeps every picture, and looks whether those that it has are still what they were."""
    output_shape = (2,)
    output_dtype = "float32"

    def __init__(self, keep=True):
        self.keep, self.kept = keep, []

    def __call__(self, picture):
        if self.keep:
            self.kept.append((picture, int(picture.sum())))
        changed = sum(int(old.sum()) != total for old, total in self.kept)
        address = picture.__array_interface__["data"][0]
        return numpy.float32([changed, address // 64 % (1 << 24)])


class Unwilling:
    """Cannot be built."""

    def __init__(self):
        raise RuntimeError("the model file is not there")


class Slow:
    """Is never built."""

    def __init__(self):
        print("building", flush=True)
        signal.pause()


class Half:
    """Says what its rows are, in a type of its own."""
    output_shape = (6,)
    output_dtype = "float16"

    def __call__(self, picture):
        return numpy.arange(6, dtype=numpy.float16) * float(picture[0, 0, 0])


def doubles(picture):
    """float64: becomes float32."""
    return numpy.float64([[0.1, float(picture[0, 0, 0])]])


def text(picture):
    """No numbers."""
    return numpy.array(["a", str(picture.shape)])


def opens(picture):
    """float32 [2]: errno of writing a file, and of opening a socket; 0 if it could."""
    import socket
    answers = []
    for attempt in (lambda: open("/tmp/millrace-test-opens", "xb").close() or os.unlink("/tmp/millrace-test-opens"),
                    lambda: socket.socket().close()):
        try:
            attempt()
            answers.append(0)
        except OSError as error:
            answers.append(error.errno)
    return numpy.float32(answers) + 0 * float(picture[0, 0, 0])


def corner(picture):
    """uint8 [8,12,3]: the upper left corner."""
    return picture[:8, :12]
