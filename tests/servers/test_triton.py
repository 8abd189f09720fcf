# SPDX-License-Identifier: Apache-2.0
"""Triton starts, infers as the model says by each way in, refuses when its queue is full, survives kill -9."""
import concurrent.futures
import http.client
import json

import numpy as np
import pytest
from servers import Model, leftovers, triton
from servers.process import ServerError
from servers.triton_model import block_means

SMALL = Model("small", dims=(3, 8, 8), dim=5, max_batch=4)
SLOW = Model("slow", dims=(4,), dim=2, max_batch=1, delay_ms=300, max_queue=1)


@pytest.fixture(scope="module")
def server():
    with triton(Model(), SMALL, SLOW, Model("bytes", dims=(8, 8, 3), dim=4, dtype="UINT8")) as started:
        yield started


def tensors(*shape):
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


def ask(server, path, body=None):
    connection = http.client.HTTPConnection(server.http, timeout=60)
    try:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def test_block_means_are_what_they_say():
    rows = np.array([[1, 3, 10, 20, 60], [0, 0, 0, 0, 6]], np.float32)
    assert block_means(rows, 2).tolist() == [[2, 30], [0, 2]]
    assert block_means(rows, 5).tolist() == rows.tolist()


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("shared", [False, True])
def test_infers_by_each_way_in(server, protocol, shared):
    rows = tensors(3, 3, 224, 224)
    vectors = server.infer(rows, protocol=protocol, shared=shared)
    assert vectors.shape == (3, 512) and vectors.dtype == np.float32
    assert np.array_equal(vectors, block_means(rows, 512))
    assert not np.array_equal(vectors, block_means(rows[::-1], 512))


def test_bytes_go_in(server):
    rows = np.random.default_rng(6).integers(0, 256, (2, 8, 8, 3), np.uint8)
    assert np.array_equal(server.infer(rows, model="bytes"), block_means(rows, 4))


def test_metadata_and_limits(server):
    _, metadata = ask(server, "/v2/models/embedding_model")
    assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 3, 224, 224]}]
    assert metadata["outputs"] == [{"name": "output", "datatype": "FP32", "shape": [-1, 512]}]
    _, config = ask(server, "/v2/models/small/config")
    assert config["max_batch_size"] == 4
    with pytest.raises(ServerError, match="batch-size must be <= 4"):
        server.infer(tensors(5, 3, 8, 8), model="small")


def test_a_full_queue_refuses(server):
    body = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(server, "/v2/models/slow/infer", body), range(8)))
    good = [answer for status, answer in answers if status == 200]
    assert 1 <= len(good) < 8
    assert all(answer["outputs"][0]["data"] == [1.5, 3.5] for answer in good)
    refused = [answer["error"] for status, answer in answers if status != 200]
    assert all("Exceeds maximum queue size" in error for error in refused), refused


def test_life():
    with triton(SMALL) as server:
        rows = tensors(4, 3, 8, 8)
        assert np.array_equal(server.infer(rows, model="small"), block_means(rows, 5))
        assert len(leftovers.of(server)) >= 4, "process, folder, shared memory, listener"
        before = server.pid
        server.kill9()
        assert not any(left.startswith("listener") for left in leftovers.of(server))
        with pytest.raises(ServerError, match="(?i)refused|connect"):
            server.infer(rows, model="small")
        server.restart()
        assert server.pid != before
        assert np.array_equal(server.infer(rows, model="small"), block_means(rows, 5))
    assert not leftovers.of(server)
