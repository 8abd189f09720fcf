# SPDX-License-Identifier: Apache-2.0
"""The model that Triton runs: block means, an embedding that anyone can compute again.

In a model repository this file is 1/model.py, below a line that appends the packages to sys.path (Triton's
Python does not look at PYTHONPATH). The tests import it for `block_means`.
"""
import json
import threading

import numpy as np


def block_means(rows, dim):
    """[N, ...] of any type to float32 [N,dim]: each row is flattened and cut into `dim` blocks of almost
    equal length (block d begins at floor(d * length / dim)); each number is the mean of a block, summed in
    float64. Not normalised: brightness stays in it."""
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    edges = np.arange(dim + 1) * flat.shape[1] // dim
    means = np.add.reduceat(flat, edges[:-1], axis=1) / np.diff(edges)
    return np.ascontiguousarray(means, np.float32)


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.input, self.output = config["input"][0]["name"], config["output"][0]["name"]
        self.dim = int(config["output"][0]["dims"][-1])
        self.delay_s = float(config["parameters"]["delay_ms"]["string_value"]) / 1000
        self.refuse_above = float(config["parameters"]["refuse_above"]["string_value"])

    def execute(self, requests):
        import triton_python_backend_utils as backend
        if self.delay_s:
            threading.Event().wait(self.delay_s)  # the slowness that was asked for
        responses = []
        for request in requests:
            rows = backend.get_input_tensor_by_name(request, self.input).as_numpy()
            if self.refuse_above and (rows.mean(axis=(1, 2, 3)) > self.refuse_above).any():
                error = backend.TritonError("a row is too bright", backend.TritonError.INVALID_ARG)
                responses.append(backend.InferenceResponse(error=error))
                continue
            vectors = backend.Tensor(self.output, block_means(rows, self.dim))
            responses.append(backend.InferenceResponse([vectors]))
        return responses
