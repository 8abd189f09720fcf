# SPDX-License-Identifier: Apache-2.0
"""The wheel alone, in an empty environment elsewhere."""
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import save_picture

WHEELS = Path(os.environ["MILLRACE_WHEELS"])
BUILD = WHEELS.parent

PROGRAM = """
import json, os, sys
import millrace
stream = millrace.Stream(sys.argv[1], "raw:120x80")
batch = next(stream)
workers = [os.readlink(f"/proc/{pid}/exe") for pid in stream.pids()]
print(json.dumps({"n": len(batch), "sum": sum(bytes(memoryview(batch).cast("B"))), "workers": workers,
                  "file": millrace._native.__file__, "version": millrace.__version__,
                  "maps": open("/proc/self/maps").read()}))
"""


@pytest.fixture(scope="module")
def wheel():
    (found,) = WHEELS.glob("millrace-*.whl")
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An environment with nothing but the wheel, at another place than it was made in."""
    made = tmp_path_factory.mktemp("wheel") / "made"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    (wheel,) = WHEELS.glob("millrace-*.whl")
    site = next(made.glob("lib/python3*/site-packages"))
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index",
                    "--target", str(site), str(wheel)], check=True)
    return made.rename(made.with_name("moved"))


def run(home, *arguments, **more):
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(home)}
    return subprocess.run([str(home / "bin/python"), *map(str, arguments)], env=env, cwd=home, text=True,
                          capture_output=True, timeout=120, check=False, **more)


def test_files(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {name.split("/", 1)[1] for name in names if name.startswith("millrace/")}
    assert {"__init__.py", "__main__.py", "_native.pyi", "py.typed", "millrace", "millrace-worker",
            "millrace-embed-onnx.so"} <= package
    assert not [name for name in names if "testing" in name or name.endswith((".a", ".h", ".c"))]
    assert re.fullmatch(r"millrace-[\d.]+-cp3\d+-cp3\d+-linux_\w+\.whl", wheel.name)


def test_extension_exports_its_init_only():
    (extension,) = Path(os.environ["MILLRACE_SITE"], "millrace").glob("_native*.so")
    table = subprocess.run(["nm", "-D", "--defined-only", str(extension)], check=True, stdout=subprocess.PIPE, text=True)
    assert [line.split()[-1] for line in table.stdout.splitlines()] == ["PyInit__native"]


def test_streams_elsewhere(home, tmp_path):
    import json
    for number in range(5):
        save_picture(tmp_path / f"{number}.jpg", number)
    done = run(home, "-c", PROGRAM, tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["n"] == 5 and said["sum"] > 0
    package = str(Path(said["file"]).parent)
    assert package.startswith(str(home))
    assert set(said["workers"]) == {f"{package}/millrace-worker"}
    assert str(BUILD) not in said["maps"]
    # negative control: the worker that is used is that one
    worker = Path(package, "millrace-worker")
    away = worker.rename(worker.with_name("away"))
    try:
        done = run(home, "-c", PROGRAM, tmp_path)
        assert done.returncode == 1 and "UnavailableError" in done.stderr and "millrace-worker" in done.stderr
    finally:
        away.rename(worker)


def test_command(home, tmp_path):
    for number in range(3):
        save_picture(tmp_path / f"{number}.jpg", number)
    version = run(home, "-m", "millrace", "--version")
    assert version.returncode == 0 and re.search(r"\d+\.\d+\.\d+", version.stdout), version.stderr
    done = run(home, "-m", "millrace", "ingest", tmp_path, "--into", home / "photos.mill", "--json")
    assert done.returncode == 0 and '"ok":3' in done.stdout, done.stderr
    assert run(home, "-m", "millrace", "no-such-verb").returncode == 2
    script = next(home.glob("**/bin/millrace"))
    text = script.read_text()
    assert "millrace.__main__" in text
