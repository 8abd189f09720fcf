#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fastembed's image transforms, as its CLIP models are configured, in a pool of processes."""
import multiprocessing

import numpy as np
from fastembed.image.transform.operators import Compose
from PIL import Image

import peer

TRANSFORM = Compose.from_config({
    "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": peer.SIZE},
    "resample": 3, "do_center_crop": True, "crop_size": {"height": peer.SIZE, "width": peer.SIZE},
    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": list(peer.MEAN),
    "image_std": list(peer.STD)})


def preprocess(path):
    with Image.open(path) as image:
        return np.asarray(TRANSFORM([image])[0], np.float32)


def open_peer(paths, workers):
    pool = multiprocessing.Pool(workers)
    return lambda n: peer.batches_of(pool.imap(preprocess, paths[:n], chunksize=8))


if __name__ == "__main__":
    peer.main(open_peer)
