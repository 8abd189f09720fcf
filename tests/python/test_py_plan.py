# SPDX-License-Identifier: Apache-2.0
"""Plans, errors, configuration: what has no processes."""
import copy
import hashlib
import pickle

import pytest
from conftest import PLAN

import millrace


def test_plan_says_what_it_is():
    plan = millrace.Plan(PLAN)
    assert (plan.name, plan.shape, plan.dtype, plan.layout) == (PLAN, (3, 224, 224), "float32", "NCHW")
    assert plan.row_bytes == 3 * 224 * 224 * 4
    assert plan.fingerprint == "mr1:" + hashlib.sha256(plan.text.encode()).hexdigest()
    assert plan.json()["fingerprint"] == plan.fingerprint
    raw = millrace.Plan("raw:30x20")
    assert (raw.shape, raw.dtype, raw.layout, raw.row_bytes) == ((20, 30, 3), "uint8", "NHWC", 1800)
    masked = millrace.Plan("original/masked-stretch:38x25?layout=nhwc&mean=0.5,0.5,0.5")
    assert (masked.shape, masked.layout, masked.json()["mean"]) == ((25, 38, 3), "NHWC", [0.5, 0.5, 0.5])


def test_text_and_file_give_the_same_plan(tmp_path):
    plan = millrace.Plan(PLAN)
    path = tmp_path / "a.plan"
    path.write_text(plan.text)
    for other in (millrace.Plan.from_text(plan.text), millrace.Plan.from_file(path), pickle.loads(pickle.dumps(plan)),
                  copy.copy(plan)):
        assert other == plan and hash(other) == hash(plan) and other.text == plan.text
    assert plan != millrace.Plan("raw:30x20") and plan != PLAN and len({plan, millrace.Plan(PLAN)}) == 1
    with pytest.raises(millrace.InvalidError, match="line|text|plan"):
        millrace.Plan.from_text("nonsense\n")
    with pytest.raises(FileNotFoundError):
        millrace.Plan.from_file(tmp_path / "none")
    with pytest.raises(TypeError):
        millrace.Plan.from_text(b"bytes")


def test_presets():
    presets = millrace.presets()
    assert PLAN in [preset.name for preset in presets]
    for preset in presets:
        assert preset.summary and (preset.unsupported or preset.exact is (preset.max_error == 0))
        assert not (preset.verified and preset.unsupported)
    assert [p.name for p in presets if not p.exact and not p.unsupported and "dinov3" not in p.name] == [
        "original/masked-stretch"]


def test_unknown_preset_names_the_nearest():
    with pytest.raises(millrace.NotFoundError) as caught:
        millrace.Plan(PLAN[:-2])
    error = caught.value
    assert f"did you mean {PLAN}?" in str(error) and not str(error).startswith("'")
    assert isinstance(error, KeyError) and isinstance(error, millrace.Error)
    assert (error.status, error.code, error.stage) == (-5, None, None)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.status) == (type(error), str(error), -5)


@pytest.mark.parametrize("kind, also", [
    ("InvalidError", ValueError), ("MismatchError", ValueError), ("ItemError", ValueError), ("ClosedError", ValueError),
    ("NotFoundError", KeyError), ("BusyError", RuntimeError), ("UnavailableError", RuntimeError),
    ("ForkError", RuntimeError), ("InternalError", RuntimeError), ("UnsupportedError", NotImplementedError),
    ("OutOfMemoryError", MemoryError), ("InputOutputError", OSError), ("InterruptedError", Exception)])
def test_errors_fit_into_pythons(kind, also):
    error = getattr(millrace, kind)
    assert issubclass(error, millrace.Error) and issubclass(error, also)
    assert error.__doc__ and error.__module__ == "millrace" and str(error("a b")) == "a b"


def test_config(tmp_path, monkeypatch):
    monkeypatch.delenv("TRITON_URL", raising=False)
    path = tmp_path / "config.yaml"
    path.write_text("triton:\n  url: host:1\npreprocess:\n  mean: [0.1, 0.2, 0.3]\nmine:\n  a: [1]\n")
    config = millrace.Config(path, extra=["mine"])
    assert config.name == str(path)
    assert (config.get("triton.url"), config.get("preprocess.mean[1]")) == ("host:1", "0.2")
    assert config.get("triton.timeout", "none") in ("60", "60.0", "none") and config.get("no.such") is None
    assert config.has("triton") and not config.has("milvus")
    value = next(v for v in config.values() if v.name == "triton.url")
    assert (value.text, value.line, value.list) == ("host:1", 2, False)
    monkeypatch.setenv("TRITON_URL", "other:2")
    assert millrace.Config(path, extra=["mine"]).get("triton.url") == "other:2"
    assert millrace.Config(path, environment=False, extra=["mine"]).get("triton.url") == "host:1"


def test_config_names_every_mistake(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("triton:\n  urll: host\nmilvus:\n  port: many\nmine: 1\n")
    with pytest.raises(millrace.InvalidError) as caught:
        millrace.Config(path)
    assert [p.split(": ")[0] for p in caught.value.problems] == [f"{path}:2", f"{path}:4", f"{path}:5"]
    assert "did you mean triton.url" in str(caught.value) and caught.value.problems[0] == str(caught.value)
    with pytest.raises(millrace.UnavailableError, match="none.yaml"):
        millrace.Config(tmp_path / "none.yaml")


def test_original_keys():
    keys = {key.name: key for key in millrace.Config.original_keys()}
    assert (keys["triton.url"].fallback, keys["triton.url"].environment) == ("localhost:8000", "TRITON_URL")
    assert keys["preprocess.mean"].items == 3 and keys["triton.protocol"].choices == "http|grpc"
