# SPDX-License-Identifier: Apache-2.0
"""One large resize by itself: 4928x3279 to 852x567, bicubic, RGB bytes to RGB bytes, one thread.

millrace (bench/kernel.c) against Pillow-SIMD compiled with AVX2 and torch's path for uint8 (channels last), in turn.
Everybody has the pixels in memory and answers pixels in memory. The reference for exactness is the Pillow of the
environment that this runs in.
"""
import statistics
import sys

from PIL import Image

import make_sets
from contest import ROOT, run_json

SOURCE, TARGET = (4928, 3279), (852, 567)
CONTESTANTS = ("millrace", "millrace, AVX2 only", "Pillow-SIMD, AVX2", "torch uint8")
ROUNDS, TIMES = 5, 5


def compare(path, reference):
    """Largest and share of differences between two files of bytes."""
    import numpy as np
    got, wanted = (np.frombuffer(p.read_bytes(), np.uint8).astype(np.int16) for p in (path, reference))
    if got.shape != wanted.shape:
        sys.exit(f"{path}: {got.size} bytes, not {wanted.size}")
    off = np.abs(got - wanted)
    return {"max_level": int(off.max()), "differing": round(float((off > 0).mean()), 5)}


def contest(program, python, simd, scratch):
    pixels, reference = scratch / "kernel.rgb", scratch / "kernel-pillow.rgb"
    photograph = max(make_sets.make_corpus.photographs(), key=lambda p: Image.open(p).size)
    image = make_sets.cut(photograph, SOURCE, 3.0, 0)
    pixels.write_bytes(image.tobytes())
    reference.write_bytes(image.resize(TARGET, Image.Resampling.BICUBIC).tobytes())
    sizes = [f"{w}x{h}" for w, h in (SOURCE, TARGET)]
    peers = ROOT / "bench" / "peers"
    commands = dict(zip(CONTESTANTS, ([program], [program], [simd, peers / "kernel_pillow.py"],
                                      [python, peers / "kernel_torch.py"])))
    times, level, exact = {name: [] for name in CONTESTANTS}, {}, {}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            out = scratch / "kernel-out.rgb"
            more = {"MILLRACE_CPU": "avx2"} if name.endswith("only") else {}
            said = run_json([*command, pixels, *sizes, TIMES, out], **more)
            times[name].append(min(said["ms"]))
            level[name] = said.get("level", "")
            exact[name] = compare(out, reference)
    return {"work": f"{sizes[0]} to {sizes[1]}, bicubic, RGB", "level": level,
            "median_ms": {name: round(statistics.median(t), 2) for name, t in times.items()},
            "all_ms": {name: [round(v, 2) for v in t] for name, t in times.items()},
            "against_pillow": exact, "exact": exact["millrace"]["max_level"] == 0}


def table(result):
    lines = [f"{result['work']}, one thread, best of {TIMES} each, medians of {ROUNDS} rounds in turn:", "",
             "| | ms | against Pillow |", "|---|---|---|"]
    for name, ms in result["median_ms"].items():
        off = result["against_pillow"][name]
        words = "identical" if off["max_level"] == 0 else \
            f"{off['max_level']} levels, {100 * off['differing']:.2g} % differ"
        level = f" ({result['level'][name]})" if result["level"][name] else ""
        lines.append(f"| {name}{level} | {ms:.1f} | {words} |")
    return "\n".join(lines)
