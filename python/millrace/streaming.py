# SPDX-License-Identifier: Apache-2.0
"""StreamingMultiprocessPreprocessor: the original's interface over a pool of workers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional

from . import _pictures
from ._native import Pool, Stream
from ._sections import allows_private
from .preprocessors import BaseJAXPreprocessor, ImagePreprocessor, is_planned

if TYPE_CHECKING:
    import numpy as np

_SLOTS = 4
_ITEM_TIMEOUT_MS = 10000
_MEMORY_BYTES = 512 << 20


class Worker:
    """One worker process, for monitoring."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def is_alive(self) -> bool:
        """Does the process run?"""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def __repr__(self) -> str:
        return f"Worker(pid={self.pid})"


class StreamingMultiprocessPreprocessor:
    """Preprocesses streams of pictures in worker processes, in order, batch by batch.

        with StreamingMultiprocessPreprocessor(num_workers=2, image_size=(224, 224)) as preprocessor:
            for batch in preprocessor.preprocess_stream(paths, ids=ids):
                model(batch["preprocessed"], batch["ids"])

    num_workers:        processes; None: the CPUs that this process may use.
    batch_size:         pictures a batch.
    queue_maxsize:      batches in flight, at most; memory bounds them too.
    result_timeout:     seconds without any batch after which TimeoutError is raised.
    preprocessor_class: JAXImagePreprocessor runs in millrace's own workers, any other class that
                        derives from BaseJAXPreprocessor in Python workers.
    preprocessor_kwargs, **kwargs: its arguments, the latter over the former.
    on_error:           "raise": a bad picture ends the stream with RuntimeError, as in the
                        original; "skip": it is left out, and its batch is that much shorter.
    allow_private:      URLs may lead to addresses that are not public (this machine, its network);
                        None: as the preprocessor says, else as MILLRACE_ALLOW_PRIVATE does.
    """

    def __init__(
        self,
        num_workers: Optional[int] = None,
        batch_size: int = 32,
        queue_maxsize: int = 10,
        result_timeout: float = 120.0,
        preprocessor_class: type[BaseJAXPreprocessor] = ImagePreprocessor,
        preprocessor_kwargs: Optional[dict[str, Any]] = None,
        on_error: str = "raise",
        allow_private: Optional[bool] = None,
        **kwargs: Any,
    ) -> None:
        if not (isinstance(preprocessor_class, type) and issubclass(preprocessor_class, BaseJAXPreprocessor)):
            raise TypeError(f"preprocessor_class {preprocessor_class!r} does not derive from BaseJAXPreprocessor")
        if on_error not in ("raise", "skip"):
            raise ValueError(f"on_error {on_error!r}: wanted 'raise' or 'skip'")
        self.num_workers = num_workers if num_workers is not None else len(os.sched_getaffinity(0))
        self.batch_size = batch_size
        self.queue_maxsize = queue_maxsize
        self.result_timeout = result_timeout
        self.preprocessor_class = preprocessor_class
        self.preprocessor_kwargs = {**(preprocessor_kwargs or {}), **kwargs}
        self.on_error = on_error
        if self.num_workers < 1 or self.batch_size < 1 or self.queue_maxsize < 1:
            raise ValueError("num_workers, batch_size and queue_maxsize must be at least 1")
        # a wrong argument of the preprocessor is told here, not in a worker
        self._preprocessor = preprocessor_class(**self.preprocessor_kwargs)
        self.allow_private = allow_private if allow_private is not None else self._preprocessor.allow_private
        self._pool: Optional[Pool] = None
        self._pool_batch = 0
        self._outgrown: list[Pool] = []  # by larger batches; streams may still run there
        self._streams: set[Stream] = set()

    @property
    def is_started(self) -> bool:
        """Between start() and stop()?"""
        return self._pool is not None

    @property
    def workers(self) -> list[Worker]:
        """The worker processes; [] before start() and after stop()."""
        return [Worker(pid) for pid in self._pool.pids()] if self._pool is not None else []

    def start(self) -> None:
        """Starts the workers; does nothing if they run."""
        if self._pool is None:
            self._pool = self._open_pool(self.batch_size)

    def stop(self, timeout: float = 5.0) -> None:
        """Ends the workers and what still streams; does nothing if they do not run.

        timeout: accepted; workers that do not leave by themselves are killed.
        """
        pools = [*self._outgrown, *([self._pool] if self._pool is not None else [])]
        self._pool = None
        self._outgrown = []
        for stream in list(self._streams):
            stream.close()
        self._streams.clear()
        for pool in pools:
            pool.close()

    def __enter__(self) -> "StreamingMultiprocessPreprocessor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def preprocess_stream(
        self,
        inputs: Iterable[Any],
        ids: Optional[Sequence[Any]] = None,
        metadata: Optional[Sequence[Any]] = None,
        batch_size: Optional[int] = None,
    ) -> Iterator[dict[str, Any]]:
        """Yields a dict for each batch, in the order of `inputs`, as soon as it is complete.

        inputs:        paths, URLs or arrays [H,W,C]; any iterable, read no further than needed.
        ids, metadata: one for each input, of any kind; they come back with their pictures.

        Keys: `batch_idx`, from 0; `preprocessed`, float32 [N,...], an array of its own; `ids` and
        `metadata`, lists or None; `worker_id`; `preprocess_time`, seconds that workers spent on it.

        RuntimeError: not started, or a bad picture. TimeoutError: no batch in `result_timeout`.
        """
        if self._pool is None:
            raise RuntimeError("the preprocessor is not started: call start() or use it in a with statement")
        for name, values in (("ids", ids), ("metadata", metadata)):
            if values is not None and hasattr(inputs, "__len__") and len(values) != len(inputs):  # type: ignore[arg-type]
                raise ValueError(f"{name}: {len(values)} for {len(inputs)} inputs")  # type: ignore[arg-type]
        return self._batches(inputs, ids, metadata, batch_size or self.batch_size)

    def preprocess_batch_sync(self, inputs: Sequence[Any], batch_size: Optional[int] = None) -> "np.ndarray":
        """All pictures as one array [N,...] float32; starts the workers if need be."""
        import numpy as np

        self.start()
        parts = [batch["preprocessed"] for batch in self.preprocess_stream(list(inputs), batch_size=batch_size)]
        return np.concatenate(parts) if parts else np.empty((0,), dtype=np.float32)

    def _batches(
        self, inputs: Iterable[Any], ids: Optional[Sequence[Any]], metadata: Optional[Sequence[Any]], size: int
    ) -> Iterator[dict[str, Any]]:
        items = ({"id": str(n), **_pictures.input_of(image)} for n, image in enumerate(inputs))
        stream = self._open_stream(items, size)
        self._streams.add(stream)
        number = 0
        try:
            while (batch := stream.next(timeout=self.result_timeout)) is not None:
                with batch:
                    if self.on_error == "raise":
                        _pictures.raise_failures(batch.failures)
                    result = _result(number, batch, ids, metadata)
                if len(result["preprocessed"]) > 0:
                    number += 1
                    yield result
        finally:
            self._streams.discard(stream)
            stream.close()

    def _open_stream(self, items: Iterator[dict[str, Any]], size: int) -> Stream:
        if self._pool is None:
            raise RuntimeError("the preprocessor was stopped")
        if size > self._pool_batch:  # larger slots than the pool has
            self._outgrown.append(self._pool)
            self._pool = self._open_pool(size)
        plan = self._preprocessor.plan if is_planned(self._preprocessor) else None
        return Stream(
            items,
            plan,
            pool=self._pool,
            batch=size,
            batch_wait_ms=0,
            slots=self._slots(),
            allow_private=allows_private(self.allow_private),
        )

    def _open_pool(self, size: int) -> Pool:
        options: dict[str, Any] = {
            "workers": self.num_workers,
            "item_timeout_ms": min(_ITEM_TIMEOUT_MS, max(1, int(self.result_timeout * 1000))),
        }
        height, width = self._preprocessor.image_size
        slots_bytes = self._slots() * size * height * width * 3 * 4
        if not is_planned(self._preprocessor):
            options.update(preprocess=self.preprocessor_class, preprocess_kwargs=self.preprocessor_kwargs)
        self._pool_batch = size
        return Pool(slots_bytes=slots_bytes, memory_bytes=_MEMORY_BYTES + slots_bytes, **options)

    def _slots(self) -> int:
        return max(2, min(_SLOTS, self.queue_maxsize))


def _result(number: int, batch: Any, ids: Optional[Sequence[Any]], metadata: Optional[Sequence[Any]]) -> dict[str, Any]:
    """What the original yields of a batch; arrays and lists are the caller's own."""
    items = batch.items
    return {
        "batch_idx": number,
        "preprocessed": batch.numpy(copy=True),
        "ids": [ids[int(item.id)] for item in items] if ids is not None else None,
        "metadata": [metadata[int(item.id)] for item in items] if metadata is not None else None,
        "worker_id": 0,
        "preprocess_time": sum(item.ms_decode + item.ms_transform for item in items) / 1000,
    }
