#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A text file as a C array of its bytes with a NUL behind: embed_text.py NAME INPUT OUTPUT."""
import sys
from pathlib import Path


def main(name, source, target):
    data = Path(source).read_bytes() + b"\0"
    lines = [",".join(map(str, data[i:i + 32])) for i in range(0, len(data), 32)]
    Path(target).write_text(f"static const unsigned char {name}[] = {{\n" + ",\n".join(lines) + "};\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
