#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds every fuzz/fuzz_*.c with libFuzzer, ASan and UBSan, and runs each for a while.

Seeds come from tools/fuzz_seeds.py; what a run finds interesting stays in build/fuzz/corpus/NAME and
is where the next run goes on. An input that breaks something is kept in build/fuzz/found/.
Last line: "N passed, N failed", a target each.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path

import fuzz_seeds

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/fuzz"
SHOWN_LINES = 60
MAX_BYTES = 65536
RSS_LIMIT_MB = 2048


def build():
    """Configures (again, so that new targets are seen) and builds. True if all compiled."""
    setup = ["meson", "setup", str(BUILD), str(ROOT), "-Dfuzz=true", "-Dwerror=false", "-Dbuildtype=debugoptimized",
             "-Db_sanitize=address,undefined", "-Db_lundef=false",
             "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all"]
    if (BUILD / "build.ninja").exists():
        setup.append("--reconfigure")
    configured = subprocess.run(setup, env={**os.environ, "CC": "clang"}, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, check=False)
    if configured.returncode != 0:
        print(configured.stdout)
        return False
    built = subprocess.run(["ninja", "-C", str(BUILD), "--quiet"], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    if built.returncode != 0:
        print(built.stdout)
    return built.returncode == 0


def run_target(name, seconds):
    """Fuzzes one target; returns (ok, what to say)."""
    corpus = BUILD / "corpus" / name
    found = BUILD / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    command = [str(BUILD / "fuzz" / name), f"-max_total_time={seconds}", "-timeout=10",
               f"-rss_limit_mb={RSS_LIMIT_MB}", f"-max_len={MAX_BYTES}", "-print_final_stats=1", "-use_value_profile=1",
               f"-artifact_prefix={found}/{name}-", str(corpus), str(fuzz_seeds.folder_for(name, BUILD / "seeds"))]
    environment = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1", "ASAN_OPTIONS": "detect_leaks=1"}
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env=environment, check=False)
    output = run.stdout.decode("utf-8", "replace")
    units = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
    count = int(units.group(1)) if units else 0
    if run.returncode == 0 and count > 0:
        return True, f"{count} inputs"
    tail = "\n".join("        | " + line for line in output.splitlines()[-SHOWN_LINES:])
    return False, f"status {run.returncode} after {count} inputs\n{tail}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time (default 2)")
    parser.add_argument("--match", default="", help="only targets whose name has this")
    args = parser.parse_args()
    names = sorted(path.stem for path in (ROOT / "fuzz").glob("fuzz_*.c") if args.match in path.stem)
    if not names:
        print("no fuzz target\n0 passed, 1 failed")
        return 1
    if not build():
        print(f"the fuzz targets do not build\n0 passed, {len(names)} failed")
        return 1
    fuzz_seeds.make(BUILD / "seeds")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, (ok, text) in zip(names, pool.map(lambda n: run_target(n, args.seconds), names)):
            failed += not ok
            print(f"{'ok  ' if ok else 'FAIL'}  {name:<34} {text}", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
