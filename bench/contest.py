# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: programs run in turn on the same files, medians, the machine, tables."""
import json
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLAN = "openai/clip-vit-base-patch32@openclip"
SETS = ("small", "web", "phone")


def run_json(command, **environment):
    """Runs it; its last line is one JSON object."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, check=True,
                          env={**os.environ, **environment})
    return json.loads(done.stdout.decode().strip().splitlines()[-1])


def files_in(folder):
    return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


def pin(workers):
    """Everybody gets as many cores as workers: some libraries take all that they see."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:workers])


def chosen(folder, share, scratch):
    """The folder, or the first `share` of its files in one of their own."""
    files = files_in(folder)
    if share >= 1:
        return folder
    few = scratch / f"{folder.name}-{share:.3f}"
    few.mkdir(exist_ok=True)
    for path in files[:max(1, round(share * len(files)))]:
        if not (few / path.name).exists():
            os.link(path, few / path.name)
    return few


def millrace(programs, folder, workers, **environment):
    """The engine over the whole life of its process: exec, files, batches, exit. Items a second."""
    items = len(files_in(folder))
    start = time.perf_counter()
    summary = run_json([programs["millrace"], "preprocess", folder, "--out", "null:", "--plan", PLAN,
                        "--workers", workers, "--progress", "never", "--json"], **environment)
    seconds = time.perf_counter() - start
    if summary["ok"] != items:
        raise SystemExit(f"millrace: {summary['ok']} of {items} are ok")
    return items / seconds, summary


def programs_in(build):
    return {"millrace": build / "millrace", "bare": build / "bench" / "bare-loop",
            "limit": build / "bench" / "decode-limit", "kernel": build / "bench" / "resize-kernel"}


def rounded(values, digits=1):
    return [round(v, digits) for v in values]


def median_ratio(over, under):
    """Of the ratios within each round: a noisy minute is noisy for both."""
    return round(statistics.median(a / b for a, b in zip(over, under)), 3)


def tjbench_check(limit, picture, scratch, rounds=12):
    """
    Is the decode-only limit as fast as tjbench of the same library says? Both decode one picture again and again for
    about 0.3 s, in one process, in turn; the best of each counts.
    """
    many = scratch / f"tjbench-{picture.parent.name}"
    many.mkdir()
    os.link(picture, many / "0.jpg")
    pixels = run_json([limit, 1, many])["pixels"]
    for i in range(1, max(2, 70_000_000 // pixels)):
        os.link(picture, many / f"{i}.jpg")
    ours, theirs = [], []
    for _ in range(rounds):
        one = run_json([limit, 1, many])
        ours.append(one["pixels"] / one["seconds"] / 1e6)
        text = subprocess.run(["tjbench", picture, "-rgb", "-accuratedct", "-benchtime", "0.3", "-warmup", "0.1",
                               "-nowrite", "-quiet"], stdout=subprocess.PIPE, check=True, text=True).stdout
        theirs.append(float(re.search(r"4:2:0 .*?([\d.]+)\s*$", text, re.MULTILINE).group(1)))
    return {"limit_mpixel_per_s": round(max(ours), 1), "tjbench_mpixel_per_s": round(max(theirs), 1),
            "ratio": round(max(ours) / max(theirs), 3)}


def machine():
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "load_before": round(os.getloadavg()[0], 1)}


def write_results(path, result, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    path.with_suffix(".md").write_text(text)
    print(text, flush=True)
