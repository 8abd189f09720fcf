# SPDX-License-Identifier: Apache-2.0
"""insert, delete, health, the actions of collection, filters and queries of search: what they do, and what they refuse."""
import functools
import http.server
import json
import os
import shutil
import sqlite3
import threading

import numpy as np
import pytest
from command import COLLECTION, picture, run

NAMES = "abcdefgh"


@pytest.fixture(scope="module", name="made")
def a_store(tmp_path_factory):
    """s.mill of eight pictures with ids a..h and metadata {"n", "label", "tags"}; h has no label."""
    folder = tmp_path_factory.mktemp("verbs")
    (folder / "p").mkdir()
    metadata = []
    for i in range(8):
        picture(folder / f"p/{i}.jpg", i)
        metadata.append({"n": i, "label": ["cat", "dog"][i % 2], "tags": ["x", {"deep \u00e9": i / 2}]})
    del metadata[7]["label"]
    (folder / "m.json").write_text(json.dumps(metadata, ensure_ascii=True))
    run(folder, "insert", *[f"p/{i}.jpg" for i in range(8)], "--ids", *NAMES, "--metadata", "m.json", "--into", "s.mill",
        "--create-collection", "--batch-size", "3")
    return folder


@pytest.fixture(name="store")
def a_copy(made, tmp_path):
    shutil.copy(made / "s.mill", tmp_path)
    shutil.copytree(made / "p", tmp_path / "p")
    shutil.copy(made / "m.json", tmp_path)
    return tmp_path


def ids(folder, *args):
    return [r["id"] for r in run(folder, "search", "s.mill", *args, "--json").json["results"]]


def entities(folder, store="s.mill", name="default"):
    return run(folder, "collection", "stats", store, name, "--json").json["num_entities"]


def test_insert_gives_ids_and_metadata(store):
    results = {r["id"]: r for r in run(store, "search", "s.mill", "--id", "a", "--json").json["results"]}
    assert sorted(results) == list(NAMES)
    wanted = json.loads((store / "m.json").read_text())
    for i, name in enumerate(NAMES):
        assert results[name]["metadata"] == wanted[i] and results[name]["uri"] == f"p/{i}.jpg"
    # again: nothing to do; the same picture under another id is another row
    args = ["--into", "s.mill", "--json"]
    assert run(store, "insert", "p/0.jpg", *args, "--ids", "a").json["skipped"] == 1
    assert run(store, "insert", "p/0.jpg", "p/1.jpg", *args, "--ids", "a2", "b").json["ok"] == 1
    assert entities(store) == 9
    assert ids(store, "--id", "a", "-k", "2") == ["a", "a2"]
    # an id that another item has already is a duplicate
    assert run(store, "insert", "p/3.jpg", *args, "--ids", "a", "--error-budget", "none").json["duplicate"] == 1


def test_insert_of_what_is_bad(store):
    """One bad input is an item that fails, not the end of the others."""
    done = run(store, "insert", "p/none.jpg", "p/1.jpg", "--ids", "x", "y", "--into", "t.mill", "--json", expect=1).json
    assert done["ok"] == 1 and done["by_code"] == {"not_found": 1}
    assert entities(store, "t.mill") == 1
    done = run(store, "insert", "p", "--into", "u.mill", "--json").json
    assert done["ok"] == 8  # without ids and metadata it is an ingest


@pytest.mark.parametrize("text, args, words", [
    (None, ["--ids", "a", "b"], "2 ids for 1 inputs"),
    ('[{}, {}]', ["--metadata", "x.json"], "x.json: 2 entries for 1 inputs"),
    ('{"a": 1}', ["--metadata", "x.json"], "wanted a list of objects"),
    ('[3]', ["--metadata", "x.json"], "entry 0 is not an object"),
    ('[{"a": 1,\n "a" 2}]', ["--metadata", "x.json"], "--metadata x.json:2: "),
    (None, ["--metadata", "none.json"], "No such file"),
    (None, ["--metadata", "."], "not a regular file"),
    (None, ["--ids"], "--ids wants a value: ID..."),
])
def test_insert_mistakes(tmp_path, text, args, words):
    picture(tmp_path / "a.jpg", 1)
    if text:
        (tmp_path / "x.json").write_text(text)
    told = run(tmp_path, "insert", "a.jpg", "--into", "s.mill", *args, expect=2)
    assert words in told.stderr and told.stdout == "" and not (tmp_path / "s.mill").exists()


def test_insert_without_inputs(tmp_path):
    assert "no input" in run(tmp_path, "insert", "--into", "s.mill", "--ids", "a", "b", expect=2).stderr


