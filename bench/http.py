#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""URLs against files: 500 small pictures from nginx on this machine, and the same from the disk.

    build/venv/bin/python bench/http.py --pictures build/bench/sets/small [--rounds N] [--out FILE]

Interleaved, whole processes timed: `millrace embed` of a list of paths, then of a list of URLs
(up to 32 at once); the ratio is the median of those of the rounds. nginx and millrace share the cores, so it also
pays for the server's work; the ratio of millrace's own processor time an item, host and workers, does not.
"""
import argparse
import json
import os
import platform
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ITEMS = 500
CONFIG = """daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; keepalive_requests 1000000; sendfile on; tcp_nopush on; default_type image/jpeg;
    client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3;
    uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
    server {{ listen 127.0.0.1:{1}; root {2}; }} }}
"""


def used():
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime


def rate(program, items, options):
    """Items a second, and milliseconds of processor time an item."""
    before, start = used(), time.perf_counter()
    done = subprocess.run([str(program), *options, "--progress", "never", "--json"], stdout=subprocess.PIPE,
                          check=True)
    seconds = time.perf_counter() - start
    summary = json.loads(done.stdout.decode().splitlines()[-1])
    if summary["ok"] != items:
        raise SystemExit(f"{summary['ok']} of {items} are ok: {summary['by_code']}")
    return round(items / seconds, 1), round((used() - before) * 1e3 / items, 4)


def serve(folder, pictures):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(CONFIG.format(folder, port, pictures))
    server = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(folder), "-c",
                               str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server, port
        except OSError:
            continue
    server.kill()
    raise SystemExit("nginx does not answer")


def measure(folder, args):
    pictures = args.pictures.resolve()
    names = sorted(p.name for p in pictures.iterdir() if not p.name.startswith("."))[:ITEMS]
    server, port = serve(folder, pictures)
    (folder / "files").write_text("".join(f"{pictures / name}\n" for name in names))
    (folder / "urls").write_text("".join(f"http://127.0.0.1:{port}/{name}\n" for name in names))
    rates, cpu = {"files": [], "urls": []}, {"files": [], "urls": []}
    try:
        for turn in range(args.rounds + 1):
            for kind in ("files", "urls") if turn % 2 else ("urls", "files"):
                value, spent = rate(args.millrace, len(names), ["embed", f"@{folder / kind}", "--out", "null:",
                                                         "--allow-private"])
                if turn > 0:  # the first round fills the caches
                    rates[kind].append(value)
                    cpu[kind].append(spent)
    finally:
        server.terminate()
        server.wait()
    return {"items": len(names), "bytes": sum((pictures / name).stat().st_size for name in names),
            "items_per_s": rates, "median": {kind: statistics.median(values) for kind, values in rates.items()},
            "ratio": round(statistics.median(u / f for u, f in zip(rates["urls"], rates["files"])), 3),
            "cpu_ms_an_item": {kind: statistics.median(values) for kind, values in cpu.items()},
            "cpu_ratio": round(statistics.median(f / u for u, f in zip(cpu["urls"], cpu["files"])), 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--millrace", type=Path, default=ROOT / "build" / "millrace")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), args)
    nginx = subprocess.run([shutil.which("nginx") or "/usr/sbin/nginx", "-v"], stderr=subprocess.PIPE, text=True,
                           check=True).stderr.strip()
    doctor = json.loads(subprocess.run([str(args.millrace), "doctor", "--json"], stdout=subprocess.PIPE,
                                       check=False).stdout)
    result |= {"command": "bench/http.py --rounds " + str(args.rounds), "server": nginx,
               "libcurl": doctor["libraries"]["libcurl"], "kernel": platform.release(), "cpu": doctor["cpu"],
               "load_average": [round(x, 2) for x in os.getloadavg()]}
    print(json.dumps(result, indent=1))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if result["cpu_ratio"] >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
