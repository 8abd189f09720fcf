#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What most pipelines do today: a pool of processes with Pillow and numpy; batches arrive in the main process.

Prints {"items":N,"seconds":S,"items_per_s":R}; the clock starts when the pool is up.
"""
import json
import multiprocessing
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32).reshape(3, 1, 1)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32).reshape(3, 1, 1)


def preprocess(path):
    """Shortest edge to 224, bicubic, centre crop, float32 [3,224,224]."""
    with Image.open(path) as image:
        width, height = image.size
        short = min(width, height)
        size = (SIZE * width // short, SIZE * height // short)
        image = image.resize(size, Image.Resampling.BICUBIC)
        left, top = round((size[0] - SIZE) / 2), round((size[1] - SIZE) / 2)
        image = image.crop((left, top, left + SIZE, top + SIZE)).convert("RGB")
    pixels = np.asarray(image).transpose(2, 0, 1).astype(np.float32)
    return (pixels / np.float32(255) - MEAN) / STD


def main():
    workers, folder = int(sys.argv[1]), Path(sys.argv[2])
    paths = sorted(str(p) for p in folder.iterdir() if not p.name.startswith("."))
    batch, batches = [], 0
    with multiprocessing.Pool(workers) as pool:
        pool.map(abs, range(workers * 4))
        start = time.perf_counter()
        for row in pool.imap(preprocess, paths, chunksize=8):
            batch.append(row)
            if len(batch) == 32:
                batches += len(np.stack(batch)) == 32
                batch = []
        seconds = time.perf_counter() - start
    print(json.dumps({"items": len(paths), "seconds": round(seconds, 4),
                      "items_per_s": round(len(paths) / seconds, 1)}))


if __name__ == "__main__":
    main()