@pytest.mark.parametrize("expression, wanted", [
    ('metadata["label"] == "cat"', "aceg"),
    ("metadata['label'] != 'cat'", "bdfh"),                          # h has none
    ("metadata['label'] != 'cat' and exists metadata['label']", "bdf"),
    ('not (metadata["label"] == "cat" || metadata["n"] < 4)', "fh"),
    ('id in ["a", "h", "nobody"]', "ah"),
    ('id >= "c" and id < "e"', "cd"),
    ('uri == "p/3.jpg"', "d"),
    ('2 <= metadata["n"] < 5', "cde"),
    ('metadata["n"] == 2.0', "c"),
    ('metadata["n"] == "2"', ""),
    ('metadata["tags"][1]["deep \\u00e9"] > 2.5', "gh"),
    ('fingerprint == "x"', ""),
])
def test_filters(made, expression, wanted):
    assert "".join(sorted(ids(made, "--id", "a", "--filter", expression))) == wanted
    # before the nearest are chosen, not after
    nearest = ids(made, "--id", "a")
    assert ids(made, "--id", "a", "-k", "2", "--filter", expression) == [i for i in nearest if i in wanted][:2]


def test_a_mistake_in_a_filter_is_pointed_at(made):
    for verb in ("search", "delete"):
        more = ["--id", "a"] if verb == "search" else []
        told = run(made, verb, "s.mill", *more, "--filter", 'id == "\u00e9\u00e9" and nme == 3', expect=2)
        first, shown, mark = told.stderr.splitlines()
        assert first.startswith(f"millrace: {verb}: store local: filter: character 16: no field nme; for a key of the metadata:")
        assert shown == '  id == "\u00e9\u00e9" and nme == 3' and mark.index("^") == shown.index("nme")
    assert entities(made) == 8
    # of a long expression the part around it
    told = run(made, "search", "s.mill", "--id", "a", "--filter", "id == 'a' or " * 100 + "id =\x1b 'b'" + " or id == 'c'" * 50, expect=2)
    _, shown, mark = told.stderr.splitlines()
    assert len(shown) < 140 and shown[mark.index("^"):].startswith("=\\x1b") and "\x1b" not in told.stderr
    # a log for programs has no pictures
    told = run(made, "search", "s.mill", "--id", "a", "--filter", "id", "--log-format", "json", expect=2)
    assert "found the end" in json.loads(told.stderr)["message"]


def test_output_fields(made):
    args = ["search", "s.mill", "--id", "c", "-k", "1"]
    plain = run(made, *args, "--json").json["results"][0]
    assert "fields" not in plain
    hit = run(made, *args, "--output-field", "vector", "--output-field=uri", "--json").json["results"][0]
    assert {k: v for k, v in hit.items() if k != "fields"} == plain
    assert list(hit["fields"]) == ["uri", "vector"] and hit["fields"]["uri"] == "p/2.jpg"
    np.save(made / "own.npy", np.array(hit["fields"]["vector"], np.float32))
    assert run(made, "search", "s.mill", "own.npy", "-k", "1", "--json").json["results"][0] == plain
    assert '{"fingerprint":"mr1:' in run(made, *args, "--output-field", "fingerprint").stdout
    told = run(made, *args, "--output-field", "vektor", expect=2).stderr
    assert "no field vektor; there are" in told and "did you mean vector?" in told
    assert "no parameter nprobe" in run(made, *args, "--param", "nprobe=3", expect=2).stderr
    assert "wanted NAME=VALUE" in run(made, *args, "--param", "nprobe", expect=2).stderr


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_query_says_itself_what_it_is(made):
    run(made, "embed", "p/4.jpg", "--out", "q.npy")
    picture_hits = ids(made, "p/4.jpg", "-k", "3")
    assert picture_hits[0] == "e" and ids(made, "q.npy", "-k", "3") == picture_hits
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=made)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/p/4.jpg"
        assert ids(made, url, "-k", "3", "--allow-private") == picture_hits
        told = run(made, "search", "s.mill", url, expect=1)
        assert "fetch_refused" in told.stderr and told.stdout == ""
        told = run(made, "search", "s.mill", url + "x", "--allow-private", expect=1)
        assert "http_status" in told.stderr
        server.shutdown()
    assert "q2.npy: No such file" in run(made, "search", "s.mill", "q2.npy", expect=2).stderr


