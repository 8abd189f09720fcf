# SPDX-License-Identifier: Apache-2.0
"""Running the command under test, and the pictures that it gets."""
import json
import os
import re
import select
import subprocess
import time

import numpy as np
from PIL import Image

BIN = os.environ["MILLRACE_BIN"]
TIMEOUT = 120
SUMMARY = ["items", "ok", "failed", "quarantined", "duplicate", "skipped", "ignored", "seconds", "items_per_s",
           "first_batch_ms", "workers", "worker_restarts", "peak_memory_bytes", "bottleneck", "fingerprint", "store",
           "by_code"]
REPORT = ["id", "uri", "state", "stage", "code", "message", "attempts", "ms", "bytes", "width", "height", "format",
          "fingerprint"]
COLLECTION = ["name", "num_entities", "dim", "metric", "index", "description", "fingerprint", "embedder"]
VERBS = ["ingest", "insert", "embed", "preprocess", "search", "collection", "delete", "report", "plan", "verify",
         "doctor", "health", "bench", "config"]
GOOD = 40


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MILLRACE_") or k == "MILLRACE_SANITIZER"}
    return {**env, "TERM": "dumb", **more}


def run(folder, *args, expect=0, **more):
    """Runs the command in `folder`; the result has .stdout, .stderr, .lines (of stdout), .json (its last line)."""
    done = subprocess.run([BIN, *map(str, args)], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT,
                          env=environment(**more.pop("env", {})), check=False, **more)
    assert done.returncode == expect, f"status {done.returncode}: {done.stderr}{done.stdout}"
    done.lines = done.stdout.splitlines()
    done.json = json.loads(done.lines[-1]) if "--json" in args and done.lines else None
    return done


def picture(path, seed, size=(160, 120)):
    """A picture of its own: smooth blobs, so that neighbours mean something."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path, quality=90)


def broken(folder):
    """Five bad names beside one good picture."""
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_text("<!doctype html><html></html>\n" * 20)
    picture(folder / "good.jpg", 1)
    whole = (folder / "good.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[:len(whole) // 2])
    (folder / "folder.jpg").mkdir()
    names = ["good.jpg", "empty.jpg", "page.jpg", "cut.jpg", "folder.jpg", "missing.jpg"]
    (folder / "list.txt").write_text("\n".join(names) + "\n")


class Running:
    """A command that is still at work, with pipes on all three."""

    def __init__(self, folder, *args):
        self.process = subprocess.Popen([BIN, *map(str, args)], cwd=folder, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())

    def give(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, there, what):
        """Reads stderr until `there(text)` says that it is there."""
        text = b""
        fd = self.process.stderr.fileno()
        while not there(text):
            ready, _, _ = select.select([fd], [], [], TIMEOUT)
            assert ready, f"no {what}: {text}"
            piece = os.read(fd, 65536)
            assert piece, f"ended before {what}: {text}"
            text += piece

    def wait_for_progress(self, items):
        """Until a progress line says that many items are done."""
        def there(text):
            counts = [int(m) for m in re.findall(rb"^(\d+)(?:/\d+)? ", text, re.M)]
            return counts and counts[-1] >= items

        self.wait_for(there, f"progress to {items}")

    def signal(self, number):
        """Sends it and waits until the command has taken it."""
        self.process.send_signal(number)
        deadline = time.monotonic() + TIMEOUT
        bit = 1 << (number - 1)
        while time.monotonic() < deadline:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                pending = [int(line.split()[1], 16) for line in status if line.startswith(("SigPnd", "ShdPnd"))]
            if not any(p & bit for p in pending):
                return
        raise AssertionError("the signal stayed pending")

    def workers(self):
        """Process ids of its workers."""
        pids = []
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/children", encoding="ascii") as children:
                pids += [int(pid) for pid in children.read().split()]
        return pids

    def finish(self, expect):
        out, err = self.process.communicate(timeout=TIMEOUT)
        assert self.process.returncode == expect, err
        return out.decode().splitlines()


def names_of(folder):
    return sorted(p.relative_to(folder).as_posix() for p in (folder / "photos").rglob("*.*"))
