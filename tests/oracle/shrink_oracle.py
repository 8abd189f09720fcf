# SPDX-License-Identifier: Apache-2.0
"""Plans that decode a JPEG smaller (decode=fast) against Pillow 13.0.0: 0 differing bytes.

    MILLRACE_BUILD_DIR=build/test shrink_oracle.py [--cases 400] [--seed 1]

The reference is Pillow's own scaled decode, Image.draft, then its resize with the box that belongs to that scale, crop
and padding. The scale is worked out here once more. Each picture is also compared with the exact plan: what decode=fast
says of its largest error must hold. The negative controls make the usual mistakes, and must be noticed.
"""
import argparse
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageFile

PILLOW = "13.0.0"
ImageFile.MAXBLOCK = 1 << 22
LEVELS = ["c", "avx2", "avx512vnni"]
FILTERS = ["box", "bilinear", "hamming", "bicubic", "lanczos", "mks2013", "mks2021"]
KINDS = ["4:4:4", "4:2:2", "4:2:0", "L", "CMYK", "progressive"]
TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
         5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}
LINES = dict(colour="rgb-first", alpha="drop", exif="apply", decode="fast", resize="squash", resize_size="1x1", filter="bicubic",
             pass_order="pillow-13", crop="none", crop_size="0x0", fill="0,0,0", norm="none", rescale="1", mean="0,0,0",
             std="1,1,1", dtype="u8", layout="nhwc")


