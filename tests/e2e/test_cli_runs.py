# SPDX-License-Identifier: Apache-2.0
"""ingest, embed, preprocess: summaries, resume, duplicates, budgets, files."""
import json
import os
import re

import numpy as np
from PIL import Image
from command import GOOD, SUMMARY, broken, picture, run


def test_ingest_summary_and_resume(album, tmp_path):
    first = run(album, "ingest", "photos", "--into", tmp_path / "s.mill", "--json")
    assert len(first.lines) == 1
    assert first.stderr == "" or "MILLRACE_SANITIZER" in os.environ  # which has no complete sandbox to be quiet about
    assert list(first.json) == SUMMARY
    assert first.json["items"] == first.json["ok"] == GOOD
    assert first.json["by_code"] == {} and first.json["worker_restarts"] == 0
    assert first.json["store"] == str(tmp_path / "s.mill")
    assert re.fullmatch("mr1:[0-9a-f]{64}", first.json["fingerprint"])
    assert first.json["bottleneck"] in ("source", "fetch", "decode", "embed", "store")
    assert 0 < first.json["first_batch_ms"] < 60000 and first.json["peak_memory_bytes"] > 1 << 20

    again = run(album, "ingest", "photos", "--into", tmp_path / "s.mill", "--json")
    assert (again.json["items"], again.json["ok"], again.json["skipped"]) == (GOOD, 0, GOOD)
    assert again.json["first_batch_ms"] == 0


def test_refresh(tmp_path):
    (tmp_path / "p").mkdir()
    for i in range(3):
        picture(tmp_path / "p" / f"{i}.jpg", i)

    def ingest(*args):
        line = run(tmp_path, "ingest", "p", "--into", "s.mill", "--json", *args).json
        return line["ok"], line["skipped"]

    assert ingest() == (3, 0)
    picture(tmp_path / "p" / "1.jpg", 99)
    os.utime(tmp_path / "p" / "1.jpg", ns=(1, 1))
    assert ingest("--refresh", "never") == (0, 3)
    assert ingest() == (1, 2)
    assert ingest() == (0, 3)
    assert ingest("--refresh", "always") == (3, 0)
    assert run(tmp_path, "collection", "list", "s.mill", "--json").json["num_entities"] == 3


def test_duplicates_within_a_run_and_across_runs(tmp_path):
    for name in ("x", "y", "z"):
        (tmp_path / name).mkdir()
        picture(tmp_path / name / "same.jpg", 1)
    names = "x/same.jpg\ny/same.jpg\nx/same.jpg\n./x//same.jpg\n"
    first = run(tmp_path, "ingest", "-", "--into", "s.mill", "--id-from", "stem", "--json", input=names).json
    assert (first["ok"], first["duplicate"], first["skipped"]) == (1, 1, 2)
    assert first["by_code"] == {"duplicate_id": 1} and first["items"] == 4
    second = run(tmp_path, "ingest", "z", "--into", "s.mill", "--id-from", "stem", "--json").json
    assert (second["ok"], second["duplicate"]) == (0, 1)
    rows = [json.loads(line) for line in run(tmp_path, "report", "s.mill", "--json").lines]
    assert [(r["uri"], r["state"]) for r in rows] == [
        ("x/same.jpg", "stored"), ("y/same.jpg", "duplicate"), ("z/same.jpg", "duplicate")]


def test_bad_items_are_named_and_the_budget_decides(tmp_path):
    broken(tmp_path)
    over = run(tmp_path, "ingest", "@list.txt", "--into", "s.mill", "--json", expect=1)
    assert over.json["items"] == 6 and over.json["ok"] == 1 and over.json["failed"] == 5
    assert over.json["by_code"] == {"empty": 1, "not_image": 1, "truncated": 1, "not_regular_file": 1, "not_found": 1}
    assert "5 of 6 items are bad: more than the error budget" in over.stderr
    within = run(tmp_path, "ingest", "@list.txt", "--into", "s.mill", "--json", "--error-budget", "none")
    assert within.json["skipped"] == 1 and within.json["failed"] == 5
    run(tmp_path, "ingest", "@list.txt", "--into", "s.mill", "--error-budget", "5")
    run(tmp_path, "ingest", "@list.txt", "--into", "s.mill", "--error-budget", "84%")
    run(tmp_path, "ingest", "@list.txt", "--into", "s.mill", "--error-budget", "83%", expect=1)


def test_a_budget_in_items_stops_the_run(tmp_path):
    (tmp_path / "bad.jpg").write_text("no picture at all")
    for i in range(2000):
        os.link(tmp_path / "bad.jpg", tmp_path / f"b{i:04}.jpg")
    stopped = run(tmp_path, "ingest", ".", "--into", "s.mill", "--batch", "4", "--error-budget", "3", "--json", expect=1)
    assert 4 <= stopped.json["failed"] < 1500
    assert stopped.json["items"] == stopped.json["failed"]


def test_names_from_stdin_ended_by_nul(tmp_path):
    picture(tmp_path / "two\nlines.jpg", 1)
    line = run(tmp_path, "ingest", "-", "-0", "--into", "s.mill", "--json", input="two\nlines.jpg\0").json
    assert line["ok"] == 1
    report = run(tmp_path, "report", "s.mill")
    assert "\\x0a" in report.stdout or "%0A" in report.stdout
    assert len(report.lines) == 2


