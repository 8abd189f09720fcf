# SPDX-License-Identifier: Apache-2.0
"""What `milvus://` must do with either server. A class of tests for each: `server` gives the running one."""
import json
import os
import shutil

import numpy as np
import pytest
from command import BIN, Running, environment, picture, run
from pymilvus import DataType
from servers import grpc_probe
from servers.clients import client_of

COUNT = 40
NEAR = 2e-5
IDS = ['é/漢字 😀', 'q"uo', "back\\s", "nl\nx", "a b'c", "%41", "x" * 512]
METADATA = [{}, {"a": 1.5, "b": [1, {"c": None}], "ключ": "знач\"\\\n"}, {"n": 12345678901234567}, {"t": True},
            {"": ""}, {"deep": {"x": {"y": ["z"]}}}, {"id": "mine", "uri": 7}]


def album(folder, count=COUNT):
    """`photos` in two folders, and where the ledgers of this test go."""
    for name in ("photos/a", "photos/b"):
        (folder / name).mkdir(parents=True)
    for i in range(count):
        picture(folder / "photos" / "ab"[i % 2] / f"{i:03}.jpg", i, (64, 48))
    return folder


def rows_of(client, collection, **more):
    """All rows, read by the official client."""
    client.load_collection(collection)
    fields = more.pop("fields", ["*"])
    return client.query(collection, filter=more.pop("filter", 'id != ""'), output_fields=fields, limit=10000,
                        consistency_level="Strong")


def count_of(client, collection):
    client.load_collection(collection)
    return client.query(collection, filter="", output_fields=["count(*)"], consistency_level="Strong")[0]["count(*)"]


def make_original(client, name, dim, auto_id=True):
    """A collection with the fields of the Python pipeline."""
    schema = client.create_schema(auto_id=auto_id)
    schema.add_field("id", DataType.INT64, is_primary=True, auto_id=auto_id)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
    schema.add_field("metadata", DataType.JSON)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="IVF_FLAT", metric_type="IP", index_name="vector", params={"nlist": 16})
    client.create_collection(name, schema=schema, index_params=index, consistency_level="Strong")


def expected(vectors, query, metric):
    """Scores of all rows, larger is nearer."""
    if metric == "L2":
        return -np.square(vectors - query).sum(axis=1)
    if metric == "COSINE":
        return vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    return vectors @ query


