# SPDX-License-Identifier: Apache-2.0
"""Streams: inputs of every kind, options, ends, threads."""
import gc
import itertools
import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import PLAN
from process_facts import children

import millrace

DEADLINE_S = 60


def ids_of(stream):
    return [name for batch in stream for name in batch.ids]


def test_folder_list_and_paths_are_the_same_items(photos, paths, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("\n".join(paths) + "\n")
    assert ids_of(millrace.Stream(photos, PLAN)) == paths
    assert ids_of(millrace.Stream(paths, PLAN)) == paths
    assert ids_of(millrace.Stream(millrace.Source(f"@{names}"), PLAN)) == paths
    assert ids_of(millrace.Stream((Path(p) for p in paths), PLAN)) == paths
    stems = millrace.Source(photos, id_from="stem")
    assert ids_of(millrace.Stream(stems, PLAN)) == [f"{n:02}" for n in range(70)]
    assert stems.ignored == 0
    with pytest.raises(millrace.ClosedError, match="read once"):
        millrace.Stream(stems, PLAN)


@pytest.mark.parametrize("name", [
    "./a.jpg", "x//./a.jpg", "x/../a.jpg", "./x//", "ö é.jpg", "50%.jpg", b"\xff50%.jpg", b"a\xc3.jpg", "y" * 600,
    "http://user:secret@127.0.0.1:9/a.jpg?x=@y", "."])
def test_names_are_those_of_the_command(name, tmp_path, monkeypatch):
    """An item of an iterable is called as a line of a list is."""
    monkeypatch.chdir(tmp_path)
    raw = os.fsencode(name)
    Path("list").write_bytes(raw + b"\n")
    (listed,) = next(millrace.Stream(millrace.Source("@list"), PLAN)).failures
    (given,) = next(millrace.Stream([Path(os.fsdecode(raw)) if name == "." else os.fsdecode(raw)], PLAN)).failures
    if len(raw) > 512:
        assert given.code == listed.code == "bad_id"
    else:
        assert (given.id, given.uri, given.code) == (listed.id, listed.uri, listed.code)
    assert "secret" not in repr(given)


@dataclass
class Picture:
    id: str
    bytes: object
    metadata: object = None


def test_items_of_every_kind(paths):
    data = Path(paths[0]).read_bytes()
    items = [paths[0], Path(paths[1]), data, bytearray(data), memoryview(data), {"uri": paths[2]},
             {"bytes": data, "id": 7, "metadata": {"a": None}}, Picture("eight", data, '{"b":[1]}')]
    batch = next(millrace.Stream(items, PLAN))
    assert batch.ids == [paths[0], paths[1], "item-2", "item-3", "item-4", paths[2], "7", "eight"]
    assert batch.metadata == [{}] * 6 + [{"a": None}, {"b": [1]}]
    rows = batch.numpy()
    assert all((rows[0] == rows[k]).all() for k in (2, 3, 4, 6, 7))
    assert not (rows[0] == rows[1]).all()


def test_bad_items_fail_alone(paths):
    good = {"uri": paths[0], "id": "good"}
    bad = [{"uri": paths[0], "id": ""}, {"uri": paths[0], "id": "a\0b"}, {"uri": paths[0], "id": "\udc80"},
           {"uri": paths[0], "id": "x" * 513}, {"uri": paths[0], "id": "m", "metadata": {"a": object()}},
           {"uri": paths[0], "id": "n", "metadata": "[1]"}, {"uri": paths[0], "id": "nan", "metadata": {"a": float("nan")}},
           {"uri": paths[0], "id": "big", "metadata": {"a": "x" * 70000}}, {"bytes": b"", "id": "none"},
           {"uri": "a\0b", "id": "nul"}, b"GIF89a" + b"\0" * 100]
    batch = next(millrace.Stream([good, *bad, {**good, "id": "last"}], PLAN))
    assert batch.ids == ["good", "last"]
    assert [f.code for f in batch.failures] == ["bad_id"] * 4 + ["bad_metadata"] * 4 + ["empty", "not_found",
                                                                                       "unsupported_format"]
    assert [f.seq for f in batch.failures] == list(range(1, 12))


@pytest.mark.parametrize("item, message", [
    (7, "item 1: a path, bytes, an array, or something with uri, bytes or array is wanted, not int"),
    ({"urii": "a"}, "unknown key 'urii'; did you mean 'uri'"), ({"id": "a"}, "not dict"),
    ({"uri": "a", "id": 1.5}, "id: a text is wanted, not float"), ({"bytes": "text", "id": "a"}, "bytes-like")])
def test_what_is_no_item_is_an_error(paths, item, message):
    """It is the program that is wrong then: the items before it come, then the exception."""
    stream = millrace.Stream([paths[0], item, paths[1]], PLAN)
    assert next(stream).ids == paths[:1]
    with pytest.raises(TypeError, match=message):
        next(stream)


@pytest.mark.parametrize("inputs", [b"bytes", bytearray(3), {"uri": "a"}, 7, None])
def test_what_is_no_input(inputs):
    with pytest.raises(TypeError):
        millrace.Stream(inputs, PLAN)


def test_exception_of_the_iterable_comes_out(paths):
    class Broken(Exception):
        pass

    def items():
        yield from paths[:40]
        raise Broken("here")

    stream = millrace.Stream(items(), PLAN)
    assert [len(next(stream)), len(next(stream))] == [32, 8]
    with pytest.raises(Broken, match="here") as caught:
        next(stream)
    assert [entry.name for entry in caught.traceback][-1] == "items"
    with pytest.raises(Broken):  # it has not become the end of the stream
        next(stream)


def test_endless_generator(paths):
    """It is read as far as there are slots, and ended when the stream is."""
    ended = threading.Event()
    taken = itertools.count()
    last = 0

    def items():
        nonlocal last
        try:
            for last in taken:
                yield {"uri": paths[last % 70], "id": last}
        finally:
            ended.set()

    with millrace.Stream(items(), PLAN, batch=8, slots=3) as stream:
        for batch in itertools.islice(stream, 10):
            assert batch.ids == [str(batch.index * 8 + k) for k in range(8)]
            ahead = 3 * 8 + 16 + 2  # slots, the cells of the feed, one in each hand
            assert last <= (batch.index + 1) * 8 + ahead
    assert ended.wait(DEADLINE_S)


def test_close_does_not_wait_for_the_iterable(paths, event):
    def items():
        yield paths[0]
        event.wait()

    stream = millrace.Stream(items(), PLAN, batch=1)
    assert len(next(stream)) == 1
    started = time.monotonic()
    stream.close()
    assert time.monotonic() - started < DEADLINE_S / 2
    assert not event.is_set()


def test_next_with_timeout(paths, event):
    def items():
        yield paths[0]
        event.wait()
        yield paths[1]

    stream = millrace.Stream(items(), PLAN, batch=1)
    assert stream.next(timeout=DEADLINE_S).ids == paths[:1]
    with pytest.raises(TimeoutError, match="0.02"):
        stream.next(timeout=0.02)
    with pytest.raises(TimeoutError):
        stream.next(timeout=0)
    event.set()
    assert stream.next().ids == paths[1:2]
    assert stream.next() is None and stream.next(timeout=1) is None
    assert next(stream, "end") == "end"


def test_stop_delivers_what_was_taken(paths):
    stream = millrace.Stream(itertools.cycle(paths), PLAN, batch=8)
    first = next(stream)
    stream.stop()
    rest = list(stream)
    assert stream.stats().taken == len(first) + sum(map(len, rest)) == stream.stats().ok


def test_closed_stream(paths):
    stream = millrace.Stream(paths, PLAN)
    with stream:
        batch = next(stream)
        numbers = stream.stats()
        assert numbers.ok >= len(batch)
    assert stream.closed
    for use in (stream.next, stream.stop, stream.pids, stream.pool_stats, stream.__enter__, lambda: next(stream)):
        with pytest.raises(millrace.ClosedError, match="closed"):
            use()
    assert stream.stats().ok >= numbers.ok  # those at its end
    assert len(batch.ids) == 32  # a batch outlives it
    stream.close()


def test_threads_share_a_stream(paths):
    stream = millrace.Stream(paths * 4, PLAN, batch=4, slots=12)
    seen, errors = [], []

    def work():
        try:
            for batch in stream:
                seen.append((batch.index, batch.ids))
        except Exception as error:  # shown below
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE_S)
    assert not errors
    assert [name for _, ids in sorted(seen) for name in ids] == paths * 4


