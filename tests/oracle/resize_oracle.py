# SPDX-License-Identifier: Apache-2.0
"""The transform against Pillow 13.0.0: zero differing bytes.

    MILLRACE_BUILD_DIR=build/test resize_oracle.py [--cases 2000] [--seed 1] [--speed]

Each case is a random geometry in a random mode, resized with the kernels of each level (MILLRACE_CPU). The reference is Pillow itself, called the way the
model libraries call it: resize (in the picture's own mode or after convert("RGB")), crop,
convert("RGB"). The negative controls make the usual mistakes on purpose and must be noticed.
"""
import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

PILLOW = "13.0.0"
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"]
LEVELS = ["c", "avx2", "avx512vnni", "neon"]
FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", "mks2013", "mks2021"]
RESAMPLE = [Image.Resampling.NEAREST, Image.Resampling.BOX, Image.Resampling.BILINEAR,
            Image.Resampling.HAMMING, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS,
            Image.Resampling.MKS2013, Image.Resampling.MKS2021]
NONE, SHORTEST, SQUASH, LETTERBOX = range(4)
CROP_NONE, CROP_EVEN, CROP_FLOOR = range(3)
CHANNELS = {"1": 1, "L": 1, "LA": 2, "P": 1, "RGB": 3, "RGBA": 4, "CMYK": 4, "I;16": 2}
FIELDS = ("mode width height orientation palette_n palette_alpha transparency colour_order alpha exif "
          "resize resize_width resize_height filter pass_order crop crop_width crop_height dtype "
          "layout engine norm gap").split()


class Case:
    """One picture and what is to be done with it."""

    def __init__(self, mode, width, height, seed, **spec):
        self.spec = dict(orientation=1, palette_n=0, palette_alpha=0, transparency=0, colour_order=0,
                         alpha=0, exif=0, resize=SQUASH, resize_width=0, resize_height=0, filter=4,
                         pass_order=1, crop=CROP_NONE, crop_width=0, crop_height=0, dtype=1, layout=1, engine=0, norm=0, gap=0)
        self.spec.update(spec, mode=MODES.index(mode), width=width, height=height)
        rng = np.random.default_rng(seed)
        self.mode = mode
        shape = (height, width, CHANNELS[mode])
        kind = seed % 3
        if kind == 0:  # noise between the ends: every clamp is met
            data = rng.choice(np.array([0, 255, 255, 0, 128], np.uint8), shape)
        elif kind == 1:
            data = rng.integers(0, 256, shape, dtype=np.uint8)
        else:  # smooth, as photographs are
            y, x, c = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
            data = (128 + 80 * np.sin(x / 9 + c) + 40 * np.cos(y / 7 - c)
                    + rng.integers(-7, 8, shape)).clip(0, 255).astype(np.uint8)
        if mode == "1":
            data = np.where(data > 127, 255, 0).astype(np.uint8)
        if mode == "I;16" and kind == 2:  # values near 255, where saturation begins
            data[:, :, 1] = data[:, :, 1] > 250
        self.data = np.ascontiguousarray(data)
        self.palette = rng.integers(0, 256, (256, 4), dtype=np.uint8)
        if mode == "P":
            self.spec["palette_n"] = 1 + seed % 256
            self.spec["palette_alpha"] = self.spec["transparency"] = seed % 2
            self.palette[self.spec["palette_n"]:] = (0, 0, 0, 255)

    def record(self):
        words = struct.pack("<23I", *[self.spec[f] for f in FIELDS])
        return words + (self.palette.tobytes() if self.mode == "P" else b"") + self.data.tobytes()

    def image(self):
        s, height, width = self.spec, self.spec["height"], self.spec["width"]
        if self.mode == "1":
            return Image.fromarray(self.data[:, :, 0]).convert("1", dither=Image.Dither.NONE)
        if self.mode == "P":
            image = Image.frombytes("P", (width, height), self.data.tobytes())
            image.putpalette(self.palette[:s["palette_n"], :3].tobytes())
            if s["palette_alpha"]:
                image.info["transparency"] = self.palette[:s["palette_n"], 3].tobytes()
            return image
        return Image.frombytes(self.mode, (width, height), self.data.tobytes())

    def out_size(self):
        s = self.spec
        if s["crop"] != CROP_NONE:
            return s["crop_width"], s["crop_height"]
        return s["resize_width"], s["resize_height"]

    def crop_box(self, size, shift=0):
        s = self.spec
        want = self.out_size()
        if s["crop"] == CROP_NONE:
            return None
        half = [(have - w) / 2 for have, w in zip(size, want)]
        left, top = [round(h) if s["crop"] == CROP_EVEN else int(h // 1) for h in half]
        return (left + shift, top, left + shift + want[0], top + want[1])

    def reference(self, shift=0):
        s, image = self.spec, self.image()
        if s["exif"] and s["orientation"] > 1:
            image.getexif()[0x0112] = s["orientation"]
            image = ImageOps.exif_transpose(image)
        if s["colour_order"] == 0:
            image = to_rgb(image, s["alpha"])
        width, height = image.size
        if s["resize"] == SQUASH:
            size = (s["resize_width"], s["resize_height"])
        elif s["resize"] == SHORTEST:
            short = s["resize_width"]
            size = ((short, int(short * height / width)) if width <= height
                    else (int(short * width / height), short))
        else:
            size = image.size
        image = image.resize(size, RESAMPLE[s["filter"]], reducing_gap=s["gap"] / 16 or None)
        box = self.crop_box(size, shift)
        if box is not None:
            image = image.crop(box)
        return np.asarray(to_rgb(image, s["alpha"]))


def to_rgb(image, white):
    """convert("RGB"), or the compositing on white of transformers 5.21 and later."""
    if image.mode == "RGB":
        return image
    if white and (image.has_transparency_data or "A" in image.getbands()):
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255)), rgba).convert("RGB")
    return image.convert("RGB")


