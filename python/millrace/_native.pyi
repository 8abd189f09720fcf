# SPDX-License-Identifier: Apache-2.0
"""Types of the extension; see the docstrings there, and docs/python.md."""
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias, final

from typing_extensions import Buffer, Self

_Path: TypeAlias = str | os.PathLike[str]

class _WithUri(Protocol):
    uri: Any

class _WithBytes(Protocol):
    bytes: Any

class _WithArray(Protocol):
    def __array__(self) -> Any: ...

_Item: TypeAlias = _Path | Buffer | Mapping[str, Any] | _WithUri | _WithBytes | _WithArray
_Preprocess: TypeAlias = Callable[..., Any] | type | object
_Inputs: TypeAlias = _Path | Source | Iterable[_Item]

__version__: str
worker_path: str

class Error(Exception):
    status: int | None
    code: str | None
    stage: str | None

class InvalidError(Error, ValueError): ...
class MismatchError(Error, ValueError): ...
class UnavailableError(Error, RuntimeError): ...
class BusyError(Error, RuntimeError): ...
class NotFoundError(Error, KeyError): ...
class UnsupportedError(Error, NotImplementedError): ...
class ItemError(Error, ValueError): ...
class OutOfMemoryError(Error, MemoryError): ...
class InputOutputError(Error, OSError): ...
class InterruptedError(Error): ...
class InternalError(Error, RuntimeError): ...
class ClosedError(Error, ValueError): ...
class ForkError(Error, RuntimeError): ...

@final
class Item(tuple[Any, ...]):
    seq: int
    id: str
    uri: str
    key: str
    metadata: dict[str, Any]
    state: Literal["ok", "failed", "quarantined", "duplicate"]
    stage: str | None
    code: str | None
    message: str
    detail: str
    format: str
    width: int
    height: int
    attempts: int
    bytes: int
    ms_fetch: float
    ms_wait: float
    ms_decode: float
    ms_transform: float

@final
class StreamStats(tuple[Any, ...]):
    taken: int
    ok: int
    failed: int
    quarantined: int
    bytes: int
    pixels: int
    batches: int
    fetch_s: float
    wait_s: float
    decode_s: float
    transform_s: float
    consumer_wait_s: float
    slot_wait_s: float
    source_wait_s: float
    worker_busy_s: float
    seconds: float
    copied_bytes: int
    fetch_threads: int

@final
class PoolStats(tuple[Any, ...]):
    workers: int
    workers_ready: int
    worker_restarts: int
    sandbox_layers: int
    landlock_abi: int
    memory_bytes: int
    peak_memory_bytes: int
    grants: int
    take_backs: int

@final
class Preset(tuple[Any, ...]):
    name: str
    reference: str
    summary: str
    exact: bool
    max_error: float
    verified: bool
    unsupported: str | None

@final
class Collection(tuple[Any, ...]):
    name: str
    description: str
    num_entities: int
    dim: int
    metric: Literal["IP", "L2", "COSINE"]
    index: str
    fingerprint: str | None
    plan_name: str | None
    plan_text: str | None
    embedder: str | None
    loaded: bool

@final
class Hit(tuple[Any, ...]):
    id: str
    score: float
    distance: float
    uri: str
    metadata: dict[str, Any]
    fields: dict[str, Any]

@final
class LedgerEntry(tuple[Any, ...]):
    key: str
    id: str
    uri: str
    state: Literal["stored", "failed", "quarantined", "duplicate"]
    stage: str | None
    code: str | None
    message: str
    attempts: int
    ms_fetch: float
    ms_wait: float
    ms_decode: float
    ms_transform: float
    ms_embed: float
    ms_store: float
    bytes: int
    width: int
    height: int
    format: str
    fingerprint: str

@final
class Progress(tuple[Any, ...]):
    items: int
    ok: int
    failed: int
    quarantined: int
    duplicate: int
    skipped: int
    ignored: int
    seconds: float
    items_per_s: float
    bottleneck: str

@final
class Summary(tuple[Any, ...]):
    items: int
    ok: int
    failed: int
    quarantined: int
    duplicate: int
    skipped: int
    ignored: int
    by_code: dict[str, int]
    seconds: float
    items_per_s: float
    first_batch_ms: float
    workers: int
    worker_restarts: int
    peak_memory_bytes: int
    bottleneck: str
    fingerprint: str
    budget_exceeded: bool
    interrupted: bool

@final
class ConfigValue(tuple[Any, ...]):
    name: str
    text: str | None
    line: int
    quoted: bool
    list: bool

