#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One run of bench/python.py: the stream alone, from Python.

    python_stream.py folder|paths|generator|original WORKERS PLAN FOLDER

original: the class StreamingMultiprocessPreprocessor, whose plan is its own and whose arrays are copies.

Prints {"items":N,"seconds":S,"items_per_s":R,"cpu_s":C,"copied_bytes":B}, from before the stream is opened to its end, with a
view of every batch taken.
"""
import json
import os
import resource
import sys
import time

import numpy

import millrace


def names(folder):
    return sorted(entry.path for entry in os.scandir(folder) if not entry.name.startswith("."))


def stream_rows(inputs, workers, plan):
    """Items and copied bytes of a native stream."""
    items = 0
    with millrace.Stream(inputs, plan, workers=workers) as stream:
        for batch in stream:
            view = numpy.asarray(batch)
            items += len(view)
            del view
        return items, stream.stats().copied_bytes


def original_rows(inputs, workers):
    """Items of preprocess_stream."""
    with millrace.StreamingMultiprocessPreprocessor(num_workers=workers, data_format="NCHW") as preprocessor:
        return sum(len(batch["preprocessed"]) for batch in preprocessor.preprocess_stream(inputs)), 0


def cpu_seconds():
    """Of this process and of those that it has waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)


def main():
    kind, workers, plan, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    inputs = folder if kind == "folder" else names(folder)
    started, cpu = time.perf_counter(), cpu_seconds()
    if kind == "generator":
        inputs = ({"uri": path, "metadata": {"path": path}} for path in inputs)
    items, copied = original_rows(inputs, workers) if kind == "original" else stream_rows(inputs, workers, plan)
    seconds = time.perf_counter() - started
    print(json.dumps({"items": items, "seconds": round(seconds, 4), "items_per_s": round(items / seconds, 1),
                      "cpu_s": round(cpu_seconds() - cpu, 4),
                      "copied_bytes": copied}))


if __name__ == "__main__":
    main()
