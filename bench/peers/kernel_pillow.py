#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The large resize of bench/kernel.py with the Pillow that is installed: Pillow-SIMD."""
import json
import sys
import time
from pathlib import Path

from PIL import Image

if ".post" not in Image.__version__:
    sys.exit(f"this is Pillow {Image.__version__}, not Pillow-SIMD")


def size(text):
    return tuple(int(v) for v in text.split("x"))


image = Image.frombytes("RGB", size(sys.argv[2]), Path(sys.argv[1]).read_bytes())
times = []
for _ in range(int(sys.argv[4]) + 1):
    start = time.perf_counter()
    out = image.resize(size(sys.argv[3]), Image.Resampling.BICUBIC)
    times.append(1000 * (time.perf_counter() - start))
Path(sys.argv[5]).write_bytes(out.tobytes())
print(json.dumps({"level": Image.__version__, "ms": times[1:]}))
