# SPDX-License-Identifier: Apache-2.0
"""`ingest -` while its stdin stays open: what is full is stored at once, what is not once it is old.

A run says on stderr how many items are acknowledged by the store; the store is then read by another
process while the run goes on. (tests/proc/test_streaming.c has the batches themselves.)
"""
import json
import subprocess

import pytest

import hosts


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return hosts.make_pictures(tmp_path_factory.mktemp("pictures"), 70)


def start(store, wait_ms):
    return hosts.Host("ingest", "-", "--into", store, "--batch", 32, "--batch-wait-ms", wait_ms,
                      "--workers", 2, "--progress", "always", "--json", stdin=subprocess.PIPE)


def wait_for(host, wanted):
    """Reads progress until `wanted` items are done; at most ten lines, one a second."""
    seen = [host.done()]
    while seen[-1] < wanted and len(seen) < 10:
        seen.append(host.done())
    assert seen[-1] == wanted, seen


def stored_now(store):
    """Ids that another process finds in the store, which is being written to."""
    done = subprocess.run([hosts.MILLRACE, "report", store, "--json"], check=True,
                          stdout=subprocess.PIPE, text=True)
    return [entry["id"] for entry in map(json.loads, done.stdout.splitlines())
            if entry["state"] == "stored"]


def finish(host, items):
    host.end_names()
    assert host.status() == 0, host.messages
    assert host.summary()["ok"] == host.summary()["items"] == items


def test_full_batches_are_stored_while_stdin_is_open(pictures, tmp_path):
    names = [str(name) for name in pictures]
    with start(tmp_path / "a.mill", 0) as host:
        host.say(names[:64])
        wait_for(host, 64)
        assert stored_now(tmp_path / "a.mill") == names[:64]
        finish(host, 64)


def test_partial_batch_is_stored_when_it_is_old(pictures, tmp_path):
    names = [str(name) for name in pictures]
    with start(tmp_path / "a.mill", 50) as host:
        host.say(names)
        wait_for(host, 70)
        assert stored_now(tmp_path / "a.mill") == names
        finish(host, 70)


def test_partial_batch_waits_if_age_does_not_count(pictures, tmp_path):
    """The control: with --batch-wait-ms 0 the six that fill no batch come with the end only."""
    names = [str(name) for name in pictures]
    with start(tmp_path / "a.mill", 0) as host:
        host.say(names)
        wait_for(host, 64)
        assert host.done() == 64  # a second later: twenty times the age of the test above
        assert stored_now(tmp_path / "a.mill") == names[:64]
        finish(host, 70)
    assert stored_now(tmp_path / "a.mill") == names
