# SPDX-License-Identifier: Apache-2.0
"""Keeps one server for a process that may die at any moment: starts it, says what becomes of it, and
leaves nothing behind. Run as a program by servers.process; nobody else talks to it.

    keeper.py LOG GRACE_S REMOVE SHM -- COMMAND...

stdin:   "start" starts the command again. The end of stdin, by close() or by the death of the user, ends all.
stdout:  "pid N" when it was started, "exit STATUS" when it has ended and all its descendants are gone.
At the end the folder REMOVE and what begins with SHM in /dev/shm (if not empty) are removed.

The keeper adopts the server's orphans (PR_SET_CHILD_SUBREAPER) so that it can see them end, and the server
dies with the keeper (PR_SET_PDEATHSIG), so that not even SIGKILL of the keeper leaves a server running.
"""
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)


def say(text):
    try:
        os.write(1, (text + "\n").encode())
    except BrokenPipeError:
        pass  # the user is gone; the end of stdin comes next


def descendants():
    """Pids of all processes below this one that are not yet reaped."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path("/proc", entry, "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry)] = int(fields[1])
    found = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found - {os.getpid()}
        found |= more


def kill_descendants():
    """Ends what a dead server left running. Returns when nothing of it exists."""
    while True:
        for pid in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, 0)[0]:
                pass
        except ChildProcessError:
            if not descendants():
                return


class Keeper:
    def __init__(self, log, grace_s, command):
        self.log, self.grace_s, self.command = log, grace_s, command
        self.child = None
        self.pidfd = -1

    def start(self):
        with open(self.log, "ab") as log:
            # this process has one thread, so that its death is the thread's too
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        self.pidfd = os.pidfd_open(self.child.pid)
        say(f"pid {self.child.pid}")

    def ended(self):
        """The server has ended: nor may what it started go on."""
        status = self.child.wait()
        os.close(self.pidfd)
        self.child = None
        kill_descendants()
        say(f"exit {status}")

    def stop(self):
        if not self.child:
            return
        self.child.terminate()
        if not select.select([self.pidfd], [], [], self.grace_s)[0]:
            self.child.kill()
        self.ended()

    def serve(self):
        while True:
            watched = [0] + ([self.pidfd] if self.child else [])
            ready = select.select(watched, [], [])[0]
            if self.child and self.pidfd in ready:
                self.ended()
            if 0 in ready:
                if not os.read(0, 64):
                    return
                if not self.child:
                    self.start()


def main():
    log, grace_s, remove, shm = sys.argv[1:5]
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    keeper = Keeper(log, float(grace_s), sys.argv[6:])
    keeper.serve()
    keeper.stop()
    shutil.rmtree(remove, ignore_errors=True)
    if shm:
        for left in Path("/dev/shm").glob(shm + "*"):
            left.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
