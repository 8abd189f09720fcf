# SPDX-License-Identifier: Apache-2.0
"""ServiceConfig: the configuration that users of the original pipeline have in their programs.

The keys, their defaults and their environment variables are those of the configuration file that
the command reads too; the reader is the same, so a mistake is told as ``FILE:LINE: ...`` with the
nearest key.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Optional

from . import _sections
from ._native import Config, InvalidError
from ._sections import TRUTH, EmbedConfig, LimitsConfig, LogConfig, PlanConfig, SourceConfig, StoreConfig, WorkersConfig


@dataclass
class TritonConfig:
    """The model server. ``timeout`` and ``retry_delay`` are seconds.

    ``more``: further keys of the section, as text: shared_memory, in_flight, wait, headers, ca...
    """

    url: str = "localhost:8000"
    model_name: str = "embedding_model"
    model_version: str = "1"
    protocol: str = "http"
    timeout: float = 60
    max_retries: int = 3
    retry_delay: float = 1.0
    input_name: str = "input"
    output_name: str = "output"
    more: dict[str, str] = field(default_factory=dict)


@dataclass
class MilvusConfig:
    """The vector database: server, collection, index and search parameters.

    ``more``: further keys of the section, as text: user, password, token, database, tls...
    """

    host: str = "localhost"
    port: int = 19530
    collection_name: str = "image_embeddings"
    embedding_dim: int = 512
    vector_field: str = "vector"
    index_type: str = "IVF_FLAT"
    metric_type: str = "L2"
    nlist: int = 128
    nprobe: int = 16
    M: int = 16
    efConstruction: int = 256
    intermediate_graph_degree: int = 64
    graph_degree: int = 32
    itopk_size: int = 64
    search_width: int = 4
    min_iterations: int = 0
    max_iterations: int = 0
    team_size: int = 0
    m: int = 32
    nbits: int = 8
    more: dict[str, str] = field(default_factory=dict, repr=False)  # it may hold secrets


@dataclass
class PreprocessConfig:
    """What a picture becomes. ``image_size`` is (height, width) in pixels."""

    image_size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    batch_size: int = 32
    num_workers: int = 4
    data_format: str = "NCHW"
    use_gpu: bool = False
    jax_platform: Optional[str] = None


@dataclass
class AsyncPipelineConfig:
    """How much is in flight between the stages of a bulk insertion."""

    preprocess_workers: int = 2
    embedding_workers: int = 1
    insert_batch_size: int = 100
    queue_maxsize: int = 100


_SECTIONS = {
    "triton": TritonConfig,
    "milvus": MilvusConfig,
    "preprocess": PreprocessConfig,
    "async_pipeline": AsyncPipelineConfig,
}


@dataclass
class ServiceConfig:
    """All sections. Build it by hand, or with :meth:`from_yaml` or :meth:`from_env`.

    The first four and what follows `collections` are the original's. The others are those of the
    command, so that one file serves both; None there is a key that is not said. What is said in
    them holds over the original's: `workers` over `preprocess`, `store` over `milvus`, `embed` over
    `triton`, `plan` over `preprocess`. docs/python.md says which of them a Python program obeys.
    """

    triton: TritonConfig = field(default_factory=TritonConfig)
    milvus: MilvusConfig = field(default_factory=MilvusConfig)
    preprocess: PreprocessConfig = field(default_factory=PreprocessConfig)
    async_pipeline: AsyncPipelineConfig = field(default_factory=AsyncPipelineConfig)
    collections: list[dict[str, Any]] = field(default_factory=list)
    log_level: str = "INFO"
    cache_compiled_functions: bool = True
    source: SourceConfig = field(default_factory=SourceConfig)
    workers: WorkersConfig = field(default_factory=WorkersConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    plan: PlanConfig = field(default_factory=PlanConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    log: LogConfig = field(default_factory=LogConfig)

    @classmethod
    def from_yaml(cls, path: str | os.PathLike[str]) -> "ServiceConfig":
        """Reads the file at ``path``; the environment is not looked at.

        Raises millrace.Error naming file and line for an unknown key or a wrong value.
        """
        return cls._from_config(Config(path, environment=False, extra=_sections.names()))

    @classmethod
    def from_env(cls) -> "ServiceConfig":
        """The defaults, and over them the variables TRITON_*, MILVUS_*, JAX_* and LOG_LEVEL."""
        config = cls._from_config(Config())
        config.log_level = os.environ.get("LOG_LEVEL") or config.log_level  # others use the name too
        return config

    @classmethod
    def _from_config(cls, read: Config) -> "ServiceConfig":
        config = cls()
        tree = _tree(read)
        for name, section in _SECTIONS.items():
            known = {f.name: f for f in fields(section)}
            for key, value in (tree.get(name) or {}).items():
                current = getattr(config, name)
                if value is not None and key in known:
                    setattr(current, key, _as(getattr(current, key), value))
                elif value is not None:
                    current.more[key] = value.text
        for name in _sections.SECTIONS:
            config._take_own(read, name, tree.get(name) or {})
        config.collections = _plain(tree.get("collections") or [])
        if tree.get("log_level") is not None:
            config.log_level = tree["log_level"].text
        if tree.get("cache_compiled_functions") is not None:
            config.cache_compiled_functions = _as(True, tree["cache_compiled_functions"])
        return config

    def _take_own(self, read: Config, section: str, values: dict[str, Any]) -> None:
        """The values of a section of the command; their mistakes are told with their place."""
        for key, value in values.items():
            try:
                if not isinstance(value, _Text):
                    raise ValueError(f"{section}.{key}: wanted a value")
                setattr(getattr(self, section), key, _sections.kept(f"{section}.{key}", value.text))
            except ValueError as error:
                raise InvalidError(f"{read.name}:{_line_of(read, f'{section}.{key}')}: {error}") from None

    def to_yaml(self, path: str | os.PathLike[str]) -> None:
        """Writes a file that :meth:`from_yaml` and ``millrace --config`` read back."""
        with open(path, "w", encoding="utf-8") as out:
            for name, value in asdict(self).items():
                if name in _sections.SECTIONS:
                    value = {key: item for key, item in value.items() if item is not None}
                    if not value:
                        continue
                if isinstance(value, dict):
                    out.write(f"{name}:\n")
                    for key, item in {**value, **value.get("more", {})}.items():
                        if key != "more":
                            out.write(f"  {key}: {_flow(item)}\n")
                elif value != []:
                    out.write(f"{name}: {_flow(value)}\n")


@dataclass(frozen=True)
class _Text:
    """A value of the file, and whether it stood in quotes."""

    text: str
    quoted: bool


def _line_of(read: Config, name: str) -> int:
    """Where a key stands in the file."""
    return next((value.line for value in read.values() if value.name == name), 0)


def _tree(read: Config) -> dict[str, Any]:
    """Values named "a.b[0].c" to nested dicts and lists with _Text leaves."""
    root: dict[str, Any] = {}
    for value in read.values():
        steps: list[Any] = []
        for part in value.name.split("."):
            key, *indices = part.split("[")
            steps.append(key)
            steps.extend(int(i[:-1]) for i in indices)
        at: Any = root
        for step, following in zip(steps, steps[1:]):
            at = _enter(at, step, [] if isinstance(following, int) else {})
        if value.text is not None:
            _put(at, steps[-1], _Text(value.text, value.quoted))
        elif value.list:
            _enter(at, steps[-1], [])
    return root


def _enter(at: Any, step: Any, empty: Any) -> Any:
    if isinstance(at, list):
        while len(at) <= step:
            at.append(None)
        if at[step] is None:
            at[step] = empty
        return at[step]
    if at.get(step) is None:
        at[step] = empty
    return at[step]


def _put(at: Any, step: Any, value: Any) -> None:
    if isinstance(at, list):
        while len(at) <= step:
            at.append(None)
    at[step] = value


def _as(current: Any, value: Any) -> Any:
    """``value`` in the type of the default that it replaces."""
    if isinstance(value, list):
        return tuple(_as(current[0], item) for item in value)
    if isinstance(current, bool):
        return TRUTH[value.text.lower()]
    if isinstance(current, int) and not isinstance(current, bool):
        number = float(value.text)
        return int(number) if number.is_integer() else number
    if isinstance(current, float):
        return float(value.text)
    return value.text


def _plain(value: Any) -> Any:
    """A part of the file that is not looked into, as Python values."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or value.quoted:
        return value and value.text
    if value.text.lower() in TRUTH and not value.text.isdigit():
        return TRUTH[value.text.lower()]
    for kind in (int, float):
        try:
            return kind(value.text)
        except ValueError:
            continue
    return value.text


def _flow(value: Any) -> str:
    """JSON is YAML; a text is quoted, so that nothing else can be read into it."""
    return json.dumps(value, ensure_ascii=False)
