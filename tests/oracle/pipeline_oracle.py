# SPDX-License-Identifier: Apache-2.0
"""Whole pictures through `millrace preprocess` against Pillow 13.0.0 and numpy: 0 differing floats.

    MILLRACE_BIN=... [MILLRACE_CORPUS_DIR=build/corpus] pipeline_oracle.py [DIRECTORY...]

Pictures are made in every mode, format and awkward shape, and those of the corpus are added. Each
preset's reference is written out here in the library's own steps. The negative controls run the
same comparison against the other preset's rules and against a crop moved by one pixel.
"""
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageFile

PILLOW = "13.0.0"
OPENCLIP = "openai/clip-vit-base-patch32@openclip"
TRANSFORMERS = "openai/clip-vit-base-patch32@transformers"
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
# refused by name, never approximated: which of the made pictures, and by which preset
REFUSED = {TRANSFORMERS: {"trns-key-I16.png"}, OPENCLIP: set()}

ImageFile.MAXBLOCK = 1 << 20
warnings.simplefilter("ignore")


def resize_shortest(image, short):
    width, height = image.size
    size = ((short, int(short * height / width)) if width <= height else (int(short * width / height), short))
    return image.resize(size, Image.Resampling.BICUBIC)


def openclip(image, shift=0):
    """Resize, CenterCrop, convert("RGB"), ToTensor, Normalize."""
    image = resize_shortest(image, 224)
    left, top = round((image.width - 224) / 2.0) + shift, round((image.height - 224) / 2.0)
    image = image.crop((left, top, left + 224, top + 224)).convert("RGB")
    pixels = np.asarray(image).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    return (pixels - MEAN[:, None, None]) / STD[:, None, None]


def transformers(image, shift=0):
    """convert_to_rgb (on white since 5.21), resize, center_crop, rescale, normalize."""
    if image.mode != "RGB" or image.has_transparency_data:
        if image.has_transparency_data or "A" in image.getbands():
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255)), rgba)
        image = image.convert("RGB")
    image = resize_shortest(image, 224)
    left, top = (image.width - 224) // 2 + shift, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)))
    scaled = (pixels.astype(np.float64) * (1 / 255)).astype(np.float32)
    return ((scaled - MEAN) / STD).transpose(2, 0, 1)


REFERENCE = {OPENCLIP: openclip, TRANSFORMERS: transformers}


# ---- the pictures ----

