# SPDX-License-Identifier: Apache-2.0
"""decode=draft and resize=thumbnail against Pillow 13.0.0's Image.draft and Image.thumbnail: 0 differing bytes.

    MILLRACE_BUILD_DIR=build/test draft_oracle.py [--cases 600] [--seed 1]

The reference calls what a program would: draft(), exif_transpose(), convert(), resize(); or thumbnail(). The negative
controls leave the draft out, ask for another size, or round a thumbnail as a letterbox is rounded.
"""
import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

from shrink_oracle import FILTERS, KINDS, LEVELS, PILLOW, Case, ask, differing, run


class Draft(Case):
    """draft(), then whatever the plan says, of the smaller picture."""

    def reference(self, shrink=None, boxed=True, shift=0, draft=True):
        with Image.open(self.path) as image:
            if draft:
                image.draft("RGB", tuple(map(int, self.lines["resize_size"].split("x"))))
            image.load()
            self.scale = image.decoderconfig[0] if draft and image.format == "JPEG" else 1
            small = ImageOps.exif_transpose(image) if self.lines["exif"] == "apply" else image.copy()
        if self.lines["colour"] == "rgb-first":
            small = small.convert("RGB")
        self.small = small.size
        size = self.resized()
        if size != small.size:
            small = small.resize(size, getattr(Image.Resampling, self.lines["filter"].upper()),
                                 reducing_gap=float(self.lines.get("reducing_gap", 0)) or None)
        return self.cut(np.asarray(small.convert("RGB")), shift)

    def upright(self):
        return self.small


class Thumbnail(Case):
    """thumbnail(), in the middle of the size that it may have."""

    def reference(self, shrink=None, boxed=True, shift=0, letterbox=False):
        want = tuple(map(int, self.lines["resize_size"].split("x")))
        with Image.open(self.path) as image:
            image.thumbnail(want, getattr(Image.Resampling, self.lines["filter"].upper()),
                            reducing_gap=float(self.lines.get("reducing_gap", 0)) or None)
            self.scale = image.decoderconfig[0] if getattr(image, "decoderconfig", ()) else 1
            self.small = image.size
            levels = np.asarray(image.convert("RGB"))
        if letterbox:
            self.small = self.resized()
        out = np.zeros((want[1], want[0], 3), np.uint8)
        left, top = ((w - s) // 2 for w, s in zip(want, self.small))
        fits = levels[:self.small[1], :self.small[0]]
        out[top:top + fits.shape[0], left:left + fits.shape[1]] = fits
        return out


def random_case(rng, folder, seed):
    want = rng.randint(4, 60), rng.randint(4, 60)
    factor = rng.choice([0.7, 1, 1.5, 2, 3, 4, 5, 8, 9, 16, 17])
    size = tuple(max(1, int(w * factor * rng.uniform(0.95, 1.3)) + rng.randint(-1, 8)) for w in want)
    kind, turn = KINDS[seed // 2 % len(KINDS)], rng.randint(1, 8)
    lines = dict(resize_size="%dx%d" % want, filter=rng.choice(FILTERS), decode="draft",
                 colour=rng.choice(["rgb-first", "rgb-last"]), exif=rng.choice(["apply", "ignore"]))
    if rng.random() < 0.5:
        lines["reducing_gap"] = rng.choice(["1", "1.5", "2", "3"])
    if seed % 2:
        lines.update(resize="thumbnail", colour="rgb-last", exif="ignore",
                     decode="draft" if "reducing_gap" in lines else "exact")
        return Thumbnail(folder, kind, size, turn, seed, **lines)
    geometry = rng.randrange(4)
    if geometry == 1:
        short = min(want)
        lines.update(resize="shortest", resize_size=f"{short}x{short}", crop="centre-floor",
                     crop_size="%dx%d" % (rng.randint(1, 2 * short), rng.randint(1, 2 * short)))
    elif geometry == 2 and max(size) < 3 * min(size):
        lines.update(resize="letterbox")
    elif geometry == 3:
        lines.update(filter="nearest")
        lines.pop("reducing_gap", None)
    return Draft(folder, kind, size, turn, seed, **lines)


def comparisons(driver, cases):
    """Yields (name, exact) for each way, scale and level."""
    for level in LEVELS:
        got = run(driver, ask(cases), MILLRACE_CPU=level)
        for way in (Draft, Thumbnail):
            for scale in (1, 2, 4, 8):
                mine = [(c, differing(g, c.want)) for c, g in zip(cases, got) if isinstance(c, way) and c.scale == scale]
                bad = [(c, n) for c, n in mine if n]
                yield (f"{way.__name__} 1/{scale} at {level}: {len(mine)} pictures, {sum(n for _, n in bad)} differing bytes",
                       mine and not bad)
                if bad:
                    print("first:", bad[0][1], bad[0][0].size, bad[0][0].turn, bad[0][0].plan(), len(bad))


def controls(driver, folder, cases):
    """Yields (name, noticed)."""
    drafts = [c for c in cases if isinstance(c, Draft) and c.scale > 1]
    thumbs = [c for c in cases if isinstance(c, Thumbnail)]
    got = run(driver, ask(drafts))
    yield "a draft that is left out is noticed", sum(
        differing(g, c.reference(draft=False)) > 0 for c, g in zip(drafts, got)) > len(drafts) // 2
    yield "draft and fast are told apart", any(
        np.any(a != b) for a, b in zip(run(driver, ask(thumbs, resize="squash", decode="draft")),
                                       run(driver, ask(thumbs, resize="squash", decode="fast"))))
    yield "a thumbnail is rounded in its own way", any(
        differing(a, b.reference(letterbox=True)) for a, b in zip(run(driver, ask(thumbs)), thumbs))
    gaps = [c for c in thumbs if c.scale > 1]
    yield "a thumbnail with a gap has a draft, without saying so", all(
        not np.any(a != b) for a, b in zip(run(driver, ask(gaps)), run(driver, ask(gaps, decode="exact"))))
    png = []
    for case in gaps[:20]:
        with Image.open(case.path) as image:
            case.path = case.path.with_suffix(".png")
            image.convert("RGB").save(case.path, exif=b"")
        png.append((case, case.reference()))
    yield "thumbnails of PNG have no draft, and are exact", png and all(
        not differing(g, want) for g, (_, want) in zip(run(driver, ask([c for c, _ in png])), png))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if PIL.__version__ != PILLOW:
        sys.exit(f"this oracle is Pillow {PILLOW}, not {PIL.__version__}")
    driver = Path(os.environ.get("MILLRACE_BUILD_DIR", "build/test")) / "tests/oracle/plan-dump"
    rng = random.Random(args.seed)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="millrace-draft-") as folder:
        cases = [random_case(rng, folder, i) for i in range(args.cases)]
        for case in cases:
            case.want = case.reference()
            case.shape = case.want.shape
        for name, good in [*comparisons(driver, cases), *controls(driver, folder, cases)]:
            print("ok  " if good else "FAIL", name)
            passed += bool(good)
            failed += not good
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
