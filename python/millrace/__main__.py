# SPDX-License-Identifier: Apache-2.0
"""python -m millrace: the command, as it came with the package."""
import os
import sys
from pathlib import Path


def main():
    program = Path(__file__).resolve().with_name("millrace")
    if not os.access(program, os.X_OK):
        sys.exit(f"millrace: the command is not in this package ({program})")
    os.execv(program, ["millrace", *sys.argv[1:]])


if __name__ == "__main__":
    main()
