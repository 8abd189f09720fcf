#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-peers: millrace and what others do on the same work, in one run on the same files.

In turn, so that a noisy machine is noisy for all of them: the decode-only limit, millrace, and every peer of
bench/peers/ (bench/peers/peer.py says what a peer does and how it is timed), one process each and round. The whole
process of millrace is timed, start and end included; of a peer only its run after a warm-up. Then, of the first 32
pictures of each set, how far the tensors are from Pillow's, in levels of 0 to 255; and one large resize by itself
(bench/kernel.py). A peer that cannot run ends it all.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import chart
import kernel
from contest import (PLAN, ROOT, SETS, chosen, files_in, machine, median_ratio, millrace, pin, programs_in, rounded,
                     run_json, write_results)

sys.path.insert(0, str(ROOT / "bench" / "peers"))
import peer  # noqa: E402

FOLDER = ROOT / "bench" / "peers"
REFERENCE = "pillow_pool"
PEERS = {  # file -> name in tables
    "torchvision_tensors": "torchvision tensors + DataLoader",
    "dali": "DALI, CPU",
    "opencv": "OpenCV (INTER_AREA), threads",
    "spdl_threads": "SPDL (FFmpeg), threads",
    "pil_torchvision": "PIL + torchvision + DataLoader",
    "vips_pool": "libvips, pool",
    "tf_data": "tf.data",
    "daft_frame": "Daft",
    "fastembed_pool": "fastembed, pool",
    "pillow_pool": "Pillow + numpy, pool",
}
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "ERROR"}


def run_peer(python, name, workers, folder):
    return run_json([python, FOLDER / f"{name}.py", workers, folder],
                    BENCH_START=str(time.monotonic()), **QUIET)


def measure_set(o, programs, folder):
    rates = {"limit": [], "millrace": [], **{name: [] for name in o.peers}}
    first = {name: [] for name in o.peers}
    for _ in range(o.rounds):
        rates["limit"].append(run_json([programs["limit"], o.workers, folder])["items_per_s"])
        rates["millrace"].append(millrace(programs, folder, o.workers)[0])
        for name in o.peers:
            said = run_peer(o.python, name, o.workers, folder)
            rates[name].append(said["items_per_s"])
            first[name].append(said["first_batch_s"])
            print(f"{folder.name} {name}: {said}", flush=True)
    median = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    best = max(o.peers, key=median.get)
    return {"items": len(files_in(folder)), "median": median, "best_peer": best,
            "millrace_to_best_peer": median_ratio(rates["millrace"], rates[best]),
            "millrace_to_limit": median_ratio(rates["millrace"], rates["limit"]),
            "first_batch_s": {name: round(statistics.median(values), 2) for name, values in first.items()},
            "all": {name: rounded(values) for name, values in rates.items()}}


def levels(batch):
    """Tensors back to levels of 0..255, of which a reference in bytes has only whole ones."""
    mean, std = (np.array(c, np.float64).reshape(3, 1, 1) for c in (peer.MEAN, peer.STD))
    return np.rint((batch.astype(np.float64) * std + mean) * 255)


def exactness(o, programs, folder, scratch):
    """Of the first 32 pictures: how far is each from Pillow's levels?"""
    pictures = scratch / f"exact-{folder.name}"
    pictures.mkdir()
    for path in sorted(folder.glob("*-0.jpg"))[:peer.BATCH]:
        os.link(path, pictures / path.name)

    def sample(name):
        out = scratch / f"{folder.name}-{name}.npy"
        if name == "millrace":
            command = [programs["millrace"], "preprocess", pictures, "--out", out, "--plan", PLAN,
                       "--progress", "never"]
        else:
            command = [o.python, FOLDER / f"{name}.py", o.workers, pictures, out]
        subprocess.run([str(c) for c in command], check=True, env={**os.environ, **QUIET},
                       stdout=subprocess.DEVNULL)
        return np.load(out)

    reference = sample(REFERENCE)
    answer = {}
    for name in ("millrace", *o.peers):
        got = sample(name)
        off = np.abs(levels(got) - levels(reference))
        answer[name] = {"max_level": int(off.max()), "mean_level": round(float(off.mean()), 4),
                        "differing": round(float((off > 0).mean()), 5),
                        "bit_identical": bool(np.array_equal(got, reference))}
    return answer


