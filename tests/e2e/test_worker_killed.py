# SPDX-License-Identifier: Apache-2.0
"""Workers are killed and stopped in the middle of an ingest: everything is stored once, each death
is counted, and the host goes on.

Only workers of the first generation are touched. An item whose worker died is tried once more, alone
in a fresh worker; were that one killed too, it would be quarantined, and rightly so.
"""
import os
import random
import signal
import subprocess

import pytest

import hosts

COUNT, WORKERS = 200, 3
ROUNDS = 2 if hosts.SANITIZED else 8


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return [str(name) for name in hosts.make_pictures(tmp_path_factory.mktemp("pictures"), COUNT)]


@pytest.fixture(scope="module")
def vectors(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "list.txt").write_text("".join(f"{name}\n" for name in pictures))
    status, _, errors = hosts.run("ingest", f"@{folder / 'list.txt'}", "--into", folder / "a.mill")
    assert status == 0, errors
    return hosts.Content(folder / "a.mill").vectors


def start(store):
    return hosts.Host("ingest", "-", "--into", store, "--batch", 8, "--workers", WORKERS, "--json",
                      "--item-timeout", "400ms", "--progress", "always", stdin=subprocess.PIPE)


def first_workers(host, name):
    """Names one picture and waits for the first progress line: all workers are there then."""
    host.say([name])
    host.done()
    workers = host.workers()
    assert len(workers) == WORKERS
    return workers


def finish(host, store, vectors):
    host.end_names()
    assert host.status() == 0, host.messages
    content = hosts.Content(store)
    assert content.problems() == []
    assert list(content.vectors) == list(vectors)
    assert content.vectors == vectors
    summary = host.summary()
    assert (summary["ok"], summary["items"]) == (COUNT, COUNT)
    assert (summary["failed"], summary["quarantined"]) == (0, 0)
    return summary["worker_restarts"]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_at_random(pictures, vectors, tmp_path, number):
    rng = random.Random(number)
    with start(tmp_path / "a.mill") as host:
        workers = first_workers(host, pictures[0])
        rng.shuffle(workers)
        for part, victim in enumerate(workers):
            host.say(pictures[1 + part * 60:1 + (part + 1) * 60])
            assert not host.ends_within(rng.uniform(0, 0.03))
            os.kill(victim, signal.SIGKILL)
        host.say(pictures[1 + 60 * WORKERS:])
        assert finish(host, tmp_path / "a.mill", vectors) == WORKERS


@pytest.mark.parametrize("number", range(2))
def test_stopped_at_random(pictures, vectors, tmp_path, number):
    """A stopped worker is killed once an item that it has begun is over its deadline."""
    rng = random.Random(100 + number)
    with start(tmp_path / "a.mill") as host:
        victim = rng.choice(first_workers(host, pictures[0]))
        host.say(pictures[1:100])
        assert not host.ends_within(rng.uniform(0, 0.02))
        os.kill(victim, signal.SIGSTOP)
        host.say(pictures[100:])
        assert finish(host, tmp_path / "a.mill", vectors) == 1


def test_nothing_is_counted_when_nobody_dies(pictures, vectors, tmp_path):
    """The control of the counts above."""
    with start(tmp_path / "a.mill") as host:
        first_workers(host, pictures[0])
        host.say(pictures[1:])
        assert finish(host, tmp_path / "a.mill", vectors) == 0