def test_delete(store):
    run(store, "search", "s.mill", "--id", "a")  # there is a vector cache
    assert run(store, "delete", "s.mill", "--id", "a", "nobody", "b").stdout == "2 rows deleted from default\n"
    done = run(store, "delete", "s.mill", "--filter", 'metadata["n"] == 2', "--json")
    assert done.lines == ['{"collection":"default","deleted":1}']
    assert run(store, "delete", "s.mill", "--id=a", "--id", "d").stdout == "1 row deleted from default\n"
    assert sorted(ids(store, "--id", "e")) == list("efgh")
    assert entities(store) == 4
    rows = [json.loads(line)["id"] for line in run(store, "report", "s.mill", "--json").lines]
    assert rows == list("efgh")
    # forgotten: the next run stores it again
    assert run(store, "insert", "p/0.jpg", "--ids", "a", "--into", "s.mill", "--json").json["ok"] == 1
    assert run(store, "delete", "s.mill", "--filter", 'id == "nobody"', "--json").json["deleted"] == 0


@pytest.mark.parametrize("args, status, words", [
    (["s.mill"], 2, "wanted either --id ID... or --filter EXPR"),
    (["s.mill", "--id", "a", "--filter", "id == 'b'"], 2, "wanted either"),
    (["s.mill", "t.mill", "--id", "a"], 2, "one STORE"),
    (["--id", "a"], 2, "no STORE"),
    (["t.mill", "--id", "a"], 3, "there is no store at t.mill"),
    (["s.mill", "--collection", "x", "--id", "a"], 2, "no collection x"),
    (["s.mill", "--filter", ""], 2, "--filter : wanted a value"),
    (["s.mill", "--filter", " "], 2, "wanted a condition"),
    (["s.mill", "--id", ""], 2, "--id : wanted a value"),
    (["npy:x.npy", "--id", "a"], 3, "npy"),
    (["null:", "--id", "a"], 3, "null: has no rows that can be deleted"),
])
def test_delete_mistakes(store, args, status, words):
    told = run(store, "delete", *args, expect=status)
    assert words in told.stderr and told.stdout == ""
    assert entities(store) == 8 and not (store / "t.mill").exists()


def test_what_is_deleted_is_not_in_the_environment(store):
    run(store, "delete", "s.mill", env={"MILLRACE_ID": "a", "MILLRACE_FILTER": "id == 'a'"}, expect=2)
    assert entities(store) == 8
    assert len(run(store, "search", "s.mill", "--id", "a", "--json", env={"MILLRACE_FILTER": "id == 'a'"}).json["results"]) == 1


def test_a_store_that_is_written_to_is_not_deleted_from(store):
    with sqlite3.connect(store / "s.mill") as other:
        other.execute("BEGIN IMMEDIATE")
        told = run(store, "delete", "s.mill", "--id", "a", expect=3).stderr
    assert "another program holds the file" in told
    assert entities(store) == 8


def test_collections_come_and_go(store):
    told = run(store, "collection", "create", "s.mill", "faces", "--dim", "512", "--metric", "cosine", "--description", "of people",
               "--json")
    assert list(told.json) == COLLECTION
    assert told.json == {"name": "faces", "num_entities": 0, "dim": 512, "metric": "COSINE", "index": "FLAT",
                         "description": "of people", "fingerprint": "", "embedder": ""}
    assert run(store, "collection", "create", "new.mill", "--name", "x", "--dim", "3").stdout == (
        "collection x of new.mill: created\n")
    assert [json.loads(line)["name"] for line in run(store, "collection", "list", "s.mill", "--json").lines] == ["default", "faces"]
    told = run(store, "search", "s.mill", "p/0.jpg", "--collection", "faces", expect=2).stderr
    assert "does not say how pictures are embedded" in told
    # the first run says what it is of; the description and the metric stay
    assert run(store, "ingest", "p", "--into", "s.mill", "--collection", "faces", "--json").json["ok"] == 8
    one = run(store, "collection", "stats", "s.mill", "faces", "--json").json
    assert (one["num_entities"], one["embedder"], one["description"], one["metric"]) == (8, "builtin", "of people", "COSINE")
    assert ids(store, "p/0.jpg", "--collection", "faces", "-k", "1") == ["p/0.jpg"]
    run(store, "ingest", "p", "--into", "new.mill", "--collection", "x", expect=2)  # of 3 dimensions, not 512

    assert run(store, "collection", "load", "s.mill", "faces").stdout == "collection faces of s.mill: loaded\n"
    assert (store / "s.mill-vec2").exists()
    assert run(store, "collection", "release", "s.mill", "faces", "--json").lines == ['{"name":"faces","loaded":false}']
    assert not (store / "s.mill-vec2").exists()
    assert run(store, "collection", "load", "s.mill", "--json", env={"MILLRACE_COLLECTION": "faces"}).json["name"] == "faces"
    assert run(store, "collection", "flush", "s.mill", "--json").lines == ['{"name":"default","flushed":true}']

    assert run(store, "collection", "drop", "s.mill", "faces", "--json").lines == ['{"name":"faces","dropped":true}']
    assert not (store / "s.mill-vec2").exists() and entities(store) == 8
    assert run(store, "collection", "delete", "new.mill", "--name", "x").stdout == "collection x of new.mill: dropped\n"
    assert run(store, "collection", "list", "new.mill").stdout == ""