def run(driver, cases, times=1, level=None):
    """Outputs of the driver; an integer where it answered a reason code. And its stderr."""
    with tempfile.TemporaryFile() as stdin:
        for case in cases:
            stdin.write(case.record())
        stdin.seek(0)
        done = subprocess.run([driver, str(times)], stdin=stdin, capture_output=True, check=True,
                              env={**os.environ, **({"MILLRACE_CPU": level} if level else {})})
    answers, at = [], 0
    for case in cases:
        code, = struct.unpack_from("<I", done.stdout, at)
        at += 4
        if code != 0:
            answers.append(code)
            continue
        width, height = case.out_size()
        kind = np.float32 if case.spec["dtype"] == 0 else np.uint8
        n = width * height * 3 * kind().itemsize
        shape = (height, width, 3) if case.spec["layout"] else (3, height, width)
        answers.append(np.frombuffer(done.stdout, kind, width * height * 3, at).reshape(shape))
        at += n
    assert at == len(done.stdout)
    return answers, done.stderr


def differing(driver, cases, level=None, references=None, **kwargs):
    """Bytes that differ, and the first case where any does."""
    total, first = 0, None
    references = references or [case.reference(**kwargs) for case in cases]
    for case, got, want in zip(cases, run(driver, cases, level=level)[0], references):
        n = want.size if isinstance(got, int) else int(np.count_nonzero(got != want))
        if n and first is None:
            first = (case.mode, dict(case.spec), got if isinstance(got, int) else n)
        total += n
    return total, first