def scene(width, height, bands, seed):
    """Waves, edges and grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    out = np.empty((height, width, bands), np.uint8)
    for c in range(bands):
        waves = 128 + 70 * np.sin(x / (11 + c) + seed) + 50 * np.cos(y / (7 + c) - c)
        out[:, :, c] = (waves + 60 * ((x // 37 + y // 23 + c) % 2) - 30 + rng.integers(-12, 13, (height, width))).clip(0, 255)
    return out


def jpeg(kind, size, turn, seed):
    mode = kind if kind in ("L", "CMYK") else "RGB"
    data = scene(*size, len(Image.new(mode, (1, 1)).getbands()), seed)
    image = Image.frombytes(mode, size, data.tobytes())
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"exif": exif, "quality": 60 + seed % 38, "progressive": kind == "progressive",
               "restart_marker_blocks": 5 if seed % 4 == 0 else 0, "optimize": seed % 3 == 0}
    if mode == "RGB":
        options["subsampling"] = {"4:4:4": 0, "4:2:2": 1}.get(kind, 2)
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


class Case:
    """A picture and a plan."""

    def __init__(self, folder, kind, size, turn, seed, **lines):
        self.kind, self.size, self.turn, self.lines = kind, size, turn, {**LINES, **lines}
        self.path = Path(folder) / f"{seed}.jpg"
        self.path.write_bytes(jpeg(kind, size, turn, seed))

    def plan(self, **changes):
        return "raw?" + "&".join(f"{k}={v}" for k, v in {**self.lines, **changes}.items())

    def upright(self):
        turned = self.lines["exif"] == "apply" and self.turn >= 5
        return self.size[::-1] if turned else self.size

    def resized(self):
        (width, height), (want_w, want_h) = self.upright(), map(int, self.lines["resize_size"].split("x"))
        if self.lines["resize"] == "shortest":
            return (want_w, int(want_w * height / width)) if width <= height else (int(want_w * width / height), want_w)
        if self.lines["resize"] == "letterbox":
            if want_w * height <= want_h * width:
                return want_w, want_w * height // width
            return want_h * width // height, want_h
        return want_w, want_h

    def shrink(self):
        """The largest that leaves two pixels for one."""
        (width, height), (rw, rh) = self.upright(), self.resized()
        return max(s for s in (1, 2, 4, 8) if s == 1 or (width >= 2 * s * rw and height >= 2 * s * rh))

    def reference(self, shrink=None, boxed=True, shift=0):
        size, shrink = self.resized(), shrink or self.shrink()
        with Image.open(self.path) as image:
            if shrink > 1:
                # not 1 x 1: draft takes the largest scale that both sides allow
                image.draft(None, tuple(max(1, side // shrink) for side in image.size))
                assert image.decoderconfig[0] == shrink, (image.decoderconfig, shrink)
            image.load()
            small = image.copy()
        ends = [side / shrink for side in self.size]
        box = [0, 0, *ends]
        if self.lines["exif"] == "apply" and self.turn in TURNS:
            # where the part of the stored picture that is no padding comes to lie
            mark = [Image.Transpose(TURNS[self.turn]) == t for t in Image.Transpose]
            assert sum(mark) == 1
            small = small.transpose(TURNS[self.turn])
            across = ends[::-1] if self.turn >= 5 else ends
            x0 = small.width - across[0] if self.turn in (2, 3, 6, 7) else 0
            y0 = small.height - across[1] if self.turn in (3, 4, 7, 8) else 0
            box = [x0, y0, x0 + across[0], y0 + across[1]]
        if self.lines["colour"] == "rgb-first":
            small = small.convert("RGB")
        if size != small.size or shrink > 1:
            small = small.resize(size, getattr(Image.Resampling, self.lines["filter"].upper()), box=box if boxed else None,
                                 reducing_gap=float(self.lines.get("reducing_gap", 0)) or None)
        return self.cut(np.asarray(small.convert("RGB")), shift)

    def cut(self, levels, shift):
        if self.lines["crop"] == "none" and self.lines["resize"] != "letterbox":
            return levels
        want = self.lines["crop_size" if self.lines["crop"] != "none" else "resize_size"]
        want_w, want_h = map(int, want.split("x"))
        out = np.zeros((want_h, want_w, 3), np.uint8)
        (x, w, left), (y, h, top) = (axis(have, n, self.lines["crop"] != "none") for have, n in zip(levels.shape[1::-1], (want_w, want_h)))
        out[top:top + h, left:left + w] = np.roll(levels, -shift, 1)[y:y + h, x:x + w]
        return out


def axis(have, want, up):
    """First pixel, how many, and padding before, of which `up` says how it is rounded."""
    if have >= want:
        return (have - want) // 2, want, 0
    return 0, have, (want - have + up) // 2


def run(driver, asked, **environment):
    """Arrays, or the code of the item, of (plan, path, shape)."""
    lines = "".join(f"{plan}\t{path}\n" for plan, path, _ in asked)
    done = subprocess.run([driver], input=lines.encode(), stdout=subprocess.PIPE, check=True, env={**os.environ, **environment})
    answers, at = [], 0
    for plan, _, shape in asked:
        code, = struct.unpack_from("<I", done.stdout, at)
        at += 4
        if code:
            answers.append(code)
            continue
        n, = struct.unpack_from("<I", done.stdout, at)
        kind = np.dtype(np.float32 if "dtype=f32" in plan else np.uint8)
        answers.append(np.frombuffer(done.stdout, kind, n // kind.itemsize, at + 4).reshape(shape))
        at += 4 + n
    assert at == len(done.stdout)
    return answers


def differing(got, want):
    return want.size if isinstance(got, int) else int(np.count_nonzero(got != want))


def random_case(rng, folder, seed):
    kind = KINDS[seed % len(KINDS)]
    want = rng.randint(4, 40), rng.randint(4, 40)
    factor = rng.choice([2, 3, 4, 5, 8, 9, 16, 17, 20])
    size = tuple(max(1, int(w * factor * rng.uniform(0.95, 1.3)) + rng.randint(-1, 8)) for w in want)
    lines = dict(resize_size="%dx%d" % want, filter=rng.choice(FILTERS), exif=rng.choice(["apply", "apply", "ignore"]),
                 colour=rng.choice(["rgb-first", "rgb-last"]))
    turn = rng.randint(1, 8)
    geometry = rng.randrange(4)
    if geometry == 1:
        short = min(want)
        lines.update(resize="shortest", resize_size=f"{short}x{short}", crop="centre-floor",
                     crop_size="%dx%d" % (rng.randint(1, 2 * short), rng.randint(1, 2 * short)))
    elif geometry == 2 and max(size) < 3 * min(size):
        lines.update(resize="letterbox")
    elif geometry == 3:
        lines.update(crop="centre-floor", crop_size="%dx%d" % (rng.randint(1, want[0]), rng.randint(1, want[1])))
    if rng.random() < 0.2:
        lines["reducing_gap"] = rng.choice(["1", "1.5", "2"])
    return Case(folder, kind, size, turn, seed, **lines)


def ask(cases, **changes):
    return [(c.plan(**changes), c.path, c.shape) for c in cases]


def geometries(driver, cases):
    """Yields (name, exact) for each kind of picture, shrink and level."""
    for level in LEVELS:
        got = run(driver, ask(cases), MILLRACE_CPU=level)
        for kind in KINDS:
            for shrink in (1, 2, 4, 8):
                mine = [(c, g) for c, g in zip(cases, got) if c.kind == kind and c.shrink() == shrink]
                bad = [(differing(g, c.want), c) for c, g in mine if differing(g, c.want)]
                yield f"{kind} 1/{shrink} at {level}: {len(mine)} pictures, {sum(n for n, _ in bad)} differing bytes", not bad and mine
                if bad:
                    print("first:", bad[0][0], bad[0][1].size, bad[0][1].turn, bad[0][1].plan(), len(bad))


def largest_errors(driver, build, cases):
    """Yields (name, within) of what the plans say of their largest error."""
    shrunk = [c for c in cases if c.shrink() > 1]
    for name in FILTERS:
        mine = [c for c in shrunk if c.lines["filter"] == name]
        fast, exact = run(driver, ask(mine)), run(driver, ask(mine, decode="exact"))
        off = max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(fast, exact))
        said = json.loads(subprocess.run([build / "millrace", "plan", mine[0].plan(), "--json"], stdout=subprocess.PIPE, check=True).stdout)
        yield f"{name}: {off} levels from the exact plan, at most {said['max_error']:.0f} said", (
            not said["exact"] and 0 < off <= said["max_error"])


def other_engines(driver, cases):
    """Yields (name, close): the same smaller picture, whose arithmetic differs by rounding alone. (Not so bicubic, which
    Pillow clamps between its passes.)"""
    mine = [c for c in cases if c.shrink() > 1 and c.lines["filter"] == "bilinear" and not c.lines.get("reducing_gap")]
    alike = dict(colour="rgb-first", **{"pass_order": "horizontal-first"})
    want = run(driver, ask(mine, **alike))
    for engine, dtype in (("torch-uint8", "u8"), ("torch-float", "u8"), ("float", "f32")):
        got = run(driver, ask(mine, **alike, engine=engine, dtype=dtype))
        off = max(float(np.abs(np.clip(a, 0, 255) - b.astype(float)).max()) for a, b in zip(got, want))
        yield f"{engine}: {len(mine)} pictures within {off:.2f} levels of Pillow's engine", off <= 1.01


def controls(driver, folder, cases):
    """Yields (name, noticed)."""
    shrunk = [c for c in cases if c.shrink() > 1]
    got = run(driver, ask(shrunk))
    exact = run(driver, ask(shrunk, decode="exact"))
    yield "decode=exact is another picture", any(np.any(a != b) for a, b in zip(got, exact))
    yield "a smaller shrink is noticed", any(differing(g, c.reference(c.shrink() // 2)) for c, g in zip(shrunk, got))
    yield "a resize without its box is noticed", any(differing(g, c.reference(boxed=False)) for c, g in zip(shrunk, got))
    yield "a crop moved by one pixel is noticed", any(
        differing(g, c.reference(shift=1)) for c, g in zip(shrunk, got) if c.lines["crop"] != "none")
    whole = [c for c in cases if c.shrink() == 1]
    yield "where nothing is shrunk, it is the exact plan", all(
        not differing(a, b) for a, b in zip(run(driver, ask(whole)), run(driver, ask(whole, decode="exact"))))
    both = [Case(folder, "4:2:0", (640, 480), 1, 900 + i, resize_size="40x30", **{"filter": f})
            for i, f in enumerate(["nearest", "bicubic"])]
    for case in both:
        case.shape = (30, 40, 3)
    fast, slow = run(driver, ask(both)), run(driver, ask(both, decode="exact"))
    yield "nearest is never shrunk, bicubic is", not np.any(fast[0] != slow[0]) and np.any(fast[1] != slow[1])
    with Image.open(both[1].path) as image:
        for suffix in ("png", "webp"):
            image.save(Path(folder) / f"same.{suffix}", lossless=True)
    others = [(both[1].plan(decode=d), Path(folder) / f"same.{s}", (30, 40, 3)) for s in ("png", "webp") for d in ("fast", "exact")]
    got = run(driver, others)
    yield "PNG and WebP are not shrunk", not np.any(got[0] != got[1]) and not np.any(got[2] != got[3])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if PIL.__version__ != PILLOW:
        sys.exit(f"this oracle is Pillow {PILLOW}, not {PIL.__version__}")
    build = Path(os.environ.get("MILLRACE_BUILD_DIR", "build/test"))
    driver = build / "tests/oracle/plan-dump"
    rng = random.Random(args.seed)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="millrace-shrink-") as folder:
        cases = [random_case(rng, folder, i) for i in range(args.cases)]
        for case in cases:
            case.want = case.reference()
            case.shape = case.want.shape
        for name, good in [*geometries(driver, cases), *largest_errors(driver, build, cases), *other_engines(driver, cases),
                           *controls(driver, folder, cases)]:
            print("ok  " if good else "FAIL", name)
            passed += bool(good)
            failed += not good
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
