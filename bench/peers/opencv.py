#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenCV in threads, each of which works alone. It has no bicubic with antialiasing: INTER_AREA is its nearest."""
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

import peer

MEAN, STD = peer.plane_constants()


def preprocess(path):
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    size, (left, top) = peer.target(image.shape[1], image.shape[0])
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    image = cv2.cvtColor(image[top:top + peer.SIZE, left:left + peer.SIZE], cv2.COLOR_BGR2RGB)
    planes = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
    planes *= np.float32(1 / 255)
    planes -= MEAN
    planes /= STD
    return planes


def open_peer(paths, workers):
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(workers)
    return lambda n: peer.batches_of(pool.map(preprocess, paths[:n]))


if __name__ == "__main__":
    peer.main(open_peer)
