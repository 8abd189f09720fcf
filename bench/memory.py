#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make soak: how much memory a long run takes, and whether --memory holds.

    flat     200,000 tiny pictures with distinct names through `ingest` and through `preprocess --out null:`.
             After a tenth of the items the memory must stay within 5 % of its middle.
    limit    1x1 and 50-megapixel pictures (baseline, progressive and 4:4:4 progressive JPEG, PNG)
             through `ingest --memory 256M`: never more than that, and each is stored or refused by name.
             There are so many small ones that the run takes all the memory that a long run takes.

Memory is the sum of Pss over host and workers: shared memory counts once. It is sampled from outside, with a
reading of the progress line beside it. Figures, command and machine go to bench/results/.
"""
import argparse
import json
import os
import platform
import random
import re
import select
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
WARM_UP = 0.10
TOLERANCE = 0.05
LIMIT = "256M"
LIMIT_MIB = 256
BIG = (8192, 6144)  # 50.3 megapixels
SMALL = 320         # 1x1 pictures behind each large one
COUNT = re.compile(rb"^(\d+)[ /]")


# ---- pictures ----------------------------------------------------------------------------------

def make_tiny(folder, count, kinds=64):
    """`count` names of `kinds` tiny pictures, as hard links, a thousand a folder."""
    from PIL import Image
    rng = random.Random(4)
    stamp = folder / f".made-{count}"
    if stamp.exists():
        return
    (folder / ".kinds").mkdir(parents=True, exist_ok=True)
    originals = []
    for kind in range(kinds):
        name = folder / ".kinds" / f"{kind}.{('jpg', 'png')[kind % 2]}"
        Image.new("RGB", (rng.randint(1, 8), rng.randint(1, 8)), tuple(rng.randbytes(3))).save(name)
        originals.append(name)
    for number in range(count):
        part = folder / f"{number // 1000:04d}"
        if number % 1000 == 0:
            part.mkdir(exist_ok=True)
        original = originals[number % kinds]
        link = part / f"{number:07d}{original.suffix}"
        if not link.exists():
            os.link(original, link)
    stamp.touch()


def make_mix(folder, rounds, small=SMALL):
    """50-megapixel pictures, each with `small` of 1x1 behind it; {name of a large one: its kind}."""
    from PIL import Image
    large = folder / ".large"
    large.mkdir(parents=True, exist_ok=True)
    kinds = {"baseline.jpg": {"quality": 60},
             "progressive.jpg": {"quality": 60, "progressive": True},
             "progressive444.jpg": {"quality": 40, "progressive": True, "subsampling": "4:4:4"},
             "plain.png": {"compress_level": 1}}
    if not all((large / kind).exists() for kind in kinds):
        tile = Image.effect_noise((512, 512), 40)
        tile = Image.merge("RGB", (tile, tile.rotate(90), tile.rotate(180)))
        image = Image.new("RGB", BIG)
        for x in range(0, BIG[0], 512):
            for y in range(0, BIG[1], 512):
                image.paste(tile, (x, y))
        for kind, options in kinds.items():
            image.save(large / kind, **options)
    names = {}
    for turn in range(rounds):
        for number, kind in enumerate(kinds):
            name = folder / f"{turn:02d}-{number}-large-{kind}"
            if not name.exists():
                os.link(large / kind, name)
            names[str(name)] = kind
            for each in range(small):
                name = folder / f"{turn:02d}-{number}-small-{each:03d}.png"
                if not name.exists():
                    Image.new("RGB", (1, 1), (turn, number, each % 256)).save(name)
    return names


# ---- watching ----------------------------------------------------------------------------------

def pss(pid):
    """Bytes of a process, shared pages by its share; 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) << 10
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as line:
            direct = line.read().split()
        for task in os.listdir(f"/proc/{pid}/task"):
            if task != str(pid):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as line:
                    direct += line.read().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return direct


def watch(command, every_s):
    """Runs it; its summary, exit status and samples [seconds, items, host bytes, worker bytes]."""
    began = time.monotonic()
    samples, items, rest = [], 0, b""
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.stdout.fileno(), process.stderr.fileno()
        text, open_ends, due = b"", {out, err}, began
        while open_ends:
            readable, _, _ = select.select(open_ends, [], [], max(0, due - time.monotonic()))
            for fd in readable:
                data = os.read(fd, 65536)
                if not data:
                    open_ends.discard(fd)
                elif fd == out:
                    text += data
                else:
                    *lines, rest = (rest + data).split(b"\n")
                    counts = [COUNT.match(line) for line in lines]
                    items = max([items, *(int(c[1]) for c in counts if c)])
                    others = [line for line, c in zip(lines, counts) if not c]
                    sys.stderr.buffer.write(b"".join(line + b"\n" for line in others))
            if time.monotonic() >= due:
                due += every_s
                pids = children(process.pid)
                samples.append([round(time.monotonic() - began, 2), items, pss(process.pid),
                                sum(map(pss, pids))])
    return json.loads(text.splitlines()[-1]), process.returncode, samples[1:-1]


