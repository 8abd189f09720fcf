# SPDX-License-Identifier: Apache-2.0
"""The arrays of preprocess_stream are the slots themselves, and yet nobody's but the holder's."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from process_facts import inside, mappings, shared_mappings

import millrace
from millrace import StreamingMultiprocessPreprocessor

SIZE = (64, 64)
BATCH = 16
BATCHES = 50
WORKING, SPARE = 4, 4  # slots of a stream, and beside them
SLOTS = "/memfd:millrace-slots"


@pytest.fixture
def many(paths):
    """50 batches of 16."""
    return (paths * 12)[:BATCH * BATCHES]


@pytest.fixture
def slots_bytes():
    """Bytes of slots that this test has mapped; tests before it may have left some."""
    before = set(mappings(SLOTS))
    return lambda: sum(end - start for start, end in set(mappings(SLOTS)) - before)


@pytest.fixture
def preprocessor():
    made = StreamingMultiprocessPreprocessor(num_workers=2, batch_size=BATCH, image_size=SIZE)
    made.start()
    yield made
    made.stop()


def expected(preprocessor, inputs):
    """The same by the native stream, copied batch by batch."""
    with millrace.Stream(inputs, preprocessor._preprocessor.plan, batch=BATCH, workers=2) as stream:
        return [batch.numpy(copy=True) for batch in stream]


def in_slot(array):
    return inside(array.ctypes.data, array.nbytes, SLOTS)


def test_all_results_of_a_long_stream_held(preprocessor, many):
    held = [batch["preprocessed"] for batch in preprocessor.preprocess_stream(many)]
    wanted = expected(preprocessor, many)
    assert len(held) == BATCHES and all(map(np.array_equal, held, wanted))
    lent = [array for array in held if in_slot(array)]
    assert 1 <= len(lent) <= SPARE  # the rest was copied: nothing waits for what is held
    assert all(array.flags.writeable and array.flags.c_contiguous and array.dtype == np.float32 for array in held)
    spans = sorted((array.ctypes.data, array.nbytes) for array in held)
    assert all(start + n <= after for (start, n), (after, _) in zip(spans, spans[1:]))


def test_they_outlive_the_pool(slots_bytes, many):
    wanted = expected(StreamingMultiprocessPreprocessor(image_size=SIZE), many)
    before = shared_mappings()
    with StreamingMultiprocessPreprocessor(num_workers=2, batch_size=BATCH, image_size=SIZE) as preprocessor:
        held = [batch["preprocessed"] for batch in preprocessor.preprocess_stream(many)]
        batches = preprocessor.preprocess_stream(many)
        abandoned = next(batches)["preprocessed"]
    assert np.array_equal(abandoned, wanted[0])
    lent = [array for array in held if in_slot(array)]
    assert lent and shared_mappings() - before <= SPARE + 1
    assert 0 < slots_bytes() <= (SPARE + 1) * wanted[0].nbytes
    for number, array in enumerate(held):
        assert np.array_equal(array, wanted[number])
        array[:] = number
    assert all((array == number).all() for number, array in enumerate(held))
    part = lent[0][3]  # a view keeps what it needs
    value = part.copy()
    del held, lent, array, abandoned, batches
    assert in_slot(part) and np.array_equal(part, value)
    del part
    assert shared_mappings() == before


def test_what_is_written_stays_and_is_seen_nowhere_else(preprocessor, many):
    wanted = expected(preprocessor, many)
    kept, lent = None, 0
    for number, batch in enumerate(preprocessor.preprocess_stream(many)):
        array = batch["preprocessed"]
        assert np.array_equal(array, wanted[number])
        array -= array.mean()
        lent += in_slot(array)
        if kept is None and in_slot(array):
            kept = array
            kept[:] = 7
    assert lent > BATCHES / 2 and (kept == 7).all()
    # negative control: the next stream gets its own values, though one slot of the pool is held
    assert np.array_equal(next(preprocessor.preprocess_stream(many))["preprocessed"], wanted[0])


def resident(kind):
    return int(re.search(rf"^{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)[1]) << 10


def test_memory_is_bounded_when_none_is_held(slots_bytes, preprocessor, many):
    for _ in range(2):
        for batch in preprocessor.preprocess_stream(many):
            pass
    shared, private = resident("RssShmem"), resident("RssAnon")
    places, bytes_seen = set(), 0
    for _ in range(6):
        for batch in preprocessor.preprocess_stream(many):
            batch["preprocessed"] += 1
            bytes_seen += batch["preprocessed"].nbytes
            places |= {batch["preprocessed"].ctypes.data} if in_slot(batch["preprocessed"]) else set()
    slot = batch["preprocessed"].nbytes
    assert 0 < len(places) <= WORKING + SPARE
    assert resident("RssShmem") - shared <= (WORKING + SPARE) * slot
    assert resident("RssAnon") - private < 16 * slot < bytes_seen / 10
    assert slots_bytes() == (WORKING + SPARE) * slot


def test_a_taken_batch_has_no_rows(paths):
    with millrace.Pool(workers=1, slots_bytes=64 << 20, spare_bytes=32 << 20) as pool:
        with millrace.Stream(paths, "raw:64x64", pool=pool, batch=8, slots=4) as stream:
            lent = 0
            for batch in stream:
                view = batch.numpy() if batch.index % 2 else None
                array = batch.take()
                lent += in_slot(array)
                assert len(array) == len(batch) == len(batch.ids)
                if view is not None:  # who looks at a batch is not shown what is written to an array
                    assert not in_slot(array) and np.array_equal(view, array)
                    array += 1
                    assert not np.array_equal(view, array)
                elif in_slot(array):
                    for use in (batch.take, batch.numpy, lambda: memoryview(batch), batch.__dlpack__):
                        with pytest.raises(millrace.ClosedError, match="taken"):
                            use()
            assert lent > 0


def test_without_room_set_aside_all_are_copies(paths):
    with millrace.Pool(workers=1) as pool, millrace.Stream(paths, "raw:64x64", pool=pool, batch=8) as stream:
        assert not any(in_slot(batch.take()) for batch in stream)


FORK = """
import json, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import millrace
paths, batches = json.loads(sys.argv[1]), 0
with millrace.StreamingMultiprocessPreprocessor(num_workers=2, batch_size=4, image_size=(64, 64)) as preprocessor:
    stream = preprocessor.preprocess_stream(paths)
    held = [next(stream)["preprocessed"] for _ in range(10)]
    before = [array.copy() for array in held]
    to_child, to_parent = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(to_child[0], 1)  # the parent has written to its arrays
        same = all((a == b).all() for a, b in zip(held, before))
        for array in held:
            array[:] = 3
        os.write(to_parent[1], b"x")
        os.read(to_child[0], 1)  # and dropped them, and used the slots again
        own = all((array == 3).all() for array in held)
        del held, array
        os._exit(0 if same and own else 1)
    for array in held:
        array[:] = 5
    os.write(to_child[1], b"x")
    os.read(to_parent[0], 1)
    untouched = all((array == 5).all() for array in held)
    del held, array
    batches = sum(1 for _ in stream)
    os.write(to_child[1], b"x")
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), untouched, batches)
"""


def test_fork_copies(paths):
    """What the parent does to its arrays afterwards is not the child's, and the other way round."""
    done = subprocess.run([sys.executable, "-c", FORK, json.dumps(paths)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": os.environ["MILLRACE_SITE"]}, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["0", "True", "8"], "")
