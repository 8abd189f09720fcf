# SPDX-License-Identifier: Apache-2.0
"""Millrace as a process to be watched and killed, and its store looked at from outside.

A host runs in a session of its own, and its workers stay in it: what is alive of a run is what is
alive in its session. Waiting is done on pidfds with a deadline.
"""
import json
import os
import random
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

MILLRACE = os.environ.get("MILLRACE_BIN", "build/test/millrace")
TESTING = os.environ.get("MILLRACE_TESTING_BIN", "build/test/millrace-testing")
SANITIZED = "MILLRACE_SANITIZER" in os.environ
GONE_S = 3      # contract: workers are gone within 3 s of the host's death
COUNT = re.compile(rb"(\d+)[ /]")
DONE_S = 60     # no run of these tests is that long, on any machine


def make_pictures(folder, count, seed=1):
    """`count` tiny JPEG and PNG files, no two alike; their names in the order of a directory."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(count):
        size = (rng.randint(1, 40), rng.randint(1, 40))
        picture = Image.new("RGB", size, tuple(rng.randbytes(3)))
        picture.paste(tuple(rng.randbytes(3)), (0, 0, (size[0] + 1) // 2, (size[1] + 1) // 2))
        name = folder / f"{number:04d}.{rng.choice(['jpg', 'png'])}"
        picture.save(name)
        names.append(name)
    return sorted(names)


def in_session(session):
    """Pids of the processes of a session that are alive."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = Path("/proc", entry, "stat").read_text("utf-8", "replace")
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()  # state ppid pgrp session ...
        if fields and int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(entry))
    return sorted(found)


def ready(descriptors, seconds):
    """Waits until each of the descriptors can be read (a pidfd: its process is dead); those that
    could not be within `seconds` altogether."""
    poll = select.poll()
    left = set(descriptors)
    for descriptor in left:
        poll.register(descriptor, select.POLLIN)
    clock = os.times().elapsed
    while left:
        rest = seconds - (os.times().elapsed - clock)
        events = poll.poll(max(0, rest * 1000))
        if not events:
            break
        for descriptor, _ in events:
            poll.unregister(descriptor)
            left.discard(descriptor)
    return left


def open_pids(pids):
    """{pidfd: pid} of those that still exist."""
    found = {}
    for pid in pids:
        try:
            found[os.pidfd_open(pid)] = pid
        except ProcessLookupError:
            pass
    return found


def survivors(session):
    """Pids of a session that are still alive GONE_S after the death of its host."""
    watched = open_pids(pid for pid in in_session(session) if pid != session)
    late = {watched[fd] for fd in ready(watched, GONE_S)}
    for fd in watched:
        os.close(fd)
    return late & set(in_session(session))


