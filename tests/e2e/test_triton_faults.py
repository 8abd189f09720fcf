# SPDX-License-Identifier: Apache-2.0
"""A server of models over HTTP that fails, lies, is full, slow, or wants to know who asks."""
import threading
import time

import numpy as np
import pytest
from command import GOOD, run
from fake_triton import Fake, certificates, vectors

PLAN = "openai/clip-vit-base-patch32@openclip"  # float32 [3,224,224]


def embed(album, out, spec, *more, plan=PLAN, **expect):
    return run(album, "embed", "photos", "--out", out, "--embed", spec, "--plan", plan, *more, **expect)


def check(album, tmp_path, server, options="", plan=PLAN, batch=32):
    """Everything is embedded, and as numpy embeds it."""
    done = embed(album, tmp_path / "v.npy", server.spec(options), "--batch", batch, "--json", plan=plan)
    assert (done.json["ok"], done.json["items"]) == (GOOD, GOOD)
    got = np.load(tmp_path / "v.npy")
    run(album, "preprocess", "photos", "--out", tmp_path / "t.npy", "--plan", plan)
    tensors = np.load(tmp_path / "t.npy")
    if server.input["datatype"] == "FP16":
        tensors = tensors.astype(np.float16)
    want = vectors(tensors, server.dim)
    want /= np.linalg.norm(want, axis=1, keepdims=True)
    assert got.shape == (GOOD, server.dim)
    np.testing.assert_allclose(got, want, atol=2e-3 if "FP16" in (server.input["datatype"], server.output["datatype"]) else 1e-6)
    return done


@pytest.mark.parametrize("dtype, out, shape, plan", [
    ("FP32", "FP32", (3, 224, 224), PLAN), ("FP16", "FP16", (3, 224, 224), PLAN), ("FP32", "FP16", (3, -1, -1), PLAN),
    ("UINT8", "FP32", (128, 128, 3), "millrace/builtin")])
def test_types_and_layouts(album, tmp_path, dtype, out, shape, plan):
    with Fake(shape, dtype, out) as server:
        check(album, tmp_path, server, plan=plan)


def test_batches_are_split(album, tmp_path):
    """Ten at a time where four are allowed: requests of 3, 3 and 4."""
    with Fake(max_batch=4) as server:
        check(album, tmp_path, server, batch=10)
    assert sorted(server.rows) == [1] + [3] * 8 + [4] * 4


def test_a_batch_that_the_model_fixes(album, tmp_path):
    """Sixteen a request, whatever there is: the last overlaps, and a rest of eight is padded."""
    with Fake(max_batch=0, rows=16) as server:
        check(album, tmp_path, server, batch=32)
    assert server.rows == [16] * 4


def test_several_requests_in_flight(album, tmp_path):
    """No request is answered before three others are there, which one at a time would never see."""
    barrier = threading.Barrier(4, timeout=60)

    def fault(_, number):
        if number > 1:
            barrier.wait()

    with Fake(max_batch=2, fault=fault) as server:
        check(album, tmp_path, server, "in_flight=4", batch=8)
    assert server.most_inside == 4


def test_a_full_queue_is_waited_for(album, tmp_path):
    """More refusals than retries, and not an error."""
    def fault(handler, number):
        if 1 < number <= 9:
            handler.error("[request id: <id_unknown>] Exceeds maximum queue size", 503 if number % 2 else 400)
            return True
        return False

    with Fake(fault=fault) as server:
        done = check(album, tmp_path, server, "retries=1&in_flight=1", batch=8)
    assert len(server.rows) == 1 + GOOD // 8 + 8
    assert done.stderr.count("Exceeds maximum queue size") <= 2  # said once a request, not at each attempt


def test_a_queue_that_stays_full_ends_the_run(album, tmp_path):
    def fault(handler, number):
        if number > 1:
            handler.error("Exceeds maximum queue size", 503)
        return number > 1

    with Fake(fault=fault) as server:
        done = embed(album, tmp_path / "v.npy", server.spec("wait=1s"), expect=3)
    assert "given up after 1 s" in done.stderr and "Exceeds maximum queue size" in done.stderr
    assert len(server.rows) > 5


