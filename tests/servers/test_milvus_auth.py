# SPDX-License-Identifier: Apache-2.0
"""The real Milvus with authorization, which a server of its own has."""
import pymilvus
import pytest
from command import run
from servers import milvus_server
from servers.store_cases import album

pytestmark = [pytest.mark.xdist_group("milvus"), pytest.mark.usefixtures("no_milvus")]


class Guarded(milvus_server.Milvus):
    """It answers nobody that it does not know, so it is asked with its first user's password."""

    def answers(self):
        try:
            client = pymilvus.MilvusClient(self.uri, token="root:Milvus", timeout=2)
            client.list_collections()
            client.close()
        except pymilvus.MilvusException:
            return False
        return True


def test_who_may(tmp_path):
    """With and without the right to: by token, by user and password; neither is ever shown."""
    with Guarded({"authorization_enabled": True}) as server:
        url = f"milvus://{server.address}"
        folder = album(tmp_path, 3)
        state = {"XDG_STATE_HOME": str(tmp_path / "state")}
        for env in ({}, {"MILVUS_TOKEN": "root:s3cret"}, {"MILVUS_USER": "root", "MILVUS_PASSWORD": "s3cret"}):
            refused = run(folder, "ingest", "photos", "--into", url, "--collection", "t", expect=3, env={**state, **env})
            assert "not allowed" in refused.stderr and "check user, password or token" in refused.stderr
            assert "s3cret" not in refused.stderr
        for env in ({"MILVUS_TOKEN": "root:Milvus"}, {"MILVUS_USER": "root", "MILVUS_PASSWORD": "Milvus"}):
            done = run(folder, "ingest", "photos", "--into", url, "--collection", "t", "--json", env={**state, **env})
            assert done.json["ok"] + done.json["skipped"] == 3
