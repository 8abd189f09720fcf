# SPDX-License-Identifier: Apache-2.0
"""Pipes that stay open, signals, and workers that die."""
import json
import os
import re
import select
import signal
import socket
import time

import pytest
import servers
from command import GOOD, TIMEOUT, Running, names_of, run
from fake_triton import Fake

AWAY_S = 9  # that a stop may take; a server that is away is waited for up to ten minutes, a connection for ten seconds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_the_next_run_finishes(album, tmp_path, number):
    names = names_of(album)
    first = Running(album, "ingest", "-", "--into", tmp_path / "s.mill", "--batch", "4", "--batch-wait-ms", "50",
                    "--progress", "always", "--json")
    first.give("\n".join(names[:10]) + "\n")
    first.wait_for_progress(10)
    first.signal(number)  # stdin is still open: only the signal can end it
    line = json.loads(first.finish(128 + number)[-1])
    assert line["ok"] == line["items"] == 10
    again = run(album, "ingest", "photos", "--into", tmp_path / "s.mill", "--json").json
    assert (again["ok"], again["skipped"]) == (GOOD - 10, 10)
    assert run(album, "collection", "list", tmp_path / "s.mill", "--json").json["num_entities"] == GOOD


@pytest.mark.parametrize("embed, store", [("fake:8?delay=300ms", "s.mill"), ("fake:8", "null:?delay=300ms")])
def test_a_signal_while_embedding_or_storing_is_slow(album, tmp_path, embed, store):
    """Whatever is slow, a signal ends the run early, and what was counted is stored."""
    store = store if store.startswith("null:") else tmp_path / store
    first = Running(album, "ingest", "-", "--into", store, "--embed", embed, "--embed-workers", "1", "--batch", "2",
                    "--batch-wait-ms", "0", "--progress", "always", "--json")
    first.give("\n".join(names_of(album)) + "\n")
    first.wait_for_progress(2)
    first.signal(signal.SIGINT)
    line = json.loads(first.finish(130)[-1])
    assert 2 <= line["ok"] == line["items"] < GOOD
    if store != "null:?delay=300ms":
        entries = run(album, "report", store, "--json").lines
        assert len(entries) == line["ok"] == run(album, "collection", "list", store, "--json").json["num_entities"]


def test_an_open_pipe_delivers_full_and_partial_batches(album, tmp_path):
    names = names_of(album)
    running = Running(album, "embed", "-", "--out", tmp_path / "v.npy", "--batch", "16", "--batch-wait-ms", "50",
                      "--progress", "always", "--json")
    running.give("\n".join(names[:35]) + "\n")
    running.wait_for_progress(35)
    running.give("\n".join(names[35:]) + "\n")
    assert json.loads(running.finish(0)[-1])["ok"] == GOOD


def test_without_a_wait_only_full_batches_leave(album, tmp_path):
    names = names_of(album)
    running = Running(album, "embed", "-", "--out", tmp_path / "v.npy", "--batch", "16", "--batch-wait-ms", "0",
                      "--progress", "always", "--json")
    running.give("\n".join(names[:35]) + "\n")
    running.wait_for_progress(32)
    fd = running.process.stderr.fileno()
    ready, _, _ = select.select([fd], [], [], 1.5)
    text = os.read(fd, 65536) if ready else b""
    assert not re.search(rb"^3[3-9] ", text, re.M)
    assert json.loads(running.finish(0)[-1])["ok"] == 35


def test_a_worker_that_is_killed_costs_nothing(album, tmp_path):
    names = names_of(album)
    running = Running(album, "ingest", "-", "--into", tmp_path / "s.mill", "--batch", "4", "--batch-wait-ms", "50",
                      "--workers", "1", "--progress", "always", "--json")
    running.give("\n".join(names[:8]) + "\n")
    running.wait_for_progress(8)
    children = running.workers()
    assert len(children) == 1
    os.kill(children[0], signal.SIGKILL)
    running.give("\n".join(names[8:]) + "\n")
    line = json.loads(running.finish(0)[-1])
    assert line["ok"] == GOOD and line["worker_restarts"] == 1