class StoreCases:
    """Subclasses give `server`, a fixture."""

    INDEXES = ["FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW"]

    @pytest.fixture
    def work(self, tmp_path, server, request):
        """A folder with pictures, and a way to run the command in it; its collections are dropped at the end."""
        work = Work(album(tmp_path), server, request.node.name)
        yield work
        work.close()

    @pytest.mark.parametrize("metric", ["IP", "L2", "COSINE"])
    def test_search_is_what_numpy_finds(self, work, metric):
        work.ingest("photos", "--metric", metric)
        work.run("embed", "photos", "--out", "v.npy", store=False)
        vectors = np.load(work.folder / "v.npy")
        ids = [json.loads(line)["id"] for line in (work.folder / "v.npy.ids.jsonl").read_text().splitlines()]
        for i in (0, 17):
            scores = expected(vectors, vectors[i], metric)
            wanted = np.argsort(-scores, kind="stable")[:5]
            for how in (["--id", ids[i]], ["--image", ids[i]]):
                answer = work.run("search", *how, "-k", "5", "--json").json
                assert answer["metric"] == metric
                assert [hit["id"] for hit in answer["results"]] == [ids[w] for w in wanted]
                for hit, w in zip(answer["results"], wanted):
                    assert hit["score"] == pytest.approx(scores[w], abs=NEAR)
                    distance = -scores[w] if metric == "L2" else 1 - scores[w]
                    assert hit["distance"] == pytest.approx(distance, abs=NEAR)
                    assert hit["uri"] == hit["id"]
        np.save(work.folder / "q.npy", vectors[3:6])
        lines = work.run("search", "--vector", "q.npy", "-k", "1", "--json").lines
        assert [json.loads(line)["results"][0]["id"] for line in lines] == ids[3:6]

    def test_rows_and_resume(self, work):
        first = work.ingest("photos").json
        assert (first["items"], first["ok"], first["store"]) == (COUNT, COUNT, work.url)
        rows = rows_of(work.client, work.collection)
        names = sorted(p.relative_to(work.folder).as_posix() for p in work.folder.glob("photos/*/*"))
        assert sorted(row["id"] for row in rows) == names
        assert all(row["uri"] == row["id"] and row["fingerprint"] == first["fingerprint"] for row in rows)
        assert all(row["metadata"] == {} and len(row["vector"]) == 512 for row in rows)
        again = work.ingest("photos").json
        assert (again["ok"], again["skipped"]) == (0, COUNT)
        # without the ledger all is written again, over itself
        shutil.rmtree(work.state)
        assert work.ingest("photos").json["ok"] == COUNT
        assert count_of(work.client, work.collection) == COUNT
        # the collection remembers how it was made
        line = work.run("collection", "stats", work.url, work.collection, "--json", store=False).json
        assert (line["num_entities"], line["dim"], line["embedder"]) == (COUNT, 512, "builtin")
        assert line["fingerprint"] == first["fingerprint"]

    def test_metadata_and_ids_come_back(self, work):
        files = [f"photos/{'ab'[i % 2]}/{i:03}.jpg" for i in range(len(IDS))]
        (work.folder / "m.json").write_text(json.dumps(METADATA))
        work.run("insert", *files, "--ids", *IDS, "--metadata", "m.json", store="into")
        rows = {row["id"]: row for row in rows_of(work.client, work.collection)}
        assert {name: row["metadata"] for name, row in rows.items()} == dict(zip(IDS, METADATA))
        assert {name: row["uri"] for name, row in rows.items()} == dict(zip(IDS, files))
        for name, metadata in zip(IDS, METADATA):
            hit = work.run("search", "--id", name, "-k", "1", "--json").json["results"][0]
            assert (hit["id"], hit["metadata"]) == (name, metadata)
        gone = work.run("delete", "--id", *IDS[:4], "--json", store="name")
        assert gone.json["deleted"] == 4
        assert sorted(row["id"] for row in rows_of(work.client, work.collection)) == sorted(IDS[4:])

    def test_filter_and_fields(self, work):
        work.ingest("photos")
        hits = work.run("search", "--id", "photos/a/000.jpg", "-k", "30", "--filter", 'uri like "photos/b/%"',
                        "--output-field", "fingerprint", "--json").json["results"]
        assert len(hits) == COUNT // 2 and all(hit["id"].startswith("photos/b/") for hit in hits)
        assert all(hit["fields"]["fingerprint"].startswith("mr1:") for hit in hits)
        bad = work.run("search", "--id", "photos/a/000.jpg", "--filter", "uri like (", expect=2)
        assert "store milvus" in bad.stderr

    def test_delete_and_again(self, work):
        work.ingest("photos")
        gone = work.run("delete", "--filter", 'uri like "photos/a/%"', "--json", store="name").json
        assert gone["deleted"] == COUNT // 2
        assert count_of(work.client, work.collection) == COUNT // 2
        back = work.ingest("photos").json
        assert (back["ok"], back["skipped"]) == (COUNT // 2, COUNT // 2)
        assert count_of(work.client, work.collection) == COUNT

    def test_what_does_not_fit_is_refused(self, work):
        work.ingest("photos")
        for more, words in ((["--embed", "fake:8"], "holds vectors of 512 dimensions, this run makes 8"),
                            (["--embed", "fake:512"], "with embedder builtin, this run uses fake:512"),
                            (["--metric", "L2"], "with metric IP, this run uses L2")):
            assert words in work.ingest("photos", *more, expect=2).stderr
        assert count_of(work.client, work.collection) == COUNT
        none = work.run("search", "--id", "nobody", expect=2)
        assert f"no id nobody in collection {work.collection}" in none.stderr
        none = run(work.folder, "search", work.url, "--collection", "nowhere", "--id", "x", expect=2, env=work.env)
        assert "no collection nowhere in" in none.stderr and work.collection in none.stderr

    def test_collections_by_hand(self, work):
        def verb(*args, **more):
            return work.run("collection", *args, store=False, **more)

        for index in self.INDEXES:
            verb("create", work.url, work.collection, "--dim", "512", "--index", index, "--metric", "COSINE",
                 "--description", "by \"hand\"")
            line = verb("stats", work.url, work.collection, "--json").json
            assert (line["metric"], line["dim"], line["num_entities"]) == ("COSINE", 512, 0)
            assert line["index"] == index and line["description"] == 'by "hand"'
            assert work.client.describe_index(work.collection, work.index_name())["index_type"] == index
            assert "already" in verb("create", work.url, work.collection, "--dim", "8", expect=2).stderr
            if index != self.INDEXES[-1]:
                verb("drop", work.url, work.collection)
                assert not work.client.has_collection(work.collection)
        # it knows no plan; a run that fills it teaches it one, and keeps metric and description
        work.ingest("photos")
        line = verb("stats", work.url, work.collection, "--json").json
        assert (line["embedder"], line["num_entities"], line["metric"]) == ("builtin", COUNT, "COSINE")
        assert line["index"] == self.INDEXES[-1] and line["description"] == 'by "hand"'
        verb("flush", work.url, work.collection)
        verb("release", work.url, work.collection)
        refused = work.run("search", "--vector", work.vector(512), expect=3)
        assert "not loaded; see: millrace collection load" in refused.stderr
        verb("load", work.url, work.collection)
        assert len(work.run("search", "--vector", work.vector(512), "--json").json["results"]) == 10
        assert work.collection in [json.loads(line)["name"] for line in verb("list", work.url, "--json").lines]
        verb("drop", work.url, work.collection)
        assert not work.client.has_collection(work.collection)

    def test_collection_of_the_python_pipeline(self, work):
        make_original(work.client, work.collection, 512)
        assert work.ingest("photos", "--embed", "builtin").json["ok"] == COUNT
        names = sorted(p.relative_to(work.folder).as_posix() for p in work.folder.glob("photos/*/*"))
        rows = rows_of(work.client, work.collection, filter="id >= 0", fields=["metadata"])
        assert sorted(row["metadata"]["id"] for row in rows) == names
        hit = work.run("search", "--id", "photos/b/001.jpg", "-k", "1", "--json").json["results"][0]
        assert hit["id"] == "photos/b/001.jpg" and hit["score"] == pytest.approx(1, abs=NEAR)
        # an interrupted run has written rows of which its ledger knows nothing: they are found, and replaced
        shutil.rmtree(work.state)
        assert work.ingest("photos", "--embed", "builtin").json["ok"] == COUNT
        rows = rows_of(work.client, work.collection, filter="id >= 0", fields=["metadata"])
        assert sorted(row["metadata"]["id"] for row in rows) == names
        assert work.run("delete", "--id", names[0], "--json", store="name").json["deleted"] == 1
        assert count_of(work.client, work.collection) == COUNT - 1

    def test_integer_keys(self, work):
        make_original(work.client, work.collection, 512, auto_id=False)
        files = ["photos/a/000.jpg", "photos/b/001.jpg", "photos/a/002.jpg"]
        ids = ["1", "77", "9007199254740993"]
        work.run("insert", *files, "--ids", *ids, "--embed", "builtin", store="into")
        rows = rows_of(work.client, work.collection, filter="id > 0", fields=["id"])
        assert sorted(row["id"] for row in rows) == sorted(map(int, ids))
        assert work.run("search", "--id", "77", "-k", "1", "--json").json["results"][0]["id"] == "77"
        bad = work.run("insert", files[0], "--ids", "x1", "--embed", "builtin", store="into", expect=2)
        assert 'id "x1" is no integer' in bad.stderr

    def test_configuration(self, work):
        host, port = work.server.address.split(":")
        (work.folder / "c.yaml").write_text(
            f"milvus:\n  host: {host}\n  port: {port}\n  collection_name: {work.collection}\n  vector_field: emb\n"
            "  index_type: HNSW\n  metric_type: COSINE\n  M: 8\n  efConstruction: 40\n  token: not-a-token\n")
        run(work.folder, "ingest", "photos", "--config", "c.yaml", "--embed", "builtin", env=work.env)
        index = work.client.describe_index(work.collection, work.index_name("emb"))
        assert (index["index_type"], index["metric_type"]) == ("HNSW", "COSINE")
        assert index.get("M", "8") == "8" and index.get("efConstruction", "40") == "40"
        answer = run(work.folder, "search", "photos/a/004.jpg", "--config", "c.yaml", "--json", env=work.env).json
        assert answer["results"][0]["id"] == "photos/a/004.jpg"
        assert answer["results"][0]["score"] == pytest.approx(1, abs=NEAR)
        shown = run(work.folder, "config", "print", "--config", "c.yaml", env=work.env).stdout
        assert "not-a-token" not in shown and '  token: "***"\n' in shown
        bad = run(work.folder, "ingest", "photos", "--config", "c.yaml", "--collection", "0bad", expect=2, env=work.env)
        assert "collection" in bad.stderr and "not-a-token" not in bad.stderr

    def test_declared_collection(self, work):
        """The list `collections` of the Python pipeline's file says what a collection is made of."""
        host, port = work.server.address.split(":")
        (work.folder / "c.yaml").write_text(
            f"milvus: {{host: {host}, port: {port}, collection_name: {work.collection}}}\n"
            f"collections:\n- name: {work.collection}\n  schema:\n    fields:\n"
            "    - {name: id, type: INT64, primary_key: true, auto_id: true}\n"
            "    - {name: emb, type: FLOAT_VECTOR, dim: 512}\n    - {name: metadata, type: JSON}\n"
            "  index: {field_name: emb, index_type: IVF_FLAT, metric_type: IP, params: {nlist: 16}}\n"
            "  search_params: {nprobe: 16}\n")
        run(work.folder, "ingest", "photos", "--config", "c.yaml", "--embed", "builtin", env=work.env)
        fields = {f["name"]: f for f in work.client.describe_collection(work.collection)["fields"]}
        assert set(fields) == {"id", "emb", "metadata"} and fields["id"]["type"] == DataType.INT64
        answer = run(work.folder, "search", "photos/a/004.jpg", "--config", "c.yaml", "--json", env=work.env).json
        assert answer["metric"] == "IP" and answer["results"][0]["id"] == "photos/a/004.jpg"
        assert answer["results"][0]["metadata"] == {"id": "photos/a/004.jpg"}

    def test_searchable_all_the_time(self, work):
        """A run into a collection that is there drops no index and releases nothing."""
        work.ingest("photos/a")
        running = Running(work.folder, "ingest", "-", "--into", work.url, "--collection", work.collection, "--progress",
                          "always", "--batch", "4", "--batch-wait-ms", "20", "--ledger", "l")
        running.give("".join(f"photos/b/{i:03}.jpg\n" for i in range(1, COUNT, 2)))
        running.wait_for_progress(COUNT // 2)
        hits = work.run("search", "--id", "photos/a/000.jpg", "-k", "40", "--param", "consistency=strong",
                        "--json").json["results"]
        assert len(hits) == COUNT
        running.process.stdin.close()
        running.process.stdin = None
        running.finish(0)

    @pytest.mark.sandbox
    def test_health(self, work):
        state = run(work.folder, "health", work.url, "--json", env=work.env)
        assert '"ok":true' in state.stdout.replace(" ", "")
        away = run(work.folder, "health", "milvus://127.0.0.1:1", expect=3, env=work.env)
        assert "connection refused (127.0.0.1:1)" in away.stdout + away.stderr


class Work:
    """One test's folder, collection and state."""

    def __init__(self, folder, server, name):
        self.folder, self.server = folder, server
        self.collection = "t_" + "".join(c if c.isalnum() else "_" for c in name) + f"_{os.getpid()}"
        self.url = f"milvus://{server.address}"
        self.state = folder / "state"
        self.env = {"XDG_STATE_HOME": str(self.state)}
        self.client = client_of(server)

    def run(self, verb, *args, store="name", **more):
        """`store`: where the verb takes it: "name", "into", or False where it takes none here."""
        where = [self.url] if store == "name" else ["--into", self.url] if store == "into" else []
        if store:
            where += ["--collection", self.collection]
        split = len(args) if store == "into" else 0
        return run(self.folder, verb, *args[:split], *where, *args[split:], env=self.env, **more)

    def ingest(self, *args, **more):
        return self.run("ingest", *args, "--json", store="into", **more)

    def index_name(self, field="vector"):
        """milvus-lite names an index after its field, whatever it is told."""
        return field if self.server.name == "milvus-lite" else f"{field}_idx"

    def vector(self, dim):
        np.save(self.folder / "one.npy", np.eye(1, dim, dtype=np.float32)[0])
        return "one.npy"

    def close(self):
        if self.client.has_collection(self.collection):
            self.client.drop_collection(self.collection)
        self.client.close()


def survives_kill(server, folder, original=False):
    """Killed -9 and started again in the middle of a run: each item is there, once."""
    work = Work(album(folder, 200), server, "killed" + "_original" * original)
    if original:
        make_original(work.client, work.collection, 512)
    names = sorted(p.relative_to(folder).as_posix() for p in folder.glob("photos/*/*"))
    running = Running(folder, "ingest", "-", "--into", work.url, "--collection", work.collection, "--embed", "builtin",
                      "--progress", "always", "--batch", "8", "--batch-wait-ms", "20", "--json", "--ledger", "l")
    running.give("".join(name + "\n" for name in names[:50]))
    running.wait_for_progress(1)
    running.give("".join(name + "\n" for name in names[50:]))
    server.kill9()
    assert not grpc_probe.milvus_healthy(server.port)
    running.process.stdin.close()
    running.process.stdin = None
    server.restart()
    summary = json.loads(running.finish(0)[-1])
    assert (summary["items"], summary["ok"]) == (200, 200)
    work.client.close()
    work.client = client_of(server)
    if original:
        found = [row["metadata"]["id"] for row in
                 rows_of(work.client, work.collection, filter="id >= 0", fields=["metadata"])]
    else:
        found = [row["id"] for row in rows_of(work.client, work.collection, fields=["id"])]
    assert sorted(found) == names
    assert count_of(work.client, work.collection) == 200
    again = run(folder, "ingest", "photos", "--into", work.url, "--collection", work.collection, "--ledger", "l", "--embed",
                "builtin", "--json").json
    assert again["skipped"] == 200
    work.close()


__all__ = ["BIN", "StoreCases", "environment", "survives_kill"]
