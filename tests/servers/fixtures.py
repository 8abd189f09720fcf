# SPDX-License-Identifier: Apache-2.0
"""One server for a whole pytest process, started when the first test asks. For tests that make collections of
their own names and leave the server as it is; who kills or stops one starts one of its own."""
import os

import pytest

import servers


@pytest.fixture(scope="session")
def milvus_lite():
    with servers.milvus_lite() as server:
        yield server


class SharedMilvus:
    """The one Milvus of this process: started when it is asked for, stopped for tests that start their own."""

    def __init__(self):
        self.server = None

    def get(self):
        if self.server is None:
            self.server = servers.milvus().__enter__()
        return self.server

    def stop(self):
        server, self.server = self.server, None
        if server is not None:
            server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def shared_milvus():
    shared = SharedMilvus()
    yield shared
    shared.stop()


def in_group(request):
    """pytest-xdist keeps a group together by the name that it appends; it says nothing when that fails."""
    assert "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@milvus"), request.node.nodeid


@pytest.fixture
def milvus(request, shared_milvus):
    """Mark its users with xdist_group("milvus"): there is one a machine, and another process would wait."""
    in_group(request)
    return shared_milvus.get()


@pytest.fixture
def no_milvus(request, shared_milvus):
    """For tests that start one of their own, of the same group: the lock of the machine is free."""
    in_group(request)
    shared_milvus.stop()


@pytest.fixture(scope="session")
def triton():
    """With the model of the defaults, `embedding_model`."""
    with servers.triton() as server:
        yield server
