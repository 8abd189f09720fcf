#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NVIDIA DALI, its CPU operators, `workers` threads.

Its pipeline runs ahead of who asks, by two batches: as many when the clock starts as when it stops.
"""
import itertools

from nvidia.dali import fn, pipeline_def, types

import peer


@pipeline_def(batch_size=peer.BATCH, device_id=None, prefetch_queue_depth=2)
def pictures(paths):
    encoded, _ = fn.readers.file(files=paths, name="files")
    image = fn.decoders.image(encoded, device="cpu", output_type=types.RGB)
    image = fn.resize(image, resize_shorter=peer.SIZE, interp_type=types.INTERP_CUBIC, antialias=True)
    return fn.crop_mirror_normalize(image, crop=(peer.SIZE, peer.SIZE), dtype=types.FLOAT, output_layout="CHW",
                                    mean=[255 * m for m in peer.MEAN], std=[255 * s for s in peer.STD])


def open_peer(paths, workers):
    pipeline = pictures(paths, num_threads=workers)
    pipeline.build()

    def run(n):
        for left in itertools.takewhile(lambda k: k > 0, itertools.count(n, -peer.BATCH)):
            yield pipeline.run()[0].as_array()[:left]

    return run


if __name__ == "__main__":
    peer.main(open_peer)
