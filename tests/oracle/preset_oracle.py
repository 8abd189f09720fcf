# SPDX-License-Identifier: Apache-2.0
"""Every preset against what the library's own processor made (tests/golden/presets.json): 0 differing bytes.

    MILLRACE_BIN=build/millrace preset_oracle.py [--match WORD]

Presets of one fingerprint are run once. Where the plan is not exact, 64 values of each picture are
within its max_error. The files of pictures are made here, by the Pillow that the answers name.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import PIL

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "golden"))

import presets as golden  # noqa: E402

MILLRACE = os.environ.get("MILLRACE_BIN", "build/millrace")


def preprocess(folder, names, plan):
    """Tensors by name; None where millrace refused the picture."""
    out = str(Path(folder) / "out.npy")
    subprocess.run([MILLRACE, "preprocess", *[str(Path(folder) / name) for name in names], "--plan", plan, "--out", out,
                    "--workers", "1", "--error-budget", "none"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    tensors = np.load(out)
    rows = {name: None for name in names}
    with open(out + ".ids.jsonl", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["row"] is not None:
                rows[Path(line["id"]).name] = tensors[line["row"]]
    return [rows[name] for name in names]


def differs(tensor, want, preset):
    """Is this picture another one than the library made?"""
    if want is None:
        return False
    if tensor is None:
        return True
    if isinstance(want, str):
        return hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()[:16] != want
    within = preset["max_error"] / 255 / min(preset["std"])
    return float(np.abs(golden.sample(tensor) - np.float32(want)).max()) > within


def listed():
    """What `plan --json` says of each preset, and of each that opens the plan itself."""
    lines = subprocess.run([MILLRACE, "plan", "--json"], capture_output=True, text=True, check=True).stdout
    return {line["name"]: line for line in map(json.loads, lines.splitlines())}


def resolved(name):
    return json.loads(subprocess.run([MILLRACE, "plan", name, "--json"], capture_output=True, text=True, check=True).stdout)


def read_back(folder, line):
    """Fingerprint of the plan that millrace reads from the configuration itself."""
    path = Path(folder) / "config.json"
    path.write_text(json.dumps(line["config"]), "utf-8")
    plan = f"{path}@{line['name'].split('@')[1]}"
    done = subprocess.run([MILLRACE, "plan", plan, "--json"], capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["fingerprint"] if done.returncode == 0 else done.stderr.strip()


def controls(folder, names, by_name):
    """Yields (name, noticed): the same model by the rules of another library."""
    swaps = [("openai/clip-vit-base-patch32@openclip", "openai/clip-vit-base-patch32@transformers"),
             ("openai/clip-vit-base-patch32@transformers", "openai/clip-vit-base-patch32@transformers-tv"),
             ("openai/clip-vit-base-patch32@transformers", "openai/clip-vit-base-patch32@transformers-5.20"),
             ("google/siglip2-base-patch16-224@transformers", "google/siglip-base-patch16-224@transformers"),
             ("vit_base_patch16_siglip_224.webli@timm", "google/siglip-base-patch16-224@transformers"),
             ("laion/CLIP-ViT-L-14-laion2B-s32B-b82K@openclip", "openai/clip-vit-large-patch14@openclip")]
    for name, other in swaps:
        preset = resolved(other)
        wrong = sum(differs(t, w, preset) for t, w in zip(preprocess(folder, names, other), by_name[name]["pictures"]))
        yield f"{other} is not taken for {name} ({wrong} pictures)", wrong > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--match", default="")
    args = parser.parse_args()
    known = json.loads((TESTS / "golden/presets.json").read_text("utf-8"))
    if PIL.__version__ != known["versions"]["PIL"]:
        sys.exit(f"the answers are those of Pillow {known['versions']['PIL']}, not {PIL.__version__}")
    by_name = {line["name"]: line for line in known["presets"]}
    listing = listed()
    checks = [("every preset of a model has answers",
               {n for n, p in listing.items() if "@" in n and "unsupported" not in p} == set(by_name))]
    checks.append(("configurations are those that were hashed",
                   all(golden.config_hash(line["config"]) == line["sha256"] for line in by_name.values())))
    checks.append(("verified are those whose configuration has a source",
                   all(not listing[n]["verified"] or "no copy" not in line["source"] for n, line in by_name.items())))
    checks.append(("what is unsupported says why", sum("unsupported" in p for p in listing.values()) == 5))
    with tempfile.TemporaryDirectory(prefix="millrace-presets-") as folder:
        names = golden.pictures(Path(folder))
        made = {}
        for name, line in by_name.items():
            if args.match not in name:
                continue
            fingerprint = listing[name]["fingerprint"]
            if fingerprint not in made:
                made[fingerprint] = preprocess(folder, names, name), resolved(name)
            tensors, preset = made[fingerprint]
            wrong = [n for n, t, w in zip(names, tensors, line["pictures"], strict=True) if differs(t, w, preset)]
            judged = sum(w is not None for w in line["pictures"])
            checks.append((f"{name}: {judged - len(wrong)} of {judged} {wrong if wrong else ''}", not wrong and judged >= 12))
            if line["config"] is not None:
                read = read_back(folder, line)
                same = read == listing[name]["fingerprint"]
                checks.append((f"{name} is what its configuration says {'' if same else read}", same))
        checks += controls(folder, names, by_name)
    for name, good in checks:
        if not good or "@" not in name:
            print("ok  " if good else "FAIL", name)
    passed = sum(good for _, good in checks)
    print(f"{len(made)} plans, {len(names)} pictures each")
    print(f"{passed} passed, {len(checks) - passed} failed")
    return 0 if passed == len(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
