#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Python package against the C stream and a Pillow pool: `make bench-python`.

For each set of photographs, interleaved and in turns of changing order, so that a noisy machine is noisy for all:

    c           bench/stream.c: a loop over mr_stream_next
    folder      millrace.Stream over the folder, a numpy view of every batch
    paths       the same over a list of paths, walked by Python
    generator   the same over a generator of dicts with metadata
    original    preprocess_stream of the original's class, whose arrays are copies, over a list of paths
    c-original  bench/stream.c with its plan, original/masked-stretch
    pillow      a pool of processes with Pillow and numpy (bench/peers/pillow_pool.py)

Ratios are medians over the turns; with every figure they go to bench/results/python.json. The CPU time of
host and workers together, over the same part of the program, depends far less on who else is busy.
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

from contest import PLAN, ROOT, machine, run_json

BENCH = ROOT / "bench"
STREAMS = ("folder", "paths", "generator", "original")
ORIGINAL = "original/masked-stretch"


def busy_seconds():
    """CPU seconds that this machine has worked for so far, for whomever."""
    user, nice, system, _, _, irq, softirq, *_ = (int(word) for word in
                                                  Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def quiet_run(arguments, command):
    """Runs it, again while others took more of the machine meanwhile than --others says; its figures."""
    while True:
        busy, own, started = busy_seconds(), own_seconds(), time.monotonic()
        said = run_json(command)
        cpu = own_seconds() - own
        cores = len(os.sched_getaffinity(0)) * (time.monotonic() - started)
        others = (busy_seconds() - busy - cpu) / cores
        if others <= arguments.others or arguments.others >= 1:
            return said
        print(f"  others took {others:.0%}: again", file=sys.stderr, flush=True)
        time.sleep(arguments.pause)


def commands(arguments, folder):
    """name -> command line."""
    loop = [arguments.build / "bench" / "stream-loop", arguments.workers, PLAN, folder]
    python = {kind: [sys.executable, BENCH / "python_stream.py", kind, arguments.workers, PLAN, folder]
              for kind in STREAMS}
    original = [*loop[:2], ORIGINAL, folder]
    pillow = [sys.executable, BENCH / "peers" / "pillow_pool.py", arguments.workers, folder]
    return {"c": loop, **python, "c-original": original, "pillow": pillow}


def basis(kind):
    """What a kind is compared with: the C loop with the same plan."""
    return "c-original" if kind == "original" else "c"


def measure(arguments, folder):
    """All figures of one set."""
    rates, costs = {}, {}
    items = sum(1 for entry in os.scandir(folder) if not entry.name.startswith("."))
    todo = commands(arguments, folder)
    for turn in range(arguments.rounds):
        for name in sorted(todo, reverse=turn % 2 == 1):
            if name == "pillow" and turn >= max(1, arguments.rounds // 2):
                continue
            said = quiet_run(arguments, todo[name])
            if said["items"] != items or said.get("copied_bytes"):
                raise SystemExit(f"{name}: {said}, {items} items were expected and no copy")
            rates.setdefault(name, []).append(said["items_per_s"])
            if "cpu_s" in said:
                costs.setdefault(name, []).append(1e3 * said["cpu_s"] / said["items"])
    median = {name: statistics.median(values) for name, values in rates.items()}
    of_c = {kind: round(statistics.median(a / b for a, b in zip(rates[kind], rates[basis(kind)])), 3) for kind in STREAMS}
    cpu = {name: round(statistics.median(values), 4) for name, values in costs.items()}
    return {"items": items, "median": median, "of_c": of_c,
            "folder_to_pillow": round(median["folder"] / median["pillow"], 2), "cpu_ms_an_item": cpu,
            "cpu_of_c": {kind: round(cpu[kind] / cpu[basis(kind)], 3) for kind in STREAMS},
            "all": rates, "all_cpu_ms": {name: [round(v, 4) for v in values] for name, values in costs.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, default=ROOT / "build/bench/sets")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--site", type=Path, default=ROOT / "build/site")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--others", type=float, default=1, help="part of the machine that others may take (1: any)")
    parser.add_argument("--pause", type=float, default=5, help="seconds between two tries")
    parser.add_argument("--only", action="append", choices=("small", "web", "phone"))
    parser.add_argument("--out", type=Path, default=BENCH / "results/python.json")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(arguments.site)
    os.environ["MILLRACE_WORKER"] = str(arguments.site / "millrace/millrace-worker")  # the same one for all
    result = {"command": "make bench-python", "machine": machine(), "python": sys.version.split()[0],
              "workers": arguments.workers, "others_at_most": arguments.others, "plan": PLAN, "rounds": arguments.rounds, "sets": {}}
    for name in arguments.only or ("small", "web"):
        result["sets"][name] = measure(arguments, arguments.sets / name)
        print(name, json.dumps({k: v for k, v in result["sets"][name].items()
                                if not k.startswith("all")}), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
