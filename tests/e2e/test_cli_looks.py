# SPDX-License-Identifier: Apache-2.0
"""search, report, collection, plan, doctor, bench."""
import json
import os

import numpy as np
import pytest
from command import COLLECTION, GOOD, REPORT, broken, run


def test_search_by_image_id_and_vector_agree(store, tmp_path):
    name = "photos/a/06.jpg"
    by_id = run(store, "search", "photos.mill", "--id", name, "-k", "3", "--json")
    assert len(by_id.lines) == 1
    assert list(by_id.json) == ["query", "k", "ms", "metric", "results"]
    assert list(by_id.json["results"][0]) == ["id", "score", "distance", "uri", "metadata"]
    assert (by_id.json["k"], by_id.json["metric"], by_id.json["query"]) == (3, "IP", name)
    top = by_id.json["results"][0]
    assert top["id"] == name and abs(top["score"] - 1) < 1e-5 and abs(top["distance"]) < 1e-5
    assert top["metadata"] == {}
    scores = [r["score"] for r in by_id.json["results"]]
    assert scores == sorted(scores, reverse=True) and scores[1] < 0.999

    by_image = run(store, "search", "photos.mill", "--image", name, "-k", "3", "--json").json
    assert by_image["results"] == by_id.json["results"]

    run(store, "embed", name, "photos/a/08.webp", "--out", tmp_path / "q.npy")
    by_vector = run(store, "search", "photos.mill", "--vector", tmp_path / "q.npy", "-k3", "--json")
    lines = [json.loads(line) for line in by_vector.lines]
    assert [line["results"][0]["id"] for line in lines] == [name, "photos/a/08.webp"]
    assert lines[0]["results"] == by_id.json["results"]
    np.save(tmp_path / "one.npy", np.load(tmp_path / "q.npy")[1])
    one = run(store, "search", "photos.mill", "--vector", tmp_path / "one.npy", "--k", "3", "--json").json
    assert one["results"] == lines[1]["results"]


@pytest.mark.parametrize("array, words", [
    (np.zeros(8, np.float32), "dimension"),
    (np.zeros(512, np.float64), "float32"),
    (np.zeros((1, 2, 256), np.float32), "shape"),
    (np.zeros((0, 512), np.float32), "shape"),
    (np.asfortranarray(np.zeros((512, 512), np.float32)), "C order"),
])
def test_vectors_that_cannot_be_queries(store, tmp_path, array, words):
    np.save(tmp_path / "q.npy", array)
    assert words in run(store, "search", "photos.mill", "--vector", tmp_path / "q.npy", expect=2).stderr


def test_vector_files_that_lie(store, tmp_path):
    np.save(tmp_path / "q.npy", np.ones(512, np.float32))
    good = (tmp_path / "q.npy").read_bytes()
    run(store, "search", "photos.mill", "--vector", tmp_path / "q.npy")
    for bad in (b"", good[:4], good[:9], good[:40], good[:-1], good + b"x", b"x" + good,
                good.replace(b"(512,)", b"(999,)"), good.replace(b"(512,)", b"(-12,)"),
                good.replace(b"'shape'", b"'shade'"), good[:8] + b"\xff\xff" + good[10:]):
        (tmp_path / "q.npy").write_bytes(bad)
        told = run(store, "search", "photos.mill", "--vector", tmp_path / "q.npy", expect=2)
        assert "--vector" in told.stderr and told.stdout == ""


def test_search_mistakes(store, tmp_path):
    assert "no row nobody" in run(store, "search", "photos.mill", "--id", "nobody", expect=2).stderr
    run(store, "search", "photos.mill", expect=2)
    run(store, "search", "photos.mill", "--id", "a", "--image", "b", expect=2)
    run(store, "search", "photos.mill", "--id", "a", "-k", "0", expect=2)
    run(store, "search", tmp_path / "no.mill", "--id", "a", expect=3)
    (tmp_path / "text.jpg").write_text("only words, no picture")
    bad = run(store, "search", "photos.mill", "--image", tmp_path / "text.jpg", expect=1)
    assert "not_image" in bad.stderr and bad.stdout == ""


