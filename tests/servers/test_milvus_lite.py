# SPDX-License-Identifier: Apache-2.0
"""milvus-lite starts, answers, survives kill -9 with its data, and leaves nothing."""
import subprocess
import sys

import pytest
from servers import grpc_probe, leftovers, milvus_cases, milvus_lite
from servers.process import READY_S, ServerError, Server, free_ports


def test_life():
    with milvus_lite() as server:
        assert grpc_probe.milvus_healthy(server.port)
        assert len(leftovers.of(server)) >= 3, "process, folder, listener"
        milvus_cases.survives_kill(server)
    assert not leftovers.of(server)
    server.stop()  # again: nothing happens


def test_a_user_that_is_killed_leaves_nothing(tmp_path):
    """The user is a process of its own that says where its server is and is then killed."""
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from servers import milvus_lite\n"
            "server = milvus_lite(); server.start(); print(server.folder, server.port, server._keeper.pid, flush=True)\n"
            "sys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", code, str(leftovers.TESTS)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as user:
        folder, port, keeper = user.stdout.readline().split()
        assert len(leftovers.processes_with(folder)) >= 2, "server and keeper"
        watched = leftovers.watch(int(keeper))
        user.kill()
    assert leftovers.ends(watched, READY_S), "its keeper never ends"
    assert not leftovers.processes_with(folder)
    assert not leftovers.Path(folder).exists()
    assert not grpc_probe.milvus_healthy(int(port))


class Broken(Server):
    """Ends at once, with a reason."""

    name = "broken"
    port = 1

    def command(self):
        return ["/bin/sh", "-c", "echo no such luck; exit 3"]

    def answers(self):
        return False


def test_one_that_does_not_start_is_an_error_with_its_log():
    server = Broken(None)
    with pytest.raises(ServerError, match="(?s)broken: ended with 3 before it was ready.*no such luck"):
        server.__enter__()
    assert not server.folder.exists()


def test_nobody_there_is_no_health():
    assert not grpc_probe.milvus_healthy(free_ports(1)[0])