def scene(width, height, channels, seed):
    """Something like a photograph: waves, edges and grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    out = np.empty((height, width, channels), np.uint8)
    for c in range(channels):
        waves = 128 + 70 * np.sin(x / (11 + c) + seed) + 50 * np.cos(y / (7 + c) - c)
        edges = 60 * ((x // 37 + y // 23 + c) % 2)
        out[:, :, c] = (waves + edges - 30 + rng.integers(-12, 13, (height, width))).clip(0, 255)
    return out


def picture(mode, width, height, seed):
    bands = {"1": 1, "L": 1, "P": 3, "I;16": 1}.get(mode, len(mode))
    data = scene(width, height, bands, seed)
    if mode == "1":
        return Image.fromarray(data[:, :, 0]).convert("1")
    if mode == "P":
        return Image.fromarray(data, "RGB").quantize(97)
    if mode == "I;16":
        return Image.fromarray(data[:, :, 0].astype(np.uint16) * 3)
    return Image.frombytes(mode, (width, height), data.tobytes())


# 227x224 leaves three columns to crop: floor and half-even differ there
SIZES = [(227, 224), (500, 375), (375, 500), (641, 481), (224, 224), (225, 224), (224, 301), (100, 80), (31, 97),
         (1, 1), (1, 40), (90, 1), (160, 900), (1200, 90), (767, 767), (1280, 960), (233, 1777)]


def make(folder):
    """Every mode in every format that holds it, in sizes that meet every rule."""
    for n, (width, height) in enumerate(SIZES):
        stem = f"{width}x{height}"
        rgb = picture("RGB", width, height, n)
        rgb.save(folder / f"{stem}-420.jpg", quality=85, subsampling=2)
        rgb.save(folder / f"{stem}-444.jpg", quality=93, subsampling=0, progressive=n % 2 == 0)
        rgb.save(folder / f"{stem}-422.jpeg", quality=70, subsampling=1, restart_marker_blocks=7 if n % 3 == 0 else 0)
        rgb.save(folder / f"{stem}.png")
        rgb.save(folder / f"{stem}.webp", quality=80)
        for mode in ("L", "CMYK"):
            picture(mode, width, height, n).save(folder / f"{stem}-{mode}.jpg", quality=88)
        for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
            picture(mode, width, height, n).save(folder / f"{stem}-{mode.replace(';', '')}.png")
        picture("RGBA", width, height, n).save(folder / f"{stem}-alpha.webp", lossless=True)
        trns = bytes((i * 37) % 256 for i in range(97))
        picture("P", width, height, n).save(folder / f"{stem}-trns.png", transparency=trns)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture("RGB", 330, 250, orientation).save(folder / f"exif-{orientation}.jpg", exif=exif)
    # few levels, so that the transparent colour is really there, and often
    for mode, key in (("RGB", (96, 96, 96)), ("L", 128), ("L", 96), ("1", 0), ("1", 1)):
        coarse = picture(mode, 300, 260, 3)
        if mode != "1":
            coarse = coarse.point(lambda v: v & 0xE0)
        name = f"trns-key-{mode}-{key if isinstance(key, int) else key[0]}.png"
        coarse.save(folder / name, transparency=key)
    picture("I;16", 300, 260, 3).save(folder / "trns-key-I16.png", transparency=7)


# ---- the comparison ----

def preprocess(millrace, sources, plan, out):
    """Rows by path, and codes by path of the items that failed."""
    done = subprocess.run([millrace, "preprocess", *sources, "--plan", plan, "--out", out, "--error-budget", "none"],
                          stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"millrace preprocess ended with {done.returncode}")
    rows, codes = {}, {}
    tensors = np.load(out, mmap_mode="r")
    with open(out + ".ids.jsonl", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["row"] is None:
                codes[line["id"]] = line["code"]
            else:
                rows[line["id"]] = tensors[line["row"]]
    assert len(rows) == len(tensors), "as many ids as rows"
    assert tensors.dtype == np.float32 and tensors.shape[1:] == (3, 224, 224)
    return rows, codes


def load(path):
    """The picture as Pillow opens it, None if it refuses."""
    try:
        image = Image.open(path, formats=["JPEG", "PNG", "WEBP"])
        image.load()
        return image
    except Exception:  # every kind that Pillow raises is a refusal
        return None


def compare(rows, plan, **mistake):
    """Floats that differ, and the pictures where."""
    total, where = 0, []
    for path, got in rows.items():
        image = load(path)
        want = None if image is None else REFERENCE[plan](image, **mistake)
        n = got.size if want is None else int(np.count_nonzero(want.view(np.uint32) != got.view(np.uint32)))
        total += n
        if n:
            where.append(f"{path} ({n})")
    return total, where


def unexplained(codes, plan):
    """Items that failed although Pillow opens them and no rule refuses them."""
    return [f"{path}: {code}" for path, code in codes.items()
            if load(path) is not None and not (code == "unsupported_variant" and Path(path).name in REFUSED[plan])]


def checks(millrace, sources, folder):
    """Yields (name, good, details)."""
    found = {}
    for plan in (OPENCLIP, TRANSFORMERS):
        rows, codes = preprocess(millrace, sources, plan, str(Path(folder) / "out.npy"))
        found[plan] = {path: np.array(row) for path, row in list(rows.items())[:250]}
        bad, where = compare(rows, plan)
        yield f"{plan}: {len(rows)} pictures, {bad} differing floats", bad == 0 and len(rows) > 200, where
        bad = unexplained(codes, plan)
        yield f"{plan}: {len(codes)} refused, {len(bad)} of them without a reason", not bad, bad
        refused = {Path(p).name for p, code in codes.items() if code == "unsupported_variant"}
        yield f"{plan}: what has no exact rule is refused", REFUSED[plan] <= refused, sorted(refused)
    yield "a crop moved by one pixel is noticed", compare(found[OPENCLIP], OPENCLIP, shift=1)[0] > 0, []
    for mine, other in ((OPENCLIP, TRANSFORMERS), (TRANSFORMERS, OPENCLIP)):
        _, where = compare(found[mine], other)
        for sign in ("-RGBA.png", "-P.png", "-420.jpg"):
            yield (f"rules of {other} are told from those of {mine} in *{sign}",
                   any(sign in name for name in where), [])


def main():
    millrace = os.environ.get("MILLRACE_BIN", "build/millrace")
    if PIL.__version__ != PILLOW:
        sys.exit(f"this oracle is Pillow {PILLOW}, not {PIL.__version__}")
    corpus = os.environ.get("MILLRACE_CORPUS_DIR")
    sources = sys.argv[1:] or ([corpus] if corpus and os.path.isdir(corpus) else [])
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="millrace-oracle-") as folder:
        made = Path(folder) / "made"
        made.mkdir()
        make(made)
        for name, good, details in checks(millrace, [str(made), *sources], folder):
            print("ok  " if good else "FAIL", name)
            for line in [] if good else details[:20]:
                print("      ", line)
            passed += bool(good)
            failed += not good
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