def flatness(samples, items):
    """Of what came after the warm-up: extremes, and how far they are from their middle, as a part of it."""
    late = [host + workers for _, done, host, workers in samples if done >= items * WARM_UP]
    if not late:
        raise SystemExit("the run is too short to be sampled: raise --items")
    middle = (max(late) + min(late)) / 2
    return {"samples": len(late), "least_mib": round(min(late) / MIB, 2),
            "median_mib": round(statistics.median(late) / MIB, 2), "most_mib": round(max(late) / MIB, 2),
            "first_mib": round(late[0] / MIB, 2), "last_mib": round(late[-1] / MIB, 2),
            "deviation": round((max(late) - middle) / middle, 4)}


# ---- the two parts -----------------------------------------------------------------------------

def flat(args, work):
    make_tiny(work / "tiny", args.items)
    results = {}
    store = work / "memory.mill"
    common = ["--workers", args.workers, "--progress", "always", "--json"]
    for name, command in {
            "preprocess": ["preprocess", work / "tiny", "--out", "null:", *common],
            "ingest": ["ingest", work / "tiny", "--into", store, *common]}.items():
        for left in work.glob("memory.mill*"):
            left.unlink()
        summary, status, samples = watch([args.millrace, *command], args.every)
        found = flatness(samples, args.items)
        passed = status == 0 and summary["ok"] == args.items and found["deviation"] <= TOLERANCE
        results[name] = {"command": " ".join(["millrace", *map(str, command)]), "passed": passed, **found,
                         "summary": summary, "sampled": thin(samples)}
        print(f"flat {name:<11} {found['least_mib']} .. {found['most_mib']} MiB, +-{found['deviation']:.1%}"
              f" over {found['samples']} samples: {'ok' if passed else 'FAILED'}", flush=True)
    for left in work.glob("memory.mill*"):
        left.unlink()
    return results


def ingest_mix(millrace, work, large, options):
    """Ingests the mix; its summary, {kind: {outcome: items}}, the peak, and what is wrong as texts."""
    store = work / "limit.mill"
    for left in work.glob("limit.mill*"):
        left.unlink()
    command = ["ingest", work / "mix", "--into", store, "--item-timeout", "120s", "--error-budget", "none",
               "--progress", "always", "--json", *options]
    summary, status, samples = watch([millrace, *command], 0.02)
    report = subprocess.run([millrace, "report", store, "--json"], stdout=subprocess.PIPE, check=True)
    for left in work.glob("limit.mill*"):
        left.unlink()
    kinds = {}
    for entry in map(json.loads, report.stdout.splitlines()):
        outcomes = kinds.setdefault(large.get(entry["uri"], "1x1"), {})
        outcome = entry["code"] if entry["code"] != "none" else entry["state"]
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    peak = max([host + workers for _, _, host, workers in samples] + [summary["peak_memory_bytes"]])
    wrong = [f"{kind}: {outcomes}" for kind, outcomes in kinds.items()
             if set(outcomes) - ({"stored"} if kind == "1x1" else {"stored", "too_many_pixels"})]
    if status != 0 or summary["worker_restarts"] != 0:
        wrong.append(f"status {status}, {summary['worker_restarts']} workers died")
    return {"command": " ".join(["millrace", *map(str, command)]), "peak_mib": round(peak / MIB, 1),
            "by_kind": kinds, "wrong": wrong, "summary": summary, "sampled": thin(samples)}


def limit(args, work):
    large = make_mix(work / "mix", args.rounds)
    found = ingest_mix(args.millrace, work, large, ["--memory", LIMIT, "--workers", args.workers])
    found["passed"] = not found["wrong"] and found["peak_mib"] <= LIMIT_MIB
    print(f"limit {LIMIT}: peak {found['peak_mib']} MiB, {found['by_kind']}: "
          f"{'ok' if found['passed'] else 'FAILED'}", *found["wrong"], flush=True)
    return found


def thin(samples, wanted=200):
    """At most `wanted` of the samples, in MiB."""
    step = max(1, -(-len(samples) // wanted))
    return [[at, items, round(host / MIB, 2), round(workers / MIB, 2)]
            for at, items, host, workers in samples[::step]]


def machine():
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return {"cpu": model[1] if model else platform.machine(), "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "system": platform.freedesktop_os_release()["PRETTY_NAME"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=["flat", "limit", []], help="default: both")
    parser.add_argument("--millrace", default=ROOT / "build/millrace")
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=4, help="of the mix of large pictures")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between samples")
    parser.add_argument("--work", type=Path, default=Path("build/memory"), help="folder for pictures and stores")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results", help="folder for the figures")
    args = parser.parse_args()
    args.millrace = Path(args.millrace).absolute()
    args.out = args.out.absolute()
    os.chdir(ROOT)  # names in the figures are relative to it
    args.work.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)
    passed = True
    for part in args.part or ["flat", "limit"]:
        results = {"flat": flat, "limit": limit}[part](args, args.work)
        passed &= results["passed"] if part == "limit" else all(r["passed"] for r in results.values())
        figures = {"machine": machine(), "results": results}
        (args.out / f"memory-{part}.json").write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
