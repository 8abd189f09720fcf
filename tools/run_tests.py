#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the test suite of one build directory and counts single cases.

Three kinds of tests (tests/README.md):
  programs  what meson.build registers with test(): each in its own process, TAP or exit status
  pytest    test_*.py in the folders of tests/, and the oracles that have test functions
  oracles   tests/oracle/*_oracle.py without test functions: scripts that end "N passed, N failed"

With --oracles only those of the folders in tests/oracle/: they need the packages of requirements-oracles.txt.

The last line is "N passed, N failed". Status 0 only if nothing failed and something passed.
"""
import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN_LINES = 120  # of the output of a failed test
PYTEST_LIMIT_S = 1800
COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed$")
ON_REQUEST = {"servers"}  # folders that --folder has to name: make test-servers
SANITIZER_ENV = {
    "asan": {
        "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:check_initialization_order=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "LSAN_OPTIONS": f"suppressions={ROOT / 'tools/lsan.supp'}:print_suppressions=0",
    },
    "tsan": {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"},
}


def fixed_addresses():
    """Prefix that starts a program without address randomisation: the sanitizers of gcc 12 and
    clang 14 cannot place their shadow memory under the randomisation of newer kernels."""
    probe = subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL, check=False)
    return ["setarch", "-R"] if probe.returncode == 0 else []


class Result:
    """Counts of one test program or one pytest run, and what to show if it failed."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = 0
        self.seconds = 0.0
        self.notes = []  # one line each
        self.output = ""

    def fail(self, note, count=1):
        self.failed += count
        self.notes.append(note)


def run_process(cmd, env, cwd, timeout_s):
    """Runs `cmd` in a process group of its own; returns (status or None on timeout, output)."""
    with subprocess.Popen(
        cmd, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = None
    return status, output.decode("utf-8", "replace")


def count_tap(result, output):
    """Counts the cases of a TAP stream; cases that were planned and never came have failed."""
    seen = 0
    planned = None
    for line in output.splitlines():
        plan = re.match(r"^1\.\.(\d+)", line)
        case = re.match(r"^(not )?ok\b(.*)", line)
        if plan:
            planned = int(plan.group(1))
        elif case:
            seen += 1
            if re.search(r"#\s*skip", case.group(2), re.IGNORECASE):
                result.skipped += 1
            elif case.group(1):
                result.fail("not ok" + case.group(2))
            else:
                result.passed += 1
    if planned is None:
        result.fail("no TAP plan: it died before the end")
    elif seen < planned:
        result.fail(f"{planned - seen} of {planned} cases never ran", planned - seen)
    elif planned == 0:
        result.fail("it has no cases")


def describe_status(status, timeout_s):
    if status is None:
        return f"timed out after {timeout_s:g} s"
    if status < 0:
        return f"died of {signal.Signals(-status).name}"
    return f"exit status {status}"


def run_program(test, env, scale, prefix):
    """Runs one test() of Meson."""
    result = Result(test["suite"][0].split(":")[-1] + "/" + test["name"])
    timeout_s = (test["timeout"] or 30) * scale
    started = time.monotonic()
    status, result.output = run_process(
        prefix + test["cmd"], {**env, **test["env"]}, test["workdir"] or ROOT, timeout_s)
    result.seconds = time.monotonic() - started
    if test["protocol"] == "tap":
        count_tap(result, result.output)
    elif status == 77:
        result.skipped += 1
    elif status == 0:
        result.passed += 1
    if status not in (0, 77):
        result.notes.append(describe_status(status, timeout_s))
        result.failed = max(result.failed, 1)
    return result


def run_oracle(path, env, scale, prefix):
    """Runs one oracle script: its last line counts, else its exit status is one case."""
    result = Result("oracle/" + path.stem)
    timeout_s = 600 * scale
    started = time.monotonic()
    status, result.output = run_process([*prefix, sys.executable, str(path)], env, ROOT, timeout_s)
    result.seconds = time.monotonic() - started
    lines = result.output.strip().splitlines()
    counts = COUNT_LINE.match(lines[-1]) if lines else None
    if counts:
        result.passed = int(counts.group(1))
        result.failed = int(counts.group(2))
    elif status == 0:
        result.passed = 1
    if status != 0 and result.failed == 0:
        result.fail(describe_status(status, timeout_s))
    elif result.passed + result.failed == 0:
        result.fail("it tested nothing")
    return result


def count_junit(result, path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        name = f"{case.get('classname')}::{case.get('name')}"
        if kinds & {"failure", "error"}:
            result.fail(name)
        elif "skipped" in kinds:
            result.skipped += 1
            result.notes.append("skipped: " + name)
        else:
            result.passed += 1


def run_pytest(paths, args, prefix, env):
    """Runs pytest over `paths`. A run without a report has failed."""
    result = Result("pytest")
    report = Path(args.build).resolve() / "pytest.xml"
    report.unlink(missing_ok=True)
    cmd = [*prefix, sys.executable, "-m", "pytest", "-c", str(ROOT / "tests/pytest.ini"), "-q", "--tb=short",
           f"--rootdir={ROOT / 'tests'}", f"--junitxml={report}", "-n", str(args.jobs),
           "--dist", "loadgroup", "-p", "no:cacheprovider"]
    if args.sanitizer:
        cmd += ["-m", "not slow and not sandbox", "-o", "timeout=900"]
    if args.match:
        cmd += ["-k", args.match]
    started = time.monotonic()
    status, result.output = run_process(cmd + [str(p) for p in paths], env, ROOT, PYTEST_LIMIT_S)
    result.seconds = time.monotonic() - started
    if report.exists():
        count_junit(result, report)
    empty = status == 5 and (args.match or args.sanitizer)  # nothing matched: no failure by itself
    if status != 0 and not empty and result.failed == 0:
        result.fail("pytest: " + describe_status(status, PYTEST_LIMIT_S))
    return result


def show(result):
    state = "ok  " if result.failed == 0 else "FAIL"
    skipped = f", {result.skipped} skipped" if result.skipped else ""
    print(f"{state}  {result.name:<34} {result.passed:>5} passed, {result.failed} failed{skipped}"
          f"  ({result.seconds:.2f} s)", flush=True)
    for note in result.notes:
        print(f"        {note}")
    if result.failed:
        lines = result.output.splitlines()
        if len(lines) > SHOWN_LINES:
            print(f"        ... {len(lines) - SHOWN_LINES} lines before these")
        print("\n".join("        | " + line for line in lines[-SHOWN_LINES:]), flush=True)


def programs_of(build, args):
    """The tests that Meson knows, by suite and name."""
    text = subprocess.run(["meson", "introspect", "--tests", build], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    tests = json.loads(text)
    if args.suite:
        tests = [t for t in tests if args.suite in [s.split(":")[-1] for s in t["suite"]]]
    if args.match:
        tests = [t for t in tests if args.match in t["name"]]
    return tests


def python_tests(args):
    """Paths for pytest and oracle scripts."""
    if args.oracles:
        scripts = sorted((ROOT / "tests/oracle").glob("*/*_oracle.py"))
        return [], [path for path in scripts if not args.match or args.match in path.stem]
    folders = sorted({path.parent for path in (ROOT / "tests").rglob("test_*.py")})
    folders = [f for f in folders if f.name in (args.folder or {f.name} - ON_REQUEST)]
    scripts = []
    for path in sorted((ROOT / "tests/oracle").glob("*_oracle.py")):
        if args.folder and "oracle" not in args.folder:
            break
        if re.search(r"^\s*def test_", path.read_text("utf-8"), re.MULTILINE):
            folders.append(path)
        elif not args.match or args.match in path.stem:
            scripts.append(path)
    return folders, scripts


