#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the Python package with the tools of this interpreter's environment, without a network.

    tools/wheel.py [--build build]

Leaves BUILD/wheel/millrace-*.whl, and the same installed in BUILD/site. Objects are kept in
BUILD/python-TAG, so that the next time only what has changed is compiled.
"""
import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pip(*arguments, **more):
    """Runs pip; what it says is shown only if it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nwheel: pip {arguments[0]} ended with status {done.returncode}")


def build(folder):
    """The wheel, in a folder of its own."""
    wheels = folder / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    # the tools of this environment before those of the system, which may be too old
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", wheels,
        f"--config-settings=build-dir={folder / f'python-{sys.implementation.cache_tag}'}",
        # one setting takes one argument: the last would win
        "--config-settings=setup-args=-Dwerror=true", ROOT, env={**os.environ, "PATH": path})
    return next(wheels.glob("millrace-*.whl"))


def install(wheel, site):
    """The wheel's files in `site`, replaced as a whole."""
    fresh = site.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    pip("install", "--no-deps", "--no-index", "--no-compile", "--target", fresh, wheel)
    shutil.rmtree(site, ignore_errors=True)
    fresh.rename(site)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    folder = parser.parse_args().build.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = build(folder)
    install(wheel, folder / "site")
    print(f"wheel: {wheel}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
