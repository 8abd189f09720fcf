# SPDX-License-Identifier: Apache-2.0
"""decode=fast against decode=exact: how far the rows are apart, and how much sooner they are there.

    shrink.py --build build/test --sets DIRECTORY [--pictures 40] [--out bench/results/shrink.json]

For each shrink a picture is brought to the largest size that this shrink leaves twice of: where the error is largest.
The two decodes of a picture are timed in turn, the fastest of a few; only their ratio is kept, so that other work on the
machine does not count much. Noise is not a photograph: it stands apart.
"""
import argparse
import io
import json
import math
import os
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SETS, SHRINKS, FILTERS = ("small", "web", "phone"), (2, 4, 8), ("box", "bilinear", "hamming", "bicubic", "lanczos", "mks2013", "mks2021")
TIMES, LEAST_SIDE = 5, 24
PLAN = ("raw?resize=shortest&resize_size={s}x{s}&filter={filter}&crop=centre-floor&crop_size={s}x{s}&norm=none&rescale=1"
        "&mean=0,0,0&std=1,1,1&dtype=u8&layout=nhwc&decode={decode}")


def run(driver, lines, times=1):
    """Rows, and nanoseconds if they are timed."""
    done = subprocess.run([driver, str(times)], input="".join(f"{plan}\t{path}\n" for plan, path in lines).encode(),
                          capture_output=True, check=True)
    rows, at = [], 0
    for _, path in lines:
        code, n = struct.unpack_from("<II", done.stdout, at)
        if code:
            sys.exit(f"{path}: code {code}")
        rows.append(np.frombuffer(done.stdout, np.uint8, n, at + 8).astype(np.int16))
        at += 8 + n
    return rows, [int(line.split()[0]) for line in done.stderr.decode().splitlines()]


def pairs(paths, shrink, filter_name):
    """The two plans of each picture that is large enough."""
    out = []
    for path in paths:
        with Image.open(path) as image:
            side = min(image.size) // (2 * shrink)
        if side >= LEAST_SIDE:
            out += [(PLAN.format(s=side, filter=filter_name, decode=d), path) for d in ("exact", "fast")]
    return out


def distances(rows):
    """(largest, PSNR) of each pair."""
    out = []
    for exact, fast in zip(rows[0::2], rows[1::2]):
        off = np.abs(exact - fast)
        square = float((off.astype(np.float64) ** 2).mean())
        out.append((int(off.max()), 99.0 if square == 0 else 10 * math.log10(255 * 255 / square)))
    return out


def quality(driver, paths):
    result = {}
    for shrink in SHRINKS:
        for name in FILTERS:
            found = distances(run(driver, pairs(paths, shrink, name))[0])
            if found:
                result.setdefault(f"1/{shrink}", {})[name] = {
                    "pictures": len(found), "max_error": max(f[0] for f in found),
                    "mean_psnr_db": round(statistics.mean(f[1] for f in found), 1),
                    "least_psnr_db": round(min(f[1] for f in found), 1)}
    return result


def speed(driver, paths):
    result = {}
    for shrink in SHRINKS:
        lines = pairs(paths, shrink, "bicubic")
        if lines:
            ns = run(driver, lines, TIMES)[1]
            result[f"1/{shrink}"] = {"pictures": len(lines) // 2, "exact_over_fast": round(
                statistics.median(a / b for a, b in zip(ns[0::2], ns[1::2])), 2)}
    return result


def noise(folder):
    """Pictures of nothing but differences: grain of every size, at high quality."""
    rng, paths = np.random.default_rng(5), []
    for grain in (1, 2, 3, 5, 8):
        data = np.kron(rng.choice(np.array([0, 255], np.uint8), (640 // grain, 800 // grain, 3)), np.ones((grain, grain, 1), np.uint8))
        for subsampling in (0, 2):
            out = io.BytesIO()
            Image.fromarray(data).save(out, "JPEG", quality=95, subsampling=subsampling)
            paths.append(Path(folder) / f"noise-{grain}-{subsampling}.jpg")
            paths[-1].write_bytes(out.getvalue())
    return paths


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/test")
    parser.add_argument("--sets", type=Path, required=True, help="the folder with small, web and phone of make_sets.py")
    parser.add_argument("--pictures", type=int, default=40, help="of each set; of phone a quarter")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    driver = str(Path(args.build) / "tests/oracle/plan-dump")
    # "-1" is the same photograph, cut differently
    sets = {name: sorted((args.sets / name).glob("*.jpg"))[:args.pictures // (4 if name == "phone" else 1)] for name in SETS}
    result = {"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "quality": quality(driver, sum(sets.values(), [])),
              "speed": {name: speed(driver, paths) for name, paths in sets.items()}}
    with tempfile.TemporaryDirectory(prefix="millrace-shrink-") as folder:
        result["noise"] = quality(driver, noise(folder))
    text = json.dumps(result, indent=1)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