@pytest.mark.parametrize("how", ["reset", "stall", "internal"])
def test_what_is_lost_is_asked_again(album, tmp_path, how):
    """A connection that is reset, an answer that does not come, an error of the inside: again, so often. (A connection
    that was used before and is reset may have died of age: libcurl itself sends once more.)"""
    last = 4 if how == "reset" else 3

    def fault(handler, number):
        if not 2 <= number <= last:
            return False
        if how == "internal":
            handler.error("out of luck", 500)
        else:
            getattr(handler, how)()
        return True

    options = "in_flight=1&delay=10ms" + ("&timeout=700ms" if how == "stall" else "")
    with Fake(fault=fault) as server:
        check(album, tmp_path, server, options + "&retries=2", batch=GOOD)
    with Fake(fault=fault) as server:
        done = embed(album, tmp_path / "w.npy", server.spec(options + "&retries=1"), "--batch", GOOD, expect=3)
        assert len(server.rows) == last
    assert {"reset": "is the server running?", "stall": "no answer within the time", "internal": "500: out of luck"}[how] \
        in done.stderr


def test_rows_that_are_refused_fail_alone(album, tmp_path):
    """A batch that is answered 400 is tried row by row: what is refused again fails, the rest is embedded."""
    run(album, "preprocess", "photos", "--out", tmp_path / "t.npy", "--plan", PLAN)
    tensors = np.load(tmp_path / "t.npy")
    level = vectors(tensors, 1)[:, 0]
    dark = level <= np.median(level)

    def fault(handler, number):
        refused = number > 1 and (handler.level > np.median(level)).any()
        if refused:
            handler.error("a row is too bright", 400)
        return refused

    with Fake(fault=fault) as server:
        done = embed(album, tmp_path / "v.npy", server.spec(), "--batch", 8, "--json", expect=1)
    assert (done.json["ok"], done.json["by_code"]) == (dark.sum(), {"embed_failed": GOOD - dark.sum()})
    want = vectors(tensors[dark], server.dim)
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), want / np.linalg.norm(want, axis=1, keepdims=True), atol=1e-6)
    assert server.rows.count(1) >= GOOD // 2  # one by one


def test_a_server_that_refuses_everything_ends_the_run(album, tmp_path):
    """It is not the pictures' fault; and an old server says 400 of every error, so there no picture is blamed."""
    def fault(handler, number):
        if number > 1:
            handler.error("no", 400)
        return number > 1

    with Fake(fault=fault) as server:
        assert "model or its plan is to blame" in embed(album, tmp_path / "v.npy", server.spec(), "--batch", 8, expect=3).stderr
    with Fake(fault=fault, version="2.41.0") as server:
        told = embed(album, tmp_path / "v.npy", server.spec("in_flight=1"), "--batch", 8, expect=3).stderr
        assert "the server says 400: no" in told and "to blame" not in told and 1 not in server.rows[1:]


