# SPDX-License-Identifier: Apache-2.0
"""A worker: the interpreter that a pool started for `preprocess=`.

It attaches first, so that it ends with its host whatever happens then. It imports what the host
named, builds the object, finds out what its rows are, and serves. What an item raises is that
item's failure; SystemExit, as any other end of the process, is a death.
"""
import faulthandler
import importlib
import os
import pickle
import runpy
import sys
import traceback
import types
import zlib

from millrace import _native
from millrace._program import takes_several

EXIT_START = 72  # what millrace-worker exits with when it cannot start
STARTING = []  # not empty: the host's script is being imported, or the object built
PROBE = (256, 320)  # height and width of the picture that an object is tried out with


def become(script):
    """Makes the host's script importable as __main__, without running what stands below its guard."""
    if script is None:
        return
    how, what = script
    main = types.ModuleType("__mp_main__")
    if how == "name":
        names = runpy.run_module(what, run_name="__mp_main__", alter_sys=True)
    else:
        names = runpy.run_path(what, run_name="__mp_main__")
    main.__dict__.update(names)
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main


def made(thing, keywords):
    """The object that preprocesses: an instance of a class, or a function with its keywords."""
    if isinstance(thing, type):
        return thing(**keywords)
    if not keywords:
        return thing
    return lambda picture: thing(picture, **keywords)


def several(thing):
    """A function from pictures to rows, and whether it wants them together."""
    if takes_several(thing):
        return thing.preprocess_batch, True
    if hasattr(thing, "_preprocess_single_jax"):
        return lambda pictures: [thing._preprocess_single_jax(as_float(picture)) for picture in pictures], False
    if callable(thing):
        return lambda pictures: [thing(picture) for picture in pictures], False
    return thing.preprocess_batch, True


def as_float(picture):
    """Pixels as float32, 0..255."""
    return picture if isinstance(picture, bytes) else picture.astype("float32", copy=False)


def as_row(output):
    """What was returned, as an array of a type that rows can have."""
    import numpy
    row = numpy.asarray(output)
    if row.dtype.name in ("float32", "uint8", "float16", "bfloat16"):
        return row
    if row.dtype.kind in "fiub":
        return row.astype(numpy.float32)
    raise TypeError(f"a row of type {row.dtype}: numbers are wanted")


def described(shape, dtype):
    """float32 [3,224,224]"""
    return f"{dtype} [{','.join(map(str, shape))}]"


def small_png():
    """An encoded picture to try with: PROBE in size, grey."""
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    height, width = PROBE
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    lines = zlib.compress((b"\0" + b"\x80" * (3 * width)) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def dummy(kind):
    """A picture to try with."""
    if kind == "bytes":
        return small_png()
    import numpy
    height, width = PROBE
    ramp = numpy.add.outer(numpy.arange(height), numpy.arange(width)) % 256
    return numpy.repeat(ramp.astype(numpy.uint8)[:, :, None], 3, axis=2)


def rows_of(compute, pictures):
    """One row for each picture."""
    rows = compute(pictures)
    if not hasattr(rows, "__len__") or len(rows) != len(pictures):
        got = len(rows) if hasattr(rows, "__len__") else type(rows).__name__
        raise ValueError(f"preprocess_batch gave {got} rows for {len(pictures)} pictures")
    return rows


def agreed(thing, compute, wishes):
    """(shape, dtype) of a row: as it was said, as the object says, or as it does with a dummy."""
    shape = wishes["shape"] or getattr(thing, "output_shape", None)
    dtype = wishes["dtype"] or getattr(thing, "output_dtype", None)
    if shape is not None:
        return tuple(int(side) for side in shape), str(dtype or "float32")
    height, width = PROBE
    try:
        row = as_row(rows_of(compute, [dummy(wishes["input"])])[0])
    except Exception as error:
        raise RuntimeError(f"trying it on a picture [{height},{width},3] failed: {one_line(error)}; "
                           "output_shape= says what it makes") from error
    if row.ndim == 0 or row.size == 0:
        raise RuntimeError(f"trying it on a picture [{height},{width},3] gave no row, but {described(row.shape, row.dtype)}")
    if dtype not in (None, row.dtype.name):
        raise RuntimeError(f"its rows are {row.dtype.name}, and output_dtype says {dtype}")
    return row.shape, row.dtype.name


def one_line(error):
    """The exception on one line."""
    return traceback.format_exception_only(type(error), error)[-1].strip().partition("\n")[0]


def told(error):
    """(message, traceback without this file's frames)"""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return one_line(error), "".join(traceback.format_exception(type(error), error, trace))


class Server:
    """Answers the units of one stream after another."""

    def __init__(self, compute, together, shape, dtype):
        self.compute, self.together = compute, together
        self.shape, self.dtype = shape, dtype

    def answer(self, job, output):
        """A row that is as agreed goes to its place."""
        import numpy
        row = as_row(output)
        if row.shape != self.shape or row.dtype.name != self.dtype:
            raise ValueError(f"the row is {described(row.shape, row.dtype.name)}, "
                             f"the stream's rows are {described(self.shape, self.dtype)}")
        row = numpy.ascontiguousarray(row)
        job.done(row.view(numpy.uint16) if self.dtype == "bfloat16" else row)

    def one(self, job):
        """One item by itself."""
        try:
            self.answer(job, rows_of(self.compute, [picture_of(job)])[0])
        except Exception as error:
            job.fail(*told(error))

    def unit(self, jobs):
        """The items of a unit: together if that is wanted, and one by one if that fails."""
        rows = None
        if self.together and len(jobs) > 1:
            try:
                rows = rows_of(self.compute, [picture_of(job) for job in jobs])
            except Exception:
                rows = None
        for number, job in enumerate(jobs):
            if rows is None:
                self.one(job)
                continue
            try:
                self.answer(job, rows[number])
            except Exception as error:
                job.fail(*told(error))

    def __call__(self, jobs):
        try:
            self.unit(jobs)
        except BaseException as error:
            leave(error)


def picture_of(job):
    """What the object is given: an array [height,width,channels], or encoded bytes."""
    if isinstance(job.input, bytes):
        return job.input
    import numpy
    return numpy.asarray(job.input)


def leave(error):
    """SystemExit, or what no item may catch: the end of this process."""
    code = error.code if isinstance(error, SystemExit) else 1
    if not isinstance(error, SystemExit):
        traceback.print_exc()
    elif code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if code is None else code & 0xFF if isinstance(code, int) else 1)


def prepared(wishes):
    """The Server for what the host asked."""
    sys.path[:] = wishes["sys_path"]
    sys.argv[:] = wishes["argv"]
    importlib.invalidate_caches()
    become(wishes["script"])
    thing, keywords = pickle.loads(wishes["thing"])
    thing = made(thing, keywords)
    compute, together = several(thing)
    return Server(compute, together, *agreed(thing, compute, wishes))


def main():
    """What the interpreter was started for."""
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # a file or a pipe: lines come as they are printed
    worker = _native.Worker()
    STARTING.append(True)
    try:
        wishes = pickle.loads(worker.data())
        server = prepared(wishes)
        STARTING.clear()
    except BaseException as error:
        worker.refuse(f"preprocess: {one_line(error)}")
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(EXIT_START)
    worker.serve(server.shape, server.dtype, server, wishes["input"] == "bytes")
