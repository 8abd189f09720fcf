# SPDX-License-Identifier: Apache-2.0
"""Batches by DLPack."""
import ctypes
import gc

import numpy
import pytest
from conftest import PLAN
from process_facts import inside

import millrace

SLOTS = "/memfd:millrace-slots"


@pytest.fixture(name="batch")
def make_batch(paths):
    return next(millrace.Stream(paths[:5], PLAN))


def test_numpy_takes_it_without_a_copy(batch):
    expected = batch.numpy(copy=True)
    array = numpy.from_dlpack(batch)
    assert inside(array.ctypes.data, array.nbytes, SLOTS)
    assert array.dtype == numpy.float32 and numpy.array_equal(array, expected) and not array.flags.writeable
    with pytest.raises(BufferError, match="1 view"):
        batch.release()
    del array
    gc.collect()
    batch.release()


def test_device_and_wishes(batch):
    assert batch.__dlpack_device__() == (1, 0)
    for wish in ({"stream": 1}, {"copy": True}, {"dl_device": (2, 0)}):
        with pytest.raises(BufferError):
            batch.__dlpack__(**wish)
    with pytest.raises(TypeError):
        batch.__dlpack__(1)


def name_of(capsule):
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return get(capsule)


@pytest.mark.parametrize("version, name", [(None, b"dltensor"), ((0, 8), b"dltensor"), ((1, 0), b"dltensor_versioned"),
                                           ((2, 1), b"dltensor_versioned")])
def test_capsule_that_nobody_takes(batch, version, name):
    capsule = batch.__dlpack__(max_version=version, dl_device=(1, 0), copy=False)
    assert name_of(capsule) == name
    with pytest.raises(BufferError):
        batch.release()
    del capsule
    batch.release()
    assert batch.released


def test_torch(batch):
    torch = pytest.importorskip("torch")
    tensor = torch.from_dlpack(batch)
    assert tuple(tensor.shape) == batch.shape and tensor.dtype == torch.float32
    assert inside(tensor.data_ptr(), batch.nbytes, SLOTS)
    assert numpy.array_equal(tensor.numpy(), batch.numpy())
    del tensor
    gc.collect()


def test_jax(batch):
    jax = pytest.importorskip("jax")
    array = jax.dlpack.from_dlpack(batch)
    assert array.shape == batch.shape and numpy.array_equal(numpy.asarray(array), batch.numpy())
