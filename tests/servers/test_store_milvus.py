# SPDX-License-Identifier: Apache-2.0
"""`milvus://` against the real Milvus."""
import pytest
import servers
from command import run
from servers.store_cases import StoreCases, album, survives_kill

pytestmark = pytest.mark.xdist_group("milvus")


class TestStore(StoreCases):
    INDEXES = ["FLAT", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "SCANN", "DISKANN", "HNSW"]

    @pytest.fixture
    def server(self, milvus):
        return milvus


@pytest.mark.parametrize("original", [False, True])
def test_killed_and_restarted(tmp_path, original):
    with servers.milvus() as server:
        survives_kill(server, tmp_path, original)


def test_who_may(tmp_path):
    """With and without the right to: by token, by user and password; neither is ever shown."""
    with servers.milvus(**{"authorization_enabled": "true"}) as server:
        url = f"milvus://{server.address}"
        folder = album(tmp_path, 3)
        state = {"XDG_STATE_HOME": str(tmp_path / "state")}
        for env in ({}, {"MILVUS_TOKEN": "root:s3cret"}, {"MILVUS_USER": "root", "MILVUS_PASSWORD": "s3cret"}):
            refused = run(folder, "ingest", "photos", "--into", url, "--collection", "t", expect=3, env={**state, **env})
            assert "not allowed" in refused.stderr and "check user, password or token" in refused.stderr
            assert "s3cret" not in refused.stderr
        for env in ({"MILVUS_TOKEN": "root:Milvus"}, {"MILVUS_USER": "root", "MILVUS_PASSWORD": "Milvus"}):
            done = run(folder, "ingest", "photos", "--into", url, "--collection", "t", "--json", env={**state, **env})
            assert done.json["ok"] + done.json["skipped"] == 3 and "Milvus" not in done.stderr
