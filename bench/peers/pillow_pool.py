#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What most pipelines do today: a pool of processes with Pillow and numpy. The reference for exactness."""
import multiprocessing

import numpy as np
from PIL import Image

import peer

MEAN, STD = peer.plane_constants()


def preprocess(path):
    """Shortest edge to 224, bicubic, centre crop, float32 [3,224,224]."""
    with Image.open(path) as image:
        size, (left, top) = peer.target(*image.size)
        image = image.resize(size, Image.Resampling.BICUBIC)
        image = image.crop((left, top, left + peer.SIZE, top + peer.SIZE)).convert("RGB")
    pixels = np.asarray(image).transpose(2, 0, 1).astype(np.float32)
    return (pixels / np.float32(255) - MEAN) / STD


def open_peer(paths, workers):
    pool = multiprocessing.Pool(workers)
    return lambda n: peer.batches_of(pool.imap(preprocess, paths[:n], chunksize=8))


if __name__ == "__main__":
    peer.main(open_peer)
