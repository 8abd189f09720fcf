# SPDX-License-Identifier: Apache-2.0
"""millrace with a real Triton: each way in gives the same vectors, what does not fit is said, and a server that is
killed in the middle costs nothing."""
import json
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from command import BIN, TIMEOUT, Running, environment, picture, run
from servers import Model, triton
from servers.triton_model import block_means

PLAN = "openai/clip-vit-base-patch32@openclip"  # float32 [3,224,224]

SPLIT = Model("split", dim=32, max_batch=4, instances=2)
FREE = Model("free", dim=32, max_batch=0)
FULL = Model("full", dim=32, max_batch=2, delay_ms=20, max_queue=1)
PACKED = Model("packed", dims=(224, 224, 3), dim=32)
BYTES = Model("bytes", dims=(128, 128, 3), dim=32, dtype="UINT8")
PICKY = Model("picky", dim=32, max_batch=8, refuse_above=0.05)
SLOW = Model("slow", dim=32, max_batch=8, delay_ms=40)
COUNT = 40
WAYS = ["http", "http shm", "grpc", "grpc shm"]


@pytest.fixture(scope="module")
def server():
    with triton(Model(dim=32), SPLIT, FREE, FULL, PACKED, BYTES, PICKY, SLOW) as started:
        yield started


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """`photos` with its tensors, and the vectors that they have to give."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "photos").mkdir()
    for i in range(COUNT):
        picture(folder / "photos" / f"{i:02}.jpg", i)
    run(folder, "preprocess", "photos", "--out", "t.npy", "--plan", PLAN)
    return folder


def expected(tensors):
    vectors = block_means(tensors, 32).astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def spec(server, way, model="embedding_model", options=""):
    protocol, _, shm = way.partition(" ")
    address = server.http if protocol == "http" else server.grpc
    return f"triton:{protocol}://{address}/{model}?shm={'require' if shm else 'off'}{options}"


def embed(folder, out, name, *more, plan=PLAN, **expect):
    return run(folder, "embed", "photos", "--out", out, "--embed", name, "--plan", plan, *more, **expect)


@pytest.mark.parametrize("model", ["embedding_model", "split", "free", "full"])
def test_each_way_gives_the_same_vectors(server, album, tmp_path, model):
    """Bit for bit, whatever the batch, in whatever parts; and they are what the model means. `full` refuses most requests
    at first: its queue holds one."""
    want = expected(np.load(album / "t.npy"))
    seen = {}
    for way in WAYS:
        batch = "10" if model == "full" else "16"
        embed(album, tmp_path / "v.npy", spec(server, way, model, "&in_flight=4"), "--batch", batch)
        seen[way] = np.load(tmp_path / "v.npy")
    np.testing.assert_allclose(seen["http"], want, atol=1e-6)
    assert all(seen[way].tobytes() == seen["http"].tobytes() for way in WAYS)
    assert not np.allclose(seen["http"], want[::-1], atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_bytes_and_packed_pixels(server, album, tmp_path, way):
    run(album, "preprocess", "photos", "--out", tmp_path / "t.npy", "--plan", "millrace/builtin")
    embed(album, tmp_path / "v.npy", spec(server, way, "bytes"), plan="millrace/builtin")
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), expected(np.load(tmp_path / "t.npy")), atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_what_does_not_fit(server, album, tmp_path, way):
    def refused(status, model, *options):
        return embed(album, tmp_path / "v.npy", spec(server, way, model, *options), expect=status).stderr

    assert "is FP32 [N,224,224,3], the plan makes FP32 [N,3,224,224]" in refused(2, "packed")
    assert "is UINT8 [N,128,128,3], the plan makes FP32 [N,3,224,224]" in refused(2, "bytes")
    assert "unknown model" in refused(3, "nope")
    assert "no output \"vector\"; it has output FP32 [N,32]" in refused(2, "split", "&output=vector")
    assert "no input \"pixels\"; it has input FP32 [N,3,224,224]" in refused(2, "split", "&input=pixels")
    wrong = spec(server, way, "split/9")
    assert "version 9" in embed(album, tmp_path / "v.npy", wrong, expect=3).stderr


@pytest.mark.parametrize("way", WAYS)
def test_rows_that_the_model_refuses_fail_alone(server, album, tmp_path, way):
    """A batch that is refused is tried row by row; what is refused again is a failed item with the server's words."""
    level = np.load(album / "t.npy").mean(axis=(1, 2, 3))
    bright = level > PICKY.refuse_above
    assert 0 < bright.sum() < COUNT
    store = tmp_path / "s.mill"
    done = run(album, "ingest", "photos", "--into", store, "--embed", spec(server, way, "picky"), "--plan", PLAN, "--batch", "16",
               "--json", expect=1)
    assert (done.json["ok"], done.json["by_code"]) == (COUNT - bright.sum(), {"embed_failed": bright.sum()})
    entries = [json.loads(line) for line in run(album, "report", store, "--json").lines]
    assert [entry["state"] == "failed" for entry in entries] == bright.tolist()
    assert all("a row is too bright" in entry["message"] for entry in entries if entry["state"] == "failed")