def test_report(tmp_path):
    broken(tmp_path)
    run(tmp_path, "ingest", "@list.txt", "--into", "s.mill", "--error-budget", "none")
    rows = [json.loads(line) for line in run(tmp_path, "report", "s.mill", "--json").lines]
    assert all(list(row) == REPORT for row in rows)
    assert all(list(row["ms"]) == ["fetch", "wait", "decode", "transform", "embed", "store"] for row in rows)
    assert [row["id"] for row in rows] == (tmp_path / "list.txt").read_text().split()
    good = rows[0]
    assert (good["state"], good["stage"], good["code"], good["message"]) == ("stored", "store", "none", "")
    assert (good["width"], good["height"], good["format"], good["attempts"]) == (160, 120, "jpeg", 1)
    assert good["bytes"] == (tmp_path / "good.jpg").stat().st_size
    assert good["ms"]["decode"] > 0 and good["ms"]["transform"] > 0 and good["ms"]["embed"] > 0
    assert 0 < good["ms"]["store"] < 10000
    cut = rows[3]
    assert (cut["state"], cut["code"], cut["format"]) == ("failed", "truncated", "jpeg") and cut["message"]
    failed = run(tmp_path, "report", "s.mill", "--failed", "--json").lines
    assert [json.loads(line) for line in failed] == rows[1:]
    text = run(tmp_path, "report", "s.mill", "--failed")
    assert len(text.lines) == 6 and "good.jpg" not in text.stdout


def test_collection(store):
    for action in ("list", "stats"):
        line = run(store, "collection", action, "photos.mill", "--json")
        assert list(line.json) == COLLECTION and len(line.lines) == 1
    assert line.json["name"] == "default" and line.json["num_entities"] == GOOD
    assert (line.json["dim"], line.json["metric"], line.json["index"]) == (512, "IP", "FLAT")
    assert line.json["embedder"] == "builtin"
    assert "default" in run(store, "collection", "stats", "photos.mill", "default").stdout
    assert "did you mean stats?" in run(store, "collection", "stat", "photos.mill", expect=2).stderr
    run(store, "collection", "list", "photos.mill", "nobody", expect=2)
    assert run(store, "collection", "list", "--json", env={"MILLRACE_STORE": "photos.mill"}).json["dim"] == 512


def test_two_collections_and_metrics(album, tmp_path):
    run(album, "ingest", "photos/a", "--into", tmp_path / "s.mill", "--collection", "ours", "--metric", "l2")
    run(album, "ingest", "photos/b", "--into", tmp_path / "s.mill", "--metric", "COSINE")
    lines = [json.loads(x) for x in run(album, "collection", "list", tmp_path / "s.mill", "--json").lines]
    assert [(x["name"], x["metric"]) for x in lines] == [("default", "COSINE"), ("ours", "L2")]
    hit = run(album, "search", tmp_path / "s.mill", "--collection", "ours", "--id", "photos/a/00.jpg", "--json").json
    assert hit["metric"] == "L2" and abs(hit["results"][0]["distance"]) < 1e-6
    assert hit["results"][1]["score"] == -hit["results"][1]["distance"]


