# SPDX-License-Identifier: Apache-2.0
"""
What every peer of the comparison does, and how it is timed.

A peer is a function `open_peer(paths, workers)` that returns `run(n)`: an iterator over the batches of the first n
paths, float32 [<=32, 3, 224, 224], in order, in the main process. The work: read, decode, shortest edge to 224
bicubic with antialiasing, centre crop 224, normalise.

    PEER.py WORKERS DIRECTORY [SAMPLE.npy]

prints {"items", "seconds", "items_per_s", "first_batch_s"}. One process a measurement. `first_batch_s` counts from
the exec of the process (BENCH_START) to its first batch: imports, pools and all. The rate leaves that out: before
its clock starts, two batches have gone through the same pipeline, so workers are up and code is warm; then the clock
runs from asking for the first picture to having the last batch. With SAMPLE.npy it writes its first batch instead.
"""
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

BATCH, SIZE = 32, 224
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
WARM_UP = 2 * BATCH


def plane_constants():
    """Mean and deviation as arrays that broadcast over [3, h, w]."""
    return (np.array(c, np.float32).reshape(3, 1, 1) for c in (MEAN, STD))


def target(width, height):
    """The size that the shortest edge asks for, and the corner of the centre crop."""
    short = min(width, height)
    size = (SIZE * width // short, SIZE * height // short)
    return size, (round((size[0] - SIZE) / 2), round((size[1] - SIZE) / 2))


def batches_of(rows):
    """Rows in order to stacked batches."""
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def main(open_peer):
    workers, folder = int(sys.argv[1]), Path(sys.argv[2])
    paths = sorted(str(p) for p in folder.iterdir() if not p.name.startswith("."))
    run = open_peer(paths, workers)
    warm_up = run(min(WARM_UP, len(paths)))
    first = np.asarray(next(warm_up))
    begun = os.environ.get("BENCH_START")
    first_batch = None if begun is None else round(time.monotonic() - float(begun), 3)
    if first.shape[1:] != (3, SIZE, SIZE) or first.dtype != np.float32:
        raise SystemExit(f"{sys.argv[0]}: a batch is {first.dtype}{first.shape}")
    if len(sys.argv) > 3:
        np.save(sys.argv[3], first)
        return
    for _ in warm_up:
        pass
    items, start = 0, time.perf_counter()
    for batch in run(len(paths)):
        items += len(batch)
    seconds = time.perf_counter() - start
    if items != len(paths):
        raise SystemExit(f"{sys.argv[0]}: {items} rows of {len(paths)} files")
    print(json.dumps({"items": items, "seconds": round(seconds, 4), "items_per_s": round(items / seconds, 1),
                      "first_batch_s": first_batch}), flush=True)
