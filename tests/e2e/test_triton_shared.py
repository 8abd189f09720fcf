# SPDX-License-Identifier: Apache-2.0
"""Batch slots that a server on this machine maps: nothing is copied, nothing is left behind."""
import threading

import numpy as np
import pytest
from command import GOOD, Running, run
from fake_triton import Fake

PLAN = "openai/clip-vit-base-patch32@openclip"
ROW = 3 * 224 * 224 * 4


def embed(album, out, spec, *more, **expect):
    return run(album, "embed", "photos", "--out", out, "--embed", spec, "--plan", PLAN, "--log-level", "info", "--json", *more,
               **expect)


def plain(album, tmp_path, batch=8):
    """The vectors that a connection gives, as bytes."""
    with Fake() as server:
        embed(album, tmp_path / "plain.npy", server.spec("shm=off"), "--batch", batch)
        assert server.verbs == [] and server.shared == 0
    return np.load(tmp_path / "plain.npy").tobytes()


def test_the_slots_are_the_servers(album, tmp_path):
    """The same vectors bit for bit; only the one empty picture of the beginning goes over the connection."""
    want, modes = plain(album, tmp_path), []

    def fault(handler, _):
        modes.extend(p.stat().st_mode & 0o777 for p in handler.server.keys)

    with Fake(fault=fault) as server:
        done = embed(album, tmp_path / "v.npy", server.spec(), "--batch", 8)
        assert server.verbs == ["register", "unregister"] and not server.regions
        assert server.shared == len(server.rows) - 1 == GOOD // 8
    assert f"{ROW} bytes of tensors went over the connection" in done.stderr
    assert np.load(tmp_path / "v.npy").tobytes() == want
    assert set(modes) == {0o600}  # nobody else's, while it was there
    assert len(server.keys) == 1 and not server.keys[0].exists()


@pytest.mark.parametrize("batch", [3, 16])
def test_parts_of_a_slot(album, tmp_path, batch):
    """Batches that are split, and batches whose rows do not end where a slot does."""
    want = plain(album, tmp_path, batch)
    with Fake() as server:
        embed(album, tmp_path / "v.npy", server.spec("shm=require"), "--batch", batch)
        assert server.shared == len(server.rows) - 1
    assert np.load(tmp_path / "v.npy").tobytes() == want


def test_a_server_that_refuses(album, tmp_path):
    """One warning and plain tensors; an error where shared memory is required."""
    why = "Client shared memory is disabled. Enable it by ..."
    with Fake(no_shm=why) as server:
        done = embed(album, tmp_path / "v.npy", server.spec(), "--batch", 8)
        assert server.shared == 0 and server.verbs == ["register"]
        refused = embed(album, tmp_path / "w.npy", server.spec("shm=require"), expect=3)
    assert done.stderr.count("warn: embed") == 1 and "--allow-client-shm=true" in done.stderr and why in done.stderr
    assert np.load(tmp_path / "v.npy").tobytes() == plain(album, tmp_path)
    assert "--allow-client-shm=true" in refused.stderr
    assert not any(key.exists() for key in server.keys)


def test_a_server_that_forgets(album, tmp_path):
    """Started anew it knows no region: it is registered again, and the request made again."""
    def fault(handler, number):
        if number == 3:
            handler.server.regions.clear()

    with Fake(fault=fault) as server:
        done = embed(album, tmp_path / "v.npy", server.spec("in_flight=1&delay=10ms"), "--batch", 8)
        assert server.verbs == ["register", "register", "unregister"]
        assert server.shared == len(server.rows) - 1 == GOOD // 8
    assert "registered again" in done.stderr
    assert np.load(tmp_path / "v.npy").tobytes() == plain(album, tmp_path)


def test_a_name_that_is_taken(album, tmp_path):
    with Fake(taken=3) as server:
        embed(album, tmp_path / "v.npy", server.spec(), "--batch", 8)
        assert server.verbs == ["register", "unregister"] * 3 and server.shared == GOOD // 8


@pytest.mark.parametrize("lose", [1, 2])
def test_an_answer_that_is_lost(album, tmp_path, lose):
    """The memory is registered and nobody knows it: it is taken back, since a server takes it only once."""
    with Fake(lose=lose) as server:
        done = embed(album, tmp_path / "v.npy", server.spec("delay=10ms"), "--batch", 8)
        assert server.shared == GOOD // 8 and not server.regions
    assert "no shared memory" not in done.stderr


def test_a_host_that_is_killed(album, tmp_path):
    """Its name stays, a run beside it leaves it alone while it lives, and the next one removes it."""
    inside, go = threading.Event(), threading.Event()

    def fault(_, number):
        if number == 2:
            inside.set()
            go.wait(60)

    with Fake(fault=fault) as server:
        host = Running(album, "embed", "photos", "--out", tmp_path / "v.npy", "--embed", server.spec("in_flight=1"), "--plan",
                       PLAN, "--batch", "8")
        try:
            assert inside.wait(60)
            (mine,) = server.keys
            with Fake() as other:
                embed(album, tmp_path / "w.npy", other.spec(), "--batch", 8)
            assert mine.exists()
        finally:
            host.process.kill()
            host.process.communicate()
            go.set()
    with Fake() as server:
        embed(album, tmp_path / "w.npy", server.spec(), "--batch", 8)
    assert not mine.exists()
    assert np.load(tmp_path / "w.npy").tobytes() == plain(album, tmp_path)