def named(name):
    return {"millrace": "**millrace**", "limit": "*limit: libjpeg-turbo decode only*"}.get(name) or PEERS[name]


def exact_words(result, name):
    """The worst of the sets."""
    if name == "limit":
        return ""
    worst = max((one[name] for one in result["exactness"].values()), key=lambda e: (e["max_level"], e["differing"]))
    if all(one[name]["bit_identical"] for one in result["exactness"].values()):
        return "identical"
    return f"{worst['max_level']} levels, {100 * worst['differing']:.2g} % differ"


def table(result):
    sets = result["sets"]
    names = sorted(next(iter(sets.values()))["median"], key=lambda n: -sets["small"]["median"][n])
    lines = ["| images/s | " + " | ".join(sets) + " | first batch (small) | against Pillow |",
             "|---|" + "---|" * (len(sets) + 2)]
    for name in names:
        rates = " | ".join(f"{one['median'][name]:.0f}" if one["median"][name] >= 20
                           else f"{one['median'][name]:.1f}" for one in sets.values())
        first = sets["small"]["first_batch_s"].get(name)
        if name == "millrace":
            first = result["millrace_first_batch_ms"] / 1000
        lines.append(f"| {named(name)} | {rates} | {'' if first is None else f'{first:.2f} s'} | "
                     f"{exact_words(result, name)} |")
    lines.append("")
    for name, one in sets.items():
        lines.append(f"{name}: millrace is {one['millrace_to_best_peer']:.2f} times the best peer "
                     f"({PEERS[one['best_peer']]}), {one['millrace_to_limit']:.2f} times the limit.  ")
    return "\n".join(lines)


def picture(result):
    sets = {name: {"limit": one["median"]["limit"],
                   "rates": {PEERS.get(who, who): rate for who, rate in one["median"].items() if who != "limit"}}
            for name, one in result["sets"].items()}
    return chart.draw(result, sets)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, default=ROOT / "build" / "bench" / "sets")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--python", type=Path, default=ROOT / "build" / "venv-peers" / "bin" / "python")
    parser.add_argument("--simd", type=Path, default=ROOT / "build" / "venv-peers-simd" / "bin" / "python")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1, help="of the files of each set, for a short run")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "peers.json")
    return parser.parse_args()


def main():
    o = options()
    programs = programs_in(o.build)
    result = {"command": "make bench-peers", "machine": machine(), "workers": o.workers, "plan": PLAN,
              "rounds": o.rounds, "share": o.share, "packages": sorted(
                  line for line in (ROOT / "tools" / "requirements-peers.txt").read_text().splitlines()
                  if "==" in line), "sets": {}, "exactness": {}}
    pin(o.workers)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=o.sets))
    try:
        for name in SETS:
            result["exactness"][name] = exactness(o, programs, o.sets / name, scratch)
        for name in SETS:
            result["sets"][name] = measure_set(o, programs, chosen(o.sets / name, o.share, scratch))
        few = chosen(o.sets / "small", peer.BATCH / len(files_in(o.sets / "small")), scratch)
        result["millrace_first_batch_ms"] = round(statistics.median(
            millrace(programs, few, o.workers)[1]["first_batch_ms"] for _ in range(9)), 1)
        result["kernel"] = kernel.contest(programs["kernel"], o.python, o.simd, scratch)
    finally:
        shutil.rmtree(scratch)
    write_results(o.out, result,
                  f"{result['machine']['cpu']}, load {result['machine']['load_before']} before it began, {o.workers} "
                  f"workers, medians of {o.rounds}, {o.share:.0%} of the files; `make bench-peers`; "
                  f"{', '.join(result['packages'])}\n\n{table(result)}\n\n{kernel.table(result['kernel'])}\n")
    o.out.with_suffix(".svg").write_text(picture(result))
    wrong = [name for name, one in result["exactness"].items() if not one["millrace"]["bit_identical"]]
    if wrong or not result["kernel"]["exact"]:
        print(f"bench: millrace differs from Pillow: {', '.join(wrong) or 'kernel'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
