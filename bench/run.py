#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: the numbers of the README, as ratios within one run.

For each set of photographs, interleaved so that a noisy machine is noisy for all of them:

    limit     N processes of libjpeg-turbo and nothing else (bench/limit.c), files in memory before the clock starts
    bare      N processes of decode + transform alone (bench/bare.c): the most this code can do here, and its stages
    millrace  millrace preprocess --out null:, the whole way from files to batches, whole process timed
    avx2      the same with MILLRACE_CPU=avx2
    pillow    a pool of N Python processes with Pillow and numpy (bench/peers/pillow_pool.py)

The -optimised sets hold the same pictures with Huffman tables of their own. Then the time from exec to the first
batch of 32 small pictures, and a whole ingest. Medians, with every single figure, go to bench/results/.
"""
import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import chart
from contest import (PLAN, ROOT, SETS, chosen, files_in, machine, median_ratio, millrace, pin, programs_in, rounded,
                     run_json, tjbench_check, write_results)

PILLOW = ROOT / "bench" / "peers" / "pillow_pool.py"
LIMIT_AT_LEAST = 0.95  # of tjbench


def stages_of(one):
    """Cycles a source pixel and shares, from one answer of the bare loop."""
    total = sum(one["ns"].values())
    cycles = {k: ns * 1e-9 * one["clock_hz"] / one["pixels"] for k, ns in one["ns"].items()}
    return {"cycles_per_pixel": {k: round(v, 2) for k, v in cycles.items()},
            "share": {k: round(ns / total, 3) for k, ns in one["ns"].items()},
            "transform_to_decode": round((one["ns"]["resize"] + one["ns"]["store"]) / one["ns"]["decode"], 3),
            **({"jpeg": one["jpeg"]} if "jpeg" in one else {})}


def measure_set(programs, folder, workers, rounds, with_pillow):
    rates = {"limit": [], "bare": [], "millrace": [], "avx2": [], **({"pillow": []} if with_pillow else {})}
    stages = []
    for turn in range(rounds):
        rates["limit"].append(run_json([programs["limit"], workers, folder])["items_per_s"])
        stages.append(run_json([programs["bare"], workers, PLAN, folder]))
        rates["bare"].append(stages[-1]["items_per_s"])
        rates["millrace"].append(millrace(programs, folder, workers)[0])
        rates["avx2"].append(millrace(programs, folder, workers, MILLRACE_CPU="avx2")[0])
        if with_pillow and turn < max(1, rounds // 2):
            rates["pillow"].append(run_json([sys.executable, PILLOW, workers, folder])["items_per_s"])
    median = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    best = max(stages, key=lambda one: one["items_per_s"])  # the least disturbed round
    return {"items": len(files_in(folder)), "median": median,
            "ratio": {"millrace_to_limit": median_ratio(rates["millrace"], rates["limit"]),
                      "avx2_to_limit": median_ratio(rates["avx2"], rates["limit"]),
                      "millrace_to_bare": median_ratio(rates["millrace"], rates["bare"]),
                      **({"millrace_to_pillow": round(median["millrace"] / median["pillow"], 2)}
                         if with_pillow else {})},
            "stages": stages_of(best), "all": {k: rounded(values) for k, values in rates.items()}}


def first_batch(programs, folder, workers, scratch):
    """Milliseconds from exec to the first batch of 32, twenty times."""
    few = scratch / "first"
    few.mkdir()
    for path in sorted(folder.glob("*-0.jpg"))[:32]:
        os.link(path, few / path.name)
    times = [millrace(programs, few, workers)[1]["first_batch_ms"] for _ in range(20)]
    return {"median_ms": round(statistics.median(times), 1), "all_ms": times}


def whole_ingest(programs, folder, scratch):
    summary = run_json([programs["millrace"], "ingest", folder, "--into", scratch / "bench.mill", "--json",
                        "--progress", "never"])
    return {key: summary[key] for key in
            ("items", "ok", "seconds", "items_per_s", "bottleneck", "peak_memory_bytes")}


def table(result):
    lines = ["| set | decode-only limit | bare loop | millrace | of the limit | with AVX2 only | Pillow pool | "
             "times Pillow |", "|---|---|---|---|---|---|---|---|"]
    for name, one in result["sets"].items():
        median, ratio = one["median"], one["ratio"]
        pillow = (f"{median['pillow']:.0f} | {ratio['millrace_to_pillow']:.1f}" if "pillow" in median else "| ")
        lines.append(f"| {name} | {median['limit']:.0f} | {median['bare']:.0f} | {median['millrace']:.0f} | "
                     f"{ratio['millrace_to_limit']:.2f} | {ratio['avx2_to_limit']:.2f} | {pillow} |")
    lines += ["", "Where the time goes: cycles a source pixel (share), the bare loop.", "",
              "| set | read | decode | resize | store | resize and store : decode | JPEG decoders |", "|---|---|---|---|---|---|---|"]
    for name, one in result["sets"].items():
        stages = one["stages"]
        parts = " | ".join(f"{stages['cycles_per_pixel'][k]:.1f} ({100 * stages['share'][k]:.0f} %)"
                           for k in ("read", "decode", "resize", "store"))
        who = ", ".join(f"{k} {n}" for k, n in stages.get("jpeg", {}).items()) or "libjpeg-turbo"
        lines.append(f"| {name} | {parts} | {stages['transform_to_decode']:.2f} | {who} |")
    return "\n".join(lines)


def picture(result):
    sets = {name: {"limit": one["median"]["limit"],
                   "rates": {"millrace": one["median"]["millrace"], "Pillow, pool": one["median"]["pillow"]}}
            for name, one in result["sets"].items() if "pillow" in one["median"]}
    return chart.draw(result, sets)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, default=ROOT / "build" / "bench" / "sets")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=1, help="of the files of each set, for a short run")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "core.json")
    return parser.parse_args()


def main():
    o = options()
    programs = programs_in(o.build)
    result = {"command": "make bench", "machine": machine(), "workers": o.workers, "plan": PLAN,
              "rounds": o.rounds, "share": o.share, "limit_check": {}, "sets": {}}
    pin(o.workers)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=o.sets))
    try:
        for name in SETS:
            result["limit_check"][name] = tjbench_check(programs["limit"], files_in(o.sets / name)[0], scratch)
            print("limit :", name, "tjbench", result["limit_check"][name]["ratio"], flush=True)
        for name in (*SETS, *(f"{s}-optimised" for s in SETS)):
            folder = chosen(o.sets / name, o.share, scratch)
            result["sets"][name] = measure_set(programs, folder, o.workers, o.rounds, name in SETS)
            print(name, result["sets"][name]["median"], flush=True)
        result["first_batch"] = first_batch(programs, o.sets / "small", o.workers, scratch)
        result["ingest_small"] = whole_ingest(programs, chosen(o.sets / "small", o.share, scratch), scratch)
    finally:
        shutil.rmtree(scratch)
    write_results(o.out, result,
                  f"{result['machine']['cpu']}, load {result['machine']['load_before']} before it began, {o.workers} workers, "
                  f"images/s, medians of {o.rounds}, {o.share:.0%} of the files; `make bench`\n\n"
                  f"{table(result)}\n\nFirst batch of 32 small JPEGs: {result['first_batch']['median_ms']} ms after exec "
                  f"(median of 20). The limit by itself is "
                  f"{min(one['ratio'] for one in result['limit_check'].values()):.2f} times as fast as `tjbench`, or more.\n")
    o.out.with_suffix(".svg").write_text(picture(result))
    slow = {name: one for name, one in result["limit_check"].items() if one["ratio"] < LIMIT_AT_LEAST}
    if slow:
        print(f"bench: the decode-only limit is slower than {LIMIT_AT_LEAST} of tjbench: {slow}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
