# SPDX-License-Identifier: Apache-2.0
"""Pictures with metadata from a program of one's own into a collection, and a search by picture.

usage: python ingest_search.py FOLDER STORE QUERY
"""
import sys
from pathlib import Path

import millrace


def items(folder):
    """A generator: the end of the pictures need not be known."""
    for number, path in enumerate(sorted(Path(folder).glob("*.jpg"))):
        yield {"uri": path, "id": path.stem, "metadata": {"number": number}}


def main():
    folder, store, query = sys.argv[1:]
    with millrace.Pipeline(items(folder), store) as pipeline:
        summary = pipeline.run(progress=lambda p: print(f"{p.items} items, {p.bottleneck}", file=sys.stderr))
    print(f"{summary.items} items: {summary.ok} ok, {summary.failed} failed, {summary.skipped} skipped")
    with millrace.Store(store, read_only=True) as opened:
        for hit in opened.search(image=query, k=5):
            print(f"{hit.score:.4f}  {hit.id}  {hit.metadata['number']}")


if __name__ == "__main__":
    main()