class Host:
    """One run of millrace. Use as a context manager: what is left of it is killed at the end."""

    def __init__(self, *arguments, binary=MILLRACE, failpoints="", stdin=subprocess.DEVNULL):
        env = dict(os.environ, MILLRACE_FAILPOINTS=failpoints)
        self.out = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.process = subprocess.Popen([binary, *map(str, arguments)], stdin=stdin, stdout=self.out,
                                        stderr=subprocess.PIPE, bufsize=0, env=env,
                                        start_new_session=True)
        self.pid = self.process.pid
        self.pidfd = os.pidfd_open(self.pid)
        self.messages = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        os.close(self.pidfd)
        for stream in (self.out, self.process.stderr, self.process.stdin):
            if stream:
                stream.close()

    def ends_within(self, seconds):
        return not ready([self.pidfd], seconds)

    def status(self):
        """Waits for the end; the exit status, or minus the signal."""
        assert self.ends_within(DONE_S), "it never ends"
        if self.process.stderr and not self.process.stderr.closed:
            self.messages += self.process.stderr.read()
        return self.process.wait()

    def done(self):
        """Reads the next progress line: how many items are done. Warnings before it are kept as messages."""
        while True:
            assert not ready([self.process.stderr.fileno()], DONE_S), "it says nothing"
            line = self.process.stderr.readline()
            assert line, self.messages
            if count := COUNT.match(line):
                return int(count[1])
            self.messages += line

    def say(self, names):
        """Names items on its stdin, a pipe."""
        self.process.stdin.write("".join(f"{name}\n" for name in names).encode())

    def end_names(self):
        self.process.stdin.close()
        self.process.stdin = None

    def kill(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def workers(self):
        return [pid for pid in in_session(self.pid) if pid != self.pid]

    def results(self):
        """The lines of stdout as JSON."""
        self.out.seek(0)
        return [json.loads(line) for line in self.out]

    def summary(self):
        return self.results()[-1]


def run(*arguments, **options):
    """Runs with --json to the end; (exit status, lines of stdout, stderr)."""
    with Host(*arguments, "--json", **options) as host:
        status = host.status()
        return status, host.results(), host.messages.decode("utf-8", "replace")


class Content:
    """What a store holds: looked at in a copy, so that looking changes nothing of it."""

    def __init__(self, store):
        self.codes = {}            # {key: reason code} of the ledger; "none": stored
        self.vectors = {}          # {key: float32 bytes}, in the order of the rows
        self.entries = self.rows = self.entities = 0
        with tempfile.TemporaryDirectory() as folder:
            for suffix in ("", "-wal"):
                if Path(f"{store}{suffix}").exists():
                    shutil.copyfile(f"{store}{suffix}", f"{folder}/copy{suffix}")
            if Path(f"{folder}/copy").exists():
                self._read(f"{folder}/copy")
        self.stored = {key for key, code in self.codes.items() if code == "none"}

    def _read(self, path):
        db = sqlite3.connect(path)
        try:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'items'").fetchone():
                return  # killed before it had tables
            for key, state, code in db.execute("SELECT key, state, code FROM items"):
                assert (state == "stored") == (code == "none"), (key, state, code)
                self.codes[key] = code
                self.entries += 1
            for key, vector in db.execute("SELECT key, vector FROM rows ORDER BY row"):
                self.vectors[key] = vector
                self.rows += 1
            self.entities = sum(n for (n,) in db.execute("SELECT num_entities FROM collections"))
        finally:
            db.close()

    def problems(self):
        """Where ledger and vectors disagree, as texts."""
        found = []
        if lost := self.stored - set(self.vectors):
            found.append(f"lost: {len(lost)} items are recorded as stored and have no vector")
        if extra := set(self.vectors) - self.stored:
            found.append(f"unrecorded: {len(extra)} vectors have no ledger row that says stored")
        if self.rows > len(self.vectors) or self.entries > len(self.codes):
            found.append(f"twice: {self.rows} rows of {len(self.vectors)} items, "
                         f"{self.entries} ledger rows of {len(self.codes)}")
        if self.entities != self.rows:
            found.append(f"count: {self.entities} said, {self.rows} there")
        return found


def problems_after(store, before, wanted, summary):
    """What is wrong after the run that completes a set: `before` is the Content when it began,
    `wanted` {key: vector} of the whole set, in order."""
    after = Content(store)
    found = after.problems()
    if set(after.vectors) != set(wanted):
        found.append(f"set: {len(set(wanted) - set(after.vectors))} are missing, "
                     f"{len(set(after.vectors) - set(wanted))} were never named")
    elif list(after.vectors) != list(wanted):
        found.append("order: not that of the source")
    if wrong := [key for key, vector in after.vectors.items() if wanted.get(key, vector) != vector]:
        found.append(f"vectors: {len(wrong)} differ")
    if summary["skipped"] != len(before.stored):
        found.append(f"skipped: {summary['skipped']} said, {len(before.stored)} were stored")
    if summary["ok"] + summary["skipped"] != len(wanted) or summary["items"] != len(wanted):
        found.append(f"sum: {summary['ok']} ok, {summary['skipped']} skipped of {len(wanted)}")
    return found
