# SPDX-License-Identifier: Apache-2.0
"""npy: files as NumPy itself reads them, finished and interrupted. Needs MILLRACE_BUILD_DIR."""
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

DUMP = Path(os.environ["MILLRACE_BUILD_DIR"]) / "tests" / "oracle" / "npy-dump"


def dump(path, *words):
    subprocess.run([DUMP, path, *map(str, words)], check=True, timeout=60)


def expected(shape, dtype):
    per = int(np.prod(shape[1:]))
    rows = np.arange(shape[0])[:, None] * 31 + np.arange(per)[None, :] * 7
    return (rows % 251).astype(dtype).reshape(shape)


def check(path, shape, dtype):
    for mmap_mode in (None, "r"):
        array = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert np.array_equal(array, expected(shape, dtype))


def ids(path):
    return [json.loads(line) for line in Path(f"{path}.ids.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("rows", [0, 1, 64, 1000])
def test_vectors(tmp_path, rows):
    path = tmp_path / "v.npy"
    dump(path, "f32", "vector", 48, 1, 1, rows, 32)
    check(path, (rows, 48), np.float32)
    assert ids(path) == [{"row": r, "id": f"i{r}", "uri": f"i{r}"} for r in range(rows)]


@pytest.mark.parametrize("dtype, layout, shape", [
    ("f32", "nchw", (3, 20, 10)), ("f32", "nhwc", (20, 10, 3)),
    ("u8", "nchw", (3, 20, 10)), ("u8", "nhwc", (20, 10, 3)), ("u8", "nchw", (1, 7, 5))])
def test_tensors(tmp_path, dtype, layout, shape):
    path = tmp_path / "t.npy"
    channels, height, width = shape if layout == "nchw" else (shape[2], shape[0], shape[1])
    dump(path, dtype, layout, channels, height, width, 70, 32)
    check(path, (70, *shape), np.uint8 if dtype == "u8" else np.float32)


def test_interrupted(tmp_path):
    path = tmp_path / "v.npy"
    dump(path, "f32", "vector", 48, 1, 1, 1000, 32, 3)
    check(path, (96, 48), np.float32)
    assert len(ids(path)) == 96
