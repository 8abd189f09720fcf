# SPDX-License-Identifier: Apache-2.0
"""What `make install` leaves: complete, usable through pkg-config, and exporting the public names only."""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["MILLRACE_BUILD_DIR"])
PROGRAM = """
#include <stdio.h>
#include <millrace/millrace.h>
int main(void) { return printf("%s\\n", mr_version()) < 0; }
"""


def output(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An installation under a folder of its own; returns its prefix."""
    root = tmp_path_factory.mktemp("root")
    output("meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(root))
    return root / "usr/local"


def library_of(prefix):
    return next(prefix.glob("**/libmillrace.so"))


def module_of(prefix):
    return next(prefix.glob("**/millrace-embed-onnx.so"))


def test_everything_is_there(installed):
    files = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if not path.is_dir()}
    headers = {f"include/millrace/{path.name}" for path in (ROOT / "include/millrace").glob("*.h")}
    assert headers | {"bin/millrace", "libexec/millrace/millrace-worker"} <= files
    assert module_of(installed).parent == library_of(installed).parent / "millrace"
    assert not [name for name in files if "testing" in name]


def test_program_finds_its_library(installed):
    found = output("ldd", str(installed / "bin/millrace"), env={"PATH": os.environ["PATH"]})
    line = next(line for line in found.splitlines() if "libmillrace" in line)
    assert Path(line.split("=>")[1].split("(")[0].strip()).resolve() == library_of(installed).resolve()


def test_program_compiles_against_it(installed, tmp_path):
    config = next(installed.glob("**/millrace.pc"))
    flags = output("pkg-config", "--cflags", "--libs", "--define-variable=prefix=" + str(installed), "millrace",
                   env={**os.environ, "PKG_CONFIG_PATH": str(config.parent)}).split()
    (tmp_path / "version.c").write_text(PROGRAM)
    output(os.environ.get("CC", "gcc"), "-o", str(tmp_path / "version"), str(tmp_path / "version.c"), *flags)
    said = output(str(tmp_path / "version"),
                  env={**os.environ, "LD_LIBRARY_PATH": str(library_of(installed).parent)})
    declared = re.search(r"^\s*version: '([^']+)'", (ROOT / "meson.build").read_text(), re.MULTILINE).group(1)
    assert said == declared + "\n"


def test_exports_are_the_public_names(installed):
    table = output("nm", "-D", "--defined-only", str(library_of(installed)))
    exported = {line.split()[-1].split("@")[0] for line in table.splitlines()}
    text = "".join(path.read_text() for path in (ROOT / "include/millrace").glob("*.h"))
    declared = set(re.findall(r"MR_API[^;(]*?\b(mr_[a-z0-9_]+)\s*\(", text))
    assert "mr_version" in exported
    assert exported - declared == set()


def test_module_exports_its_entry_only(installed):
    table = output("nm", "-D", "--defined-only", str(module_of(installed)))
    assert [line.split()[-1].split("@")[0] for line in table.splitlines()] == ["mr__module_entry"]


def test_installed_program_finds_its_module(installed):
    """The error is of the module then, not of the search for it."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MILLRACE_")}
    done = subprocess.run([str(installed / "bin/millrace"), "embed", "x", "--out", "null:", "--embed", "onnx:?"],
                          capture_output=True, check=False, text=True, env=env)
    assert done.returncode == 2 and "onnx:MODEL.onnx" in done.stderr, done.stderr
    module = module_of(installed)
    away = module.rename(module.with_suffix(".away"))
    done = subprocess.run([str(installed / "bin/millrace"), "embed", "x", "--out", "null:", "--embed", "onnx:?"],
                          capture_output=True, check=False, text=True, env=env)
    away.rename(module)
    assert done.returncode == 3 and "is not installed; looked in" in done.stderr, done.stderr