def wait_for_rows(store, count):
    """Until so many are stored; the run that stores them is at work."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        told = subprocess.run([BIN, "report", store, "--json"], capture_output=True, text=True, check=False, env=environment())
        if told.stdout.count('"stored"') >= count:
            return
    raise AssertionError(f"{store}: fewer than {count} rows: {told.stderr}")


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_is_killed_in_the_middle(album, tmp_path, way):
    """kill -9, and started again on the same ports: each picture once, and the right vector for each."""
    with triton(SLOW) as server:
        embed(album, tmp_path / "want.npy", spec(server, way, "slow"), "--batch", "2")
        names = tmp_path / "list.txt"
        names.write_text("".join(f"{p}\n" for p in sorted((album / "photos").iterdir())))
        work = subprocess.Popen([BIN, "ingest", "-", "--into", tmp_path / "s.mill", "--batch", "2", "--batch-wait-ms", "50",
                                 "--embed", spec(server, way, "slow", "&delay=20ms"), "--plan", PLAN, "--json"], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        lines = names.read_text().splitlines(keepends=True)
        work.stdin.write("".join(lines[:30]))
        work.stdin.flush()
        wait_for_rows(tmp_path / "s.mill", 4)
        server.kill9()
        work.stdin.write("".join(lines[30:]))
        work.stdin.close()
        work.stdin = None
        server.start()
        out, told = work.communicate(timeout=120)
        assert work.returncode == 0, told
        done = json.loads(out.splitlines()[-1])
        assert (done["items"], done["ok"], done["failed"], done["duplicate"]) == (COUNT, COUNT, 0, 0), told
        report = [json.loads(line) for line in run(tmp_path, "report", "s.mill", "--json").stdout.splitlines()]
        assert sorted(r["id"] for r in report) == sorted(line.strip() for line in lines)
        assert {r["state"] for r in report} == {"stored"}
        # the vector of each: it finds itself first, at distance 0
        want = np.load(tmp_path / "want.npy")
        for i in (0, 7, COUNT - 1):
            np.save(tmp_path / "q.npy", want[i])
            found = json.loads(run(tmp_path, "search", "s.mill", "--vector", "q.npy", "-k", "1", "--json").stdout)
            assert found["results"][0]["id"] == lines[i].strip() and found["results"][0]["score"] > 0.999999
    assert "trying again" in told


@pytest.mark.parametrize("way", ["http shm", "grpc"])
def test_a_signal_while_the_server_is_away(album, tmp_path, way):
    """Who waits for it, up to ten minutes, stops at once, and what was stored stays."""
    with triton(SLOW) as server:
        running = Running(album, "ingest", "-", "--into", tmp_path / "s.mill", "--batch", "2", "--batch-wait-ms", "50", "--plan", PLAN,
                          "--embed", spec(server, way, "slow", "&wait=10m&retries=99"), "--progress", "always", "--json")
        running.give("".join(f"photos/{i:02}.jpg\n" for i in range(4)))
        running.wait_for_progress(4)
        server.kill9()
        running.give("".join(f"photos/{i:02}.jpg\n" for i in range(4, COUNT)))
        running.wait_for(lambda text: b"trying again" in text, "pause")
        running.signal(signal.SIGINT)
        since = time.monotonic()
        done = json.loads(running.finish(130)[-1])
        assert time.monotonic() - since < 30
    assert (done["items"], done["ok"]) == (4, 4)
    assert len(run(tmp_path, "report", "s.mill", "--json").lines) == 4


@pytest.mark.parametrize("way", ["http shm", "grpc shm"])
def test_regions_come_and_go(server, album, tmp_path, way):
    """One for a run, taken back at its end, and its name with it."""
    before = set(Path("/dev/shm").glob("millrace-slots-*"))
    done = embed(album, tmp_path / "v.npy", spec(server, way), "--log-level", "info")
    assert f"{3 * 224 * 224 * 4} bytes of tensors went over the connection" in done.stderr
    with urllib.request.urlopen(f"http://{server.http}/v2/systemsharedmemory/status") as answer:
        assert not [r for r in json.load(answer) if r["name"].startswith("millrace-")]
    assert set(Path("/dev/shm").glob("millrace-slots-*")) <= before


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_hangs(album, tmp_path, way):
    """Stopped in the middle it answers nothing: the deadline ends the run, or the next attempt finds it awake."""
    with triton(Model(dim=32)) as server:
        embed(album, tmp_path / "want.npy", spec(server, way), "--batch", "8")
        args = ["embed", "-", "--out", tmp_path / "v.npy", "--batch", "8", "--batch-wait-ms", "50", "--plan", PLAN, "--embed"]
        for options, status in (("&timeout=1s&retries=0", 3), ("&timeout=1s&retries=200", 0)):
            (tmp_path / "v.npy").unlink(missing_ok=True)
            work = subprocess.Popen([BIN, *args, spec(server, way, options=options)], cwd=album, text=True, env=environment(),
                                    stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
            lines = [f"photos/{p.name}\n" for p in sorted((album / "photos").iterdir())]
            work.stdin.write("".join(lines[:8]))
            work.stdin.flush()
            wait_for_file(tmp_path / "v.npy", 1000)
            server.suspend()
            work.stdin.write("".join(lines[8:]))
            work.stdin.close()
            work.stdin = None
            if status == 0:  # until it has noticed
                assert "trying again" in work.stderr.readline()
                server.resume()
            told = work.communicate(timeout=TIMEOUT)[1]
            server.resume()
            assert work.returncode == status, told
        assert np.load(tmp_path / "v.npy").tobytes() == np.load(tmp_path / "want.npy").tobytes()


def wait_for_file(path, size):
    """Until it has so many bytes."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        if path.exists() and path.stat().st_size >= size:
            return
    raise AssertionError(f"{path} stays small")


