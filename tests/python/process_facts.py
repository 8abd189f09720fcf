# SPDX-License-Identifier: Apache-2.0
"""What /proc says about this process: mappings, descriptors, threads, children."""
import os
import re
from pathlib import Path


def mappings(name):
    """Address ranges of the mappings whose file has `name` in it."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        if name in line:
            start, end = re.match(r"([0-9a-f]+)-([0-9a-f]+)", line).groups()
            found.append((int(start, 16), int(end, 16)))
    return found


def shared_mappings():
    return len(mappings("/memfd:millrace"))


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def threads():
    return len(os.listdir("/proc/self/task"))


def children(pid="self"):
    """Process ids of the children, zombies included."""
    pids = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            pids += [int(word) for word in (task / "children").read_text().split()]
        except FileNotFoundError:
            pass  # the thread has ended: it has none
    return pids


def inside(address, n, name):
    """Is the whole of [address, address + n) in one mapping of that name?"""
    return any(start <= address and address + n <= end for start, end in mappings(name))
