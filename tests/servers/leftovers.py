# SPDX-License-Identifier: Apache-2.0
"""What a server may leave behind, seen from outside: processes, listeners, shared memory, folders."""
import os
import select
import socket
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def of(server):
    """Texts, one for each thing that is left of a stopped server; none if it is gone. Asked of a server that
    runs it has something to say, which is how a test knows that it looks."""
    found = [f"process {pid}" for pid in processes_with(str(server.folder))]
    if server.folder.exists():
        found.append(f"folder {server.folder}")
    if server.shm_prefix:
        found += [f"shared memory {path}" for path in Path("/dev/shm").glob(server.shm_prefix + "*")]
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", server.port)) == 0:
            found.append(f"listener on {server.port}")
    return found


def processes_with(word):
    """Pids of living processes with `word` in their command line or as their working folder."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        folder = Path("/proc", entry)
        try:
            text = (folder / "cmdline").read_bytes() + os.readlink(folder / "cwd").encode()
        except OSError:
            continue  # gone, or not ours
        if word.encode() in text:
            found.append(int(entry))
    return found


def watch(pid):
    """A descriptor that becomes readable when the process is dead; for ends()."""
    return os.pidfd_open(pid)


def ends(watched, seconds):
    """Does it end within so many seconds?"""
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)