def test_a_plan_that_differs_is_refused_with_both_names(store, tmp_path):
    for extra, words in ((["--plan", "letterbox"], ["millrace/builtin", "letterbox", "--force-plan"]),
                         (["--embed", "fake:8"], ["512", "8"])):
        refused = run(store, "ingest", "photos", "--into", "photos.mill", *extra, expect=2)
        for word in words:
            assert word in refused.stderr
    assert run(store, "collection", "list", "photos.mill", "--json").json["num_entities"] == GOOD


def test_a_collection_remembers_embedder_and_plan(album, tmp_path):
    into = ["--into", tmp_path / "s.mill", "--json"]
    run(album, "ingest", "photos/a", "--embed", "fake:16", "--plan", "letterbox:32x32", *into)
    later = run(album, "ingest", "photos/b", *into)
    assert later.json["ok"] == GOOD // 2
    line = run(album, "collection", "stats", tmp_path / "s.mill", "--json").json
    assert (line["embedder"], line["dim"], line["num_entities"]) == ("fake:16", 16, GOOD)


def test_embed_writes_normalised_vectors_and_ids(album, tmp_path):
    out = tmp_path / "v.npy"
    line = run(album, "embed", "photos", "--out", out, "--json").json
    assert list(line) == SUMMARY and line["store"] == str(out)
    vectors = np.load(out)
    assert vectors.shape == (GOOD, 512) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    ids = [json.loads(text) for text in (tmp_path / "v.npy.ids.jsonl").read_text().splitlines()]
    assert [i["row"] for i in ids] == list(range(GOOD))
    assert sorted(i["id"] for i in ids) == sorted(
        p.relative_to(album).as_posix() for p in (album / "photos").rglob("*.*"))


def test_same_bytes_from_any_batch_and_workers(album, tmp_path):
    seen = set()
    for batch, workers in ((1, 1), (7, 3), (257, 2)):
        out = tmp_path / f"{batch}.npy"
        run(album, "preprocess", "photos", "--out", out, "--batch", batch, "--workers", workers)
        seen.add((out.read_bytes(), (tmp_path / f"{batch}.npy.ids.jsonl").read_bytes()))
    assert len(seen) == 1


def test_preprocess_equals_the_plan(album, tmp_path):
    out = tmp_path / "t.npy"
    run(album, "preprocess", "photos", "--out", out, "--plan", "openai/clip-vit-base-patch32@openclip")
    tensors = np.load(out)
    assert tensors.shape == (GOOD, 3, 224, 224) and tensors.dtype == np.float32
    assert len({t.tobytes() for t in tensors}) == GOOD


def test_either_jpeg_decoder_gives_the_same(album, tmp_path):
    tensors = {}
    for choice in ("", "libjpeg", "own"):
        run(album, "preprocess", "photos", "--out", tmp_path / "t.npy", env={"MILLRACE_JPEG": choice})
        tensors[choice] = np.load(tmp_path / "t.npy").tobytes()
    assert len(set(tensors.values())) == 1
    refused = run(album, "preprocess", "photos", "--out", tmp_path / "t.npy", env={"MILLRACE_JPEG": "mine"}, expect=2)
    assert "MILLRACE_JPEG=mine" in refused.stderr

    image = Image.open(album / "photos/a/06.jpg")
    image.save(tmp_path / "progressive.jpg", progressive=True)
    for choice, ok in (("libjpeg", 1), ("", 1), ("own", 0)):
        line = run(tmp_path, "preprocess", "progressive.jpg", "--out", tmp_path / "t.npy", "--json",
                   env={"MILLRACE_JPEG": choice}, expect=0 if ok else 1).json
        assert line["ok"] == ok


def test_embed_of_nothing_is_an_empty_array(tmp_path):
    line = run(tmp_path, "embed", "-", "--out", "v.npy", "--json", input="").json
    assert line["items"] == 0
    assert np.load(tmp_path / "v.npy").shape == (0, 512)


def test_embed_remembers_nothing(album, tmp_path):
    for _ in range(2):
        assert run(album, "embed", "photos", "--out", tmp_path / "v.npy", "--json").json["ok"] == GOOD


def test_failed_items_have_no_row(tmp_path):
    broken(tmp_path)
    run(tmp_path, "embed", "@list.txt", "--out", "v.npy", "--error-budget", "none")
    assert np.load(tmp_path / "v.npy").shape == (1, 512)
    ids = [json.loads(text) for text in (tmp_path / "v.npy.ids.jsonl").read_text().splitlines()]
    assert ids[0]["row"] == 0 and [i["row"] for i in ids[1:]] == [None] * 5
    assert {i["code"] for i in ids[1:]} == {"empty", "not_image", "truncated", "not_regular_file", "not_found"}


def test_out_is_checked_before_anything_runs(album, tmp_path):
    later = run(album, "embed", "photos", "--out", tmp_path / "v.jsonl", expect=3)
    assert "not in this build" in later.stderr
    wrong = run(album, "embed", "photos", "--out", tmp_path / "v.txt", expect=2)
    assert ".npy" in wrong.stderr
    run(album, "embed", "photos", expect=2)
    assert os.listdir(tmp_path) == []
