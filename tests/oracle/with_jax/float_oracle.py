# SPDX-License-Identifier: Apache-2.0
"""The float engine, and the plan original/masked-stretch, against JAX: within 0.001 of a level of 0..255.

    MILLRACE_BIN=... [MILLRACE_CORPUS_DIR=build/corpus] float_oracle.py [--cases 120] [--seed 1]

JAX's own results differ between processors by up to 0.004 levels (see src/transform/coeffs_float.c): the
engine is what JAX gives with AVX-512. Without it the limit is that much wider, and the output says so.

Everything goes through `millrace preprocess`: pictures of random geometry as PNG, then photographs and
pictures of every mode and format. The negative controls make the usual mistakes in the reference and
must be noticed. What was measured is printed.
"""
import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from pipeline_oracle import load, make  # noqa: E402

WITHIN = 1e-3 if " avx512f " in Path("/proc/cpuinfo").read_text("ascii") else 5e-3
ROWS = 10  # pictures of one target size
MASKED = "original/masked-stretch"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def preprocess(source, plan, folder):
    """Rows by name of the file."""
    out = str(Path(folder) / "out.npy")
    subprocess.run([os.environ.get("MILLRACE_BIN", "build/millrace"), "preprocess", *source, "--plan", plan, "--out",
                    out, "--error-budget", "none"], stdout=subprocess.DEVNULL, check=True)
    tensors = np.load(out)
    with open(out + ".ids.jsonl", encoding="utf-8") as lines:
        rows = {line["id"]: tensors[line["row"]] for line in map(json.loads, lines) if line["row"] is not None}
    assert len(rows) == len(tensors) and tensors.dtype == np.float32
    return rows


# ---- the resize alone ----

def noise(width, height, seed):
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:  # black and white: the worst for weights
        return rng.choice(np.array([0, 255], np.uint8), (height, width, 3))
    if seed % 3 == 1:
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return (128 + 80 * np.sin(x / 9 + c) + 40 * np.cos(y / 7 - c)).astype(np.uint8)


def random_source(rng, kind, target):
    long, short = rng.randint(300, 4500), rng.randint(1, 9)
    sizes = [
        (rng.randint(1, 60), rng.randint(1, 60)),
        (1, rng.randint(1, 900)), (rng.randint(1, 900), 1), (1, 1),
        (long, short), (short, long),
        (rng.randint(100, 1600), rng.randint(100, 1200)),
        (max(1, target[0] + rng.randint(-1, 1)), max(1, target[1] + rng.randint(-1, 1))),
        (rng.choice([61, 127, 251, 509, 1021]), rng.choice([31, 97, 193, 389, 769])),
        (target[0] * rng.randint(1, 3), target[1] * rng.randint(1, 3)),
    ]
    return sizes[kind % len(sizes)]


def random_target(rng, kind):
    sizes = [(224, 224), (rng.randint(1, 3), rng.randint(1, 300)), (rng.randint(1, 300), rng.randint(1, 3)),
             (rng.randint(7, 96), rng.randint(7, 96)), (rng.randint(200, 600), rng.randint(200, 600)),
             (rng.randint(1000, 1500), rng.randint(4, 9)), (384, 256), (rng.randint(3000, 3999), 2)]
    return sizes[kind % len(sizes)]


def jax_resize(image, width, height, method="bilinear", antialias=True):
    return np.asarray(jax.image.resize(jnp.asarray(image, jnp.float32), (height, width, image.shape[2]), method,
                                       antialias=antialias))


def double_resize(image, width, height):
    """The same with positions and weights in double: better, and not the same."""
    out = image.astype(np.float64)
    for axis, m in ((0, height), (1, width)):
        n = image.shape[axis]
        sample = (np.arange(m) + 0.5) * (n / m) - 0.5
        weights = np.maximum(0, 1 - np.abs(sample[:, None] - np.arange(n)) / max(n / m, 1))
        weights /= weights.sum(1, keepdims=True)
        out = np.moveaxis(np.tensordot(weights, out, (1, axis)), 0, axis)
    return out


