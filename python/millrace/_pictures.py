# SPDX-License-Identifier: Apache-2.0
"""Pictures to arrays outside of a stream of the user's: one small pool, made when first needed."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from ._native import Plan, Pool, Stream
from ._sections import allows_private

if TYPE_CHECKING:
    import numpy as np

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_POOL_WORKERS = 2
_SLOTS_BYTES = 64 << 20


class _Shared:
    """The pool of this process; a forked child makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: Optional[Pool] = None
        self._pid = 0

    def get(self) -> Pool:
        with self._lock:
            if self._pool is None or self._pid != os.getpid() or self._pool.closed:
                self._pool = Pool(workers=_POOL_WORKERS, slots_bytes=_SLOTS_BYTES)
                self._pid = os.getpid()
            return self._pool


_shared = _Shared()


def is_url(place: str) -> bool:
    """Is it a URL rather than a path?"""
    return bool(_URL.match(place))


def is_place(image: Any) -> bool:
    """Is it a path or URL, rather than an array?"""
    return isinstance(image, (str, os.PathLike))


def as_array(image: Any) -> "np.ndarray":
    """A picture as an array [H,W,3] of numbers: grey is repeated, alpha is left out."""
    import numpy as np

    array = np.asarray(image)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or 0 in array.shape or array.dtype.kind not in "biuf":
        raise ValueError(f"image: wanted a path, a URL or an array [H,W,C] of numbers, not {array.dtype} {array.shape}")
    return array.repeat(3, axis=2) if array.shape[2] < 3 else array[:, :, :3]


def as_float(image: Any) -> "np.ndarray":
    """The same as float32."""
    return as_array(image).astype("float32")


def rows(images: Sequence[Any], plan: Plan, **wishes: Any) -> Iterator["np.ndarray"]:
    """The rows of `images` by `plan`, in order, arrays of their own. `wishes`: see `_options`.

    RuntimeError for the first one that is bad.
    """
    items = ({"id": str(n), **input_of(image)} for n, image in enumerate(images))
    with Stream(items, plan, **_options(plan, len(images), **wishes)) as stream:
        for batch in stream:
            with batch:
                raise_failures(batch.failures)
                copies = batch.numpy(copy=True)
            yield from copies


def _options(
    plan: Plan, n: int, timeout: Optional[float] = None, allow_private: Optional[bool] = None
) -> dict[str, Any]:
    """Of a stream of `n` pictures: on the shared pool if four of its batches fit there.

    timeout: seconds that a URL may take. allow_private: None leaves it to the environment.
    """
    options: dict[str, Any] = {"batch_wait_ms": 0, "allow_private": allows_private(allow_private)}
    batch = min(32, max(1, n), _SLOTS_BYTES // (4 * plan.row_bytes))
    if batch > 0:
        options.update(pool=_shared.get(), batch=batch, slots=4)
    else:
        options.update(batch=1, workers=_POOL_WORKERS, memory_bytes=memory_for(plan, 1))
    if timeout is not None:
        options["fetch_timeout_ms"] = max(1, int(timeout * 1000))
    return options


def input_of(image: Any) -> dict[str, Any]:
    """What an item says of a picture: where it is, or its pixels, as bytes if they are whole."""
    if is_place(image):
        return {"uri": image}
    array = as_array(image)
    if array.dtype.kind == "f" and bool(((array >= 0) & (array <= 255) & (array % 1 == 0)).all()):
        array = array.astype("uint8")
    return {"array": array}


def memory_for(plan: Plan, batch: int, slots: int = 4) -> int:
    """A budget that fits `slots` batches of `plan` beside what is usual."""
    return (512 << 20) + slots * batch * plan.row_bytes


def raise_failures(failures: Sequence[Any]) -> None:
    """RuntimeError, or TimeoutError, for the first of a batch's failures."""
    for item in failures:
        kind = TimeoutError if item.code == "timed_out" else RuntimeError
        raise kind(f"{item.uri}: {item.message} ({item.code})")


def load(places: Sequence[str], **wishes: Any) -> list["np.ndarray"]:
    """Decodes files and URLs to RGB: [H,W,3] float32 each, in the order of `places`."""
    import numpy as np

    sizes = _sizes(places, **wishes)
    out: list[Any] = [None] * len(places)
    for size in sorted(set(sizes)):
        same = [n for n, s in enumerate(sizes) if s == size]
        plan = Plan(f"raw:{size[0]}x{size[1]}")
        for n, row in zip(same, rows([places[n] for n in same], plan, **wishes)):
            out[n] = row.astype(np.float32)
    return out


def _sizes(places: Sequence[str], **wishes: Any) -> list[tuple[int, int]]:
    """(width, height) of each, as its header says."""
    sizes: list[tuple[int, int]] = []
    items = ({"id": str(n), "uri": place} for n, place in enumerate(places))
    plan = Plan("raw:1x1")
    with Stream(items, plan, **_options(plan, len(places), **wishes)) as stream:
        for batch in stream:
            with batch:
                raise_failures(batch.failures)
                sizes += [(item.width, item.height) for item in batch.items]
    return sizes