@pytest.mark.parametrize("args, status, words", [
    ([], 2, "no action: wanted list, stats, create, drop, load, release or flush"),
    (["crate"], 2, "did you mean create?"),
    (["create", "s.mill", "x"], 2, "--dim is missing"),
    (["create", "s.mill", "x", "--dim", "0"], 2, "--dim 0: wanted a number from 1 to 32768"),
    (["create", "s.mill", "default", "--dim", "3"], 2, "there is a collection default already"),
    (["create", "s.mill", "x", "--dim", "3", "--index", "HNSW"], 3, "index HNSW is not in this build"),
    (["create", "s.mill", "x", "--dim", "3", "--metric", "IPP"], 2, "did you mean IP?"),
    (["create", "s.mill", "x", "--dim", "3", "--param", "nlist=1"], 2, "no parameter nlist"),
    (["create", "s.mill", "x", "--dim", "3", "--param", "=1"], 2, "wanted NAME=VALUE"),
    (["create", "s.mill", "x", "y"], 2, "wanted: create STORE [NAME]"),
    (["drop", "s.mill"], 2, "drop wants the NAME"),
    (["drop", "s.mill", "x"], 2, "no collection x"),
    (["drop", "t.mill", "x"], 3, "there is no store at t.mill"),
    (["load", "s.mill", "x"], 2, "no collection x"),
    (["release", "s.mill", "x"], 2, "there are: default"),
    (["flush", "s.mill", "x"], 2, "no collection x"),
    (["list"], 2, "no STORE"),
    (["load", "null:"], 3, "null: has no"),
])
def test_collection_mistakes(made, args, status, words):
    told = run(made, "collection", *args, expect=status)
    assert words in told.stderr and told.stdout == ""
    assert entities(made) == 8 and not (made / "t.mill").exists()


def test_collections_of_the_file(store):
    """Entries of `collections`: made by create, and followed by a run that makes one."""
    (store / "c.yaml").write_text(
        "store: {location: s.mill, metric: L2}\ncollections:\n"
        "- name: faces\n  description: of people\n  schema:\n    fields:\n    - {name: id, type: INT64}\n"
        "    - {name: vector, type: FLOAT_VECTOR, dim: 16}\n"
        "  index: {index_type: IVF_FLAT, metric_type: COSINE, params: {nlist: 64}}\n"
        "- name: album\n  index: {metric_type: IP}\n- name: default\n  schema: {fields: [{name: v, type: FLOAT_VECTOR, dim: 7}]}\n")
    told = run(store, "collection", "create", "--config", "c.yaml", "--name", "faces", "--json")
    assert told.json == {"name": "faces", "num_entities": 0, "dim": 16, "metric": "COSINE", "index": "FLAT",
                         "description": "of people", "fingerprint": "", "embedder": ""}
    assert run(store, "collection", "create", "--config", "c.yaml", "--name", "other", "--dim", "4", "--json").json["metric"] == "L2"
    run(store, "collection", "drop", "--config", "c.yaml", "--name", "faces")
    # the metric of an entry beats the file's own, and the command line beats both
    run(store, "ingest", "p", "--config", "c.yaml", "--collection", "album")
    assert run(store, "collection", "stats", "s.mill", "album", "--json").json["metric"] == "IP"
    run(store, "collection", "create", "s.mill", "faces", "--config", "c.yaml", "--metric", "IP")
    assert run(store, "collection", "stats", "s.mill", "faces", "--json").json["metric"] == "IP"
    run(store, "collection", "drop", "s.mill", "faces")
    # without a name: all that are missing; of album the file does not say how long its vectors are
    lines = run(store, "collection", "create", "--config", "c.yaml").lines
    assert lines == ["collection faces of s.mill: created", "collection album of s.mill: is there already",
                     "collection default of s.mill: is there already"]
    run(store, "collection", "drop", "s.mill", "album")
    assert "album: dimension 0" in run(store, "collection", "create", "--config", "c.yaml", expect=2).stderr