HOSTILE = {
    "rows": (lambda h, o: h.answer(o[:-1]), "output \"out\" of 8 rows is FP32 [7,16]"),
    "numbers": (lambda h, o: h.answer(o[:, :8].copy()), "it was of 16 numbers before"),
    "type": (lambda h, o: h.answer(o, datatype="BYTES"), "is another type [8,16]"),
    "cut": (lambda h, o: h.answer(o, parameters={"binary_data_size": o.nbytes - 4}), "more bytes than its outputs have"),
    "short": (lambda h, o: h.answer(o, parameters={"binary_data_size": o.nbytes + 4}), "more bytes than came"),
    "negative": (lambda h, o: h.answer(o, parameters={"binary_data_size": -1}), "more bytes than came"),
    "tail": (lambda h, o: h.answer(o, tail=b"more"), "more bytes than its outputs have"),
    "name": (lambda h, o: h.answer(o, name="in"), "no output \"out\""),
    "shape": (lambda h, o: h.answer(o, shape=[8, 1 << 62]), "is FP32 [8,4611686018427387904]"),
    "rank": (lambda h, o: h.answer(o, shape=[1] * 100), "another type []"),
    "json": (lambda h, o: h.say(b"[1]"), "without binary data"),
    "length": (lambda h, o: h.answer(o, header=1 << 40), "no JSON in front"),
    "length-beyond": (lambda h, o: h.answer(o, header=1 << 20), "no JSON in front"),
    "no-length": (lambda h, o: h.answer(o, header=""), "without binary data"),
    "large": (lambda h, o: h.answer(o, tail=bytes(4 << 20)), "the answer has over"),
    "redirect": (lambda h, o: h.error("elsewhere", 302), "302"),
    "escape": (lambda h, o: h.error("\x1b[31mred", 403), "\\x1b[31mred"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_answers_that_lie(album, tmp_path, name):
    """Refused at once, with the reason; nothing is asked again."""
    lie, says = HOSTILE[name]

    def fault(handler, number):
        if number > 1:
            lie(handler, np.ones((8, 16), np.float32))
        return number > 1

    with Fake(fault=fault) as server:
        done = embed(album, tmp_path / "v.npy", server.spec("in_flight=1"), "--batch", 8, expect=3)
        assert len(server.rows) <= 2 + 4  # one for each thread that embeds
    assert says in done.stderr


def test_headers_and_their_secrets(album, tmp_path):
    """A token gets in; it is not in the store, not in what is printed, and not said when the server says it."""
    token = "c2VjcmV0-token"
    (tmp_path / "headers").write_text(f"# who we are\nAuthorization: Bearer {token}\n")
    (tmp_path / "wrong").write_text(f"Authorization: Bearer {token}x\n")
    with Fake(needs=("Authorization", f"Bearer {token}")) as server:
        spec = server.spec(f"headers={tmp_path}/headers")
        done = run(album, "ingest", "photos", "--into", tmp_path / "s.mill", "--embed", spec, "--plan", PLAN,
                   "--log-level", "debug", "--json")
        assert done.json["ok"] == GOOD
        found = run(album, "search", tmp_path / "s.mill", "--image", "photos/a/00.jpg", "--json")
        assert found.json["results"][0]["id"] == "photos/a/00.jpg"
        refused = embed(album, tmp_path / "v.npy", server.spec(f"headers={tmp_path}/wrong"), expect=3)
        anonymous = embed(album, tmp_path / "v.npy", server.spec(), expect=3)
    assert "401" in anonymous.stderr and "401" in refused.stderr
    for text in (done.stderr, done.stdout, found.stdout, refused.stderr):
        assert token not in text
    assert token.encode() not in b"".join(p.read_bytes() for p in tmp_path.glob("s.mill*") if p.is_file())


def test_tls(album, tmp_path):
    folder = certificates(tmp_path)
    with Fake(tls=folder) as server:
        own = f"ca={folder}/server.pem&cert={folder}/server.pem&key={folder}/server.key"
        done = embed(album, tmp_path / "v.npy", server.spec(own, "https"), "--json")
        assert done.json["ok"] == GOOD
        unknown = embed(album, tmp_path / "w.npy", server.spec(own.partition("&")[2], "https"), expect=3)
        assert "certificate" in unknown.stderr
        nobody = embed(album, tmp_path / "w.npy", server.spec(f"ca={folder}/server.pem&retries=0", "https"), expect=3)
        assert "embedder triton: model m: server:" in nobody.stderr


def test_nobody_is_there(album, tmp_path):
    with Fake() as server:
        spec = server.spec()
    started = time.monotonic()
    done = embed(album, tmp_path / "v.npy", spec, expect=3)
    assert "connection refused (127.0.0.1:" in done.stderr and "is the server running? see: millrace health" in done.stderr
    assert time.monotonic() - started < 20  # it does not wait for who was never there


def test_what_does_not_fit(album, tmp_path):
    with Fake(shape=(3, 256, 256)) as server:
        done = embed(album, tmp_path / "v.npy", server.spec(), expect=2)
        assert "input \"in\" of the model is FP32 [N,3,256,256], the plan makes FP32 [N,3,224,224]" in done.stderr
        assert "no input \"pixels\"" in embed(album, tmp_path / "v.npy", server.spec("input=pixels"), expect=2).stderr
        unknown = server.spec().replace("/m", "/nope")
        assert "unknown model" in embed(album, tmp_path / "v.npy", unknown, expect=3).stderr
        assert "needs one to be named" in run(album, "embed", "photos", "--out", tmp_path / "v.npy", "--embed",
                                              server.spec(), expect=2).stderr
        assert server.rows == []


def test_a_store_remembers_the_model_and_not_the_way(album, tmp_path):
    """Another address of the same model is no other embedder; another version is."""
    with Fake() as one, Fake() as other:
        store = tmp_path / "s.mill"
        run(album, "ingest", "photos/a", "--into", store, "--embed", one.spec("timeout=9s"), "--plan", PLAN)
        run(album, "ingest", "photos/b", "--into", store, "--embed", other.spec(), "--plan", PLAN)
        line = run(album, "collection", "list", store, "--json").json
        assert line["num_entities"] == GOOD
        assert line["embedder"] == one.spec().replace("/m", "/m/1") + "?input=in&output=out"
        run(album, "ingest", "photos", "--into", store, "--embed", "fake:16", "--plan", PLAN, expect=2)


def health(folder, *args, expect=0, **env):
    """What `health` says of the embedder. Its exit status counts the sandbox too, which sanitized workers lack."""
    return run(folder, "health", "--json", *args, expect=expect, env=env).json["components"]["embedder"]


@pytest.mark.sandbox
@pytest.mark.parametrize("preprocess", ["", "preprocess: {image_size: [64, 64]}\n"])
def test_health_asks_the_server(tmp_path, preprocess):
    """Whether or not anything says of which plan the pictures are: a server that is away is never well."""
    side = 64 if preprocess else 224
    config = tmp_path / "c.yaml"
    with Fake(shape=(3, side, side)) as server:
        config.write_text(f"triton: {{url: '127.0.0.1:{server.port}', model_name: m, input_name: in, output_name: out}}\n{preprocess}")
        said = health(tmp_path, "--config", config)
        assert said["ok"] is True and said["state"].endswith("/m/1, dimension 16") and server.rows == [1]
    away = f"server: connection refused (127.0.0.1:{server.port}); is the server running?"
    said = health(tmp_path, "--config", config, expect=3)
    assert said["ok"] is False and said["error"].endswith(away)
    assert "embedder      down" in run(tmp_path, "health", "--config", config, expect=3).stdout


@pytest.mark.sandbox
def test_health_asks_the_server_that_the_environment_names(tmp_path):
    with Fake() as server:
        spec = server.spec()
        assert health(tmp_path, "--embed", spec)["state"] == f"{spec}/1, dimension 16"
        # the plan of an option is the one that is asked with
        said = run(tmp_path, "health", "--embed", spec, "--plan", "letterbox:64x64", expect=2).stderr
        assert "the plan makes UINT8" in said or "the plan makes FP32 [N,3,64,64]" in said, said
    said = health(tmp_path, expect=3, TRITON_URL=f"127.0.0.1:{server.port}")
    assert "connection refused" in said["error"] and "dimension" not in said["error"]


@pytest.mark.sandbox
def test_health_asks_with_the_plan_of_the_collection(album, tmp_path):
    with Fake(shape=(3, 32, 32)) as server:
        (tmp_path / "small.plan").write_text(run(album, "plan", PLAN).stdout.replace("224x224", "32x32"))
        run(album, "ingest", "photos/a", "--into", tmp_path / "s.mill", "--embed", server.spec(), "--plan", tmp_path / "small.plan")
        assert health(tmp_path, "s.mill")["state"].endswith("dimension 16")
        assert "the plan makes FP32 [N,3,224,224]" in run(tmp_path, "health", "--embed", server.spec(), expect=2).stderr
    assert "connection refused" in health(tmp_path, "s.mill", expect=3)["error"]