def test_tls_and_headers(album, tmp_path):
    """gRPC with a certificate of our own, and a protocol that only a header opens."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                   check=True, capture_output=True)
    secret = "hunter2-and-more"
    (tmp_path / "headers").write_text(f"triton-grpc-protocol-who: {secret}\nwho: {secret}\n")
    options = ["--grpc-use-ssl=true", f"--grpc-server-cert={tmp_path}/cert.pem", f"--grpc-server-key={tmp_path}/key.pem",
               f"--grpc-restricted-protocol=inference:who={secret}", f"--http-restricted-api=inference:who={secret}"]
    with triton(Model(dim=32), options=options) as server:
        def asked(scheme, more, expect):
            address = server.http if scheme == "http" else server.grpc
            return embed(album, tmp_path / f"{scheme}.npy", f"triton:{scheme}://{address}/embedding_model?retries=0&{more}",
                         "--log-level", "debug", expect=expect).stderr

        ca, headers = f"ca={tmp_path}/cert.pem", f"headers={tmp_path}/headers"
        for told in (asked("grpcs", f"{ca}&{headers}", 0), asked("http", headers, 0)):
            assert secret not in told
        assert (tmp_path / "grpcs.npy").read_bytes() == (tmp_path / "http.npy").read_bytes()
        assert "TLS handshake" in asked("grpcs", headers, 3)  # nobody vouches for it
        assert "restricted" in asked("grpcs", ca, 3)
        assert "403" in asked("http", "shm=off", 3)
        asked("grpc", headers, 3)
