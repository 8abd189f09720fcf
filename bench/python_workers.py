#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Items a second of a trivial callable: python workers of a stream, and multiprocessing.Pool with pickled arrays.

    PYTHONPATH=build/site python bench/python_workers.py [--items 4000] [--workers 2]

Both are given the same uint8 arrays [224,224,3] and give float32 rows [3,224,224] in batches of 32, in order. The start
of the workers is not counted. The two take turns; each figure is the best of `--rounds`.
"""
import argparse
import multiprocessing
import os
import platform
import time

import numpy

import millrace

SIDE = 224
BATCH = 32


def to_row(picture):
    """Next to nothing: another order and type."""
    return picture.transpose(2, 0, 1).astype(numpy.float32)


def by_stream(pool, pictures):
    """(items a second, sum of the rows)"""
    total, begun = 0.0, time.perf_counter()
    with millrace.Stream(pictures, pool=pool, batch=BATCH) as stream:
        for batch in stream:
            rows = batch.numpy()
            total += float(rows[:, 0, 0, 0].sum())
            del rows
    return len(pictures) / (time.perf_counter() - begun), total


def by_pool(pool, pictures):
    """The same with multiprocessing: rows come back pickled, and are put together to batches."""
    total, begun, waiting = 0.0, time.perf_counter(), []
    for row in pool.imap(to_row, pictures, chunksize=8):
        waiting.append(row)
        if len(waiting) == BATCH:
            total += float(numpy.stack(waiting)[:, 0, 0, 0].sum())
            waiting.clear()
    if waiting:
        total += float(numpy.stack(waiting)[:, 0, 0, 0].sum())
    return len(pictures) / (time.perf_counter() - begun), total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    kinds = [numpy.full((SIDE, SIDE, 3), k, numpy.uint8) for k in range(64)]
    pictures = [kinds[k % 64] for k in range(args.items)]
    best = {"stream": 0.0, "pool": 0.0}
    with millrace.Pool(workers=args.workers, preprocess=to_row, output_shape=(3, SIDE, SIDE)) as ours, \
            multiprocessing.get_context("spawn").Pool(args.workers) as theirs:
        by_stream(ours, pictures[:64])
        by_pool(theirs, pictures[:64])
        for _ in range(args.rounds):
            rate, total = by_stream(ours, pictures)
            other_rate, other_total = by_pool(theirs, pictures)
            if total != other_total:
                raise SystemExit(f"they differ: {total} and {other_total}")
            best = {"stream": max(best["stream"], rate), "pool": max(best["pool"], other_rate)}
    print(f"{platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} CPUs, Python "
          f"{platform.python_version()}, numpy {numpy.__version__}, {args.workers} workers, {args.items} items")
    print(f"millrace.Stream(preprocess=): {best['stream']:.0f} items/s; multiprocessing.Pool: {best['pool']:.0f} items/s; "
          f"ratio {best['stream'] / best['pool']:.2f}")


if __name__ == "__main__":
    main()
