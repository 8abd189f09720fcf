# SPDX-License-Identifier: Apache-2.0
"""Each pass order against the Pillow that has it (tests/golden/pillow_orders.json): 0 differing bytes.

    MILLRACE_BUILD_DIR=build/test order_oracle.py
"""
import hashlib
import json
import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "golden"), str(TESTS / "oracle")]

import pillow_orders as golden  # noqa: E402
from resize_oracle import FILTERS, Case, run  # noqa: E402
from torch_resize import pixels  # noqa: E402

ORDERS = ("horizontal-first", "pillow-13", "pillow-12.2")  # mr__pass_order
WHICH = {"9.5.0": 0, "12.1.1": 0, "12.2.0": 2, "13.0.0": 1}


def outputs(driver, order):
    made = []
    for width, height, new_width, new_height, seed, name in golden.cases():
        made.append(Case("RGB", width, height, seed, resize_width=new_width, resize_height=new_height,
                         filter=FILTERS.index(name), pass_order=order))
        made[-1].data = pixels(width, height, seed)
    return [hashlib.sha256(out.tobytes()).hexdigest() for out in run(driver, made)[0]]


def main():
    driver = str(Path(os.environ.get("MILLRACE_BUILD_DIR", "build/test")) / "tests/oracle/resize-dump")
    passed = failed = 0
    want = {line["pillow"]: line["sha256"]
            for line in json.loads((TESTS / "golden/pillow_orders.json").read_text("utf-8"))}
    assert sorted(want) == sorted(WHICH)
    for order, name in enumerate(ORDERS):
        got = outputs(driver, order)
        for version, hashes in want.items():
            same = sum(a == b for a, b in zip(got, hashes, strict=True))
            good = same == len(got) if WHICH[version] == order else same <= len(got) - 4
            print("ok  " if good else "FAIL", f"{name}: {same} of {len(got)} outputs are those of Pillow {version}")
            passed += good
            failed += not good
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
