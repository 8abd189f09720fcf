#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The large resize of bench/kernel.py with torch: uint8, channels last, one thread."""
import json
import sys
import time
from pathlib import Path

import torch

torch.set_num_threads(1)


def size(text):
    return tuple(int(v) for v in text.split("x"))


width, height = size(sys.argv[2])
pixels = torch.frombuffer(bytearray(Path(sys.argv[1]).read_bytes()), dtype=torch.uint8)
image = pixels.reshape(1, height, width, 3).permute(0, 3, 1, 2)  # stays channels last in memory
times = []
for _ in range(int(sys.argv[4]) + 1):
    start = time.perf_counter()
    out = torch.nn.functional.interpolate(image, size=size(sys.argv[3])[::-1], mode="bicubic", antialias=True)
    times.append(1000 * (time.perf_counter() - start))
Path(sys.argv[5]).write_bytes(out[0].permute(1, 2, 0).contiguous().numpy().tobytes())
print(json.dumps({"level": torch.__version__, "ms": times[1:]}))
