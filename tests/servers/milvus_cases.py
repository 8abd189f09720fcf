# SPDX-License-Identifier: Apache-2.0
"""What both Milvus servers must show to the official client."""
import numpy as np
import pytest
from pymilvus import DataType
from servers import grpc_probe
from servers.clients import client_of

DIM = 8


def vectors(count=20):
    return np.random.default_rng(3).standard_normal((count, DIM)).astype(np.float32)


def create(client):
    schema = client.create_schema()
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
    schema.add_field("metadata", DataType.JSON)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection("pictures", schema=schema, index_params=index, consistency_level="Strong")


def fill(client):
    rows = [{"id": f"é/{i}", "vector": v.tolist(), "metadata": {"n": i}} for i, v in enumerate(vectors())]
    assert client.upsert("pictures", rows)["upsert_count"] == 20
    client.flush("pictures")


def check(client):
    """The 20 rows are there, each once, and each vector finds its own."""
    client.load_collection("pictures")
    rows = client.query("pictures", filter='id != ""', output_fields=["metadata"], limit=100)
    assert sorted((row["id"], row["metadata"]["n"]) for row in rows) == sorted((f"é/{i}", i) for i in range(20))
    wanted = vectors()
    for i, hits in enumerate(client.search("pictures", wanted.tolist(), limit=2)):
        distances = np.square(wanted - wanted[i]).sum(axis=1)
        near = np.argsort(distances)[:2]
        assert [hit["id"] for hit in hits] == [f"é/{n}" for n in near]
        assert [hit["distance"] for hit in hits] == pytest.approx(distances[near], abs=1e-4)


def survives_kill(server):
    """Fills it, kills it, sees that it is dead, starts it again, and finds everything."""
    client = client_of(server)
    create(client)
    fill(client)
    check(client)
    client.close()
    before = server.pid
    server.kill9()
    assert not grpc_probe.milvus_healthy(server.port)
    server.restart()
    assert server.pid != before
    client = client_of(server)
    check(client)
    client.close()
