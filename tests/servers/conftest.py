# SPDX-License-Identifier: Apache-2.0
"""What the tests with real servers share."""
from servers.fixtures import milvus, milvus_lite, triton

__all__ = ["milvus", "milvus_lite", "triton"]