def random_case(rng, seed):
    """Small and large, equal, prime, 1, enlarged, 100:1, tall enough to turn the passes round."""
    kind = rng.randrange(8)
    side = lambda top: rng.choice([1, 2, 3, rng.randint(1, top), rng.choice([7, 13, 31, 61, 97, 127, 251])])
    width, height, rw, rh = side(260), side(260), side(130), side(130)
    if kind == 0:
        width, height, rw, rh = rng.randint(1, 3), rng.randint(200, 900), rng.randint(1, 9), rng.randint(1, 40)
    elif kind == 1:
        width, height = rng.randint(8, 60), rng.randint(150, 500)
        rw, rh = rng.randint(4, 50), rng.randint(20, 90)
    elif kind == 2:
        width, height = rng.randint(200, 900), rng.randint(1, 5)
    elif kind == 3:
        rw = width
    elif kind == 4:
        rh = height
    elif kind == 5:
        rw, rh = min(width * 3, 300) + 1, min(height * 2, 300) + 1
    mode = rng.choice(["RGB", "RGB", "RGB"] + MODES)
    spec = dict(resize_width=rw, resize_height=rh, filter=1 + seed % 7, colour_order=rng.randrange(2))
    if rng.random() < 0.08:
        spec["filter"] = 0
    if rng.random() < 0.4:
        spec.update(crop=rng.choice([CROP_EVEN, CROP_FLOOR]), crop_width=rng.randint(1, rw),
                    crop_height=rng.randint(1, rh))
    if rng.random() < 0.2 and width <= 4 * height <= 16 * width:
        short = rng.randint(4, 100)
        spec.update(resize=SHORTEST, resize_width=short, resize_height=short, crop=rng.choice([1, 2]),
                    crop_width=rng.randint(1, short), crop_height=rng.randint(1, short))
    if rng.random() < 0.3:
        spec["alpha"] = 1
    if rng.random() < 0.15:
        spec.update(exif=1, orientation=rng.randint(1, 8))
    if rng.random() < 0.3:  # sixteenths
        spec["gap"] = rng.choice([16, 17, 24, 32, 40, 48])
    if mode == "I;16" and spec["colour_order"] == 1:
        spec["gap"] = 0  # Pillow refuses; so does the transform
    if mode == "I;16" and spec["colour_order"] == 1 and spec["filter"] == 0:
        spec["filter"] = 1  # refused by the transform as unsupported_variant; see the unit tests
    return Case(mode, width, height, seed, **spec)


# ---- negative controls ----

def kernel(name, t):
    t = np.abs(t)
    if name == "bilinear":
        return np.where(t < 1, 1 - t, 0.0)
    return np.where(t < 1, (1.5 * t - 2.5) * t * t + 1,
                    np.where(t < 2, (((t - 5) * t + 8) * t - 4) * -0.5, 0.0))


def axis_weights(n, m, name, bits, antialias):
    scale = n / m
    fs = max(scale, 1.0) if antialias else 1.0
    support = (1 if name == "bilinear" else 2) * fs
    out = np.zeros((m, n), np.int64)
    for i in range(m):
        centre = (i + 0.5) * scale
        first, last = max(0, int(centre - support + 0.5)), min(n, int(centre + support + 0.5))
        w = kernel(name, (np.arange(first, last) - centre + 0.5) * (1 / fs))
        w = w / w.sum() * (1 << bits)
        out[i, first:last] = np.trunc(w + np.where(w < 0, -0.5, 0.5)).astype(np.int64)
    return out


def numpy_resize(data, size, name, bits=22, antialias=True):
    """The same resize in a few lines of numpy, with the mistakes as parameters."""
    for axis, m in ((1, size[0]), (0, size[1])):
        n = data.shape[axis]
        if n == m:
            continue
        weights = axis_weights(n, m, name, bits, antialias)
        total = np.moveaxis(np.tensordot(weights, data.astype(np.int64), (1, axis)), 0, axis)
        data = ((total + (1 << (bits - 1))) >> bits).clip(0, 255).astype(np.uint8)
    return data


