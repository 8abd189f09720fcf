# SPDX-License-Identifier: Apache-2.0
"""Mean and deviation of each channel over a folder of pictures, from views of shared memory: nothing is copied.

usage: python numpy_stream.py FOLDER
"""
import sys

import numpy

import millrace


def main():
    total, squares, pixels = numpy.zeros(3), numpy.zeros(3), 0
    with millrace.Stream(sys.argv[1], "openai/clip-vit-base-patch32@openclip") as stream:
        for batch in stream:
            rows = batch.numpy()  # float32 [N,3,224,224], read-only
            total += rows.sum(axis=(0, 2, 3), dtype=numpy.float64)
            squares += numpy.square(rows, dtype=numpy.float64).sum(axis=(0, 2, 3))
            pixels += rows.shape[0] * rows.shape[2] * rows.shape[3]
            for item in batch.failures:
                print(f"failed: {item.id}: {item.code}", file=sys.stderr)
            del rows  # or the slot is held until the next turn
        stats = stream.stats()
    if not pixels:
        sys.exit("no picture")
    mean = total / pixels
    deviation = numpy.sqrt(squares / pixels - mean * mean)
    print(f"{stats.ok} ok, {stats.failed} failed, {stats.copied_bytes} bytes copied")
    print("mean", *(f"{value:.4f}" for value in mean), "deviation", *(f"{value:.4f}" for value in deviation))


if __name__ == "__main__":
    main()
