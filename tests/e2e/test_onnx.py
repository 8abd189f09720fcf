# SPDX-License-Identifier: Apache-2.0
"""The embedder `onnx:MODEL` against ONNX Runtime's own Python session, on the tensors that `preprocess` makes."""
import concurrent.futures
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import onnx
import onnx_models as models
import onnxruntime
import pytest
from command import BIN, GOOD, environment, picture, run

RUNTIME = str(next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*")))
ENV = {"MILLRACE_ONNXRUNTIME": RUNTIME}
LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
TRAINED = Path(sysconfig.get_path("purelib")) / "rapidocr_onnxruntime/models"
CLIP = "openai/clip-vit-base-patch32@openclip"
RAW = "raw:32x24"
NEAR = 1e-5


@pytest.fixture(scope="module")
def work(album):
    """The album, plans and models beside it, and the tensors of each plan."""
    text = run(album, "plan", CLIP).stdout.replace("224x224", "32x32")
    (album / "small.plan").write_text(text)
    for plan, name in (("small.plan", "small.npy"), (RAW, "raw.npy")):
        run(album, "preprocess", "photos", "--plan", plan, "--out", name)
    models.planar(album / "any.onnx")
    models.planar(album / "other.onnx", seed=8)
    models.planar(album / "free.onnx", sides=("C", "H", "W"), dim="D")
    models.planar(album / "eight.onnx", batch=8)
    models.planar(album / "half.onnx", half=True)
    models.interleaved_bytes(album / "bytes.onnx", 24, 32)
    models.tokens(album / "tokens.onnx")
    models.two_inputs(album / "two.onnx")
    models.infinite(album / "infinite.onnx")
    return album


def embed(work, model, *more, plan="small.plan"):
    run(work, "embed", "photos", "--out", "out.npy", "--embed", f"onnx:{model}", "--plan", plan, *more, env=ENV)
    return np.load(work / "out.npy")


def refused(work, status, spec, *says, plan="small.plan", env=None):
    done = run(work, "embed", "photos", "--out", "no.npy", "--embed", spec, "--plan", plan, expect=status,
               env=env or ENV)
    for text in says:
        assert text in done.stderr, done.stderr
    assert not (work / "no.npy").exists()


def same(ours, theirs, tolerance=NEAR):
    theirs = models.normalised(theirs)
    assert ours.shape == theirs.shape and ours.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(ours, theirs, atol=tolerance, rtol=0)
    assert (ours * theirs).sum(axis=1).min() > 1 - tolerance


@pytest.mark.parametrize("model", ["any.onnx", "free.onnx"])
def test_vectors_are_the_sessions_own(work, model):
    tensors = np.load(work / "small.npy")
    ours = embed(work, model)
    same(ours, models.reference(work / model, tensors))
    # the control: another model, and other rows, are seen
    assert np.abs(ours - models.normalised(models.reference(work / "other.onnx", tensors))).max() > 0.01
    assert np.abs(ours - ours[::-1]).max() > 1e-3


def test_bytes_in_rows_of_pixels(work):
    tensors = np.load(work / "raw.npy")
    assert tensors.dtype == np.uint8 and tensors.shape == (GOOD, 24, 32, 3)
    same(embed(work, "bytes.onnx", plan=RAW), models.reference(work / "bytes.onnx", tensors))


def test_half_floats_both_ways(work):
    tensors = np.load(work / "small.npy").astype(np.float16)
    same(embed(work, "half.onnx"), models.reference(work / "half.onnx", tensors), 2e-3)


@pytest.mark.parametrize("batch", [1, 3, 8, 11, 32, 64])
def test_batch_that_the_model_fixes(work, batch):
    """Smaller, equal, larger, and no multiple of it: the same vectors, each row's own."""
    theirs = models.reference(work / "eight.onnx", np.load(work / "small.npy"), batch=8)
    same(embed(work, "eight.onnx", "--batch", batch), theirs)


def test_batches_and_workers_change_nothing(work):
    whole = embed(work, "any.onnx", "--batch", 40)
    for batch, workers in ((1, 1), (7, 2), (32, 3)):
        np.testing.assert_allclose(embed(work, "any.onnx", "--batch", batch, "--workers", workers), whole, atol=NEAR)
    one = embed(work, "any.onnx?batch=1", "--batch", 40)
    assert one.tobytes() == embed(work, "any.onnx?batch=1", "--batch", 7).tobytes()


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_tokens_become_a_vector(work, pooling):
    got = models.reference(work / "tokens.onnx", np.load(work / "small.npy"), "tokens").astype(np.float64)
    ours = embed(work, f"tokens.onnx?output=tokens&pooling={pooling}")
    same(ours, got[:, 0] if pooling == "cls" else got.mean(axis=1))
    # with pooling there is one output that can be meant
    assert embed(work, f"tokens.onnx?pooling={pooling}").tobytes() == ours.tobytes()


def test_output_by_name(work):
    tensors = np.load(work / "small.npy")
    same(embed(work, "tokens.onnx?output=largest"), models.reference(work / "tokens.onnx", tensors, "largest"))
    same(embed(work, "tokens.onnx?output=least one %26 all"),
         models.reference(work / "tokens.onnx", tensors, "least one & all"))


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_network_of_the_onnx_package(work, name):
    """Real layers, batch fixed at 1; squeezenet's output is [1,1000,1,1]."""
    run(work, "preprocess", "photos/a", "--plan", CLIP, "--out", "clip.npy")
    model = LIGHT / f"light_{name}.onnx"
    run(work, "embed", "photos/a", "--out", "out.npy", "--embed", f"onnx:{model}", "--plan", CLIP, env=ENV)
    ours = np.load(work / "out.npy")
    assert ours.shape == (GOOD // 2, 1000)
    same(ours, models.reference(model, np.load(work / "clip.npy"), batch=1))


@pytest.mark.parametrize("name,pooling", [("ch_ppocr_mobile_v2.0_cls_infer", None), ("ch_PP-OCRv4_rec_infer", "mean")])
def test_trained_model_of_somebody_else(work, name, pooling):
    """Dynamic sizes throughout; the second gives [N,T,6625]."""
    text = (work / "small.plan").read_text().replace("resize=shortest", "resize=squash").replace("32x32", "192x48")
    (work / "wide.plan").write_text(text)
    run(work, "preprocess", "photos/a", "--plan", "wide.plan", "--out", "wide.npy")
    model = TRAINED / f"{name}.onnx"
    spec = f"onnx:{model}" + (f"?pooling={pooling}" if pooling else "")
    run(work, "embed", "photos/a", "--out", "out.npy", "--embed", spec, "--plan", "wide.plan", env=ENV)
    theirs = models.reference(model, np.load(work / "wide.npy")).astype(np.float64)
    assert theirs.shape[0] == GOOD // 2 and theirs.ndim == (3 if pooling else 2)
    same(np.load(work / "out.npy"), theirs.mean(axis=1) if pooling else theirs)


def test_store_remembers_the_model(work, tmp_path):
    """A search needs neither flag; a changed model is refused; a copy elsewhere is the same model."""
    shutil.copy(work / "any.onnx", tmp_path / "model.onnx")
    common = ("photos", "--into", tmp_path / "s.mill", "--plan", "small.plan", "--json")
    done = run(work, "ingest", *common, "--embed", f"onnx:{tmp_path}/model.onnx", env=ENV).json
    assert done["ok"] == GOOD
    stats = run(work, "collection", "stats", tmp_path / "s.mill", "--json").json
    digest = hashlib.sha256((tmp_path / "model.onnx").read_bytes()).hexdigest()
    assert stats["embedder"] == f"onnx:{tmp_path}/model.onnx?sha256={digest}" and stats["dim"] == models.DIM
    query = "photos/b/07.png"
    found = run(work, "search", tmp_path / "s.mill", "--image", query, "-k", 3, "--json", env=ENV).json["results"]
    assert found[0]["id"] == query and found[0]["score"] > 0.9999 and found[1]["id"] != query

    again = run(work, "ingest", *common, "--embed", "onnx:any.onnx", env=ENV).json
    assert again["skipped"] == GOOD
    other = run(work, "ingest", *common, "--embed", "onnx:other.onnx", expect=2, env=ENV)
    assert digest in other.stderr

    shutil.copy(work / "other.onnx", tmp_path / "model.onnx")
    changed = run(work, "search", tmp_path / "s.mill", "--image", query, expect=2, env=ENV)
    assert digest in changed.stderr and "changed" in changed.stderr
    (tmp_path / "model.onnx").unlink()
    gone = run(work, "search", tmp_path / "s.mill", "--image", query, expect=3, env=ENV)
    assert f"{tmp_path}/model.onnx" in gone.stderr


def test_weights_beside_the_model_count(work, tmp_path):
    shutil.copy(work / "any.onnx", tmp_path / "model.onnx")
    common = ("photos/a", "--into", tmp_path / "s.mill", "--plan", "small.plan", "--embed",
              f"onnx:{tmp_path}/model.onnx")
    run(work, "ingest", *common, env=ENV)
    (tmp_path / "model.onnx.data").write_bytes(b"other weights")
    assert "sha256" in run(work, "ingest", *common, expect=2, env=ENV).stderr


def test_mistakes_are_named(work):
    refused(work, 2, "onnx:", "onnx:MODEL")
    refused(work, 2, "onnx:any.onnx?poling=cls", 'did you mean "pooling"')
    refused(work, 2, "onnx:any.onnx?pooling=max", "cls or mean")
    refused(work, 2, "onnx:any.onnx?sha256=12", "64 hexadecimal")
    refused(work, 2, "onnx:any.onnx?sha256=" + "0" * 64, "0" * 64)
    refused(work, 2, "onnx:any.onnx?output=nope", '"nope"', "out float32 [N,16]")
    refused(work, 2, "onnx:tokens.onnx", "output=", "largest")
    refused(work, 2, "onnx:tokens.onnx?output=tokens", "pooling=cls")
    refused(work, 2, "onnx:any.onnx?pooling=mean", "only [N,T,D]")
    refused(work, 2, "onnx:eight.onnx?batch=4", "batches of 8")
    refused(work, 2, "onnx:any.onnx", "float32 [N,3,32,32]", "uint8 [N,24,32,3]", plan=RAW)
    refused(work, 2, "onnx:bytes.onnx", "uint8 [N,24,32,3]", "float32 [N,3,32,32]")
    refused(work, 3, "onnx:two.onnx", "2 inputs")
    refused(work, 3, "onnx:nowhere.onnx", "nowhere.onnx", "No such file")
    refused(work, 3, "onnx:photos", "regular file")
    refused(work, 3, "onnx:photos/a/00.jpg", "not an ONNX model")
    refused(work, 3, "onnx:any.onnx?provider=cuda", "provider cuda is not available", "CPUExecutionProvider")
    plan = run(work, "embed", "photos", "--out", "no.npy", "--embed", "onnx:any.onnx", expect=2, env=ENV)
    assert "--plan" in plan.stderr


def test_truncated_models_are_errors(work, tmp_path):
    whole = (work / "any.onnx").read_bytes()
    for n in (0, 1, 40, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.onnx").write_bytes(whole[:n])
        refused(work, 3, f"onnx:{tmp_path}/cut.onnx", "cut.onnx")


@pytest.mark.parametrize("make,says", [(models.infinite_if_bright, "not finite"),
                                       (models.refuses_bright, "indices element out of data bounds")])
def test_rows_that_cannot_be_embedded_fail_alone(work, tmp_path, make, says):
    tensors = np.load(work / "small.npy")
    level = tensors.mean(axis=(1, 2, 3))
    dark = level <= np.median(level)
    make(work / "some.onnx", np.median(level))
    store = tmp_path / "s.mill"
    done = run(work, "ingest", "photos", "--into", store, "--embed", "onnx:some.onnx", "--plan", "small.plan", "--json",
               expect=1, env=ENV)
    assert (done.json["ok"], done.json["failed"]) == (dark.sum(), (~dark).sum())
    assert done.json["by_code"] == {"embed_failed": (~dark).sum()}
    entries = [json.loads(line) for line in run(work, "report", store, "--json").lines]
    assert [entry["state"] == "stored" for entry in entries] == dark.tolist()
    for entry in entries:
        if entry["state"] != "stored":
            assert (entry["state"], entry["stage"], entry["code"]) == ("failed", "embed", "embed_failed")
            assert says in entry["message"]
    run(work, "embed", "photos", "--out", "some.npy", "--embed", "onnx:some.onnx", "--plan", "small.plan",
        "--error-budget", "none", env=ENV)
    same(np.load(work / "some.npy"), models.reference(work / "any.onnx", tensors)[dark])


def test_a_model_that_refuses_everything(work):
    """Each vector is infinite: each item says so. An empty picture is refused: the model is to blame."""
    done = run(work, "embed", "photos", "--out", "inf.npy", "--embed", "onnx:infinite.onnx", "--plan", "small.plan",
               "--json", expect=1, env=ENV)
    assert done.json["by_code"] == {"embed_failed": done.json["items"]} and np.load(work / "inf.npy").shape == (0, models.DIM)
    models.refuses_bright(work / "none.onnx", -1e9)
    refused(work, 3, "onnx:none.onnx", "indices element out of data bounds")


def test_no_runtime(work, tmp_path):
    lean = {"HOME": str(tmp_path), "VIRTUAL_ENV": "", "CONDA_PREFIX": ""}
    doctor = subprocess.run([BIN, "doctor", "--json"], capture_output=True, check=False, text=True,
                            env=environment(**lean))
    if json.loads(doctor.stdout)["modules"]["onnx"].startswith("ready"):
        pytest.skip("this machine has an ONNX Runtime of its own")
    refused(work, 3, "onnx:any.onnx", "no ONNX Runtime", "pip install onnxruntime", "--onnxruntime", env=lean)
    refused(work, 3, "onnx:any.onnx", str(tmp_path), env={"MILLRACE_ONNXRUNTIME": str(tmp_path)})
    not_it = subprocess.run(["sh", "-c", "ldconfig -p | sed -n 's/.*=> //p' | grep -m1 libz.so"], capture_output=True,
                            check=False, text=True).stdout.strip()
    if not_it:
        refused(work, 3, "onnx:any.onnx", "is no ONNX Runtime", env={"MILLRACE_ONNXRUNTIME": not_it})


@pytest.mark.sandbox  # doctor's answer is its exit status
def test_runtime_is_found(work):
    """By option, by variable (file or folder), in the environment in force; doctor says which."""
    here = Path(RUNTIME).parent
    for env, more in ((ENV, ()), ({"MILLRACE_ONNXRUNTIME": str(here.parent)}, ()), ({}, ("--onnxruntime", here)),
                      ({"MILLRACE_ONNXRUNTIME": "/nowhere"}, ("--onnxruntime", RUNTIME)),
                      ({"VIRTUAL_ENV": str(here.parents[4])}, ())):
        state = run(work, "doctor", "--json", *more, env=env).json["modules"]["onnx"]
        assert state.startswith(f"ready (onnxruntime {onnxruntime.__version__}"), state
    (work / "runtime.yaml").write_text(f"embed:\n  onnxruntime: {here}\n")
    configured = run(work, "doctor", "--json", "--config", "runtime.yaml").json["modules"]["onnx"]
    assert configured == state
    run(work, "embed", "photos/a", "--out", "option.npy", "--plan", "small.plan", "--embed",
        f"onnx:any.onnx?runtime={RUNTIME}")
    bad = run(work, "doctor", "--json", env={"MILLRACE_ONNXRUNTIME": "/nowhere"}).json
    assert "/nowhere" in bad["modules"]["onnx"] and bad["ok"] is not None


def test_no_module(work, tmp_path):
    env = {**ENV, "MILLRACE_MODULES": str(tmp_path)}
    refused(work, 3, "onnx:any.onnx", "millrace-embed-onnx.so is not installed", str(tmp_path), env=env)
    (tmp_path / "millrace-embed-onnx.so").write_bytes(b"\x7fELF nothing")
    refused(work, 3, "onnx:any.onnx", "module", env=env)
    shutil.copy(RUNTIME, tmp_path / "millrace-embed-onnx.so")
    refused(work, 3, "onnx:any.onnx", "is no module of millrace", env=env)


def test_several_runs_at_once(work, tmp_path):
    """Sessions in processes of their own share the machine and nothing else."""
    whole = embed(work, "any.onnx")
    running = [subprocess.Popen([BIN, "embed", "photos", "--out", str(tmp_path / f"{i}.npy"), "--embed",
                                 "onnx:any.onnx", "--plan", "small.plan", "--workers", "1"], cwd=work,
                                env=environment(**ENV), stdout=subprocess.DEVNULL) for i in range(3)]
    for i, process in enumerate(running):
        assert process.wait(timeout=120) == 0
        assert np.load(tmp_path / f"{i}.npy").tobytes() == whole.tobytes()


@pytest.mark.sandbox  # a sanitized library does not load into Python
@pytest.mark.parametrize("model", ["any.onnx", "eight.onnx", "half.onnx"])
def test_calls_at_once_in_one_process(work, model):
    """The library inside this Python: as many calls at a time as the embedder allows, over and over."""
    class Info(ctypes.Structure):
        _fields_ = [("spec", ctypes.c_char_p), ("plan", ctypes.c_char_p), ("dim", ctypes.c_uint32),
                    ("concurrency", ctypes.c_uint32), ("worthwhile", ctypes.c_uint32),
                    ("named_slots", ctypes.c_bool)]

    lib = ctypes.CDLL(str(Path(os.environ["MILLRACE_BUILD_DIR"]) / "libmillrace.so"))
    plan, embedder, info = ctypes.c_void_p(), ctypes.c_void_p(), Info()
    text = "".join(line for line in (work / "small.plan").open() if not line.startswith("#"))
    assert lib.mr_plan_parse(text.encode(), ctypes.byref(plan), None) == 0
    spec = f"onnx:{work}/{model}?runtime={RUNTIME}".encode()
    assert lib.mr_embedder_open(spec, plan, None, ctypes.byref(embedder), None) == 0
    lib.mr_embedder_info_get(embedder, ctypes.byref(info))
    rows = np.ascontiguousarray(np.load(work / "small.npy"))
    assert info.dim == models.DIM and info.concurrency > 1

    def vectors(first, n):
        out = np.full((n, info.dim), np.nan, np.float32)
        part = np.ascontiguousarray(rows[first:first + n])
        assert lib.mr_embedder_run(embedder, part.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(n),
                                   out.ctypes.data_as(ctypes.c_void_p), None) == 0
        return out

    tasks = [(i % 9, 1 + i % 13) for i in range(200)]
    alone = [vectors(*task) for task in tasks]
    with concurrent.futures.ThreadPoolExecutor(info.concurrency) as pool:
        for one, other in zip(alone, pool.map(lambda task: vectors(*task), tasks)):
            np.testing.assert_allclose(one, other, atol=1e-6)
    lib.mr_embedder_close(ctypes.byref(embedder))
    lib.mr_plan_close(ctypes.byref(plan))
    assert not embedder.value and not plan.value


def test_bad_pictures_leave_no_hole(work, tmp_path):
    picture(tmp_path / "one.png", 3)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "list").write_text("one.png\nbad.png\none.png\nbad.png\n")
    shutil.copy(work / "small.plan", tmp_path)
    done = run(tmp_path, "embed", "@list", "--out", "o.npy", "--embed", f"onnx:{work}/eight.onnx", "--plan",
               "small.plan", "--error-budget", "none", "--json", env=ENV).json
    rows = [json.loads(line) for line in (tmp_path / "o.npy.ids.jsonl").read_text().splitlines()]
    assert done["ok"] == 1 and np.load(tmp_path / "o.npy").shape == (1, models.DIM)
    assert [r["row"] for r in rows][0] == 0
    run(tmp_path, "preprocess", "one.png", "--plan", "small.plan", "--out", "t.npy")
    same(np.load(tmp_path / "o.npy"), models.reference(work / "eight.onnx", np.load(tmp_path / "t.npy"), batch=8))


def test_the_section_preprocess_of_the_configuration(work, tmp_path):
    """The plan of a model that names none; a collection keeps to the one it was made with."""
    config = tmp_path / "c.yaml"
    config.write_text(f"embed: {{embedder: 'onnx:{work}/any.onnx'}}\npreprocess: {{image_size: [32, 32]}}\n")
    section = "original/masked-stretch:32x32"
    want = run(work, "plan", section, "--json").json["fingerprint"]
    done = run(work, "embed", "photos", "--out", "section.npy", "--config", config, "--json", env=ENV)
    assert done.json["fingerprint"] == want
    run(work, "preprocess", "photos", "--out", "masked.npy", "--config", config)
    same(np.load(work / "section.npy"), models.reference(work / "any.onnx", np.load(work / "masked.npy")))
    store = tmp_path / "s.mill"
    run(work, "ingest", "photos", "--into", store, "--config", config, env=ENV)
    assert run(work, "collection", "stats", store, "--json").json["fingerprint"] == want
    config.write_text(config.read_text().replace("[32, 32]", "[32, 32], mean: [0, 0, 0]"))
    told = run(work, "ingest", "photos", "--into", store, "--config", config, env=ENV, expect=2).stderr
    assert section in told and "mean=0,0,0" in told


@pytest.mark.sandbox  # health's exit status counts it
def test_health_runs_the_model(work, tmp_path):
    """With the plan of the section, else that of the original: a file that is no model is never well."""
    config = tmp_path / "c.yaml"
    config.write_text(f"embed: {{embedder: 'onnx:{work}/any.onnx'}}\npreprocess: {{image_size: [32, 32]}}\n")
    embedder = run(work, "health", "--config", config, "--json", env=ENV).json["components"]["embedder"]
    assert embedder["state"].endswith(f"any.onnx, dimension {models.DIM}")
    free = run(work, "health", "--embed", "onnx:free.onnx", "--json", env=ENV).json["components"]["embedder"]
    assert free["state"].endswith(f"free.onnx, dimension {models.DIM}")
    (tmp_path / "no.onnx").write_bytes(b"no model")
    done = run(work, "health", "--embed", f"onnx:{tmp_path}/no.onnx", "--json", env=ENV, expect=3)
    assert done.json["components"]["embedder"]["ok"] is False and "no.onnx" in done.json["components"]["embedder"]["error"]
