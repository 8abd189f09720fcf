# SPDX-License-Identifier: Apache-2.0
"""The demo ends well on its corpus, says so when it does not, and its page is safe to open."""
import copy
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("MILLRACE_CORPUS_DIR", ROOT / "build/corpus"))
sys.path.insert(0, str(ROOT / "tools"))
import demo  # noqa: E402
import demo_page  # noqa: E402

CODES = {"empty.jpg": "empty", "two-bytes.jpg": "too_short", "web-page.jpg": "not_image",
         "truncated.jpg": "truncated", "random-bytes.jpg": "not_image",
         "huge-header.jpg": "too_many_pixels", "directory.jpg": "not_regular_file",
         "fifo.jpg": "not_regular_file", "missing.jpg": "not_found"}


@pytest.fixture(scope="module")
def expected():
    return json.loads((CORPUS / "expected.json").read_text("utf-8"))


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data + "\n"


def test_corpus_is_what_was_promised(expected):
    lines = (CORPUS / "list.txt").read_text("utf-8").splitlines()
    good = [item["path"] for item in expected["good"]]
    assert {Path(path).name: code for path, code in expected["broken"].items()} == CODES
    assert sorted(lines) == sorted(good + list(expected["broken"]))
    assert len(good) == len(set(good)) == 600
    assert {item["format"] for item in expected["good"]} == {"jpg", "png", "webp"}
    assert {item["mode"] for item in expected["good"]} >= {"RGB", "L", "P", "RGBA"}


def test_demo_runs_to_its_page(tmp_path, expected):
    done = subprocess.run([sys.executable, ROOT / "tools/demo.py", tmp_path], stdout=subprocess.PIPE,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "index.html").as_uri() in done.stdout
    page = Page((tmp_path / "index.html").read_text("utf-8"))
    for name, code in CODES.items():
        assert re.search(rf"{name}\s*{code}\b", page.text), name
    sources = [attrs.get("src", "") for _, attrs in page.tags]
    pictures = [src for src in sources if src.startswith("data:image/jpeg;base64,")]
    assert len(pictures) == (len(expected["queries"]) + demo.STORED_QUERIES) * (1 + demo.NEIGHBOURS)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe"}
    assert not [src for src in sources if src and src not in pictures]
    assert "Not as expected" not in page.text


def good_run(expected):
    failures = [{"id": path, "code": code} for path, code in expected["broken"].items()]
    queries = [{"kind": "crop", "path": "q.jpg", "of": "a.jpg", "answer": {"results": [{"id": "a.jpg"}]}}]
    return {"ok": len(expected["good"])}, failures, queries


def test_each_difference_is_a_problem(expected):
    summary, failures, queries = good_run(expected)
    assert demo.problems(summary, failures, queries, expected) == []
    assert demo.problems({"ok": 599}, failures, queries, expected)
    assert demo.problems(summary, failures[1:], queries, expected)
    other = copy.deepcopy(failures)
    other[0]["code"] = "io_error"
    assert demo.problems(summary, other, queries, expected)
    assert demo.problems(summary, [*failures, {"id": "good.jpg", "code": "corrupt"}], queries, expected)
    queries[0]["answer"]["results"] = [{"id": "b.jpg"}]
    assert demo.problems(summary, failures, queries, expected)


def test_page_escapes_what_it_shows():
    evil = "<script>alert(1)</script>\"'>&.jpg"
    hit = {"id": evil, "score": 0.5}
    html = demo_page.render({
        "summary": {"ok": 1, "bottleneck": evil, "fingerprint": evil}, "items": [],
        "queries": [{"kind": "crop", "path": evil, "of": evil, "rank": 0, "answer": {"results": [hit]}}],
        "failures": [{"id": evil, "code": evil, "stage": evil, "message": evil}],
        "machine": {"cpu": evil, "cores": 1, "system": evil, "kernel": evil, "memory_bytes": 1,
                    "doctor": {"sandbox": {evil: True}, "cpu": {"level": evil}}},
        "expected": {"sources": [], "queries": [{"path": evil}]}, "problems": [evil],
        "corpus": Path("build/corpus"), "corpus_link": "../corpus", "store": Path(evil), "time": evil})
    page = Page(html)
    assert "<script" not in html
    assert page.text.count(evil) >= 10
    assert [attrs["alt"] for tag, attrs in page.tags if tag == "img"] == [Path(evil).name] * 2
