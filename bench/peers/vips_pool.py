#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libvips in a pool of processes: full decode, cubic with antialiasing; normalised with numpy."""
import multiprocessing
import os

os.environ["VIPS_CONCURRENCY"] = "1"
import pyvips  # noqa: E402

import numpy as np  # noqa: E402

import peer  # noqa: E402

MEAN, STD = peer.plane_constants()


def preprocess(path):
    image = pyvips.Image.new_from_file(path, access="sequential")
    size, (left, top) = peer.target(image.width, image.height)
    image = image.resize(size[0] / image.width, vscale=size[1] / image.height, kernel="cubic")
    image = image.crop(left, top, peer.SIZE, peer.SIZE)
    return (image.numpy().transpose(2, 0, 1).astype(np.float32) / np.float32(255) - MEAN) / STD


def open_peer(paths, workers):
    pool = multiprocessing.Pool(workers)
    return lambda n: peer.batches_of(pool.imap(preprocess, paths[:n], chunksize=8))


if __name__ == "__main__":
    peer.main(open_peer)
