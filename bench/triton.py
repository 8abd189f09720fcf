#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a batch costs on its way to Triton: over the connection, and where the server maps the batch slot.

    build/venv/bin/python bench/triton.py [--rounds N] [--batch N] [--build FOLDER] [--out FILE]

A real Triton on this machine (tests/servers) with a model that looks at 16 numbers of each row, so that what is
measured is the way and not the model. One request after the other, the four ways in turn; the medians of the rounds.
Must hold: shared memory is 3 times as fast as the connection, over HTTP and over gRPC.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT / "tests")  # and not bench/, whose http.py is not the http of Python
from servers import Model, triton  # noqa: E402

LEAST = 3.0
WAYS = [(protocol, shm) for protocol in ("http", "grpc") for shm in ("off", "require")]
MODEL = """
import triton_python_backend_utils as backend


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            rows = backend.get_input_tensor_by_name(request, "input").as_numpy()
            responses.append(backend.InferenceResponse([backend.Tensor("output", rows[:, 0, 0, :16] + 1)]))
        return responses
"""


def measure(args):
    server = triton(Model(dim=16))
    code = server.folder / "models/embedding_model/1/model.py"
    code.write_text(code.read_text("utf-8").partition("\n\n")[0].partition('"""')[0] + MODEL, "utf-8")
    with server:
        specs = [f"triton:{protocol}://{server.http if protocol == 'http' else server.grpc}/embedding_model?shm={shm}"
                 for protocol, shm in WAYS]
        done = subprocess.run([args.build / "bench/triton-requests", str(args.rounds), str(args.batch), *specs],
                              stdout=subprocess.PIPE, check=True, text=True,
                              env=os.environ | {"MILLRACE_MODULES": str(args.build.resolve())})
    seconds = [json.loads(line) for line in done.stdout.splitlines()]
    ms = {f"{protocol} {'shared' if shm == 'require' else 'plain'}": [round(s * 1e3, 2) for s in times]
          for (protocol, shm), times in zip(WAYS, seconds)}
    median = {way: round(statistics.median(times), 2) for way, times in ms.items()}
    ratio = {protocol: round(median[f"{protocol} plain"] / median[f"{protocol} shared"], 2) for protocol in ("http", "grpc")}
    return {"batch": [args.batch, 3, 224, 224], "bytes": args.batch * 3 * 224 * 224 * 4, "median_ms": median, "ratio": ratio,
            "ms": ms}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    result = measure(args)
    result |= {"command": f"bench/triton.py --rounds {args.rounds} --batch {args.batch}", "server": "Triton 2.51 (nvidia-pytriton 0.7.0)",
               "kernel": platform.release(), "cores": os.cpu_count(), "load_average": [round(x, 2) for x in os.getloadavg()]}
    text = json.dumps({k: v for k, v in result.items() if k != "ms"} | {"ms": result["ms"]}, indent=1)
    print(json.dumps({k: v for k, v in result.items() if k != "ms"}, indent=1))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n")
    return 0 if min(result["ratio"].values()) >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
