# SPDX-License-Identifier: Apache-2.0
"""`milvus://` against milvus-lite."""
import pytest
import servers
from servers.store_cases import StoreCases, survives_kill


class TestStore(StoreCases):
    @pytest.fixture
    def server(self, milvus_lite):
        return milvus_lite


@pytest.mark.parametrize("original", [False, True])
def test_killed_and_restarted(tmp_path, original):
    with servers.milvus_lite() as server:
        survives_kill(server, tmp_path, original)
