# SPDX-License-Identifier: Apache-2.0
"""The programs of examples/python do what their first lines say, where their libraries are installed."""
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/python"


def run(name, *arguments):
    library = name.split("_")[0]
    if library in ("torch", "jax") and not importlib.util.find_spec(library):
        pytest.skip(f"{library} is not installed")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(
        filter(None, [os.environ["MILLRACE_SITE"], os.environ.get("PYTHONPATH")]))}
    done = subprocess.run([sys.executable, str(EXAMPLES / name), *map(str, arguments)], env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_numpy_stream(photos):
    done = run("numpy_stream.py", photos)
    first, second = done.stdout.splitlines()
    assert first == "70 ok, 0 failed, 0 bytes copied"
    numbers = [float(word) for word in re.findall(r"-?\d+\.\d+", second)]
    assert len(numbers) == 6 and all(-2 < mean < 2.2 for mean in numbers[:3]) and all(0 < d < 3 for d in numbers[3:])


def test_torch_dataset(photos):
    assert run("torch_dataset.py", photos).stdout == "70 pictures\n"


def test_jax_stream(photos):
    assert run("jax_stream.py", photos).stdout == "70 pictures, 70 nearest to themselves\n"


def test_ingest_search(photos, tmp_path):
    out = run("ingest_search.py", photos, tmp_path / "a.mill", photos / "17.jpg").stdout.splitlines()
    assert out[0] == "70 items: 70 ok, 0 failed, 0 skipped"
    score, name, number = out[1].split("  ")
    assert (name, number) == ("17", "17") and float(score) == pytest.approx(1, abs=1e-3) and len(out) == 6
    again = run("ingest_search.py", photos, tmp_path / "a.mill", photos / "17.jpg").stdout.splitlines()
    assert again[0] == "70 items: 0 ok, 0 failed, 70 skipped" and again[1:] == out[1:]


def test_every_example_is_tested():
    text = Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f'run("{path.name}"' in text
