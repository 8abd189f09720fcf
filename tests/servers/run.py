#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts a server of the tests for people: prints where it is, and runs it until Ctrl-C.

    run.py milvus|milvus-lite|triton [--keep FOLDER]    with empty data; --keep copies data and log there at the end
    run.py milvus milvus-lite triton --install          installs what is missing and starts nothing
"""
import argparse
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from servers import milvus_lite_server, milvus_server, triton_server  # noqa: E402

INSTALL = {"milvus": milvus_server.install, "milvus-lite": milvus_lite_server.install, "triton": triton_server.install}
START = {"milvus": milvus_server.milvus, "milvus-lite": milvus_lite_server.milvus_lite, "triton": triton_server.triton}


def serve(name, keep):
    with START[name]() as server:
        where = f"http {server.http}, grpc {server.grpc}" if name == "triton" else server.uri
        print(f"{name}: {where}, pid {server.pid}, ready after {server.ready_s:.1f} s, log {server.log}", flush=True)
        try:
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
        finally:
            if keep:
                server.terminate()
                shutil.copytree(server.folder, keep, dirs_exist_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=sorted(START), metavar="milvus|milvus-lite|triton")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy the server's data and log there at the end")
    parser.add_argument("--install", action="store_true", help="install only")
    args = parser.parse_args()
    for name in args.names:
        INSTALL[name]()
    if args.install:
        return
    if len(args.names) != 1:
        parser.error("one server at a time")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    serve(args.names[0], args.keep)


if __name__ == "__main__":
    main()
