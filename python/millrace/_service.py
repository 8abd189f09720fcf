# SPDX-License-Identifier: Apache-2.0
"""What the sections of a ServiceConfig are to the engine: specifications and parameters.

The rule of the command holds here too: what the list `collections` declares of a collection, then
the section `store`, then the section `milvus`.
"""

from __future__ import annotations

import os
from typing import Any, Optional
from urllib.parse import quote

from ._native import Error, Plan
from ._sections import said, taken
from .service_config import MilvusConfig, ServiceConfig, TritonConfig

# keys of the section that the specification calls otherwise
_OPTIONS = {"shared_memory": "shm"}
# keys of the section `milvus` that are no parameters
_NO_PARAMS = {"host", "port", "collection_name", "embedding_dim", "index_type", "metric_type", "more"}
# options of a run, and the keys that they are under
_RUN = {
    "workers": "workers.count",
    "batch_wait_ms": "workers.batch_wait_ms",
    "require_sandbox": "workers.require_sandbox",
    "fetch_threads": "source.fetch_threads",
    "fetch_timeout_ms": "source.fetch_timeout",
    "fetch_idle_ms": "source.fetch_idle",
    "item_timeout_ms": "limits.item_timeout",
    "max_pixels": "limits.max_pixels",
    "max_bytes": "limits.max_bytes",
    "memory_bytes": "limits.memory",
}


def run_options(config: ServiceConfig) -> dict[str, Any]:
    """What every run takes of the sections `workers`, `source` and `limits`."""
    return taken(config, _RUN)


def stage_options(config: ServiceConfig) -> dict[str, Any]:
    """What a run takes into a store: how far its stages go ahead."""
    return taken(config, {"embed_workers": "embed.workers", "commit_rows": "store.commit_rows",
                          "queue_batches": "store.queue"})


def named_plan(config: ServiceConfig) -> Optional[Plan]:
    """The plan that the section `plan` names: a preset, or a file."""
    name = said(config, "plan.name")
    if name is None:
        return None
    try:
        return Plan(name)
    except Error:
        if not os.path.exists(name):
            raise
    return Plan.from_file(name)


def embedder_of(config: ServiceConfig) -> str:
    """The embedder: what `embed.embedder` says, else that of the section `triton`."""
    return said(config, "embed.embedder") or _triton_of(config.triton)


def _triton_of(triton: TritonConfig) -> str:
    url = triton.url if "://" in triton.url else f"{triton.protocol}://{triton.url}"
    options = {
        "input": triton.input_name,
        "output": triton.output_name,
        "timeout": f"{max(1, round(triton.timeout * 1000))}ms",
        "retries": str(triton.max_retries),
        "delay": f"{round(triton.retry_delay * 1000)}ms",
        **{_OPTIONS.get(key, key): value + ("s" if key == "wait" else "") for key, value in triton.more.items()},
    }
    path = f"{quote(triton.model_name, safe='')}/{quote(str(triton.model_version), safe='')}"
    return f"triton:{url}/{path}?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in options.items())


def store_of(config: ServiceConfig) -> str:
    """The store: what `store.location` says, else that of the section `milvus`."""
    return said(config, "store.location") or f"milvus://{config.milvus.host}:{config.milvus.port}"


def is_milvus(config: ServiceConfig) -> bool:
    """A server, rather than a file?"""
    return store_of(config).startswith("milvus:")


def collection_of(config: ServiceConfig) -> str:
    """The collection that is meant if none is named."""
    other = config.milvus.collection_name if is_milvus(config) else "default"
    return said(config, "store.collection") or other


def metric_of(config: ServiceConfig, name: str) -> str:
    """The metric of a new collection of that name."""
    declared = _index_of(config, name).get("metric_type") or said(config, "store.metric")
    return str(declared or (config.milvus.metric_type if is_milvus(config) else "IP"))


def index_of(config: ServiceConfig, name: str) -> str:
    """The index of a new collection; those that are declared are Milvus's."""
    if not is_milvus(config):
        return said(config, "store.index") or "FLAT"
    declared = _index_of(config, name).get("index_type") or said(config, "store.index")
    return str(declared or config.milvus.index_type)


def store_params(config: ServiceConfig, name: str) -> dict[str, str]:
    """Connection, schema, index and searches of the collection `name`: all that the store takes."""
    if not is_milvus(config):
        return {}
    entry = _declared(config, name)
    params: dict[str, Any] = {**_section_params(config.milvus), **_field_params(entry)}
    params.update(_index_of(config, name).get("params") or {})
    params.update(entry.get("search_params") or {})
    params.pop("metric_type", None)  # where pymilvus has it; it is no parameter of the index
    return {key: _text(value) for key, value in params.items()}


def dim_of(config: ServiceConfig, name: str) -> int:
    """Length of the vectors of a new collection."""
    declared = [field.get("dim") for field in _fields(_declared(config, name)) if _type(field) == "FLOAT_VECTOR"]
    return next((int(dim) for dim in declared if dim), config.milvus.embedding_dim)


def description_of(config: ServiceConfig, name: str) -> str:
    """What is declared of a collection for people."""
    return str(_declared(config, name).get("description") or "")


def _section_params(milvus: MilvusConfig) -> dict[str, Any]:
    said_so = {key: value for key, value in vars(milvus).items() if key not in _NO_PARAMS}
    return {**said_so, **milvus.more}


def _declared(config: ServiceConfig, name: str) -> dict[str, Any]:
    """The entry of the section `collections`, or {}."""
    return next((entry for entry in config.collections if entry.get("name") == name), {})


def _index_of(config: ServiceConfig, name: str) -> dict[str, Any]:
    return _declared(config, name).get("index") or {}


def _fields(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return (entry.get("schema") or {}).get("fields") or []


def _type(field: dict[str, Any]) -> str:
    return str(field.get("type", "")).upper()


def _field_params(entry: dict[str, Any]) -> dict[str, Any]:
    """The primary key and the field of vectors that a declared schema has."""
    params: dict[str, Any] = {}
    for field in _fields(entry):
        if _type(field) == "FLOAT_VECTOR" and field.get("name"):
            params["vector_field"] = field["name"]
        if field.get("primary_key"):
            params["id_type"] = field.get("type", "VARCHAR")
            params["auto_id"] = bool(field.get("auto_id"))
    return params


def _text(value: Any) -> str:
    """As it is written in files."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
