#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SPDL: FFmpeg decodes, scales and crops, in `workers` threads of one process."""
import numpy as np
import spdl.io
from PIL import Image
from spdl.pipeline import PipelineBuilder

import peer

MEAN, STD = peer.plane_constants()


def open_peer(paths, workers):
    with Image.open(paths[0]) as image:
        size, _ = peer.target(*image.size)
    steps = spdl.io.get_video_filter_desc(scale_width=size[0], scale_height=size[1], scale_algo="bicubic",
                                          scale_mode=None, crop_width=peer.SIZE, crop_height=peer.SIZE)

    def preprocess(path):
        pixels = spdl.io.to_numpy(spdl.io.load_image(path, filter_desc=steps))
        return (pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255) - MEAN) / STD

    def run(n):
        pipeline = (PipelineBuilder().add_source(paths[:n])
                    .pipe(preprocess, concurrency=workers, output_order="input")
                    .aggregate(peer.BATCH).pipe(np.stack).add_sink(2).build(num_threads=workers))
        with pipeline.auto_stop():
            yield from pipeline.get_iterator()

    return run


if __name__ == "__main__":
    peer.main(open_peer)
