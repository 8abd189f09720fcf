# SPDX-License-Identifier: Apache-2.0
"""Makes torch_resize.json: what torchvision's antialiased resize of tensors gives, on a CPU.

    python tests/golden/torch_resize.py > tests/golden/torch_resize.json

Needs torch and torchvision; their versions are part of what is written. The pictures are integer
arithmetic, the same everywhere, and are imported by the test that compares (oracle/torch_oracle.py).
Of uint8 tensors the SHA-256 of the output [H,W,C] is kept; of float32 ones, whose sums have no
fixed order, the output itself, of small sizes.
"""
import hashlib
import json
import sys

import numpy as np

UINT8_FILTERS = ("bilinear", "bicubic", "lanczos")
FLOAT_FILTERS = ("bilinear", "bicubic")
SIDES = ((1, 1), (2, 1), (1, 7), (7, 1), (7, 3), (3, 7), (31, 31), (97, 13), (13, 97), (224, 224), (225, 224), (500, 31),
         (61, 1021), (640, 127), (1999, 5), (251, 1100), (33, 34))


def pixels(width, height, seed):
    """uint8 [H,W,3]: ends only, noise, or ramps with edges."""
    n = np.arange(height * width * 3, dtype=np.uint64).reshape(height, width, 3)
    noise = ((n * np.uint64(2654435761) + np.uint64(seed * 40503)) % np.uint64(1 << 32)) >> np.uint64(13)
    if seed % 3 == 0:
        return np.where(noise & np.uint64(64), 255, 0).astype(np.uint8)
    if seed % 3 == 1:
        return (noise & np.uint64(255)).astype(np.uint8)
    y, x, c = np.indices((height, width, 3))
    return ((x * 5 + y * 3 + c * 40) // 4 % 256 ^ ((x // 9 + y // 7) % 2 * 96)).astype(np.uint8)


def uint8_cases():
    """(width, height, new width, new height, seed)"""
    for i in range(90):
        width, height = SIDES[i % len(SIDES)]
        new = SIDES[(i * 7 + 3) % len(SIDES)]
        yield width, height, new[0], new[1], i


def float_cases():
    for i in range(len(SIDES)):
        width, height = SIDES[i % len(SIDES)]
        yield width, height, 1 + i * 5 % 9, 1 + i * 3 % 8, i


def main():
    import torch
    import torchvision
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    def resize(array, new, name):
        tensor = torch.from_numpy(array).permute(2, 0, 1)
        out = functional.resize(tensor, [new[1], new[0]], interpolation=InterpolationMode(name), antialias=True)
        return np.ascontiguousarray(out.permute(1, 2, 0).numpy())

    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        sys.exit("without AVX2 torch resizes uint8 bilinearly in float32")
    made = {"torch": torch.__version__, "torchvision": torchvision.__version__, "numpy": np.__version__,
            "uint8": {name: [hashlib.sha256(resize(pixels(w, h, s), (nw, nh), name).tobytes()).hexdigest()
                             for w, h, nw, nh, s in uint8_cases()] for name in UINT8_FILTERS},
            "float": {name: [[round(float(v), 4) for v in resize(pixels(w, h, s).astype(np.float32), (nw, nh), name).flat]
                             for w, h, nw, nh, s in float_cases()] for name in FLOAT_FILTERS}}
    print(json.dumps(made, indent=0).replace(",\n", ",").replace("[\n", "[").replace("\n]", "]").replace("],", "],\n"))


if __name__ == "__main__":
    main()
