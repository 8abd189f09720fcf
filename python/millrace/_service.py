# SPDX-License-Identifier: Apache-2.0
"""What the sections of a ServiceConfig are to the engine: specifications and parameters."""

from __future__ import annotations

from typing import Any, Optional
from urllib.parse import quote

from .service_config import MilvusConfig, ServiceConfig, TritonConfig

_INDEX_PARAMS = {
    "IVF_FLAT": ("nlist",),
    "IVF_SQ8": ("nlist",),
    "IVF_PQ": ("nlist", "m", "nbits"),
    "HNSW": ("M", "efConstruction"),
    "GPU_IVF_FLAT": ("nlist",),
    "GPU_IVF_PQ": ("nlist", "m", "nbits"),
    "GPU_CAGRA": ("intermediate_graph_degree", "graph_degree"),
}
_SEARCH_PARAMS = {
    "IVF_FLAT": ("nprobe",),
    "IVF_SQ8": ("nprobe",),
    "IVF_PQ": ("nprobe",),
    "GPU_IVF_FLAT": ("nprobe",),
    "GPU_IVF_PQ": ("nprobe",),
    "GPU_CAGRA": ("itopk_size", "search_width", "min_iterations", "max_iterations", "team_size"),
}
# keys of the section that the specification calls otherwise
_OPTIONS = {"shared_memory": "shm"}


def embedder_of(triton: TritonConfig) -> str:
    """The embedder of the section `triton`."""
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


def store_of(milvus: MilvusConfig) -> str:
    """The store of the section `milvus`."""
    return f"milvus://{milvus.host}:{milvus.port}"


def store_params(milvus: MilvusConfig) -> dict[str, str]:
    """What the connection takes."""
    return dict(milvus.more)


def schema_params(config: ServiceConfig, name: str) -> dict[str, str]:
    """What the index and the schema of a new collection take."""
    milvus = config.milvus
    params = {key: str(getattr(milvus, key)) for key in _INDEX_PARAMS.get(milvus.index_type.upper(), ())}
    return {"vector_field": milvus.vector_field, **params, **_key_params(_declared(config, name))}


def search_params(milvus: MilvusConfig) -> dict[str, str]:
    """What a search takes, by the type of the index."""
    return {key: str(getattr(milvus, key)) for key in _SEARCH_PARAMS.get(milvus.index_type.upper(), ())}


def _declared(config: ServiceConfig, name: str) -> Optional[dict[str, Any]]:
    """The entry of the section `collections`."""
    return next((entry for entry in config.collections if entry.get("name") == name), None)


def _key_params(declared: Optional[dict[str, Any]]) -> dict[str, str]:
    """The primary key that a declared schema has."""
    for field in ((declared or {}).get("schema") or {}).get("fields") or []:
        if field.get("primary_key"):
            auto = "true" if field.get("auto_id") else "false"
            return {"id_type": str(field.get("type", "VARCHAR")), "auto_id": auto}
    return {}
