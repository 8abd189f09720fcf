#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything but the plain tests: format, lint, clang, clang-tidy, sanitizers, NEON, fuzz smoke.

    tools/check.py [--only STEP]... [--jobs N]

Each step counts its cases; the last line is "N passed, N failed".
"""
import argparse
import concurrent.futures
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
FUZZ_SECONDS = 20
CLANG_OPTIONS = ["-Dpython=enabled"]
COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed$")
C_FOLDERS = ("src", "cli", "include", "python", "tests", "fuzz", "examples", "bench")


def c_files():
    return sorted(p for f in C_FOLDERS for p in (ROOT / f).rglob("*.[ch]"))


def run(command, **more):
    """Runs a command with its output on ours; returns its status."""
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False, **more).returncode


def counted(command):
    """Runs a tool that ends with a count line, showing what it says; returns (passed, failed)."""
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            last = line.strip() or last
            print(line, end="", flush=True)
    counts = COUNT_LINE.match(last)
    if not counts:
        print(f"{' '.join(map(str, command))}: ended without its count (status {process.returncode})")
        return 0, 1
    passed, failed = int(counts.group(1)), int(counts.group(2))
    return passed, failed if failed or process.returncode == 0 else 1


def configure(name, compiler, options):
    """Makes build/NAME ready and builds it; true on success."""
    folder = BUILD / name
    if not (folder / "build.ninja").exists():
        status = run(["meson", "setup", str(folder), "-Dtests=true", *options],
                     env={**os.environ, "CC": compiler}, stdout=subprocess.DEVNULL)
        if status != 0:
            print(f"build/{name} cannot be configured: see build/{name}/meson-logs/meson-log.txt")
            return False
    built = subprocess.run(["ninja", "-C", str(folder), "-k0", "--quiet"], cwd=ROOT, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if built.returncode != 0:
        print(built.stdout)
    return built.returncode == 0


def step_format(_args):
    """clang-format would change nothing."""
    failed = 0
    files = c_files()
    for path in files:
        if run(["clang-format", "--dry-run", "-Werror", str(path)]) != 0:
            failed += 1
    return len(files) - failed, failed


def step_lint(_args):
    """The rules of tools/lint.py."""
    return counted([sys.executable, "tools/lint.py"])


def step_clang(_args):
    """clang compiles everything without a warning."""
    return (1, 0) if configure("clang", "clang", CLANG_OPTIONS) else (0, 1)


def tidy_database():
    """A compile database with one entry for each source, and its sources."""
    entries = {}
    for entry in json.loads((BUILD / "clang/compile_commands.json").read_text()):
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        if path.suffix == ".c" and BUILD not in path.parents:
            entries.setdefault(str(path), entry)
    folder = BUILD / "tidy"
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(list(entries.values())))
    return folder, sorted(entries)


def step_tidy(args):
    """clang-tidy finds nothing."""
    if not configure("clang", "clang", CLANG_OPTIONS) and not (BUILD / "clang/compile_commands.json").exists():
        return 0, 1
    folder, paths = tidy_database()

    def tidy(path):
        return subprocess.run(["clang-tidy", "-quiet", "-p", str(folder), path], cwd=ROOT, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for path, result in zip(paths, pool.map(tidy, paths)):
            if result.returncode != 0:
                failed += 1
                print(f"clang-tidy: {Path(path).relative_to(ROOT)}\n{result.stdout}{result.stderr}", flush=True)
    return len(paths) - failed, failed


def sanitized(name, kind, args, more):
    """Builds with a sanitizer and runs tests; returns (passed, failed)."""
    options = [f"-Db_sanitize={kind}", "-Dbuildtype=debugoptimized", "-Db_lundef=false", "-Dwerror=false",
               "-Dc_args=-fno-sanitize-recover=all -fno-omit-frame-pointer"]
    if not configure(name, "gcc", options):
        return 0, 1
    return counted([sys.executable, "tools/run_tests.py", "--build", f"build/{name}", "--sanitizer", name,
                    "--jobs", str(args.jobs), *more])


def step_asan(args):
    """Unit tests, oracles and the quick end-to-end tests under ASan and UBSan."""
    folders = [f"--folder={name}" for name in ("unit", "oracle", "e2e")]
    return sanitized("asan", "address,undefined", args, folders)


def step_tsan(args):
    """Where threads meet: the programs of the suite `threads` under TSan."""
    return sanitized("tsan", "thread", args, ["--suite=threads", "--programs-only"])


def step_neon(_args):
    """The kernels of 64-bit ARM, cross-built, against the portable ones, under QEMU."""
    native = platform.machine() == "aarch64"
    program = BUILD / "neon/test-tiles"
    program.parent.mkdir(parents=True, exist_ok=True)
    sources = ["tests/unit/transform/test_tiles.c", *sorted(ROOT.glob("src/transform/*.c")),
               *(f"src/plan/{name}.c" for name in ("geometry", "picture", "strip")), *sorted(ROOT.glob("src/base/*.c"))]
    # the flags that the kernels are built with in meson.build; tests/cross has the assertions
    flags = ("-std=c11 -O3 -static -ffp-contract=off -Wall -Wextra -Wconversion -Werror -D_GNU_SOURCE -DMR_TESTING "
             "-Itests/cross -Isrc -Iinclude").split()
    built = run(["gcc" if native else "aarch64-linux-gnu-gcc", *flags, '-DMR_VERSION="neon"', "-o", str(program),
                 *map(str, sources), "-lm"])
    return counted([*([] if native else ["qemu-aarch64"]), str(program)]) if built == 0 else (0, 1)


def step_fuzz(args):
    """Each fuzz target for a short while."""
    return counted([sys.executable, "tools/fuzz.py", f"--seconds={FUZZ_SECONDS}", f"--jobs={args.jobs}"])


STEPS = {step.__name__[5:]: step for step in (
    step_format, step_lint, step_clang, step_tidy, step_asan, step_tsan, step_neon, step_fuzz)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=STEPS, help="only this step")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default 2)")
    args = parser.parse_args()
    passed = failed = 0
    summary = []
    for name in args.only or STEPS:
        print(f"-- {name}: {STEPS[name].__doc__}", flush=True)
        started = time.monotonic()
        good, bad = STEPS[name](args)
        if good + bad == 0:
            print(f"{name}: nothing was checked")
            bad = 1
        passed += good
        failed += bad
        summary.append(f"{'ok  ' if not bad else 'FAIL'}  {name:<10} {good:>5} passed, {bad} failed"
                       f"  ({time.monotonic() - started:.0f} s)")
    print("--", *summary, sep="\n")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
