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
MILLRACE = os.environ.get("MILLRACE_BIN", "build/test/millrace")
CORPUS = Path(os.environ.get("MILLRACE_CORPUS_DIR", "build/corpus"))

# one process makes the altered pictures for all cases
pytestmark = pytest.mark.xdist_group("retrieval")

SIDE = 128
K = 10
QUERIES = ("copy", "small_copy", "centre_crop", "random_crop", "flip")
WANTED = {"copy": 0.99, "small_copy": 0.99, "centre_crop": 0.90, "random_crop": 0.90}


def on_white(image):
    """RGB as the preset millrace/builtin makes it: upright, transparency over white."""
    image = ImageOps.exif_transpose(image)
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


class Pictures:
    """The corpus and its altered copies; what is said of them is [1 + len(QUERIES), N, ...]."""

    def __init__(self, folder):
        good = json.loads((CORPUS / "expected.json").read_text())["good"]
        self.paths = [CORPUS / "photos" / Path(item["path"]).name for item in good]
        self.folder = folder
        for kind in QUERIES:
            (folder / kind).mkdir()
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            jobs = [(path, folder) for path in self.paths]
            self.rows = np.stack(pool.map(rows_of, jobs, chunksize=20), 1)
        self.vectors = self.embed()

    def embed(self):
        """Vectors that `millrace embed` makes of the files."""
        out = self.folder / "vectors.npy"
        folders = [CORPUS / "photos", *(self.folder / kind for kind in QUERIES)]
        subprocess.run([MILLRACE, "embed", *folders, "--out", out, "--error-budget", "0"], check=True)
        with open(f"{out}.ids.jsonl", encoding="utf-8") as lines:
            ids = [json.loads(line) for line in lines]
        row = {Path(item["id"]): item["row"] for item in ids}
        wanted = [self.paths]
        wanted += [[self.folder / kind / f"{p.stem}.jpg" for p in self.paths] for kind in QUERIES]
        vectors = np.load(out)
        assert vectors.shape == (self.rows.shape[0] * self.rows.shape[1], 512)
        return np.stack([vectors[[row[path] for path in paths]] for paths in wanted])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return Pictures(tmp_path_factory.mktemp("retrieval"))


def embed_rows(rows):
    """Vectors [N,512] of tensor rows, without files and workers."""
    command = [BUILD / "tests/oracle/embed-dump", "builtin", "millrace/builtin", "32"]
    done = subprocess.run(command, input=np.ascontiguousarray(rows).tobytes(), check=True,
                          stdout=subprocess.PIPE)
    return np.frombuffer(done.stdout, np.float32).reshape(len(rows), -1)


def mean_colour(rows):
    """The control: vectors [N,3] that know nothing but the mean colour."""
    vectors = rows.reshape(len(rows), -1, 3).mean(axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def recalls(vectors):
    """Part of the queries of each kind whose original is among the K nearest by inner product."""
    found = {}
    for kind, queries in zip(QUERIES, vectors[1:]):
        scores = queries @ vectors[0].T
        own = np.diagonal(scores)[:, None]
        # ties count against the descriptor: itself is one of those that are at least as near
        found[kind] = float(np.mean((scores >= own).sum(axis=1) <= K))
    return found


def test_finds_copies_and_crops(pictures, record_property):
    found = recalls(pictures.vectors)
    report = " ".join(f"{kind}={value:.4f}" for kind, value in found.items())
    record_property("recall_at_10", report)
    print(f"recall@{K} over {len(pictures.paths)} pictures: {report}")
    assert len(pictures.paths) >= 500
    for kind, least in WANTED.items():
        assert found[kind] >= least, f"{kind}: {report}"


def test_mean_colour_is_not_enough(pictures):
    found = recalls([mean_colour(rows) for rows in pictures.rows])
    for kind, least in WANTED.items():
        assert found[kind] < least, f"the test is too easy: mean colour has {found[kind]:.4f}"


def test_random_vectors_find_nothing():
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((1 + len(QUERIES), 600, 512), np.float32)
    assert max(recalls(vectors).values()) < 0.10


def test_files_embed_like_their_pillow_rows(pictures):
    """Decoding, colour, resize and descriptor: the whole way gives the bytes of Pillow's rows."""
    for kind, rows, vectors in zip(("corpus", *QUERIES), pictures.rows, pictures.vectors):
        differing = np.flatnonzero((embed_rows(rows) != vectors).any(axis=1))
        assert differing.size == 0, f"{kind}: {[pictures.paths[i].name for i in differing[:5]]}"


def test_one_changed_row_is_seen(pictures):
    """The control of the comparison above: one grey level more in one row is another vector."""
    rows = pictures.rows[0][:40].copy()
    rows[7, 40:44, 40:44, 1] ^= 1
    differing = np.flatnonzero((embed_rows(rows) != pictures.vectors[0][:40]).any(axis=1))
    assert differing.tolist() == [7]
