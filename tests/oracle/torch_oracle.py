# SPDX-License-Identifier: Apache-2.0
"""The engines torch-uint8 and torch-float against what torchvision gave (tests/golden/torch_resize.json).

    MILLRACE_BUILD_DIR=build/test torch_oracle.py [--live CASES]

torch-uint8: 0 differing bytes. torch-float: within 0.001 of a level before rounding, one level after
it. With --live torchvision itself is asked, for random geometries, where it is installed.
"""
import argparse
import hashlib
import json
import os
import random
import sys
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "golden"), str(TESTS / "oracle")]

import torch_resize as golden  # noqa: E402
from resize_oracle import FILTERS, Case, random_case, run  # noqa: E402

PILLOW, TORCH_UINT8, TORCH_FLOAT = 0, 2, 3  # mr__engine_kind
NORM_NONE, RESCALE_FIRST = 0, 4             # mr__norm_rule
WITHIN = 1e-3


def case(width, height, new_width, new_height, seed, name, **spec):
    made = Case("RGB", width, height, seed, resize_width=new_width, resize_height=new_height,
                filter=FILTERS.index(name), **{"pass_order": 0, **spec})
    made.data = golden.pixels(width, height, seed)
    return made


def hashes(driver, name, **spec):
    cases = [case(*c, name, **spec) for c in golden.uint8_cases()]
    return [hashlib.sha256(out.tobytes()).hexdigest() for out in run(driver, cases)[0]]


def levels(driver, name, **spec):
    return [np.asarray(out, np.float64).ravel()
            for out in run(driver, [case(*c, name, **spec) for c in golden.float_cases()])[0]]


def against_golden(driver, want):
    """Yields (what, good)."""
    for name in golden.UINT8_FILTERS:
        got = hashes(driver, name, engine=TORCH_UINT8)
        same = sum(a == b for a, b in zip(got, want["uint8"][name], strict=True))
        yield f"torch-uint8 {name}: {same} of {len(got)} outputs are those of torchvision", same == len(got) >= 90
        other = hashes(driver, name, engine=PILLOW)
        yield f"weights of 22 bits are noticed in {name}", sum(a == b for a, b in zip(other, got)) < len(got) - 20
    for name in golden.FLOAT_FILTERS:
        reference = [np.array(values) for values in want["float"][name]]
        unit = levels(driver, name, engine=TORCH_FLOAT, norm=RESCALE_FIRST, dtype=0)
        off = max(np.abs(u * 255 - r).max() for u, r in zip(unit, reference, strict=True))
        yield f"torch-float {name}, scaled first: within {off:.2g} levels", off < WITHIN
        bytewise = levels(driver, name, engine=TORCH_FLOAT)
        off = max(np.abs(b - np.rint(r).clip(0, 255)).max() for b, r in zip(bytewise, reference, strict=True))
        wrong = sum(np.count_nonzero(b != np.rint(r).clip(0, 255)) for b, r in zip(bytewise, reference))
        yield f"torch-float {name}, rounded: {wrong} values differ, by {off:.0f} level", off <= 1 and wrong <= 3
        jax = levels(driver, name, engine=1, dtype=0)
        same = max(np.abs(j - r).max() for j, r in zip(jax, reference))
        yield f"torch's weights are told from Pillow's bytes in {name}", 0 < same < 1
        coarse = levels(driver, name, engine=PILLOW)
        yield f"rounding between the passes is noticed in {name}", any(
            np.any(c != np.rint(r).clip(0, 255)) for c, r in zip(coarse, reference))


def against_torch(driver, cases):
    """The same with torchvision itself, for random geometries."""
    import torch
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    def reference(c, name, exact):
        tensor = torch.from_numpy(c.data).permute(2, 0, 1)
        out = functional.resize(tensor if exact else tensor.float(), [c.spec["resize_height"], c.spec["resize_width"]],
                                interpolation=InterpolationMode(name), antialias=True)
        return (out if exact else out.round().clamp(0, 255).to(torch.uint8)).permute(1, 2, 0).numpy()

    rng = random.Random(7)
    for engine, names in ((TORCH_UINT8, golden.UINT8_FILTERS), (TORCH_FLOAT, golden.FLOAT_FILTERS)):
        for name in names:
            shapes = [random_case(rng, i).spec for i in range(cases)]
            made = [case(s["width"], s["height"], s["resize_width"], s["resize_height"], i, name, engine=engine)
                    for i, s in enumerate(shapes)]
            wrong = worst = total = 0
            for c, got in zip(made, run(driver, made)[0]):
                off = np.abs(reference(c, name, engine == TORCH_UINT8).astype(int) - got)
                wrong, worst, total = wrong + int(np.count_nonzero(off)), max(worst, int(off.max())), total + off.size
            yield (f"live: {name}, {cases} geometries: {wrong} of {total} bytes differ, by at most {worst}",
                   worst == 0 if engine == TORCH_UINT8 else worst <= 1 and wrong * 5000 < total)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--live", type=int, default=0, metavar="CASES")
    args = parser.parse_args()
    driver = str(Path(os.environ.get("MILLRACE_BUILD_DIR", "build/test")) / "tests/oracle/resize-dump")
    want = json.loads((TESTS / "golden/torch_resize.json").read_text("utf-8"))
    passed = failed = 0
    checks = [*against_golden(driver, want), *(against_torch(driver, args.live) if args.live else [])]
    for name, good in checks:
        print("ok  " if good else "FAIL", name)
        passed += bool(good)
        failed += not good
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
