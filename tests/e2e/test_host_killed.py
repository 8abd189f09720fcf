# SPDX-License-Identifier: Apache-2.0
"""The host is killed in the middle of an ingest, and the same command is given again.

Afterwards each item is stored exactly once with the vector that an undisturbed run gives it, what
was stored before is skipped, nothing else is, and no worker outlives its host. The control is a
build that commits ledger rows before their vectors: it must not pass the same check.
"""
import os
import random
import signal
import subprocess
import time

import pytest

import hosts

BATCH = 4
SMALL, MANY = 40, 100
ROUNDS = 4 if hosts.SANITIZED else 20
MOMENTS = 10 if hosts.SANITIZED else 50

POINTS = ["pipeline.batch",         # handed out, not embedded
          "pipeline.embedded",      # vectors made, not stored
          "store.before_commit",    # written, not committed
          "store.after_commit"]     # committed, not acknowledged


def ingest(pictures, store, workers=2):
    return ["ingest", pictures, "--into", store, "--batch", BATCH, "--workers", workers]


class Set:
    """Pictures, and what an undisturbed run makes of them."""

    def __init__(self, folder, count):
        self.pictures = folder / "pictures"
        assert len(hosts.make_pictures(self.pictures, count)) == count
        status, lines, errors = hosts.run(*ingest(self.pictures, folder / "whole.mill"))
        assert status == 0, errors
        whole = hosts.Content(folder / "whole.mill")
        assert whole.problems() == []
        assert lines[-1]["ok"] == len(whole.vectors) == count
        self.seconds = lines[-1]["seconds"]
        self.vectors = whole.vectors


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return Set(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return Set(tmp_path_factory.mktemp("many"), MANY)


def complete(pictures, store, workers=2):
    """Gives the same command again; what is wrong then, and what was stored before."""
    before = hosts.Content(store)
    status, lines, errors = hosts.run(*ingest(pictures.pictures, store, workers))
    assert status == 0, errors
    return hosts.problems_after(store, before, pictures.vectors, lines[-1]), before


def found(store):
    """Ids that a search finds in the store as it is now."""
    stored = hosts.Content(store).vectors
    if not stored:
        return set()
    status, lines, errors = hosts.run("search", store, "--id", next(iter(stored)), "-k", 2 * MANY)
    assert status == 0, errors
    return {hit["id"] for hit in lines[-1]["results"]}


def die_at(pictures, store, failpoints, workers):
    """Runs the build with failpoints until it kills itself."""
    with hosts.Host(*ingest(pictures.pictures, store, workers), binary=hosts.TESTING,
                    failpoints=failpoints) as host:
        assert host.status() == -signal.SIGKILL, host.messages
        assert hosts.survivors(host.pid) == set()


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point(point, small, tmp_path):
    for number in range(ROUNDS):
        nth, workers = 1 + number % (SMALL // BATCH), 1 + number // (SMALL // BATCH)
        store = tmp_path / f"{number}.mill"
        die_at(small, store, f"{point}:{nth}", workers)
        between = hosts.Content(store)
        assert between.problems() == []
        assert found(store) == between.stored
        problems, before = complete(small, store, workers)
        assert problems == [], f"{point}:{nth}"
        assert before.stored == between.stored
        if point.startswith("store."):
            batches = nth - (point == "store.before_commit")
            assert len(before.stored) == batches * BATCH
        else:
            assert len(before.stored) < nth * BATCH


def test_ledger_first_would_be_seen(small, tmp_path):
    """The control of the test above: rows that are recorded before they are there get lost."""
    for nth in range(1, 4):
        store = tmp_path / f"{nth}.mill"
        die_at(small, store, f"store.ledger_first:1,store.between:{nth}", 2)
        problems, before = complete(small, store)
        assert len(before.stored) == nth * BATCH
        assert any(text.startswith("lost: 4 items") for text in problems)
        assert any(text.startswith("set: 4 are missing") for text in problems)


@pytest.mark.parametrize("point", ["pipeline.embedded", "store.before_commit", "store.after_commit"])
def test_killed_with_several_batches_under_way(point, small, tmp_path):
    """Batches embedded out of order, several in one commit: where it dies is chance, what is there is not."""
    wide = ["--embed-workers", 2, "--commit-rows", 1000, "--queue", 8]
    for nth in (1, 2):
        store = tmp_path / f"{nth}.mill"
        with hosts.Host(*ingest(small.pictures, store), *wide, binary=hosts.TESTING, failpoints=f"{point}:{nth}") as host:
            assert host.status() == -signal.SIGKILL, host.messages
        between = hosts.Content(store)
        assert between.problems() == []
        assert len(between.stored) % BATCH == 0
        assert list(between.vectors) == list(small.vectors)[:len(between.vectors)]
        problems, _ = complete(small, store)
        assert problems == [], f"{point}:{nth}"


BESIDE = "store.ledger_beside:1"  # takes the ledger out of a local store, to a file beside it


def ingest_beside(small, store, ledger, failpoints):
    """Vectors into `store`, the ledger into another file. (exit status, lines of stdout, stderr)"""
    return hosts.run(*ingest(small.pictures, store), "--ledger", ledger, binary=hosts.TESTING,
                     failpoints=",".join([BESIDE, *failpoints]))


def test_killed_between_rows_and_a_ledger_beside_them(small, tmp_path):
    """Rows first: the ones that the ledger does not know yet are written again, and are there once."""
    for nth in range(1, SMALL // BATCH + 1, 1 + 3 * hosts.SANITIZED):
        store, ledger = tmp_path / f"{nth}.mill", tmp_path / f"{nth}.ledger"
        status, _, errors = ingest_beside(small, store, ledger, [f"store.rows_written:{nth}"])
        assert status == -signal.SIGKILL, errors
        rows, known = hosts.Content(store), hosts.Content(ledger)
        assert len(rows.vectors) == nth * BATCH
        assert len(known.stored) == (nth - 1) * BATCH
        assert rows.stored == set()
        status, lines, errors = ingest_beside(small, store, ledger, [])
        assert status == 0, errors
        assert lines[-1]["skipped"] == (nth - 1) * BATCH
        assert lines[-1]["ok"] == SMALL - (nth - 1) * BATCH
        rows, known = hosts.Content(store), hosts.Content(ledger)
        assert rows.rows == rows.entities == SMALL
        assert rows.vectors == small.vectors
        assert list(known.codes) == list(small.vectors) and known.stored == set(small.vectors)
        assert rows.entries == 0 and set(known.vectors.values()) == {b""}
    with hosts.Host("report", store, "--ledger", ledger, "--json", binary=hosts.TESTING,
                    failpoints=BESIDE) as host:
        assert host.status() == 0, host.messages
        assert len(host.results()) == SMALL


def test_a_ledger_beside_that_is_lost(small, tmp_path):
    """The control: without its ledger a run does all again, and still nothing is there twice."""
    store, ledger = tmp_path / "a.mill", tmp_path / "a.ledger"
    assert ingest_beside(small, store, ledger, [])[0] == 0
    ledger.unlink()
    status, lines, errors = ingest_beside(small, store, ledger, [])
    assert (status, lines[-1]["ok"], lines[-1]["skipped"]) == (0, SMALL, 0), errors
    assert hosts.Content(store).rows == SMALL


def test_check_sees_what_is_wrong(small, tmp_path):
    """The control of the check itself: a vector changed, another order, a vector that nobody recorded."""
    store = tmp_path / "a.mill"
    problems, before = complete(small, store)
    assert problems == []
    summary = {"items": SMALL, "ok": 0, "skipped": SMALL}
    same = hosts.Content(store)
    assert hosts.problems_after(store, same, small.vectors, summary) == []
    key = next(iter(small.vectors))
    changed = dict(small.vectors, **{key: b"\0" * 2048})
    assert hosts.problems_after(store, same, changed, summary) == ["vectors: 1 differ"]
    assert hosts.problems_after(store, before, small.vectors, summary) \
        == [f"skipped: {SMALL} said, 0 were stored"]
    turned = dict(reversed(small.vectors.items()))
    assert hosts.problems_after(store, same, turned, summary) == ["order: not that of the source"]
    same.stored.discard(key)
    assert same.problems() == ["unrecorded: 1 vectors have no ledger row that says stored"]


def kill_after(pictures, store, seconds):
    """Kills a run when it is that old; how old it was at its end if that came first, else None."""
    began = time.monotonic()
    with hosts.Host(*ingest(pictures.pictures, store)) as host:
        if host.ends_within(seconds):
            return time.monotonic() - began
        host.kill()
        assert hosts.survivors(host.pid) == set()
    return None


def test_killed_at_random_moments(many, tmp_path):
    rng = random.Random(3)
    whole = many.seconds + 0.03  # what a run takes; learnt again from each that was not killed in time
    stored, tries = [], 0
    while len(stored) < MOMENTS:
        tries += 1
        assert tries < 5 * MOMENTS
        store = tmp_path / f"{tries}.mill"
        moment = rng.uniform(0, whole)
        ended = kill_after(many, store, moment)
        if ended is not None:
            whole = ended
            continue
        problems, before = complete(many, store)
        assert problems == [], f"try {tries}: {moment:.3f} s"
        stored.append(len(before.stored))
    # the moments lay in the middle of runs, not beside them
    assert sum(0 < n < MANY for n in stored) >= MOMENTS // 5, sorted(stored)


def test_workers_are_gone_with_their_host(tmp_path):
    """The control of `survivors`: it sees workers while their host lives."""
    with hosts.Host(*ingest("-", tmp_path / "a.mill", 3), "--progress", "always",
                    stdin=subprocess.PIPE) as host:
        host.say(hosts.make_pictures(tmp_path / "pictures", 1))
        host.done()  # the run is under way
        workers = host.workers()
        assert len(workers) == 3
        assert hosts.survivors(host.pid) == set(workers)
        os.kill(workers[0], signal.SIGSTOP)  # a stopped worker goes, too
        watched = hosts.open_pids(workers)
        host.kill()
        assert hosts.ready(watched, hosts.GONE_S) == set()
        assert hosts.in_session(host.pid) == []
        for fd in watched:
            os.close(fd)
