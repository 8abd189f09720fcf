# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests: Milvus, milvus-lite, Triton; tests/README.md says how to use them.

    from servers import milvus_lite
    with milvus_lite() as server:
        MilvusClient(server.uri)
"""
from servers.milvus_server import milvus
from servers.milvus_lite_server import milvus_lite
from servers.triton_server import Model, triton

__all__ = ["Model", "milvus", "milvus_lite", "triton"]