def controls(driver):
    """Yields (name, noticed) for each mistake."""
    photo = Case("RGB", 400, 300, 2, resize_width=180, resize_height=135)
    got = run(driver, [photo])[0][0]
    resize = lambda **mistake: np.any(numpy_resize(photo.data, (180, 135), "bicubic", **mistake) != got)
    yield "the controls' own resize is exact without a mistake", not resize()
    yield "weights of 16 bits are noticed", resize(bits=15)
    yield "a missing antialias is noticed", resize(antialias=False)
    tall = [Case("RGB", 60, 500, s, resize_width=40, resize_height=90, pass_order=p)
            for s in range(3) for p in (0, 1)]
    yield "tall pictures are exact", differing(driver, tall[1::2])[0] == 0
    yield "the other pass order is noticed", differing(driver, tall[0::2])[0] > 0
    gap = [Case("RGB", 403, 305, s, resize_width=60, resize_height=44, gap=g) for s in range(3) for g in (0, 32)]
    yield "a reducing_gap is exact", differing(driver, gap[1::2])[0] == 0
    sharp = [Case("RGB", 403, 305, 2, resize_width=120, resize_height=90, filter=FILTERS.index(f)) for f in ("mks2013", "mks2021")]
    yield "the two of Magic Kernel Sharp are told apart", all(
        differing(driver, [case], references=[other.reference()])[0] > 0 for case, other in (sharp, sharp[::-1]))
    got = run(driver, gap)[0]
    huge = Case("L", 4100, 4100, 1, resize_width=1, resize_height=1, gap=16)
    yield "averages of 2^24 pixels are refused", isinstance(run(driver, [huge])[0][0], int)
    yield "a missing reducing_gap is noticed", any(np.any(a != b) for a, b in zip(got[0::2], got[1::2]))
    crop = [Case("RGB", 300, 200, s, resize=SHORTEST, resize_width=100, resize_height=100, crop=CROP_EVEN,
                 crop_width=90, crop_height=90) for s in range(3)]
    yield "a crop moved by one pixel is noticed", differing(driver, crop, shift=1)[0] > 0
    odd = [Case("RGB", 103, 103, 1, resize=NONE, crop=c, crop_width=100, crop_height=100) for c in (1, 2)]
    swapped = [odd[1].reference(), odd[0].reference()]
    yield "floor and half-even are told apart", all(
        np.any(w != g) for w, g in zip(swapped, run(driver, odd)[0]))
    for mode in ("P", "RGBA"):
        case = Case(mode, 120, 90, 4, resize_width=50, resize_height=40, colour_order=1)
        want = case.reference()
        case.spec["colour_order"] = 0
        yield f"RGB first instead of last is noticed in {mode}", np.any(run(driver, [case])[0][0] != want)
    case = Case("RGB", 90, 60, 4, resize_width=50, resize_height=40, exif=1, orientation=6)
    want = case.reference()
    case.spec["exif"] = 0
    yield "an orientation that is not applied is noticed", np.any(run(driver, [case])[0][0] != want)


def speed(driver):
    """Milliseconds of the transform and of Pillow's resize, on one core in this run."""
    for width, height in ((500, 375), (1280, 960), (4032, 3024)):
        case = Case("RGB", width, height, 2, resize=SHORTEST, resize_width=224, resize_height=224, crop=CROP_EVEN,
                    crop_width=224, crop_height=224, dtype=0, layout=0)
        ours = int(run(driver, [case], 30)[1]) / 1e6
        image, best = case.image(), 1e9
        for _ in range(15):
            begin = time.perf_counter()
            image.resize((224 * width // height, 224), Image.Resampling.BICUBIC)
            best = min(best, (time.perf_counter() - begin) * 1e3)
        print(f"{width}x{height}: whole transform {ours:.3f} ms, Pillow's resize alone {best:.3f} ms, "
              f"ratio {ours / best:.2f}")


def geometries(driver, cases):
    """Yields (name, exact) for each filter and level."""
    for number, name in enumerate(FILTERS):
        mine = [c for c in cases if c.spec["filter"] == number]
        turned = sum(c.spec["resize"] == SQUASH and c.spec["height"] - c.spec["resize_height"] > max(
            0, 2 * (c.spec["width"] - c.spec["resize_width"])) for c in mine)
        references = [case.reference() for case in mine]
        for level in LEVELS:
            bad, first = differing(driver, mine, level, references)
            yield (f"{name} at {level}: {len(mine)} geometries, {turned} of them vertical first: {bad} differing bytes",
                   bad == 0)
            if first:
                print("first:", first)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", default=None)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", action="store_true", help="measure instead")
    args = parser.parse_args()
    driver = args.driver or str(Path(os.environ.get("MILLRACE_BUILD_DIR", "build/test")) / "tests/oracle/resize-dump")
    if PIL.__version__ != PILLOW:
        sys.exit(f"this oracle is Pillow {PILLOW}, not {PIL.__version__}")
    warnings.filterwarnings("ignore", "Palette images with Transparency")
    if args.speed:
        return speed(driver)
    rng = random.Random(args.seed)
    cases = [random_case(rng, args.seed * 1000003 + i) for i in range(args.cases)]
    passed = failed = 0
    for name, good in [*geometries(driver, cases), *controls(driver)]:
        print("ok  " if good else "FAIL", name)
        passed += bool(good)
        failed += not good
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
