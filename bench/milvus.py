#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upserts into the real Milvus: millrace's store beside the official Python client.

    bench/milvus.py [--build build] [--rounds 5] [--rows 20000] [--dim 512] [--batch 1000]

One server, started for this (or --address); the clients take turns, each into a collection of its own (VARCHAR key,
vector, JSON). Both are given their rows before the clock starts. Writes bench/results/milvus.json.
"""
import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# beside this file lies an http.py, which is not Python's
sys.path[:] = [str(ROOT / "tests"), *(p for p in sys.path if Path(p).resolve() != ROOT / "bench")]
import numpy as np  # noqa: E402
import pymilvus  # noqa: E402
import servers  # noqa: E402
from pymilvus import DataType, MilvusClient  # noqa: E402


def make_collection(client, name, dim):
    schema = client.create_schema()
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
    schema.add_field("metadata", DataType.JSON)
    client.create_collection(name, schema=schema)


def official(client, name, first, args):
    """The official client: rows as it wants them, vectors as numpy arrays (faster than lists)."""
    vectors = np.random.default_rng(first).standard_normal((args.rows, args.dim), dtype=np.float32)
    rows = [{"id": f"row-{first + i:09}", "vector": vectors[i], "metadata": {"n": first + i, "label": "cat"}}
            for i in range(args.rows)]
    cpu, start = time.process_time(), time.monotonic()
    for at in range(0, args.rows, args.batch):
        client.upsert(name, rows[at:at + args.batch])
    return {"rows": args.rows, "seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - cpu}


def ours(server, name, first, args, in_flight):
    """The store as a pipeline uses it."""
    config = {**os.environ, "MILLRACE_MODULES": str(args.build.resolve())}
    done = subprocess.run([args.build / "bench/milvus-upsert", f"milvus://{server.address}", name, str(first),
                           str(args.rows), str(args.dim), str(args.batch), str(in_flight)],
                          stdout=subprocess.PIPE, env=config, check=True)
    return json.loads(done.stdout)


def summary(runs):
    rate = [run["rows"] / run["seconds"] for run in runs]
    cpu = [run["cpu_seconds"] / run["rows"] * 1e6 for run in runs]
    return {"rows_per_s": round(statistics.median(rate)), "cpu_us_per_row": round(statistics.median(cpu), 2),
            "rounds": [{k: round(v, 4) for k, v in run.items()} for run in runs]}


@contextlib.contextmanager
def there_already(address):
    yield argparse.Namespace(address=address, uri=f"http://{address}")


def measure(args):
    runs = {"pymilvus": [], "millrace, 1 in flight": [], "millrace, 4 in flight": []}
    with there_already(args.address) if args.address else servers.milvus() as server:
        client = MilvusClient(server.uri)
        make_collection(client, "official", args.dim)
        official(client, "official", 0, argparse.Namespace(rows=args.batch, dim=args.dim, batch=args.batch))
        for turn in range(args.rounds):
            first = (turn + 1) * args.rows
            for in_flight in (1, 4):
                runs[f"millrace, {in_flight} in flight"].append(
                    ours(server, f"ours{in_flight}", first, args, in_flight))
            runs["pymilvus"].append(official(client, "official", first, args))
        client.close()
    return {name: summary(r) for name, r in runs.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--address", metavar="HOST:PORT", help="a server that is there already and empty")
    args = parser.parse_args()
    results = measure(args)
    base = results["pymilvus"]
    for result in results.values():
        result["times_rate"] = round(result["rows_per_s"] / base["rows_per_s"], 2)
        result["part_of_cpu"] = round(result["cpu_us_per_row"] / base["cpu_us_per_row"], 3)
    text = {"command": f"bench/milvus.py --rounds {args.rounds} --rows {args.rows}", "server": "Milvus 2.3.5 standalone",
            "pymilvus": pymilvus.__version__, "python": platform.python_version(), "cores": os.cpu_count(),
            "dim": args.dim, "batch": args.batch, "results": results}
    path = ROOT / "bench/results/milvus.json"
    path.write_text(json.dumps(text, indent=1) + "\n", "utf-8")
    for name, result in results.items():
        print(f"{name:<24} {result['rows_per_s']:>7} rows/s  {result['cpu_us_per_row']:>7} us CPU a row  "
              f"{result['times_rate']} x rate, {result['part_of_cpu']} of the CPU")


if __name__ == "__main__":
    main()
