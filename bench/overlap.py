#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One stage is slow on purpose: the run takes as long as that stage alone, and not the sum of all.

    build/venv/bin/python bench/overlap.py [--batches N] [--rounds N] [--memory SIZE] [--out FILE]

Pictures come from an HTTP server in this process that answers each request after a pause, are embedded by
`fake:8?delay=…` and stored by `null:?delay=…`. In each case one stage takes twice as long for a batch as each of
the other two, so that a run without overlap would take twice as long as the slow stage. `alone` is no
measurement but the least that is possible: batches x the pause of the slow stage, shared by those at work on it.
A run is timed as a process, from its start to its end. It must take at most 1.1 x `alone`, name the slow stage as
the bottleneck, and stay within --memory.
"""
import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from io import BytesIO
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
BATCH = FETCHERS = 32       # so that each pause of the server is the time of one batch
SLOW_MS, OTHER_MS = 240, 120
LIMIT = 1.1
# name: (stage, pauses of server, embedder and store in ms, embedders at work)
CASES = {
    "slow fetch": ("fetch", SLOW_MS, OTHER_MS, OTHER_MS, 1),
    "slow embedder": ("embed", OTHER_MS, SLOW_MS, OTHER_MS, 1),
    "slow embedder, four calls at once": ("embed", OTHER_MS, 4 * SLOW_MS, OTHER_MS, 4),
    "slow store": ("store", OTHER_MS, OTHER_MS, SLOW_MS, 1),
}


class Server:
    """Answers each request of a kept connection with the same picture, after a pause."""

    def __init__(self, body):
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        self.pause_s = 0.0
        self.port = 0
        self.ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True).start()
        self.ready.wait(30)

    async def serve(self):
        server = await asyncio.start_server(self.talk, "127.0.0.1", 0, backlog=128)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await server.serve_forever()

    async def talk(self, reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(self.pause_s)
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def picture():
    out = BytesIO()
    Image.effect_noise((64, 48), 60).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def run(args, server, case):
    stage, fetch, embed, store, embedders = CASES[case]
    server.pause_s = fetch / 1e3
    items = args.batches * BATCH
    names = "".join(f"http://127.0.0.1:{server.port}/{i}\n" for i in range(items))
    command = [str(args.millrace), "ingest", "-", "--into", f"null:?delay={store}ms", "--embed", f"fake:8?delay={embed}ms",
               "--embed-workers", str(embedders), "--batch", str(BATCH), "--batch-wait-ms", "0", "--fetch-threads",
               str(FETCHERS), "--allow-private", "--memory", args.memory, "--progress", "never", "--json"]
    start = time.perf_counter()
    done = subprocess.run(command, input=names.encode(), stdout=subprocess.PIPE, check=True)
    seconds = time.perf_counter() - start
    summary = json.loads(done.stdout.decode().splitlines()[-1])
    if summary["ok"] != items:
        raise SystemExit(f"{case}: {summary['ok']} of {items} are ok: {summary['by_code']}")
    alone = args.batches * {"fetch": fetch, "embed": embed / embedders, "store": store}[stage] / 1e3
    return {"seconds": round(seconds, 3), "ratio": round(seconds / alone, 3), "alone": round(alone, 3),
            "bottleneck": summary["bottleneck"], "peak_memory_mib": round(summary["peak_memory_bytes"] / 2**20, 1)}


def judge(case, rounds, memory_mib):
    ratio = statistics.median(r["ratio"] for r in rounds)
    return {"alone": rounds[0]["alone"], "ratio": ratio, "rounds": rounds,
            "ok": ratio <= LIMIT and all(r["bottleneck"] == CASES[case][0] and r["peak_memory_mib"] <= memory_mib
                                         for r in rounds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--millrace", type=Path, default=ROOT / "build" / "millrace")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", default="256M")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    args.millrace = Path(shutil.which(args.millrace) or args.millrace)
    server = Server(picture())
    memory_mib = int(args.memory.rstrip("M"))
    cases = {case: judge(case, [run(args, server, case) for _ in range(args.rounds)], memory_mib) for case in CASES}
    result = {"command": f"bench/overlap.py --batches {args.batches} --rounds {args.rounds} --memory {args.memory}",
              "cases": cases, "limit": LIMIT, "cores": os.cpu_count(), "kernel": platform.release(),
              "load_average": [round(x, 2) for x in os.getloadavg()]}
    print(json.dumps(result, indent=1))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if all(case["ok"] for case in cases.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
