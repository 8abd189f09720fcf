# SPDX-License-Identifier: Apache-2.0
"""Preprocessors with the names, arguments and results of the original pipeline.

`JAXImagePreprocessor` is the plan ``original/masked-stretch``: in a stream it runs in millrace's
own workers. A class of yours that derives from `BaseJAXPreprocessor` runs in Python workers.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _pictures
from ._native import Plan

if TYPE_CHECKING:
    import numpy as np

Picture = Union[str, os.PathLike, "np.ndarray"]


class BaseJAXPreprocessor(abc.ABC):
    """Base of preprocessors: derive from it and write `_preprocess_single_jax`.

    image_size:   (height, width) of the output, pixels.
    use_gpu, jax_platform, max_workers: accepted and kept, for programs that name them.
    allow_private: URLs may lead to addresses that are not public; None: as MILLRACE_ALLOW_PRIVATE
                  says, else they may not.
    """

    allow_private: Optional[bool] = None  # of classes that do not call __init__, too

    def __init__(
        self,
        image_size: Sequence[int] = (224, 224),
        use_gpu: bool = False,
        jax_platform: Optional[str] = None,
        max_workers: int = 4,
        *,
        allow_private: Optional[bool] = None,
    ) -> None:
        height, width = (int(side) for side in image_size)
        if height < 1 or width < 1:
            raise ValueError(f"image_size {tuple(image_size)}: both sides must be at least 1")
        self.image_size = (height, width)
        self.use_gpu = use_gpu
        self.jax_platform = jax_platform
        self.max_workers = max_workers
        self.allow_private = allow_private

    def load_image_from_path(self, path: Union[str, os.PathLike]) -> "np.ndarray":
        """Decodes a file to RGB: [H,W,3] float32, 0..255. RuntimeError if it cannot be."""
        return _pictures.load([os.fspath(path)], allow_private=self.allow_private)[0]

    def load_image_from_url(self, url: str, timeout: float = 10) -> "np.ndarray":
        """Fetches and decodes a URL: [H,W,3] float32, 0..255. `timeout`: seconds."""
        return _pictures.load([url], timeout=timeout, allow_private=self.allow_private)[0]

    def load_image(self, image: Picture) -> "np.ndarray":
        """A path, a URL or an array [H,W,C] as float32 [H,W,C]."""
        if not _pictures.is_place(image):
            return _pictures.as_float(image)
        place = os.fspath(image)
        return self.load_image_from_url(place) if _pictures.is_url(place) else self.load_image_from_path(place)

    def load_images_parallel(self, paths: Iterable[Union[str, os.PathLike]]) -> list["np.ndarray"]:
        """Decodes many files or URLs at once; the list has the order of `paths`."""
        return _pictures.load([os.fspath(path) for path in paths], allow_private=self.allow_private)

    @abc.abstractmethod
    def _preprocess_single_jax(self, image: "np.ndarray") -> Any:
        """One picture, [H,W,C] float32, 0..255, to one array. All outputs have one shape."""

    def preprocess_single(self, image: Picture) -> "np.ndarray":
        """Loads and preprocesses one picture."""
        import numpy as np

        return np.asarray(self._preprocess_single_jax(self.load_image(image)), dtype=np.float32)

    def preprocess_batch(self, images: Iterable[Picture]) -> "np.ndarray":
        """[N,...] float32, in the order of `images`, which may differ in size."""
        import numpy as np

        rows = [self.preprocess_single(image) for image in images]
        return np.stack(rows) if rows else np.empty((0,), dtype=np.float32)

    preprocess_batch._one_by_one = True  # type: ignore[attr-defined]  # one of a derived class takes several

    def __call__(self, images: Iterable[Picture]) -> "np.ndarray":
        return self.preprocess_batch(images)


class JAXImagePreprocessor(BaseJAXPreprocessor):
    """The whole picture stretched to `image_size`, masked to its own ratio, normalised.

    mean, std: three numbers each, after division by 255. data_format: "NHWC" or "NCHW".
    cache_compiled is accepted: nothing is compiled.
    """

    def __init__(
        self,
        image_size: Sequence[int] = (224, 224),
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        cache_compiled: bool = True,
        data_format: str = "NHWC",
        max_workers: int = 4,
        use_gpu: bool = False,
        jax_platform: Optional[str] = None,
        *,
        allow_private: Optional[bool] = None,
    ) -> None:
        super().__init__(image_size, use_gpu, jax_platform, max_workers, allow_private=allow_private)
        if data_format not in ("NHWC", "NCHW"):
            raise ValueError(f"data_format {data_format!r}: wanted 'NHWC' or 'NCHW'")
        self.mean = _three("mean", mean)
        self.std = _three("std", std)
        self.cache_compiled = cache_compiled
        self.data_format = data_format

    @property
    def plan(self) -> Plan:
        """The plan that does the same in millrace's workers."""
        height, width = self.image_size
        mean, std = (",".join(repr(v) for v in values) for values in (self.mean, self.std))
        return Plan(
            f"original/masked-stretch:{width}x{height}?layout={self.data_format.lower()}&mean={mean}&std={std}"
        )

    def preprocess_single(self, image: Picture) -> "np.ndarray":
        return self.preprocess_batch([image])[0]

    def preprocess_batch(self, images: Iterable[Picture]) -> "np.ndarray":
        """[N,H,W,3] or [N,3,H,W] float32, in the order of `images`, which may differ in size."""
        import numpy as np

        images = list(images)
        plan = self.plan
        out = np.empty((len(images), *plan.shape), dtype=np.float32)
        inputs = [_pictures.input_of(image) for image in images]
        planned = [n for n, given in enumerate(inputs) if "uri" in given or given["array"].dtype == np.uint8]
        rows = _pictures.rows([images[n] for n in planned], plan, allow_private=self.allow_private)
        for n, row in zip(planned, rows):
            out[n] = row
        for n in sorted(set(range(len(images))) - set(planned)):
            out[n] = self._preprocess_single_jax(inputs[n]["array"])
        return out

    def _preprocess_single_jax(self, image: "np.ndarray") -> "np.ndarray":
        """The arithmetic of the plan for pixels that are no bytes, in float32."""
        import numpy as np

        height, width = self.image_size
        image = np.asarray(image, dtype=np.float32)[..., :3]
        rows, columns = (_weights(n, m) for n, m in zip(image.shape[:2], self.image_size))
        out = np.einsum("hwc,hy,wx->yxc", image, rows, columns, optimize=True).astype(np.float32)
        scale = np.float32(min(np.float32(height) / np.float32(image.shape[0]),
                               np.float32(width) / np.float32(image.shape[1])))
        seen = [max(1, int(np.float32(n) * scale)) for n in image.shape[:2]]
        mask = np.zeros((height, width, 1), dtype=np.float32)
        top, left = (height - seen[0]) // 2, (width - seen[1]) // 2
        mask[top : top + seen[0], left : left + seen[1]] = 1
        out = out * mask / np.float32(255)
        out = (out - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return out if self.data_format == "NHWC" else np.ascontiguousarray(out.transpose(2, 0, 1))


def is_planned(preprocessor: BaseJAXPreprocessor) -> bool:
    """Is it of the class whose arithmetic millrace's own workers have?"""
    return type(preprocessor) is JAXImagePreprocessor


def _three(name: str, values: Sequence[float]) -> tuple[float, float, float]:
    numbers = tuple(float(v) for v in values)
    if len(numbers) != 3:
        raise ValueError(f"{name}: wanted three numbers, got {len(numbers)}")
    return numbers  # type: ignore[return-value]


def _weights(n: int, m: int) -> "np.ndarray":
    """[n,m] float32: the triangle filter of an antialiased resize from n to m samples."""
    import numpy as np

    step = np.float32(1) / (np.float32(m) / np.float32(n))
    centres = (np.arange(m, dtype=np.float32) + np.float32(0.5)) * step - np.float32(0.5)
    distance = np.abs(centres[None, :] - np.arange(n, dtype=np.float32)[:, None]) / np.maximum(step, np.float32(1))
    weights = np.maximum(np.float32(0), np.float32(1) - distance)
    return (weights / weights.sum(axis=0, keepdims=True)).astype(np.float32)


ImagePreprocessor = JAXImagePreprocessor
