#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: the numbers of the README, as ratios within one run.

For each set of photographs, interleaved so that a noisy machine is noisy for all of them:

    bare     N processes of decode + transform alone (bench/bare.c): the most this code can do here
    stream   millrace preprocess --out null:, the whole way from files to batches, whole process timed
    pillow   a pool of N Python processes with Pillow and numpy (bench/pillow_pool.py)

Then the time from exec to the first batch of 32 small pictures, and a whole ingest. Medians, with every
single figure, the command and the machine, go to bench/results/.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLAN = "openai/clip-vit-base-patch32@openclip"


def run_json(command):
    """Runs it; its last line is one JSON object."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.decode().strip().splitlines()[-1])


def rate_of_process(command, items):
    """Items a second over the whole life of the process."""
    start = time.perf_counter()
    summary = run_json(command)
    seconds = time.perf_counter() - start
    if summary["ok"] != items:
        raise SystemExit(f"{command}: {summary['ok']} of {items} are ok")
    return items / seconds


def measure_set(programs, folder, workers, rounds):
    items = sum(1 for p in folder.iterdir() if not p.name.startswith("."))
    rates = {"bare": [], "stream": [], "pillow": []}
    for turn in range(rounds):
        rates["bare"].append(
            run_json([programs["bare"], workers, PLAN, folder])["items_per_s"])
        rates["stream"].append(rate_of_process(
            [programs["millrace"], "preprocess", folder, "--out", "null:", "--plan", PLAN,
             "--workers", workers, "--progress", "never", "--json"], items))
        if turn < max(1, rounds // 2):
            rates["pillow"].append(run_json(
                [sys.executable, ROOT / "bench" / "pillow_pool.py", workers, folder])["items_per_s"])
    median = {name: statistics.median(values) for name, values in rates.items()}
    ratios = [s / b for s, b in zip(rates["stream"], rates["bare"])]
    return {"items": items, "median": {k: round(v, 1) for k, v in median.items()},
            "stream_to_bare": round(statistics.median(ratios), 3),
            "stream_to_pillow": round(median["stream"] / median["pillow"], 2),
            "all": {k: [round(v, 1) for v in values] for k, values in rates.items()}}


def first_batch(millrace, folder, workers, scratch):
    """Milliseconds from exec to the first batch of 32, twenty times."""
    few = scratch / "first"
    few.mkdir()
    for path in sorted(folder.glob("*-0.jpg"))[:32]:
        os.link(path, few / path.name)
    times = [run_json([millrace, "preprocess", few, "--out", "null:", "--plan", PLAN, "--workers",
                       workers, "--json", "--progress", "never"])["first_batch_ms"]
             for _ in range(20)]
    return {"median_ms": round(statistics.median(times), 1), "all_ms": times}


def whole_ingest(millrace, folder, scratch):
    summary = run_json([millrace, "ingest", folder, "--into", scratch / "bench.mill", "--json",
                        "--progress", "never"])
    return {key: summary[key] for key in
            ("items", "ok", "seconds", "items_per_s", "bottleneck", "peak_memory_bytes")}


def machine():
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def table(result):
    lines = ["| set | bare loop | millrace | of bare | Pillow pool | times Pillow |",
             "|---|---|---|---|---|---|"]
    for name, one in result["sets"].items():
        median = one["median"]
        lines.append(f"| {name} | {median['bare']:.0f} | {median['stream']:.0f} | "
                     f"{one['stream_to_bare']:.2f} | {median['pillow']:.0f} | "
                     f"{one['stream_to_pillow']:.1f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, default=ROOT / "build" / "bench" / "sets")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "core.json")
    arguments = parser.parse_args()
    programs = {"millrace": arguments.build / "millrace",
                "bare": arguments.build / "bench" / "bare-loop"}
    result = {"command": "make bench", "machine": machine(), "workers": arguments.workers,
              "plan": PLAN, "rounds": arguments.rounds, "sets": {}}
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=arguments.sets))
    try:
        for name in ("small", "web", "phone"):
            if (arguments.sets / name).is_dir():
                result["sets"][name] = measure_set(programs, arguments.sets / name,
                                                   arguments.workers, arguments.rounds)
                print(name, json.dumps(result["sets"][name]["median"]), flush=True)
        result["first_batch"] = first_batch(programs["millrace"], arguments.sets / "small",
                                            arguments.workers, scratch)
        result["ingest_small"] = whole_ingest(programs["millrace"], arguments.sets / "small", scratch)
    finally:
        shutil.rmtree(scratch)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    text = (f"{result['machine']['cpu']}, {arguments.workers} workers, images/s, medians of "
            f"{arguments.rounds}; `make bench`\n\n{table(result)}\n\n"
            f"First batch of 32 small JPEGs: {result['first_batch']['median_ms']} ms after exec "
            f"(median of 20).\n")
    arguments.out.with_suffix(".md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
