# SPDX-License-Identifier: Apache-2.0
"""The nine broken items among good pictures: each has its code, the exit status follows the error
budget, and nobody else notices."""
import importlib.util
import os
import random
from pathlib import Path

import pytest

import hosts

ROOT = Path(os.environ.get("MILLRACE_SOURCE_DIR", Path(__file__).resolve().parents[2]))
spec = importlib.util.spec_from_file_location("make_corpus", ROOT / "tools/make_corpus.py")
make_corpus = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_corpus)

GOOD = 200
CODES = {"empty.jpg": "empty", "two-bytes.jpg": "too_short", "web-page.jpg": "not_image",
         "truncated.jpg": "truncated", "random-bytes.jpg": "not_image",
         "huge-header.jpg": "too_many_pixels", "directory.jpg": "not_regular_file",
         "fifo.jpg": "not_regular_file", "missing.jpg": "not_found"}


class Corpus:
    def __init__(self, folder):
        self.good = [str(name) for name in hosts.make_pictures(folder / "good", GOOD)]
        make_corpus.broken_items(folder / "broken")
        self.broken = {str(folder / "broken" / name): code for name, code in CODES.items()}
        lines = list(self.good)
        rng = random.Random(9)
        for name in self.broken:  # not at the edges: each has neighbours in its batch
            lines.insert(rng.randrange(8, len(lines) - 8), name)
        self.mixed = self.list(folder / "mixed.txt", lines)
        self.plain = self.list(folder / "plain.txt", self.good)
        status, _, errors = hosts.run("ingest", self.plain, "--into", folder / "plain.mill")
        assert status == 0, errors
        self.vectors = hosts.Content(folder / "plain.mill").vectors
        assert list(self.vectors) == self.good

    @staticmethod
    def list(path, lines):
        path.write_text("".join(f"{line}\n" for line in lines))
        return f"@{path}"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(tmp_path_factory.mktemp("broken"))


def ingest(corpus, store, *options):
    # nobody ever writes to the FIFO: whoever opens it to read never comes back
    with hosts.Host("ingest", corpus.mixed, "--into", store, "--json", *options) as host:
        assert host.ends_within(60), "it is blocked"
        return host.status(), host.summary()


@pytest.mark.parametrize("workers,batch", [(1, 1), (2, 32), (3, 300)])
def test_each_has_its_code_and_nobody_else_notices(corpus, tmp_path, workers, batch):
    status, summary = ingest(corpus, tmp_path / "a.mill", "--workers", workers, "--batch", batch)
    content = hosts.Content(tmp_path / "a.mill")
    assert status == 1  # 9 of 209 are more than the default of 1 %
    assert {key: code for key, code in content.codes.items() if code != "none"} == corpus.broken
    assert content.problems() == []
    assert list(content.vectors) == corpus.good
    assert content.vectors == corpus.vectors
    by_code = {}
    for code in CODES.values():
        by_code[code] = by_code.get(code, 0) + 1
    assert summary["by_code"] == by_code
    assert {name: summary[name] for name in ("items", "ok", "failed", "quarantined", "duplicate",
                                             "skipped", "worker_restarts")} \
        == {"items": GOOD + 9, "ok": GOOD, "failed": 9, "quarantined": 0, "duplicate": 0,
            "skipped": 0, "worker_restarts": 0}


# 9 of 209 are 4.3 %
@pytest.mark.parametrize("budget,status", [("1%", 1), ("4%", 1), ("5%", 0), ("100%", 0), ("0%", 1),
                                           ("none", 0), ("9", 0), ("10", 0)])
def test_exit_status_follows_the_budget(corpus, tmp_path, budget, status):
    got, summary = ingest(corpus, tmp_path / "a.mill", "--error-budget", budget)
    assert got == status
    assert (summary["items"], summary["ok"], summary["failed"]) == (GOOD + 9, GOOD, 9)


@pytest.mark.parametrize("budget", ["8", "3", "0"])
def test_a_number_stops_the_run(corpus, tmp_path, budget):
    """One more than allowed ends it: what had been taken is recorded, the rest is left for later."""
    got, summary = ingest(corpus, tmp_path / "a.mill", "--error-budget", budget, "--batch", 1,
                          "--workers", 1)
    assert got == 1
    assert summary["failed"] > int(budget)
    if int(budget) < 4:
        assert summary["items"] < GOOD + 9
    content = hosts.Content(tmp_path / "a.mill")
    assert content.problems() == []
    assert len(content.stored) == summary["ok"]
    got, summary = ingest(corpus, tmp_path / "a.mill", "--error-budget", "none")
    assert (got, summary["ok"] + summary["skipped"]) == (0, GOOD)
    assert hosts.Content(tmp_path / "a.mill").vectors == corpus.vectors


def test_limit_is_judged_by_the_header(corpus, tmp_path):
    """65500x65500 is over any sensible --max-pixels; where it is allowed, it is next suspicious."""
    huge = next(name for name in corpus.broken if name.endswith("huge-header.jpg"))
    for limit, code in (("178956970", "too_many_pixels"), ("4290249999", "too_many_pixels"),
                        ("4290250000", "suspicious")):
        store = tmp_path / f"{limit}.mill"
        status, _, errors = hosts.run("ingest", huge, "--into", store, "--max-pixels", limit)
        assert status == 1, errors
        assert hosts.Content(store).codes == {huge: code}
