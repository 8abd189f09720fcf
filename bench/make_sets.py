#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the sets of photographs that the benchmarks run on.

    small   1,000 x  500x375   about  60 KB each
    web       300 x 1280x960   about 232 KB each
    phone      40 x 4032x3024  about 2.9 MB each

Cuts of Debian's photographs (tools/make_corpus.py finds them) with some grain, encoded as baseline JPEG 4:2:0 with
the standard's Huffman tables; NAME-optimised holds the same coefficients with tables made for each picture. Each
file gets further names (hard links), so that a run is long enough to measure.

The hash of each set is in bench/sets.json: figures of other files are other figures, so another hash is an error,
as is a mean size that is more than 5 % from the one above. `--accept` writes the file instead.
"""
import argparse
import hashlib
import json
import multiprocessing
import os
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import make_corpus  # noqa: E402

# quality and grain (the deviation of the noise, in levels) are what gives the mean size
SETS = {
    "small": {"count": 1000, "size": (500, 375), "mean": 60_000, "names": 4, "quality": 92, "grain": 3.0},
    "web": {"count": 300, "size": (1280, 960), "mean": 232_000, "names": 3, "quality": 87, "grain": 3.0},
    "phone": {"count": 40, "size": (4032, 3024), "mean": 2_900_000, "names": 2, "quality": 92, "grain": 3.4},
}
OPTIMISED = "-optimised"
TOLERANCE = 0.05
VERSION = "2"
HASHES = Path(__file__).resolve().parent / "sets.json"


def cut(photograph, size, grain, seed):
    """A cut of the photograph with the aspect of `size`, with grain, so that no set is too smooth."""
    rng = random.Random(f"{photograph.name}:{size}:{seed}")
    with Image.open(photograph) as image:
        width, height = image.size
        across = min(width, height * size[0] / size[1]) * rng.uniform(0.45, 1.0)
        down = across * size[1] / size[0]
        left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
        picture = image.convert("RGB").resize(size, Image.Resampling.LANCZOS,
                                              box=(left, top, left + across, top + down))
    noise = np.random.default_rng(seed).normal(0, grain, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def write_one(task):
    """Both encodings of one picture, under all their names; the hash and size of each."""
    root, name, photograph, seed = task
    spec = SETS[name]
    picture = cut(photograph, spec["size"], spec["grain"], seed)
    answer = []
    for folder, optimise in ((root / name, False), (root / (name + OPTIMISED), True)):
        first = folder / f"{seed:05d}-0.jpg"
        picture.save(first, "JPEG", quality=spec["quality"], subsampling="4:2:0", optimize=optimise)
        for i in range(1, spec["names"]):
            link = folder / f"{seed:05d}-{i}.jpg"
            link.unlink(missing_ok=True)
            os.link(first, link)
        answer.append((hashlib.sha256(first.read_bytes()).hexdigest(), first.stat().st_size))
    return answer


def make(root, name):
    """What bench/sets.json says of the set and of its twin."""
    spec = SETS[name]
    photographs = make_corpus.photographs()
    for folder in (root / name, root / (name + OPTIMISED)):
        folder.mkdir(parents=True, exist_ok=True)
    tasks = [(root, name, photographs[i % len(photographs)], i) for i in range(spec["count"])]
    with multiprocessing.Pool() as pool:
        files = pool.map(write_one, tasks, chunksize=4)
    made = {}
    for folder, of_set in zip((name, name + OPTIMISED), zip(*files)):
        total = hashlib.sha256("".join(digest for digest, _ in of_set).encode()).hexdigest()
        made[folder] = {"files": len(of_set), "mean_bytes": round(sum(n for _, n in of_set) / len(of_set)),
                        "sha256": total}
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("build/bench/sets"))
    parser.add_argument("--accept", action="store_true", help="write bench/sets.json")
    parser.add_argument("sets", nargs="*", default=list(SETS))
    arguments = parser.parse_args()
    known = json.loads(HASHES.read_text()) if HASHES.is_file() else {}
    failed = 0
    for name in arguments.sets:
        stamp = arguments.root / name / ".stamp"
        wanted = {key: known.get(key) for key in (name, name + OPTIMISED)}
        said = VERSION + json.dumps(wanted)
        if stamp.is_file() and stamp.read_text() == said:
            continue
        made = make(arguments.root, name)
        off = made[name]["mean_bytes"] / SETS[name]["mean"] - 1
        print(f"{name}: {made[name]['mean_bytes'] / 1000:.1f} KB each ({100 * off:+.1f} %)", flush=True)
        if abs(off) > TOLERANCE:
            sys.exit(f"make_sets: {name}: the mean size is more than {100 * TOLERANCE:.0f} % off")
        if arguments.accept:
            known.update(made)
            HASHES.write_text(json.dumps(known, indent=1) + "\n")
        elif made != wanted:
            print(f"make_sets: {name}: made {json.dumps(made)}, but bench/sets.json has {json.dumps(wanted)}: "
                  "another version of the photographs, of Pillow or of numpy?", file=sys.stderr)
            failed = 1
            continue
        stamp.write_text(VERSION + json.dumps(made))
    return failed


if __name__ == "__main__":
    sys.exit(main())
