# SPDX-License-Identifier: Apache-2.0
"""Batches are views of the slots: addresses, life time, what release() says."""
import ctypes
import gc
import sys

import numpy
import pytest
from conftest import PLAN
from process_facts import inside

import millrace

SLOTS = "/memfd:millrace-slots"


def test_view_is_the_slot(paths):
    with millrace.Stream(paths, PLAN) as stream:
        for batch in stream:
            array = batch.numpy()
            assert inside(array.ctypes.data, array.nbytes, SLOTS)
            assert array.ctypes.data % 64 == 0
            assert array.shape == batch.shape == (len(batch), 3, 224, 224)
            assert array.dtype == numpy.float32 and array.flags.c_contiguous
            assert array.nbytes == batch.nbytes
            # negative control: a copy is elsewhere, with the same values
            copy = batch.numpy(copy=True)
            assert not inside(copy.ctypes.data, copy.nbytes, SLOTS)
            assert copy.flags.writeable and numpy.array_equal(copy, array)
            del array
        assert stream.stats().copied_bytes == 0
        assert stream.stats().ok == 70


def test_view_is_read_only(paths):
    batch = next(millrace.Stream(paths, PLAN))
    array = batch.numpy()
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0, 0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.setflags(write=True)
    with pytest.raises((BufferError, TypeError), match="read-only|not writable"):
        (ctypes.c_char * batch.nbytes).from_buffer(batch)


def test_rows_are_those_of_the_items(paths):
    """Each picture alone gives the row that it has in a batch."""
    together = next(millrace.Stream(paths[:3], PLAN))
    assert together.ids == paths[:3]
    for row, path in enumerate(paths[:3]):
        alone = next(millrace.Stream([path], PLAN))
        assert numpy.array_equal(alone.numpy()[0], together.numpy()[row])
    assert not numpy.array_equal(together.numpy()[0], together.numpy()[1])


@pytest.mark.parametrize("plan, dtype, shape", [
    ("letterbox:32x16", numpy.float32, (3, 16, 32)), ("raw:120x80", numpy.uint8, (80, 120, 3))])
def test_shape_and_dtype_are_the_plans(paths, plan, dtype, shape):
    plan = millrace.Plan(plan)
    batch = next(millrace.Stream(paths[:2], plan))
    array = numpy.asarray(batch)
    assert (array.dtype, array.shape) == (numpy.dtype(plan.dtype), (2, *plan.shape))
    view = memoryview(batch)
    assert (view.shape, view.readonly, view.c_contiguous) == ((2, *plan.shape), True, True)
    assert bytes(view) == array.tobytes()
    view.release()


def test_release_with_views_is_refused(paths):
    stream = millrace.Stream(paths, PLAN)
    batch = next(stream)
    view = batch.numpy()
    rows = view[2:5]  # a view of the view keeps the slot too
    with pytest.raises(BufferError, match="1 view of the batch is alive"):
        batch.release()
    del view
    with pytest.raises(BufferError):
        batch.release()
    assert not batch.released
    del rows
    batch.release()
    assert batch.released
    batch.release()  # again: nothing
    for use in (batch.numpy, lambda: batch.ids, lambda: memoryview(batch), batch.__enter__, lambda: batch.index,
                batch.__dlpack__):
        with pytest.raises(millrace.ClosedError, match="released"):
            use()


def test_context_releases(paths):
    with next(millrace.Stream(paths, PLAN)) as batch:
        ids = batch.ids
        assert not batch.released
    assert batch.released
    assert batch.ids is ids  # what was asked for before is kept


def test_slot_returns_with_the_last_view(paths):
    """With two slots, the third batch can only come if a slot came back."""
    stream = millrace.Stream(paths, PLAN, slots=2, batch=8)
    first = next(stream).numpy()
    second = next(stream)
    with pytest.raises(millrace.BusyError, match="all 2 batch slots are held") as caught:
        next(stream)
    assert caught.value.status == -4 and caught.value.code is None
    del first
    third = next(stream)
    assert third.index == 2 and third.ids == paths[16:24]
    second.release()
    assert next(stream).index == 3


def test_views_outlive_batch_and_stream(paths):
    stream = millrace.Stream(paths, PLAN)
    batch = next(stream)
    expected = batch.numpy(copy=True)
    view = batch.numpy()
    place = view.ctypes.data
    stream.close()
    del stream, batch
    gc.collect()
    assert inside(place, expected.nbytes, SLOTS)
    assert numpy.array_equal(view, expected)
    del view
    assert not inside(place, expected.nbytes, SLOTS)


def test_nothing_is_counted_twice(paths):
    """The references of what a batch is made of are given back."""
    marker = {"uri": paths[0], "metadata": {"a": [1, 2]}}
    before = sys.getrefcount(marker)
    batch = next(millrace.Stream([marker] * 5, PLAN))
    ids = batch.ids
    counts = [sys.getrefcount(ids), sys.getrefcount(batch)]
    views = [memoryview(batch) for _ in range(10)]
    counts.append(sys.getrefcount(batch))
    del views
    counts.append(sys.getrefcount(batch))
    assert counts == [3, 2, 12, 2]  # that of the call is among them
    del batch
    assert sys.getrefcount(ids) == 2
    assert sys.getrefcount(marker) == before


def test_facts_beside_the_rows(paths, tmp_path):
    cut = tmp_path / "cut.jpg"
    with open(paths[0], "rb") as file:
        cut.write_bytes(file.read()[:900])
    items = [{"uri": paths[0], "id": "first", "metadata": {"n": 1, "text": "öß"}}, str(cut),
             {"uri": paths[1], "id": 7}]
    batch = next(millrace.Stream(items, PLAN))
    assert (batch.ids, batch.uris) == (["first", "7"], [paths[0], paths[1]])
    assert batch.metadata == [{"n": 1, "text": "öß"}, {}]
    assert [item.seq for item in batch.items] == [0, 2]
    assert (batch.items[0].width, batch.items[0].height, batch.items[0].format) == (120, 80, "jpeg")
    assert batch.items[0].state == "ok" and batch.items[0].code is None
    (failed,) = batch.failures
    assert (failed.id, failed.state, failed.code, failed.stage, failed.seq) == \
        (str(cut), "failed", "truncated", failed.stage, 1)
    assert failed.stage in ("probe", "decode") and failed.message
    assert len(batch) == 2 and repr(batch).startswith("<millrace.Batch 0 [2,3,224,224] float32, 1 failed")


def test_batch_of_failures_only(tmp_path):
    batch = next(millrace.Stream([str(tmp_path / "none.jpg"), b"\xff"], PLAN))
    assert (len(batch), batch.shape) == (0, (0, 3, 224, 224))
    assert [f.code for f in batch.failures] == ["not_found", "too_short"]
    assert batch.numpy().shape == (0, 3, 224, 224)
    assert batch.numpy(copy=True).nbytes == 0