def test_close_ends_the_wait_of_another_thread(paths, event):
    waiting = threading.Event()

    def items():
        yield paths[0]
        waiting.set()
        event.wait()

    stream = millrace.Stream(items(), PLAN, batch=1)
    said = []

    def work():
        try:
            list(stream)
        except millrace.ClosedError as error:
            said.append(str(error))

    worker = threading.Thread(target=work)
    worker.start()
    assert waiting.wait(DEADLINE_S)
    stream.close()
    worker.join(DEADLINE_S)
    assert not worker.is_alive()
    assert len(said) == 1 and "closed" in said[0]


@pytest.mark.parametrize("options, kind, message", [
    ({"batch": 0}, millrace.InvalidError, "batch: 0"), ({"batch": -1}, ValueError, "batch: -1"),
    ({"batch": 1 << 40}, ValueError, "0 to 4294967295"), ({"batch": "8"}, TypeError, "batch: a whole number"),
    ({"bacth": 8}, TypeError, "unknown argument bacth; did you mean batch"), ({"xyzzy": 8}, TypeError, "xyzzy"),
    ({"memory_bytes": 1 << 20}, millrace.OutOfMemoryError, "MiB"), ({"pool": 3}, TypeError, "a Pool is wanted"),
    ({"worker_path": "/nonexistent/worker"}, millrace.UnavailableError, "/nonexistent/worker")])
