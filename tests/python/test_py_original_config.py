# SPDX-License-Identifier: Apache-2.0
"""ServiceConfig: the original's sections, defaults, files and variables."""
import dataclasses
from pathlib import Path

import pytest

import millrace
from millrace import ServiceConfig

ORIGINAL = Path(__file__).parents[1] / "e2e/data/original-config.yaml"
VARIABLES = {
    "TRITON_URL": ("triton", "url", "gpu:9000"), "TRITON_MODEL_NAME": ("triton", "model_name", "clip"),
    "TRITON_MODEL_VERSION": ("triton", "model_version", "7"), "TRITON_PROTOCOL": ("triton", "protocol", "grpc"),
    "TRITON_INPUT_NAME": ("triton", "input_name", "pixels"), "TRITON_OUTPUT_NAME": ("triton", "output_name", "vec"),
    "MILVUS_HOST": ("milvus", "host", "db"), "MILVUS_PORT": ("milvus", "port", 1234),
    "MILVUS_COLLECTION_NAME": ("milvus", "collection_name", "pets"),
    "MILVUS_EMBEDDING_DIM": ("milvus", "embedding_dim", 768),
    "MILVUS_VECTOR_FIELD_NAME": ("milvus", "vector_field", "v"), "JAX_USE_GPU": ("preprocess", "use_gpu", True),
    "JAX_PLATFORM": ("preprocess", "jax_platform", "cpu"),
}


def test_defaults_are_those_of_the_engine():
    config = ServiceConfig()
    for key in millrace.Config.original_keys():
        section, _, name = key.name.partition(".")
        if "[" in key.name or not name or key.fallback is None:
            continue
        value = getattr(getattr(config, section), name)
        text = f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value).lower()
        assert text == key.fallback.lower() or float(value) == float(key.fallback), key.name
    assert config.log_level == "INFO" and config.cache_compiled_functions is True and config.collections == []


def test_a_file_of_the_original():
    config = ServiceConfig.from_yaml(str(ORIGINAL))
    assert config.triton.url == "localhost:8000" and config.triton.model_version == "1" and config.triton.timeout == 60
    assert (config.milvus.embedding_dim, config.milvus.nlist, config.milvus.M) == (768, 2048, 32)
    assert config.preprocess.image_size == (224, 224) and config.preprocess.std == (0.229, 0.224, 0.225)
    assert config.collections[0]["schema"]["fields"][0] == {
        "name": "id", "type": "INT64", "primary_key": True, "auto_id": True}
    assert config.collections[0]["index"]["params"] == {"nlist": 2048}


def test_what_is_written_is_read_back(tmp_path):
    config = ServiceConfig.from_yaml(ORIGINAL)
    config.triton.retry_delay = 0.25
    config.milvus.collection_name = "yes: \"quoted\" # ñ"
    config.triton.more["in_flight"] = "3"
    config.to_yaml(tmp_path / "c.yaml")
    assert ServiceConfig.from_yaml(tmp_path / "c.yaml") == config
    assert ServiceConfig.from_yaml(ORIGINAL) != config


def test_the_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert dataclasses.replace(ServiceConfig.from_env(), log_level="INFO") == ServiceConfig()
    for name, (_, _, value) in VARIABLES.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    config = ServiceConfig.from_env()
    for section, key, value in VARIABLES.values():
        assert getattr(getattr(config, section), key) == value
    assert config.log_level == "DEBUG"
    assert ServiceConfig.from_yaml(ORIGINAL).triton.url == "localhost:8000"  # a file is itself


def test_a_mistake_has_its_place(tmp_path):
    (tmp_path / "c.yaml").write_text("triton:\n  ulr: x\n")
    with pytest.raises(ValueError, match=r"c\.yaml:2: unknown key triton\.ulr; did you mean triton\.url\?"):
        ServiceConfig.from_yaml(tmp_path / "c.yaml")
