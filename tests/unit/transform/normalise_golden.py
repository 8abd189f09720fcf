# SPDX-License-Identifier: Apache-2.0
"""Writes normalise_golden.h: SHA-256 of normalise tables as numpy computes them (numpy 2.4.6).

    python3 normalise_golden.py > normalise_golden.h

torchvision's ToTensor and Normalize are float32 throughout; Hugging Face's PIL processors multiply
in float64, cast to float32, then subtract and divide.
"""
import hashlib

import numpy as np

CONSTANTS = {
    "clip": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
    "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "half": ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
}


def torchvision(mean, std):
    x = np.arange(256, dtype=np.uint8).astype(np.float32)
    return [(x / np.float32(255) - np.float32(m)) / np.float32(s) for m, s in zip(mean, std)]


def hugging_face(mean, std, factor=1 / 255):
    x = (np.arange(256, dtype=np.uint8).astype(np.float64) * factor).astype(np.float32)
    return [(x - np.float32(m)) / np.float32(s) for m, s in zip(mean, std)]


def hugging_face_fused(mean, std):
    """The torchvision backend's order: it must not be taken for the others."""
    x = np.arange(256, dtype=np.uint8).astype(np.float32)
    return [(x - np.float32(m) * np.float32(255)) / (np.float32(s) * np.float32(255)) for m, s in zip(mean, std)]


def digest(table):
    return hashlib.sha256(np.stack(table).astype("<f4").tobytes()).hexdigest()


print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* Made by normalise_golden.py with numpy 2.4.6: SHA-256 of float[3][256], little-endian. */")
for name, (mean, std) in CONSTANTS.items():
    print(f'#define GOLDEN_{name.upper()}_TORCHVISION \\\n    "{digest(torchvision(mean, std))}"')
    print(f'#define GOLDEN_{name.upper()}_HF \\\n    "{digest(hugging_face(mean, std))}"')
mean, std = CONSTANTS["clip"]
print(f'#define GOLDEN_CLIP_HF_97 \\\n    "{digest(hugging_face(mean, std, 1 / 97))}"')
print(f'#define GOLDEN_CLIP_HF_FUSED \\\n    "{digest(hugging_face_fused(mean, std))}"')