def environment(args):
    """What tests are told about the build that they test."""
    build = Path(args.build).resolve()
    env = dict(os.environ)
    for name in [n for n in env if n.startswith("MILLRACE_")]:
        del env[name]
    env.update({
        "MILLRACE_BIN": str(build / "millrace"),
        "MILLRACE_WORKER_BIN": str(build / "millrace-worker"),
        "MILLRACE_TESTING_BIN": str(build / "millrace-testing"),
        "MILLRACE_TESTING_WORKER": str(build / "millrace-worker-testing"),
        "MILLRACE_BUILD_DIR": str(build),
        "MILLRACE_SOURCE_DIR": str(ROOT),
        "MILLRACE_CORPUS_DIR": str(ROOT / "build/corpus"),
        "MILLRACE_SITE": str(ROOT / "build/site"),
        "MILLRACE_WHEELS": str(ROOT / "build/wheel"),
        "LC_ALL": "C.UTF-8",
    })
    if args.sanitizer:
        env.update(SANITIZER_ENV[args.sanitizer])
        env["MILLRACE_SANITIZER"] = args.sanitizer
    return env


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/test", help="Meson build directory, built")
    parser.add_argument("--jobs", type=int, default=2, help="tests at a time (default 2)")
    parser.add_argument("--suite", help="only programs of this suite")
    parser.add_argument("--folder", action="append", help="pytest: only this folder of tests/")
    parser.add_argument("--match", help="only tests whose name has this")
    parser.add_argument("--programs-only", action="store_true", help="leave Python tests out")
    parser.add_argument("--python-only", action="store_true", help="leave test programs out")
    parser.add_argument("--oracles", action="store_true", help="only the oracles with large libraries")
    parser.add_argument("--sanitizer", choices=sorted(SANITIZER_ENV),
                        help="the build is sanitized: options, longer limits, no slow tests")
    return parser.parse_args()


def main():
    args = parse_arguments()
    # a shell starts background jobs with SIGINT ignored, and the tests of Ctrl-C would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    env = environment(args)
    scale = 5 if args.sanitizer else 1
    prefix = fixed_addresses() if args.sanitizer else []
    results = []

    def note(result):
        results.append(result)
        show(result)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        if not args.python_only and not args.oracles:
            tests = programs_of(args.build, args)
            jobs = [pool.submit(run_program, t, env, scale, prefix) for t in tests]
            for job in concurrent.futures.as_completed(jobs):
                note(job.result())
        if not args.programs_only:
            folders, scripts = python_tests(args)
            jobs = [pool.submit(run_oracle, s, env, scale, prefix) for s in scripts]
            for job in concurrent.futures.as_completed(jobs):
                note(job.result())
            if folders:
                note(run_pytest(folders, args, prefix, env))

    passed = sum(r.passed for r in results)
    failed = sum(r.failed for r in results)
    if passed + failed == 0:
        print("no test ran")
        failed = 1
    for result in results:
        if result.failed:
            print(f"failed: {result.name}: {'; '.join(result.notes[:5]) or 'see above'}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
