#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Daft: download, decode, resize and crop as expressions over a data frame; normalised with numpy at the end.

Its resize takes one size for all, so the size comes from the first file: the pictures of a set are of one size. It
works with as many threads as it sees cores, which are `workers` here.
"""
import os
import sys

os.environ.setdefault("DAFT_PROGRESS_BAR", "0")
os.environ.setdefault("DO_NOT_TRACK", "true")
sys.modules["tensorflow"] = None  # it would import it for several seconds, only because it is there
import daft  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import peer  # noqa: E402

MEAN, STD = peer.plane_constants()


def normalised(pixels):
    planes = pixels.reshape(-1, peer.SIZE, peer.SIZE, 3).transpose(0, 3, 1, 2).astype(np.float32)
    return (planes / np.float32(255) - MEAN) / STD


def open_peer(paths, _):
    with Image.open(paths[0]) as image:
        size, corner = peer.target(*image.size)

    def run(n):
        picture = daft.col("path").download().decode_image(mode="RGB")
        picture = picture.resize(*size).crop([*corner, peer.SIZE, peer.SIZE])
        frame = daft.from_pydict({"path": paths[:n]}).into_batches(peer.BATCH)
        rows = (row["picture"] for row in frame.select(picture.alias("picture")).iter_rows())
        return (normalised(batch) for batch in peer.batches_of(rows))

    return run


if __name__ == "__main__":
    peer.main(open_peer)
