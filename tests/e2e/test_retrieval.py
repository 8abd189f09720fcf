# SPDX-License-Identifier: Apache-2.0
"""How well the builtin descriptor finds copies, crops and flips of the demo's pictures.

Each picture of the corpus is altered, saved as another JPEG, and searched for among all of them;
it counts as found when the original is among the ten nearest. Cuts of one photograph share light,
texture and colours, and overlap: a descriptor of colour alone must fail, and is shown to.
"""
import json
import multiprocessing
import os
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

BUILD = Path(os.environ.get("MILLRACE_BUILD_DIR", "build/test"))
CORPUS = Path(os.environ.get("MILLRACE_CORPUS_DIR", "build/corpus"))

# one process makes the altered pictures for all cases
pytestmark = pytest.mark.xdist_group("retrieval")

SIDE = 128
K = 10
QUERIES = ("copy", "small_copy", "centre_crop", "random_crop", "flip")
WANTED = {"copy": 0.99, "small_copy": 0.99, "centre_crop": 0.90, "random_crop": 0.90}


def on_white(image):
    """RGB as the preset millrace/builtin makes it: transparency over white."""
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def crop_box(size, across, down):
    """A box of 80 % of each side; `across` and `down` in 0..1 say where."""
    width, height = round(size[0] * 0.8), round(size[1] * 0.8)
    left, top = round((size[0] - width) * across), round((size[1] - height) * down)
    return (left, top, left + width, top + height)


def alter(image, kind, rng):
    if kind == "small_copy":
        return image.resize((max(1, image.width // 2), max(1, image.height // 2)))
    if kind == "centre_crop":
        return image.crop(crop_box(image.size, 0.5, 0.5))
    if kind == "random_crop":
        return image.crop(crop_box(image.size, rng.random(), rng.random()))
    if kind == "flip":
        return ImageOps.mirror(image)
    return image


def row_of(image):
    """The row of the tensor that the preset millrace/builtin makes: uint8 [128,128,3]."""
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def rows_of(job):
    """Tensor rows of one picture of the corpus and of its altered copies."""
    path, folder = job
    rng = random.Random(path.name)
    image = on_white(Image.open(path))
    rows = [row_of(image)]
    for kind in QUERIES:
        altered = folder / kind / f"{path.stem}.jpg"
        quality = 40 if kind == "small_copy" else rng.choice([60, 70, 80])
        alter(image, kind, rng).save(altered, quality=quality)
        rows.append(row_of(Image.open(altered)))
    return np.stack(rows)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """uint8 [1 + len(QUERIES), N, 128, 128, 3]; the corpus itself comes first."""
    good = json.loads((CORPUS / "expected.json").read_text())["good"]
    paths = [CORPUS / "photos" / Path(item["path"]).name for item in good]
    assert len(paths) >= 500
    folder = tmp_path_factory.mktemp("retrieval")
    for kind in QUERIES:
        (folder / kind).mkdir()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return np.stack(pool.map(rows_of, [(path, folder) for path in paths], chunksize=20), 1)


def builtin(rows):
    """Vectors [N,512] of tensor rows."""
    command = [BUILD / "tests/oracle/embed-dump", "builtin", "millrace/builtin", "32"]
    done = subprocess.run(command, input=np.ascontiguousarray(rows).tobytes(), check=True,
                          stdout=subprocess.PIPE)
    return np.frombuffer(done.stdout, np.float32).reshape(len(rows), -1)


def mean_colour(rows):
    """The control: vectors [N,3] that know nothing but the mean colour."""
    vectors = rows.reshape(len(rows), -1, 3).mean(axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def recalls(describe, rows):
    """Part of the queries of each kind whose original is among the K nearest by inner product."""
    corpus, found = describe(rows[0]), {}
    for kind, queries in zip(QUERIES, rows[1:]):
        scores = describe(queries) @ corpus.T
        own = np.diagonal(scores)[:, None]
        # ties count against the descriptor: itself is one of those that are at least as near
        found[kind] = float(np.mean((scores >= own).sum(axis=1) <= K))
    return found


def test_finds_copies_and_crops(rows, record_property):
    found = recalls(builtin, rows)
    report = " ".join(f"{kind}={value:.4f}" for kind, value in found.items())
    record_property("recall_at_10", report)
    print(f"recall@{K} over {rows.shape[1]} pictures: {report}")
    for kind, least in WANTED.items():
        assert found[kind] >= least, f"{kind}: {report}"


def test_mean_colour_is_not_enough(rows):
    found = recalls(mean_colour, rows)
    for kind, least in WANTED.items():
        assert found[kind] < least, f"the test is too easy: mean colour has {found[kind]:.4f}"


def test_random_vectors_find_nothing(rows):
    rng = np.random.default_rng(7)

    def noise(some):
        return rng.standard_normal((len(some), 512), np.float32)

    assert max(recalls(noise, rows).values()) < 0.10
