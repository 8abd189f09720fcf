# SPDX-License-Identifier: Apache-2.0
"""One server for a whole pytest process, started when the first test asks. For tests that make collections of
their own names and leave the server as it is; who kills or stops one starts one of its own."""
import pytest

import servers


@pytest.fixture(scope="session")
def milvus_lite():
    with servers.milvus_lite() as server:
        yield server


@pytest.fixture(scope="session")
def milvus():
    """Mark its users with xdist_group("milvus"): there is one a machine, and another process would wait."""
    with servers.milvus() as server:
        yield server


@pytest.fixture(scope="session")
def triton():
    """With the model of the defaults, `embedding_model`."""
    with servers.triton() as server:
        yield server
