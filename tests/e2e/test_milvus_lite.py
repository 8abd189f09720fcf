# SPDX-License-Identifier: Apache-2.0
"""The Milvus that the other tests of this folder store into is there and keeps what it is given."""
from servers import milvus_cases
from servers.clients import client_of


def test_it_keeps_rows_and_finds_them(milvus_lite):
    client = client_of(milvus_lite)
    try:
        milvus_cases.create(client)
        milvus_cases.fill(client)
        milvus_cases.check(client)
        client.delete("pictures", ids=["é/3"])
        rows = client.query("pictures", filter='id != ""', limit=100)
        assert len(rows) == 19 and "é/3" not in [row["id"] for row in rows]
    finally:
        client.drop_collection("pictures")
        client.close()
