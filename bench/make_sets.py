#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the three sets of photographs that the benchmarks run on.

    small   1,000 x  500x375   about  60 KB each
    web       300 x 1280x960   about 232 KB each
    phone      40 x 4032x3024  about 2.9 MB each

Cuts of Debian's photographs (tools/make_corpus.py finds them), re-encoded as baseline JPEG 4:2:0. The quality of a
set is the one whose mean size comes nearest to its target; --check says how near that is. Each file gets further
names (hard links), so that a run is long enough to measure without reading one name twice.
"""
import argparse
import io
import multiprocessing
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import make_corpus  # noqa: E402

SETS = {
    "small": {"count": 1000, "size": (500, 375), "mean": 60_000, "names": 4},
    "web": {"count": 300, "size": (1280, 960), "mean": 232_000, "names": 3},
    "phone": {"count": 40, "size": (4032, 3024), "mean": 2_900_000, "names": 2},
}
VERSION = "1"


def cut(photograph, size, seed):
    """A cut of the photograph with the aspect of `size`, with some grain so that no set is too smooth."""
    from PIL import Image
    rng = random.Random(f"{photograph}:{size}:{seed}")
    width, height = photograph_size(photograph)
    scale = rng.uniform(0.45, 1.0)
    across = min(width, height * size[0] / size[1]) * scale
    down = across * size[1] / size[0]
    left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
    with Image.open(photograph) as image:
        picture = image.convert("RGB").resize(size, Image.Resampling.LANCZOS,
                                              box=(left, top, left + across, top + down))
    grain = Image.effect_noise(size, 14 + 10 * rng.random()).convert("RGB")
    return Image.blend(picture, grain, 0.10)


def photograph_size(photograph):
    from PIL import Image
    with Image.open(photograph) as image:
        return image.size


def encode(picture, quality):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return out.getvalue()


def quality_for(photographs, spec):
    """The quality whose mean size over a sample is nearest to the target."""
    sample = [cut(photographs[i % len(photographs)], spec["size"], i)
              for i in range(min(24, spec["count"]))]
    mean = {q: sum(len(encode(p, q)) for p in sample) / len(sample) for q in range(60, 98, 1)}
    return min(mean, key=lambda q: abs(mean[q] - spec["mean"]))


def write_one(task):
    folder, photograph, size, seed, quality, names = task
    first = folder / f"{seed:05d}-0.jpg"
    first.write_bytes(encode(cut(photograph, size, seed), quality))
    for i in range(1, names):
        link = folder / f"{seed:05d}-{i}.jpg"
        link.unlink(missing_ok=True)
        os.link(first, link)
    return first.stat().st_size


def make(root, name):
    spec = SETS[name]
    folder = root / name
    stamp = folder / ".stamp"
    if stamp.is_file() and stamp.read_text() == VERSION:
        return
    folder.mkdir(parents=True, exist_ok=True)
    photographs = make_corpus.photographs()
    quality = quality_for(photographs, spec)
    tasks = [(folder, photographs[i % len(photographs)], spec["size"], i, quality, spec["names"])
             for i in range(spec["count"])]
    with multiprocessing.Pool() as pool:
        sizes = pool.map(write_one, tasks, chunksize=4)
    mean = sum(sizes) / len(sizes)
    print(f"{name}: {len(sizes)} files, quality {quality}, {mean / 1000:.1f} KB each "
          f"({100 * (mean / spec['mean'] - 1):+.1f} %)", flush=True)
    stamp.write_text(VERSION)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("build/bench"))
    parser.add_argument("sets", nargs="*", default=list(SETS))
    arguments = parser.parse_args()
    for name in arguments.sets:
        make(arguments.root, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