def test_plan(tmp_path):
    presets = [json.loads(line) for line in run(tmp_path, "plan", "--json").lines]
    refused = [p for p in presets if "unsupported" in p]
    assert refused and all(list(p) == ["name", "reference", "unsupported"] for p in refused)
    presets = [p for p in presets if p not in refused]
    assert all(list(p) == ["name", "exact", "reference", "size", "fingerprint", "verified"] for p in presets)
    names = [p["name"] for p in presets]
    assert "openai/clip-vit-base-patch32@openclip" in names and "letterbox" in names and "raw" in names
    assert len(set(names)) == len(names)
    clip = presets[names.index("openai/clip-vit-base-patch32@openclip")]
    assert clip["size"] == [224, 224] and clip["exact"] is True
    one = run(tmp_path, "plan", clip["name"], "--json")
    assert len(one.lines) == 1 and one.json["fingerprint"] == clip["fingerprint"]
    # what it prints is a plan file, and stands for the same plan
    (tmp_path / "clip.plan").write_text(run(tmp_path, "plan", clip["name"]).stdout)
    assert run(tmp_path, "plan", "clip.plan", "--json").json["fingerprint"] == clip["fingerprint"]
    # a model's own configuration does too, and may be named with the library that reads it
    (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "CLIPImageProcessor"}')
    for library in ("transformers", "transformers-tv"):
        want = presets[names.index(f"openai/clip-vit-base-patch32@{library}")]["fingerprint"]
        assert run(tmp_path, "plan", f"preprocessor_config.json@{library}", "--json").json["fingerprint"] == want
    plain = run(tmp_path, "plan", "preprocessor_config.json")
    assert plain.stdout == run(tmp_path, "plan", "./preprocessor_config.json@transformers").stdout
    (tmp_path / "pad.json").write_text('{"image_processor_type": "CLIPImageProcessor", "do_pad": true}')
    assert "pad.json: do_pad: true is not supported" in run(tmp_path, "plan", "pad.json", expect=3).stderr
    assert "is read as @transformers" in run(tmp_path, "plan", "preprocessor_config.json@timm", expect=2).stderr
    assert "did you mean" in run(tmp_path, "plan", "none.json@transformers", expect=2).stderr
    assert "did you mean letterbox?" in run(tmp_path, "plan", "leterbox", expect=2).stderr
    (tmp_path / "bad.plan").write_text("nothing=1\n")
    run(tmp_path, "plan", "bad.plan", expect=2)
    run(tmp_path, "plan", tmp_path, expect=2)


@pytest.mark.sandbox
def test_doctor(tmp_path):
    line = run(tmp_path, "doctor", "--json").json
    assert list(line) == ["cpu", "sandbox", "libraries", "modules", "ok"]
    assert list(line["sandbox"]) == ["no_new_privs", "seccomp", "landlock", "rlimits", "namespaces"]
    assert line["ok"] is True and line["sandbox"]["seccomp"] is True and line["sandbox"]["landlock"] >= 1
    assert line["cpu"]["cores"] == len(os.sched_getaffinity(0)) or line["cpu"]["cores"] >= 1
    assert {"libjpeg-turbo", "libspng", "libwebp", "sqlite"} <= set(line["libraries"])
    assert run(tmp_path, "doctor", "--json", env={"MILLRACE_CPU": "c"}).json["cpu"]["level"] == "c"
    assert "MILLRACE_CPU" in run(tmp_path, "doctor", env={"MILLRACE_CPU": "sse"}, expect=2).stderr
    assert run(tmp_path, "doctor").lines[-1] == "fit"


def test_doctor_without_a_worker(tmp_path):
    line = run(tmp_path, "doctor", "--json", expect=3, env={"MILLRACE_WORKER": str(tmp_path / "none")}).json
    assert line["ok"] is False and str(tmp_path / "none") in line["problem"]


@pytest.mark.slow
def test_bench(album):
    line = run(album, "bench", "photos/a", "--workers", "1", "--json").json
    assert line["files"] == GOOD // 2 and line["workers"] == 1 and line["rows"] == GOOD // 2
    assert line["stream"]["ok"] == GOOD // 2 and line["stream"]["bad"] == 0
    for value in (line["first_batch_ms"], line["stream"]["items_per_s"], line["stream"]["decode_ms"],
                  line["stream"]["transform_ms"], line["embed_ms"], line["ingest"]["items_per_s"], line["search_ms"]):
        assert value > 0