def test_wrong_options(paths, options, kind, message):
    gc.collect()  # streams of other tests
    before = children()
    with pytest.raises(kind, match=message):
        millrace.Stream(paths, PLAN, **options)
    assert children() == before


def test_missing_arguments(paths):
    with pytest.raises(TypeError, match="the argument plan is missing"):
        millrace.Stream(paths)
    with pytest.raises(TypeError, match="the argument inputs is missing"):
        millrace.Stream(plan=PLAN)
    with pytest.raises(TypeError, match="a Plan or the name of one"):
        millrace.Stream(paths, 7)
    assert ids_of(millrace.Stream(inputs=paths[:2], plan=PLAN)) == paths[:2]


def test_pool_serves_stream_after_stream(paths):
    with millrace.Pool(workers=1) as pool:
        pids = pool.pids()
        for _ in range(3):
            with millrace.Stream(paths[:5], PLAN, pool=pool) as stream:
                assert ids_of(stream) == paths[:5]
                assert stream.pids() == pids
        assert pool.stats().workers == 1 and pool.stats().worker_restarts == 0
        last = millrace.Stream(paths, PLAN, pool=pool)
        pool.close()  # the last stream still has it
        assert ids_of(last) == paths
        with pytest.raises(millrace.ClosedError, match="pool is closed"):
            millrace.Stream(paths, PLAN, pool=pool)
        last.close()
        assert not set(pids) & set(children())


def test_death_of_a_worker_costs_nothing_and_is_logged(paths, caplog):
    caplog.set_level(logging.INFO, "millrace")
    stream = millrace.Stream(itertools.cycle(paths), PLAN, batch=8, workers=1)
    assert len(next(stream)) == 8
    os.kill(stream.pids()[0], signal.SIGKILL)
    until = time.monotonic() + DEADLINE_S
    while not caplog.records and time.monotonic() < until:
        assert len(next(stream)) == 8
    stream.close()
    assert {(r.name, r.levelname) for r in caplog.records} == {("millrace.pool", "WARNING")}
    assert "worker 0" in caplog.text
