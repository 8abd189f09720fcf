# SPDX-License-Identifier: Apache-2.0
"""Makes pillow_orders.json: what versions of Pillow, of different pass orders, give for tall pictures.

    for each environment with a Pillow:  python tests/golden/pillow_orders.py >> lines
    pillow_orders.json is these lines as one list.

A line has the version of Pillow, and the SHA-256 of each output [H,W,3].
"""
import hashlib
import json

from torch_resize import pixels

FILTERS = ("box", "bilinear", "hamming", "bicubic", "lanczos")


def cases():
    """(width, height, new width, new height, seed, filter): some turn in 13.0, some in 12.2, some in neither."""
    for i in range(48):
        width = 2 + i % 7
        height = (40, 190, 100 * width, 100 * width + 1, 1100)[i % 5]
        yield width, height, width + (-1, 1, 3)[i % 3], (9, 31, height + 5)[i // 3 % 3], i, FILTERS[i % 5]


def main():
    import PIL
    from PIL import Image

    hashes = []
    for width, height, new_width, new_height, seed, name in cases():
        image = Image.fromarray(pixels(width, height, seed))
        out = image.resize((new_width, new_height), getattr(Image.Resampling, name.upper()))
        hashes.append(hashlib.sha256(out.tobytes()).hexdigest())
    print(json.dumps({"pillow": PIL.__version__, "sha256": hashes}))


if __name__ == "__main__":
    main()
