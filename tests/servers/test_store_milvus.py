# SPDX-License-Identifier: Apache-2.0
"""`milvus://` against the real Milvus."""
import pytest
from servers.store_cases import StoreCases, survives_kill

pytestmark = pytest.mark.xdist_group("milvus")


class TestStore(StoreCases):
    INDEXES = ["FLAT", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "SCANN", "DISKANN", "HNSW"]

    @pytest.fixture
    def server(self, milvus):
        return milvus


@pytest.mark.parametrize("original", [False, True])
def test_killed_and_restarted(milvus, tmp_path, original):
    survives_kill(milvus, tmp_path, original)
