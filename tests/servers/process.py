# SPDX-License-Identifier: Apache-2.0
"""One server as a process: started, asked until it is ready, killed, restarted, stopped without leftovers."""
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEEPER = Path(__file__).resolve().parent / "keeper.py"
READY_S = 180       # generous: the machine may be loaded
STOP_S = 60
ASK_EVERY_S = 0.05
LOG_LINES = 30      # of a server that failed, shown
PORTS = (20000, 32000)  # below the kernel's own choice, so that no client takes the port of a server that is down


class ServerError(RuntimeError):
    """A server that does not start, or is not there when it should be; with the end of its log."""


def free_ports(count):
    """`count` ports of 127.0.0.1 that nobody listens on."""
    found = []
    while len(found) < count:
        port = random.randint(*PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


class Server:
    """A running server. `name`, `address` ("127.0.0.1:PORT"), `pid`, `folder` (its data and log).

    A subclass sets `port` and gives `command()` and `answers()`. Not for use by several threads at once.
    """

    name = ""
    grace_s = 10      # between SIGTERM and SIGKILL
    shm_prefix = ""   # what it names its shared memory

    def __init__(self, environment, pass_fds=()):
        self.environment = environment
        self.folder = Path(tempfile.mkdtemp(prefix=f"millrace-{self.name}-"))
        self.log = self.folder / "log"
        self.pid = None
        self.ready_s = 0.0      # how long the last start took
        self._pass_fds = pass_fds
        self._keeper = None
        self._pidfd = -1

    # what a subclass gives

    def command(self):
        raise NotImplementedError

    def answers(self):
        """Asks the server once; is it ready to serve?"""
        raise NotImplementedError

    # its life

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        """Starts it (again), and returns when it answers."""
        if not self._keeper:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", KEEPER, self.log, str(self.grace_s), self.folder, self.shm_prefix, "--",
                 *map(str, self.command())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=self.folder,
                env=self.variables(), start_new_session=True, pass_fds=self._pass_fds)
        started = time.monotonic()
        self._keeper.stdin.write(b"start\n")
        self.pid = self._event("pid", READY_S)
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            pass  # it has ended already: the keeper says so
        while not self.answers():
            if (status := self._event("exit", ASK_EVERY_S)) is not None:
                self._gone()
                raise ServerError(f"{self.name}: ended with {status} before it was ready\n{self.log_end()}")
            if time.monotonic() - started > READY_S:
                raise ServerError(f"{self.name}: does not answer after {READY_S} s\n{self.log_end()}")
        self.ready_s = time.monotonic() - started

    def variables(self):
        """Its environment."""
        return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MILLRACE_"))}

    def kill9(self):
        """SIGKILL; returns when it and all that it started are dead. Its data stay for restart()."""
        self._signal(signal.SIGKILL)

    def terminate(self):
        """SIGTERM, and SIGKILL after `grace_s`; returns as kill9 does."""
        self._signal(signal.SIGTERM)

    def suspend(self):
        """SIGSTOP: it stays connected and answers nothing, until resume()."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGSTOP)

    def resume(self):
        signal.pidfd_send_signal(self._pidfd, signal.SIGCONT)

    def restart(self):
        """On the same address with the same data; kills it first if it runs."""
        if self.pid:
            self.kill9()
        self.start()

    def stop(self):
        """Ends it and removes its data. Again: does nothing."""
        if not self._keeper:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        self._keeper.stdin.close()
        self._keeper.wait(timeout=STOP_S)
        self._keeper.stdout.close()
        self._keeper = None
        self._gone()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def memory_bytes(self):
        """What it and its descendants hold, shared pages counted once (PSS)."""
        total, todo = 0, [self.pid]
        while todo:
            folder = Path("/proc", str(todo.pop()))
            for line in (folder / "smaps_rollup").read_text("utf-8").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
            for children in folder.glob("task/*/children"):
                todo += map(int, children.read_text("utf-8").split())
        return total

    def log_end(self):
        """The last lines of its log."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-LOG_LINES:])

    def _signal(self, number):
        if not self.pid:
            raise ServerError(f"{self.name}: is not running")
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            pass  # it has ended by itself
        if self._event("exit", self.grace_s if number == signal.SIGTERM else STOP_S) is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            if self._event("exit", STOP_S) is None:
                raise ServerError(f"{self.name}: survives SIGKILL")
        self._gone()

    def _gone(self):
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self._pidfd = -1
        self.pid = None

    def _event(self, kind, seconds):
        """The number behind the keeper's next word, if it says `kind` within `seconds`; else None."""
        if not select.select([self._keeper.stdout], [], [], seconds)[0]:
            return None
        words = self._keeper.stdout.readline().split()
        if len(words) != 2 or words[0].decode() != kind:
            raise ServerError(f"{self.name}: its keeper says {words}, not {kind}\n{self.log_end()}")
        return int(words[1])