def resizes(cases, seed, folder):
    """Yields (name, good, details) for each filter."""
    rng = random.Random(seed)
    for method, share in (("bilinear", 3), ("bicubic", 1)):
        worst, count, where = 0.0, 0, []
        for kind in range(max(1, cases * share // 4 // ROWS)):
            width, height = random_target(rng, kind)
            pictures = {}
            for i in range(ROWS):
                source = random_source(rng, i, (width, height))
                pictures[f"{i}.png"] = noise(*source, seed * 100003 + kind * ROWS + i)
            got = resized(pictures, f"{width}x{height}", method, folder)
            for name, pixels in pictures.items():
                off = np.abs(got[name] - jax_resize(pixels, width, height, "cubic" if method == "bicubic" else method))
                worst, count = max(worst, float(off.max())), count + 1
                if off.max() > WITHIN:
                    where.append(f"{pixels.shape[1]}x{pixels.shape[0]} to {width}x{height}: {off.max():.2g}")
        yield f"{method}: {count} geometries, at most {worst:.2g} levels from JAX", not where, where


def resized(pictures, size, method, folder):
    """What millrace makes of arrays, by name: levels, [H,W,C]."""
    source = Path(folder) / "source"
    source.mkdir(exist_ok=True)
    for old in source.iterdir():
        old.unlink()
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(source / name, compress_level=1)
    plan = f"letterbox:{size}?resize=squash&engine=float&filter={method}&norm=none&layout=nhwc"
    return {Path(path).name: row for path, row in preprocess([str(source)], plan, folder).items()}


# ---- the whole plan ----

def original(image, size, mean=MEAN, std=STD, **mistake):
    """The original's arithmetic, [H,W,C]."""
    width, height = size
    pixels = np.asarray(image.convert("RGB"))
    h, w = (jnp.float32(n) for n in pixels.shape[:2])
    scale = jnp.minimum(height / h, width / w)
    vw = max(1, int((w * scale).astype(jnp.int32))) + mistake.get("grow", 0)
    vh = max(1, int((h * scale).astype(jnp.int32)))
    x, y = (width - vw) // 2 + mistake.get("shift", 0), (height - vh) // 2
    mask = np.zeros((height, width, 1), np.float32)
    mask[y:y + vh, max(x, 0):x + vw] = 1
    out = jax_resize(pixels, width, height, antialias=mistake.get("antialias", True)) * mask
    return (np.asarray(out) / np.float32(255) - np.float32(mean)) / np.float32(std)


def apart(rows, size, std=STD, **options):
    """Largest difference in levels, and where."""
    worst, where = 0.0, []
    for path, got in rows.items():
        want = original(load(path), size, std=std, **options)
        if got.shape != want.shape:
            got = got.transpose(1, 2, 0)
        off = float((np.abs(got - want) * np.float32(std)).max() * 255)
        worst = max(worst, off)
        if off > WITHIN:
            where.append(f"{path}: {off:.2g}")
    return worst, where


def wholes(source, folder):
    """Yields (name, good, details) for several plans, then for the controls."""
    plans = [(MASKED, (224, 224), {}), (f"{MASKED}:200x121?layout=nhwc", (200, 121), {}),
             (f"{MASKED}:97x160?mean=0.5,0.25,0.125&std=0.5,1,2", (97, 160),
              {"mean": (0.5, 0.25, 0.125), "std": (0.5, 1, 2)})]
    kept = None
    for plan, size, options in plans:
        rows = preprocess(source, plan, folder)
        if kept:  # JAX compiles each geometry anew, and slowly
            rows = {path: rows[path] for path in kept}
        worst, where = apart(rows, size, **options)
        yield f"{plan}: {len(rows)} pictures, at most {worst:.2g} levels", not where and len(rows) > 50, where
        kept = kept or dict(itertools.islice(sorted(rows.items()), 0, None, 6))
    for name, mistake in (("a mask that begins one pixel later", {"shift": 1}), ("a mask one pixel wider", {"grow": 1}),
                          ("a missing antialias", {"antialias": False})):
        yield f"{name} is noticed", apart(kept, (224, 224), **mistake)[0] > 1, []
    bytewise = preprocess(source, f"{MASKED}?engine=pillow", folder)
    worst = apart({path: bytewise[path] for path in kept}, (224, 224))[0]
    yield f"a resize that rounds to bytes is noticed ({worst:.2g} levels)", WITHIN < worst < 3, []


def controls(folder):
    pixels = noise(4000, 3, 3)
    got = resized({"a.png": pixels}, "3999x2", "bilinear", folder)["a.png"]
    off = float(np.abs(got - double_resize(pixels, 3999, 2)).max())
    yield f"positions in double are noticed ({off:.2g} levels)", off > 0.01, []
    off = float(np.abs(got - jax_resize(pixels, 3999, 2)).max())
    yield f"4000x3 to 3999x2 is JAX's ({off:.2g} levels)", off < WITHIN, []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    corpus = Path(os.environ.get("MILLRACE_CORPUS_DIR", "build/corpus"))
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="millrace-oracle-") as folder:
        made = Path(folder) / "made"
        made.mkdir()
        make(made)
        # photographs of all sizes, each of another geometry: some of them are enough
        photos = sorted(p for p in corpus.glob("*/*") if p.suffix in (".jpg", ".png", ".webp"))[::16]
        names = Path(folder) / "names.txt"
        names.write_text("".join(f"{p.resolve()}\n" for p in [*sorted(made.iterdir()), *photos]))
        print(f"JAX {jax.__version__}, {len(photos)} photographs, limit {WITHIN} levels")
        for name, good, details in itertools.chain(controls(folder), resizes(args.cases, args.seed, folder),
                                                   wholes([f"@{names}"], folder)):
            print("ok  " if good else "FAIL", name, flush=True)
            for line in [] if good else details[:20]:
                print("      ", line)
            passed += bool(good)
            failed += not good
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
