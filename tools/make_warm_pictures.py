#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/decode/warm.c: tiny pictures of each format that the decoder decodes at start.

Usage: python3 tools/make_warm_pictures.py > src/decode/warm.c      (Pillow 13.0.0)
"""
import io
import sys

from PIL import Image

# wide enough that the vector code of the libraries runs, not only its tail
SIZE = (40, 20)


def gradient(mode):
    image = Image.new("RGBA", SIZE)
    image.putdata([(x * 6, y * 12, (x * y) & 255, 255 - x) for y in range(SIZE[1]) for x in range(SIZE[0])])
    return image.convert(mode)


def encode(mode, fmt, **options):
    out = io.BytesIO()
    gradient(mode).save(out, fmt, **options)
    return out.getvalue()


FILES = [
    ("jpeg_420", encode("RGB", "JPEG", quality=60, subsampling="4:2:0")),
    ("jpeg_422_progressive", encode("RGB", "JPEG", quality=60, subsampling="4:2:2", progressive=True)),
    ("jpeg_grey", encode("L", "JPEG", quality=60)),
    ("jpeg_cmyk", encode("CMYK", "JPEG", quality=60)),
    ("png_rgb", encode("RGB", "PNG", compress_level=9)),
    ("png_rgba", encode("RGBA", "PNG", compress_level=9)),
    ("webp_lossy", encode("RGB", "WEBP", quality=40, exact=True)),
    ("webp_lossless_alpha", encode("RGBA", "WEBP", lossless=True, exact=True)),
]


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Made by tools/make_warm_pictures.py with Pillow 13.0.0; do not edit by hand. */")
    print('#include "decode/warm.h"\n')
    print("/* clang-format off */")
    for name, data in FILES:
        print(f"static const uint8_t {name}[{len(data)}] = {{")
        for i in range(0, len(data), 24):
            print("    " + ",".join(str(b) for b in data[i : i + 24]) + ",")
        print("};\n")
    print("/* clang-format on */\n")
    print("static const mr__warm_file files[] = {")
    for name, _ in FILES:
        print(f"    {{{name}, sizeof({name})}},")
    print("};\n")
    print("const mr__warm_file *mr__warm_files(size_t *n_files)\n{")
    print("    *n_files = sizeof(files) / sizeof(files[0]);\n    return files;\n}")


if __name__ == "__main__":
    sys.exit(main())
