# SPDX-License-Identifier: Apache-2.0
"""Each installed header compiles alone, as C and as C++, without the project's own flags."""
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = sorted((ROOT / "include/millrace").glob("*.h"))
LANGUAGES = {
    "c11": [os.environ.get("CC", "gcc"), "-std=c11", "-x", "c"],
    "c++11": [os.environ.get("CXX", "g++"), "-std=c++11", "-x", "c++"],
}


def compiles(include, source, language):
    run = subprocess.run(
        LANGUAGES[language] + ["-Wall", "-Wextra", "-Werror", "-pedantic-errors", "-fsyntax-only", f"-I{include}", "-"],
        input=source, text=True, stderr=subprocess.PIPE, check=False)
    return run.returncode == 0, run.stderr


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("header", [h.name for h in HEADERS])
def test_header_compiles_alone(header, language):
    ok, message = compiles(ROOT / "include", f'#include "millrace/{header}"\nint main(void) {{ return 0; }}\n', language)
    assert ok, message


@pytest.mark.parametrize("language", LANGUAGES)
def test_header_that_needs_another_is_found(tmp_path, language):
    (tmp_path / "lone.h").write_text("static inline size_t lone(void) { return 0; }\n")
    ok, _ = compiles(tmp_path, '#include "lone.h"\n', language)
    assert not ok


def test_umbrella_names_every_header():
    text = (ROOT / "include/millrace/millrace.h").read_text()
    missing = [h.name for h in HEADERS if h.name != "millrace.h" and f'#include "millrace/{h.name}"' not in text]
    assert missing == []