def test_a_second_signal_ends_it_at_once(album, tmp_path):
    names = names_of(album)
    running = Running(album, "ingest", "-", "--into", tmp_path / "s.mill", "--batch", "4", "--batch-wait-ms", "50",
                      "--workers", "1", "--item-timeout", "1h", "--progress", "always", "--json")
    running.give("\n".join(names[:4]) + "\n")
    running.wait_for_progress(4)
    worker = running.workers()[0]
    gone = os.pidfd_open(worker)
    os.kill(worker, signal.SIGSTOP)  # draining would now take an hour
    running.give("\n".join(names[4:8]) + "\n")
    running.signal(signal.SIGTERM)
    assert running.process.poll() is None
    running.signal(signal.SIGINT)
    assert running.finish(128 + signal.SIGINT) == []
    assert select.select([gone], [], [], 3)[0], "the worker outlived its host by more than 3 s"
    os.close(gone)
    assert run(album, "ingest", "photos", "--into", tmp_path / "s.mill", "--json").json["skipped"] == 4


def wait_for_connecting(port):
    """Until somebody connects to the port, and has no answer: SYN_SENT."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        with open("/proc/net/tcp", encoding="ascii") as table:
            if any(f":{port:04X} 02 " in line for line in table):
                return
    raise AssertionError("nobody connects")


def stopped(running):
    """Ends a run that waits for a server; its summary."""
    running.signal(signal.SIGINT)
    since = time.monotonic()
    line = json.loads(running.finish(130)[-1])
    assert time.monotonic() - since < AWAY_S
    return line


@pytest.mark.parametrize("silent", [False, True])
def test_a_signal_while_triton_is_away(album, tmp_path, silent):
    """Refused, or nobody answers: who waits stops at once. What was stored is not lost, and the rest comes later."""
    gone = []

    def fault(handler, number):
        if number > 5:
            if not gone:
                gone.append(server)
                server.shutdown()
                server.server_close()
                if silent:  # a queue of connections that is full: the next one gets no answer at all
                    gone.append(socket.create_server(("127.0.0.1", server.port), backlog=0))
                    gone.append(socket.create_connection(("127.0.0.1", server.port)))
            handler.reset()
        return number > 5

    args = ["--plan", "openai/clip-vit-base-patch32@openclip", "--batch", "2", "--json"]
    with Fake(fault=fault) as server:
        running = Running(album, "ingest", "photos", "--into", tmp_path / "s.mill", "--embed",
                          server.spec(f"wait=10m&in_flight=1&retries=9&delay={'10ms' if silent else '10m'}&shm=off"),
                          "--embed-workers", "1", *args)
        if silent:
            wait_for_connecting(server.port)
        else:
            running.wait_for(lambda text: b"trying again" in text, "pause")
        line = stopped(running)
    assert line["items"] == line["ok"] == 8
    for held in gone[1:]:
        held.close()
    with Fake() as server:
        line = run(album, "ingest", "photos", "--into", tmp_path / "s.mill", "--embed", server.spec("shm=off"), *args).json
    assert (line["skipped"], line["ok"]) == (8, GOOD - 8)


def test_a_signal_while_milvus_is_away(album, tmp_path):
    """The same of the store: only what it has taken is acknowledged, and in the end each is there once."""
    with servers.milvus_lite() as server:
        args = ["--into", server.uri.replace("http", "milvus"), "--collection", "c", "--ledger", tmp_path / "l", "--batch", "4",
                "--batch-wait-ms", "50", "--json"]
        running = Running(album, "ingest", "-", "--progress", "always", *args)
        names = names_of(album)
        running.give("\n".join(names[:8]) + "\n")
        running.wait_for_progress(8)
        server.kill9()
        running.give("\n".join(names[8:]) + "\n")
        running.wait_for(lambda text: b"waiting:" in text, "pause")
        line = stopped(running)
        assert line["items"] == line["ok"] == 8
        server.restart()
        line = run(album, "ingest", *names, *args).json
        assert (line["skipped"], line["ok"]) == (8, GOOD - 8)
        assert run(album, "collection", "stats", args[1], "c", "--json").json["num_entities"] == GOOD
