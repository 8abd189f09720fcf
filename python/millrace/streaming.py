# SPDX-License-Identifier: Apache-2.0
"""StreamingMultiprocessPreprocessor: the original's interface over a pool of workers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, Optional

from . import _pictures
from ._native import Pool, Stream
from ._sections import allows_private
from .preprocessors import BaseJAXPreprocessor, ImagePreprocessor, is_planned

if TYPE_CHECKING:
    import numpy as np

_SLOTS = 4
_SPARE_SLOTS = 4  # for results that are held: their arrays are the slots themselves
_SPARE_BYTES = 256 << 20  # but no more
_ITEM_TIMEOUT_MS = 10000  # of a picture in millrace's own workers
_LONGEST_MS = 3600000
_PAGE = 4096
_MEMORY_BYTES = 512 << 20
_SLAB_BYTES = 64 << 20


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
    result_timeout:     seconds without any batch after which TimeoutError is raised; as long, at
                        most an hour, may a class of yours take for one picture.
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
        self._pool_bytes = 0  # that its slots have
        self._row_bytes = self._preprocessor.plan.row_bytes if is_planned(self._preprocessor) else 0  # 0: not known yet
        self._outgrown: list[Pool] = []  # by larger batches; streams still run there
        self._streams: dict[Stream, Pool] = {}

    @property
    def is_started(self) -> bool:
        """Between start() and stop()?"""
        return self._pool is not None

    @property
    def workers(self) -> list[Worker]:
        """The worker processes; [] before start() and after stop().

        More than `num_workers` only while streams of a smaller `batch_size` still run.
        """
        return [Worker(pid) for pool in self._pools() for pid in pool.pids()]

    def start(self) -> None:
        """Starts the workers; does nothing if they run."""
        if self._pool is None:
            self._pool = self._open_pool(self.batch_size)

    def stop(self, timeout: float = 5.0) -> None:
        """Ends the workers and what still streams; does nothing if they do not run.

        timeout: accepted; workers that do not leave by themselves are killed.
        """
        pools, streams = self._pools(), list(self._streams)
        self._pool = None
        self._outgrown = []
        self._streams.clear()
        for opened in [*streams, *pools]:
            opened.close()

    def _pools(self) -> list[Pool]:
        return [*self._outgrown, *([self._pool] if self._pool is not None else [])]

    def __enter__(self) -> "StreamingMultiprocessPreprocessor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def preprocess_stream(
        self,
        inputs: Iterable[Any],
        ids: Optional[Iterable[Any]] = None,
        metadata: Optional[Iterable[Any]] = None,
        batch_size: Optional[int] = None,
    ) -> Iterator[dict[str, Any]]:
        """Yields a dict for each batch, in the order of `inputs`, as soon as it is complete.

        inputs:        paths, URLs or arrays [H,W,C]; any iterable, read no further than needed.
        ids, metadata: any iterables with one for each input, of any kind; they come back with their
                       pictures.

        Keys: `batch_idx`, from 0; `preprocessed`, float32 [N,...], an array of its own; `ids` and
        `metadata`, lists or None; `worker_id`; `preprocess_time`, seconds that workers spent on it.

        RuntimeError: not started, or a bad picture. TimeoutError: no batch in `result_timeout`.
        ValueError: `ids` or `metadata` end before the inputs.
        """
        if self._pool is None:
            raise RuntimeError("the preprocessor is not started: call start() or use it in a with statement")
        for name, values in (("ids", ids), ("metadata", metadata)):
            if isinstance(values, Sized) and isinstance(inputs, Sized) and len(values) != len(inputs):
                raise ValueError(f"{name}: {len(values)} for {len(inputs)} inputs")
        return self._batches(inputs, _Beside("ids", ids), _Beside("metadata", metadata), batch_size or self.batch_size)

    def preprocess_batch_sync(self, inputs: Iterable[Any], batch_size: Optional[int] = None) -> "np.ndarray":
        """All pictures as one array [N,...] float32; starts the workers if need be."""
        import numpy as np

        self.start()
        parts = [batch["preprocessed"] for batch in self.preprocess_stream(list(inputs), batch_size=batch_size)]
        return np.concatenate(parts) if parts else np.empty((0,), dtype=np.float32)

    def _batches(
        self, inputs: Iterable[Any], ids: "_Beside", metadata: "_Beside", size: int
    ) -> Iterator[dict[str, Any]]:
        stream = self._open_stream(_items(inputs, ids, metadata), size)
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
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        """Ends a stream, and the workers that were kept only for it."""
        self._streams.pop(stream, None)
        stream.close()
        self._close_outgrown()

    def _close_outgrown(self) -> None:
        used = {id(pool) for pool in self._streams.values()}
        for pool in [pool for pool in self._outgrown if id(pool) not in used]:
            self._outgrown.remove(pool)
            pool.close()

    def _open_stream(self, items: Iterator[dict[str, Any]], size: int) -> Stream:
        pool = self._pool_for(size)
        plan = self._preprocessor.plan if is_planned(self._preprocessor) else None
        stream = Stream(
            items,
            plan,
            pool=pool,
            batch=size,
            batch_wait_ms=0,
            slots=self._slots(),
            allow_private=allows_private(self.allow_private),
        )
        self._streams[stream] = pool
        return stream

    def _pool_for(self, size: int) -> Pool:
        """The pool; a new one if the rows of such batches need more room than it has."""
        if self._pool is None:
            raise RuntimeError("the preprocessor was stopped")
        if not self._row_bytes:  # what a class of the user's makes, its workers know
            self._row_bytes = self._pool.row_bytes() or 0
        if self._slots_bytes(size) > self._pool_bytes:
            self._outgrown.append(self._pool)
            self._pool = self._open_pool(size)
            self._close_outgrown()
        return self._pool

    def _open_pool(self, size: int) -> Pool:
        options: dict[str, Any] = {"workers": self.num_workers, "slab_bytes": _SLAB_BYTES}
        longest = _ITEM_TIMEOUT_MS
        if not is_planned(self._preprocessor):
            longest = _LONGEST_MS
            options.update(preprocess=self.preprocessor_class, preprocess_kwargs=self.preprocessor_kwargs)
        options["item_timeout_ms"] = min(longest, max(1, int(self.result_timeout * 1000)))
        slot = self._slot_bytes(size)
        spare = min(_SPARE_SLOTS, _SPARE_BYTES // slot) * slot
        self._pool_bytes = self._slots_bytes(size)
        slots = self._pool_bytes + spare
        return Pool(slots_bytes=slots, spare_bytes=spare, memory_bytes=_MEMORY_BYTES + slots, **options)

    def _slots_bytes(self, size: int) -> int:
        """Room for the batches of a stream."""
        return self._slots() * self._slot_bytes(size)

    def _slot_bytes(self, size: int) -> int:
        """Room for a batch; guessed as long as nobody knows what a row has."""
        height, width = self._preprocessor.image_size
        row = self._row_bytes or height * width * 3 * 4
        return -(-size * row // _PAGE) * _PAGE

    def _slots(self) -> int:
        return max(2, min(_SLOTS, self.queue_maxsize))


class _Beside:
    """Ids or metadata: what came along with each input, until its batch leaves. None: there are none."""

    def __init__(self, name: str, values: Optional[Iterable[Any]]) -> None:
        self.name = name
        self._values = iter(values) if values is not None else None
        self._kept: dict[int, Any] = {}

    def keep(self, number: int) -> None:
        """Takes the next one, for input `number`."""
        if self._values is None:
            return
        try:
            self._kept[number] = next(self._values)
        except StopIteration:
            raise ValueError(f"{self.name}: {number}, and there are more inputs") from None

    def take(self, batch: Any) -> Optional[list[Any]]:
        """Those of a batch's rows; those of its failures go."""
        if self._values is None:
            return None
        for item in batch.failures:
            self._kept.pop(int(item.id), None)
        return [self._kept.pop(int(name)) for name in batch.ids]


def _items(inputs: Iterable[Any], *beside: _Beside) -> Iterator[dict[str, Any]]:
    """What the stream reads: the inputs under their numbers."""
    for number, image in enumerate(inputs):
        for values in beside:
            values.keep(number)
        yield {"id": str(number), **_pictures.input_of(image)}


def _result(number: int, batch: Any, ids: _Beside, metadata: _Beside) -> dict[str, Any]:
    """What the original yields of a batch; arrays and lists are the caller's own."""
    return {
        "batch_idx": number,
        "preprocessed": batch.take(),
        "ids": ids.take(batch),
        "metadata": metadata.take(batch),
        "worker_id": 0,
        "preprocess_time": batch.work_ms / 1000,
    }
