# SPDX-License-Identifier: Apache-2.0
"""The programs of examples/ do what their first lines say."""
import os
import random
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

DEADLINE_S = 60


def program(name):
    path = Path(os.environ["MILLRACE_BUILD_DIR"]) / "examples" / name
    if not path.exists():
        pytest.skip(f"{name} is not built")
    return path


def run(name, *args):
    """Runs an example; returns its output, after checking that it succeeded."""
    env = {**os.environ, "MILLRACE_WORKER": os.environ["MILLRACE_WORKER_BIN"]}
    done = subprocess.run([program(name), *map(str, args)], env=env, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(name="photos")
def make_photos(tmp_path):
    """40 pictures that differ, and one file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    generator = random.Random(7)
    for i in range(40):
        small = Image.new("RGB", (6, 4))
        small.putdata([tuple(generator.randrange(256) for _ in range(3)) for _ in range(24)])
        small.resize((120, 80), Image.Resampling.BICUBIC).save(folder / f"{i:02}.jpg", quality=90)
    (folder / "page.jpg").write_text("<html></html>", "utf-8")
    return folder


def test_stream_folder(photos):
    out = run("stream_folder", photos)
    shapes = re.findall(r"^batch (\d+): \[(\d+),(\d+),(\d+),(\d+)\], (\d+) bytes a row$", out, re.M)
    assert [int(s[0]) for s in shapes] == list(range(len(shapes)))
    assert sum(int(s[1]) for s in shapes) == 40
    assert {s[2:] for s in shapes} == {("3", "224", "224", str(3 * 224 * 224 * 4))}
    assert re.findall(r"^  failed: (.*)$", out, re.M) == [f"{photos}/page.jpg: not_image"]


def test_ingest_search(photos, tmp_path):
    store = tmp_path / "photos.mill"
    out = run("ingest_search", photos, store, photos / "17.jpg").splitlines()
    assert out[0] == "41 items: 40 ok, 1 failed, 0 skipped"
    assert len(out) == 6
    score, name = out[1].split("  ")
    assert name == f"{photos}/17.jpg"
    assert float(score) == pytest.approx(1, abs=1e-3)
    scores = [float(line.split("  ")[0]) for line in out[1:]]
    assert scores == sorted(scores, reverse=True)
    assert scores[1] < 0.999
    again = run("ingest_search", photos, store, photos / "17.jpg").splitlines()
    assert again[0].endswith("40 skipped")
    assert again[1:] == out[1:]


def test_callback_source(photos):
    out = run("callback_source", photos / "00.jpg", 70).splitlines()
    assert out == ["picture-70: truncated", "69 ok, 1 failed"]


def test_usage_is_said():
    done = subprocess.run([program("stream_folder")], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