def test_a_query_without_a_store(made):
    """The one name is the query: what is missing is the store, and the message says how to give it."""
    (made / "q.jpg").write_bytes((made / "p/0.jpg").read_bytes())
    told = run(made, "search", "q.jpg", expect=2).stderr
    assert "q.jpg is taken as the query, and there is no STORE: name one, or set MILLRACE_STORE, or store.location" in told
    assert run(made, "search", "q.jpg", "--json", env={"MILLRACE_STORE": "s.mill"}).json["query"] == "q.jpg"
    assert "wanted one of --image FILE" in run(made, "search", "s.mill", expect=2).stderr
    assert "set MILLRACE_STORE" in run(made, "search", "--image", "q.jpg", expect=2).stderr


@pytest.mark.sandbox
def test_health(made):
    text = run(made, "health", "s.mill")
    assert [line.split()[:2] for line in text.lines] == [["preprocessor", "ok"], ["embedder", "ok"], ["store", "ok"]]
    answer = run(made, "health", "s.mill", "--json").json
    assert answer["ok"] is True and list(answer["components"]) == ["preprocessor", "embedder", "store"]
    assert all(part["ok"] and part["ms"] > 0 and part["state"] for part in answer["components"].values())
    assert answer["components"]["embedder"]["state"] == "builtin, dimension 512"
    assert "rows: 8" in answer["components"]["store"]["state"]
    answer = run(made, "health", "--json").json
    assert list(answer["components"]) == ["preprocessor", "embedder"]
    assert "store         none named" in run(made, "health").stdout


@pytest.mark.sandbox
def test_health_says_who_is_down(made):
    (made / "text.mill").write_text("no database")
    answer = run(made, "health", "text.mill", "--json", expect=3).json
    assert answer["ok"] is False
    assert [k for k, part in answer["components"].items() if not part["ok"]] == ["store"]
    assert "not a millrace store" in answer["components"]["store"]["error"]
    answer = run(made, "health", "s.mill", "--embed", "onnx:none.onnx", "--json", expect=3).json
    assert [k for k, part in answer["components"].items() if not part["ok"]] == ["embedder"]
    answer = run(made, "health", "s.mill", "--json", env={"MILLRACE_WORKER": "/nonexistent"}, expect=3).json
    assert [k for k, part in answer["components"].items() if not part["ok"]] == ["preprocessor"]
    assert "/nonexistent" in answer["components"]["preprocessor"]["error"]
    assert "store         down" in run(made, "health", "none.mill", expect=3).stdout
    assert "did you mean" in run(made, "health", "--embed", "biultin", expect=2).stderr
    assert "one STORE" in run(made, "health", "a", "b", expect=2).stderr
    os.unlink(made / "text.mill")


@pytest.mark.sandbox
def test_health_of_the_original(store):
    (store / "c.yaml").write_text("store: {location: s.mill}\n")
    assert run(store, "--config", "c.yaml", "health", "--json").json["ok"] is True


def test_spellings_of_the_original(store):
    """`--config F` before the verb, and its names for options."""
    (store / "c.yaml").write_text("store: {location: s.mill}\n")
    before = ["--config", "c.yaml"]
    assert run(store, *before, "search", "p/3.jpg", "--topk", "2", "--filter", 'metadata["n"] > 1', "--collection", "default",
               "--json").json["results"][0]["id"] == "d"
    assert run(store, *before, "collection", "create", "--name", "z", "--dim", "4", "--description", "d").stdout.endswith("created\n")
    assert run(store, *before, "collection", "stats", "--name", "z", "--json").json["description"] == "d"
    assert run(store, *before, "collection", "list", "--json").lines[1].startswith('{"name":"z"')
    assert run(store, *before, "collection", "delete", "--name", "z").stdout.endswith("dropped\n")
    done = run(store, *before, "insert", "p/0.jpg", "--ids", "first", "--metadata", "one.json", "--collection", "c2", "--batch-size",
               "2", "--create-collection", "--json", expect=2)
    assert "one.json" in done.stderr
    (store / "one.json").write_text('[{"k": [1.5, null, "\\u0041"]}]')
    run(store, *before, "insert", "p/0.jpg", "--ids", "first", "--metadata", "one.json", "--collection", "c2", "--batch-size", "2",
        "--create-collection")
    hit = run(store, *before, "search", "p/0.jpg", "--collection", "c2", "--json").json["results"][0]
    assert hit["id"] == "first" and hit["metadata"] == {"k": [1.5, None, "A"]}
