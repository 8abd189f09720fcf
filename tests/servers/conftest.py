# SPDX-License-Identifier: Apache-2.0
"""What the tests with real servers share."""
from servers.fixtures import milvus, milvus_lite, no_milvus, shared_milvus, triton

__all__ = ["milvus", "milvus_lite", "no_milvus", "shared_milvus", "triton"]