@final
class ConfigKey(tuple[Any, ...]):
    name: str
    kind: Literal["text", "bool", "count", "real", "choice", "any", "checked"]
    items: int
    choices: str | None
    fallback: str | None
    environment: str | None
    help: str

def presets() -> list[Preset]: ...

@final
class Plan:
    def __new__(cls, name: str) -> Self: ...
    @classmethod
    def from_text(cls, text: str) -> Self: ...
    @classmethod
    def from_file(cls, path: _Path) -> Self: ...
    def json(self) -> dict[str, Any]: ...
    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def dtype(self) -> Literal["float32", "uint8", "float16", "bfloat16"]: ...
    @property
    def layout(self) -> Literal["NCHW", "NHWC"]: ...
    @property
    def row_bytes(self) -> int: ...

@final
class Source:
    def __new__(
        cls,
        *specs: _Path,
        all_files: bool = False,
        follow: bool = False,
        nul_separated: bool = False,
        id_from: Literal["path", "stem", "sha256"] = "path",
        stdin_fd: int = 0,
    ) -> Self: ...
    @property
    def ignored(self) -> int: ...

@final
class Pool:
    def __new__(
        cls,
        *,
        workers: int = 0,
        memory_bytes: int = 536870912,
        slab_bytes: int = 0,
        slots_bytes: int = 0,
        spare_bytes: int = 0,
        item_timeout_ms: int = 10000,
        require_sandbox: bool = False,
        worker_path: _Path | None = None,
        preprocess: _Preprocess | None = None,
        preprocess_kwargs: Mapping[str, Any] | None = None,
        preprocess_input: Literal["pixels", "bytes"] = "pixels",
        output_shape: Iterable[int] | int | None = None,
        output_dtype: Literal["float32", "uint8", "float16", "bfloat16"] | None = None,
        unit_items: int = 0,
        worker_start_ms: int = 0,
        worker_sandbox: bool = False,
    ) -> Self: ...
    def close(self) -> None: ...
    def stats(self) -> PoolStats: ...
    def pids(self) -> list[int]: ...
    def row_bytes(self) -> int | None: ...
    @property
    def closed(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

class Stream(Iterator[Batch]):
    def __new__(
        cls,
        inputs: _Inputs,
        plan: Plan | str | None = None,
        *,
        pool: Pool | None = None,
        batch: int = 32,
        batch_wait_ms: int = 1000,
        slots: int = 0,
        fetch_threads: int = 0,
        max_pixels: int = 178956970,
        max_bytes: int = 0,
        unordered: bool = False,
        allow_private: bool = False,
        fetch_timeout_ms: int = 60000,
        fetch_idle_ms: int = 10000,
        workers: int = 0,
        memory_bytes: int = 536870912,
        slab_bytes: int = 0,
        slots_bytes: int = 0,
        item_timeout_ms: int = 10000,
        require_sandbox: bool = False,
        worker_path: _Path | None = None,
        preprocess: _Preprocess | None = None,
        preprocess_kwargs: Mapping[str, Any] | None = None,
        preprocess_input: Literal["pixels", "bytes"] = "pixels",
        output_shape: Iterable[int] | int | None = None,
        output_dtype: Literal["float32", "uint8", "float16", "bfloat16"] | None = None,
        unit_items: int = 0,
        worker_start_ms: int = 0,
        worker_sandbox: bool = False,
    ) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Batch: ...
    def next(self, timeout: float | None = None) -> Batch | None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def stats(self) -> StreamStats: ...
    def pool_stats(self) -> PoolStats: ...
    def pids(self) -> list[int]: ...
    @property
    def plan(self) -> Plan | None: ...
    @property
    def closed(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class Rows:
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Batch:
    def numpy(self, copy: bool = False) -> Any: ...
    def take(self) -> Any: ...
    def release(self) -> None: ...
    @property
    def ids(self) -> list[str]: ...
    @property
    def uris(self) -> list[str]: ...
    @property
    def metadata(self) -> list[dict[str, Any]]: ...
    @property
    def items(self) -> list[Item]: ...
    @property
    def failures(self) -> list[Item]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Literal["float32", "uint8", "float16", "bfloat16"]: ...
    @property
    def index(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def work_ms(self) -> float: ...
    @property
    def released(self) -> bool: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __dlpack__(
        self,
        *,
        stream: None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class Pipeline:
    def __new__(
        cls,
        inputs: _Inputs,
        store: _Path,
        /,
        *,
        plan: Plan | str | None = None,
        embed: str | None = None,
        collection: str = "default",
        store_params: _Params | None = None,
        ledger: _Path | None = None,
        metric: Literal["IP", "L2", "COSINE"] | None = None,
        index: str = "FLAT",
        force_plan: bool = False,
        no_ledger: bool = False,
        refresh: Literal["auto", "always", "never"] = "auto",
        error_budget: str | int = "1%",
        embed_workers: int = 0,
        commit_rows: int = 0,
        queue_batches: int = 0,
        default_plan: str | None = None,
        batch: int = 32,
        batch_wait_ms: int = 1000,
        slots: int = 0,
        fetch_threads: int = 0,
        max_pixels: int = 178956970,
        max_bytes: int = 0,
        unordered: bool = False,
        allow_private: bool = False,
        fetch_timeout_ms: int = 60000,
        fetch_idle_ms: int = 10000,
        workers: int = 0,
        memory_bytes: int = 536870912,
        slab_bytes: int = 0,
        slots_bytes: int = 0,
        item_timeout_ms: int = 10000,
        require_sandbox: bool = False,
        worker_path: _Path | None = None,
        preprocess: _Preprocess | None = None,
        preprocess_kwargs: Mapping[str, Any] | None = None,
        preprocess_input: Literal["pixels", "bytes"] = "pixels",
        output_shape: Iterable[int] | int | None = None,
        output_dtype: Literal["float32", "uint8", "float16", "bfloat16"] | None = None,
        unit_items: int = 0,
        worker_start_ms: int = 0,
        worker_sandbox: bool = False,
    ) -> Self: ...
    def run(self, progress: Callable[[Progress], object] | None = None) -> Summary: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    @property
    def failures(self) -> list[LedgerEntry]: ...
    @property
    def closed(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

_Params: TypeAlias = Mapping[str, str | int | float | bool]

@final
class Store:
    def __new__(
        cls,
        spec: _Path,
        /,
        *,
        read_only: bool = False,
        must_exist: bool = False,
        ledger: _Path | None = None,
        params: _Params | None = None,
    ) -> Self: ...
    def collections(self) -> list[Collection]: ...
    def collection(self, name: str | None = None, /) -> Collection: ...
    def create(
        self,
        name: str,
        dim: int,
        /,
        *,
        description: str = "",
        metric: Literal["IP", "L2", "COSINE"] = "IP",
        index: str = "FLAT",
        params: _Params | None = None,
    ) -> None: ...
    def drop(self, name: str, /) -> None: ...
    def load(self, name: str | None = None, /) -> None: ...
    def release(self, name: str | None = None, /) -> None: ...
    def flush(self, name: str | None = None, /) -> None: ...
    def delete(
        self, ids: str | Iterable[str] | None = None, *, filter: str | None = None, collection: str | None = None
    ) -> int: ...
    def search(
        self,
        *,
        vector: Buffer | Sequence[float] | None = None,
        image: _Path | None = None,
        id: str | None = None,
        k: int = 10,
        collection: str | None = None,
        filter: str | None = None,
        output_fields: Iterable[str] | None = None,
        params: _Params | None = None,
        force_plan: bool = False,
        worker_path: _Path | None = None,
        require_sandbox: bool = False,
        allow_private: bool = False,
    ) -> list[Hit]: ...
    def report(self, collection: str | None = None, failed: bool = False) -> list[LedgerEntry]: ...
    def health(self) -> str: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class Config:
    def __new__(cls, path: _Path | None = None, *, environment: bool = True, extra: Iterable[str] = ()) -> Self: ...
    @classmethod
    def original_keys(cls) -> list[ConfigKey]: ...
    def get(self, name: str, default: Any = None, /) -> Any: ...
    def has(self, section: str, /) -> bool: ...
    def values(self) -> list[ConfigValue]: ...
    @property
    def name(self) -> str: ...

@final
class Feed:
    def put(
        self,
        locator: bytes | None,
        uri: str | None,
        id: str | None,
        metadata: str | None,
        data: Buffer | None,
        code: str | None,
        message: str | None,
        pixels: tuple[int, int, int, bool] | None,
        /,
    ) -> bool: ...
    def end(self, error: BaseException | None, /) -> None: ...

@final
class Pixels:
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Job:
    input: Pixels | bytes
    def done(self, row: Buffer, /) -> None: ...
    def fail(self, message: str, detail: str, /) -> None: ...

class Worker:
    def __new__(cls) -> Self: ...
    def data(self) -> bytes: ...
    def refuse(self, message: str, /) -> None: ...
    def serve(self, shape: tuple[int, ...], dtype: str, callback: Callable[[list[Job]], None], encoded: bool, /) -> None: ...
