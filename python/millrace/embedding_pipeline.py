# SPDX-License-Identifier: Apache-2.0
"""ImageEmbeddingPipeline: pictures to Triton to Milvus, with the original's interface."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _pictures
from ._native import Error, LedgerEntry, NotFoundError, Pipeline, Store
from ._sections import allows_private, said
from ._service import (
    collection_of,
    description_of,
    dim_of,
    embedder_of,
    index_of,
    is_milvus,
    metric_of,
    named_plan,
    run_options,
    stage_options,
    store_of,
    store_params,
)
from .preprocessors import BaseJAXPreprocessor, JAXImagePreprocessor, is_planned
from .service_config import PreprocessConfig, ServiceConfig

if TYPE_CHECKING:
    import numpy as np

_ITEM_TIMEOUT_MS = 120000  # of a picture in a class of the user's: as long as the original waits for one


class ImageEmbeddingPipeline:
    """Embeds pictures with a model server and keeps them in a vector database.

        with ImageEmbeddingPipeline(ServiceConfig.from_yaml("config.yaml")) as pipeline:
            pipeline.insert_images_streaming(paths, ids=ids, metadata=metadata)
            nearest = pipeline.search_images("query.jpg", topk=10)

    config:        a ServiceConfig; None: that of the environment.
    preprocessor:  a JAXImagePreprocessor, or another BaseJAXPreprocessor, which then runs in Python
                   workers; None: what the sections `plan` and `preprocess` say.
    on_error:      "raise": a bad picture is a RuntimeError, as in the original; "skip": it is left
                   out, and `failures` names it.
    allow_private: URLs may lead to addresses that are not public (this machine, its network); None:
                   as MILLRACE_ALLOW_PRIVATE says, else `source.allow_private`.
    """

    def __init__(
        self,
        config: Optional[ServiceConfig] = None,
        preprocessor: Optional[BaseJAXPreprocessor] = None,
        *,
        on_error: str = "raise",
        allow_private: Optional[bool] = None,
    ) -> None:
        if on_error not in ("raise", "skip"):
            raise ValueError(f"on_error {on_error!r}: wanted 'raise' or 'skip'")
        self.config = config if config is not None else ServiceConfig.from_env()
        self.on_error = on_error
        self.preprocessor = preprocessor if preprocessor is not None else _preprocessor_of(self.config.preprocess)
        planned = self.preprocessor if is_planned(self.preprocessor) else _preprocessor_of(self.config.preprocess)
        named = None if is_planned(preprocessor) else named_plan(self.config)
        # of a class of the user's: what its rows have to look like
        self._plan = named if named is not None else planned.plan
        self.allow_private = allow_private if allow_private is not None else self.preprocessor.allow_private
        self._plan_is_said = named is not None or preprocessor is not None
        self._failures: list[LedgerEntry] = []
        self._stores: dict[Any, Store] = {}

    @property
    def failures(self) -> list[LedgerEntry]:
        """The bad pictures of the last call that embedded or inserted."""
        return list(self._failures)

    @property
    def store(self) -> Store:
        """The database, connected when it is first asked for; a file is opened for reading."""
        return self._store_for(self._name(None))

    def _store_for(self, name: str) -> Store:
        """The connection for one collection: the names of fields and the parameters are its own."""
        params = store_params(self.config, name)
        place = store_of(self.config)
        key = (place, frozenset(params.items()))
        if key not in self._stores:
            self._stores[key] = Store(place, params=params, read_only=not is_milvus(self.config))
        return self._stores[key]

    @contextlib.contextmanager
    def _writer_for(self, name: str) -> Iterator[Store]:
        """The same for writing: a file has one writer, and only as long as it writes."""
        if is_milvus(self.config):
            yield self._store_for(name)
            return
        self.close()
        with Store(store_of(self.config)) as store:
            yield store

    def close(self) -> None:
        """Closes the connections. Again: nothing."""
        while self._stores:
            self._stores.popitem()[1].close()

    def __enter__(self) -> "ImageEmbeddingPipeline":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- vectors ----

    def embed_images(self, inputs: Sequence[Any], batch_size: Optional[int] = None) -> "np.ndarray":
        """[N,D] float32, L2-normalised, in the order of `inputs` (paths, URLs, arrays [H,W,C]).

        RuntimeError for the first picture that is bad; with `on_error="skip"` it has no row.
        """
        import numpy as np

        with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
            file = os.path.join(folder, "vectors.npy")
            items = ({"id": str(n), **_pictures.input_of(image)} for n, image in enumerate(inputs))
            self._run(items, f"npy:{file}", _given({"batch": batch_size}))
            return np.load(file)

    # ---- writing ----

    def insert_images(
        self,
        inputs: Sequence[Any],
        ids: Sequence[Any],
        metadata: Optional[Sequence[Optional[dict[str, Any]]]] = None,
        collection_name: Optional[str] = None,
        batch_size: Optional[int] = None,
    ) -> list[Any]:
        """Embeds pictures and upserts them; returns `ids`. See `insert_images_streaming`."""
        return self._insert(inputs, ids, metadata, {"collection": collection_name, "batch": batch_size}, {})

    def insert_images_async(
        self,
        inputs: Sequence[Any],
        ids: Sequence[Any],
        metadata: Optional[Sequence[Optional[dict[str, Any]]]] = None,
        collection_name: Optional[str] = None,
        batch_size: Optional[int] = None,
        preprocess_workers: Optional[int] = None,
        embedding_workers: Optional[int] = None,
        insert_batch_size: Optional[int] = None,
        queue_maxsize: Optional[int] = None,
    ) -> list[Any]:
        """The same with the section `async_pipeline`'s numbers of what runs at once."""
        section = self.config.async_pipeline
        options = {
            "collection": collection_name,
            "batch": batch_size,
            "workers": preprocess_workers,
            "embed_workers": embedding_workers,
            "commit_rows": insert_batch_size,
            "queue_batches": queue_maxsize,
        }
        defaults = {
            "workers": section.preprocess_workers,
            "embed_workers": section.embedding_workers,
            "commit_rows": section.insert_batch_size,
            "queue_batches": section.queue_maxsize,
        }
        return self._insert(inputs, ids, metadata, options, defaults)

    def insert_images_streaming(
        self,
        inputs: Sequence[Any],
        ids: Sequence[Any],
        metadata: Optional[Sequence[Optional[dict[str, Any]]]] = None,
        collection_name: Optional[str] = None,
        batch_size: Optional[int] = None,
        num_preprocess_workers: Optional[int] = None,
        insert_batch_size: Optional[int] = None,
        queue_maxsize: Optional[int] = None,
    ) -> list[Any]:
        """Embeds pictures and upserts them, all stages at once; returns `ids` when all are stored.

        inputs:   paths, URLs or arrays [H,W,C].
        ids:      one for each input; what is there under an id is replaced, where the collection
                  has keys of its own.
        metadata: one dict, or None, for each input.

        RuntimeError for a picture that is bad, the first that was seen. Rows that were stored when
        the run ended stay; they may be of pictures behind it, since batches are on their way at
        once. `on_error="skip"` stores all others and returns their ids.
        ValueError for an id that is there twice: one row would replace the other.
        """
        section = self.config.async_pipeline
        options = {
            "collection": collection_name,
            "batch": batch_size,
            "workers": num_preprocess_workers,
            "commit_rows": insert_batch_size,
            "queue_batches": queue_maxsize,
        }
        defaults = {"commit_rows": section.insert_batch_size, "queue_batches": section.queue_maxsize}
        return self._insert(inputs, ids, metadata, options, defaults)

    def _insert(
        self, inputs: Iterable[Any], ids: Iterable[Any], metadata: Any, options: dict[str, Any], defaults: dict[str, Any]
    ) -> list[Any]:
        inputs, ids = list(inputs), list(ids)
        rows = list(metadata) if metadata is not None else [None] * len(inputs)
        if not len(inputs) == len(ids) == len(rows):
            raise ValueError(f"{len(inputs)} inputs, {len(ids)} ids, {len(rows)} metadata: one for each is wanted")
        _refuse_repeated(ids)
        items = (
            {"id": str(name), "metadata": row or {}, **_pictures.input_of(image)}
            for image, name, row in zip(inputs, ids, rows)
        )
        name = self._name(options.pop("collection"))
        if is_milvus(self.config) and name not in self.list_collections():
            self.create_collection(name)
        self._run(
            items,
            store_of(self.config),
            {**defaults, **stage_options(self.config), **_given(options)},
            collection=name,
            metric=metric_of(self.config, name),
            index=index_of(self.config, name),
            store_params=store_params(self.config, name),
            force_plan=True,  # collections of the original remember no plan
        )
        bad = {entry.id for entry in self._failures}
        return [name for name in ids if str(name) not in bad]

    def _run(self, items: Any, store: str, wishes: dict[str, Any], **options: Any) -> None:
        """One run of the engine; RuntimeError if a picture was bad and none may be."""
        options.update({"workers": self.config.preprocess.num_workers, "batch_wait_ms": 0})
        options.update({**run_options(self.config), **wishes})
        options["batch"] = wishes.get("batch") or said(self.config, "workers.batch") or self.config.preprocess.batch_size
        options.setdefault("memory_bytes", _pictures.memory_for(self._plan, options["batch"]))
        options["error_budget"] = 0
        if self.on_error == "skip":
            options["error_budget"] = _first(said(self.config, "limits.error_budget"), "none")
        if not is_planned(self.preprocessor):
            options["preprocess"] = self.preprocessor
            options.setdefault("item_timeout_ms", _ITEM_TIMEOUT_MS)
        if self._plan_is_said or self.config.embed.embedder is None:
            options["plan"] = self._plan
        else:  # an embedder may have one of its own
            options["default_plan"] = self._plan.name
        if not is_milvus(self.config):
            self.close()  # the writer of a file is alone
        with Pipeline(
            items,
            store,
            embed=embedder_of(self.config),
            no_ledger=True,
            allow_private=allows_private(self.allow_private, said(self.config, "source.allow_private")),
            **options,
        ) as pipeline:
            summary = pipeline.run()
            self._failures = list(pipeline.failures)
        for entry in self._failures:
            if self.on_error == "raise" or summary.budget_exceeded:
                raise RuntimeError(f"{entry.uri}: {entry.message} ({entry.code})")

    # ---- reading ----

    def search_images(
        self,
        query_input: Union[str, os.PathLike, Sequence[float]],
        topk: int = 10,
        filter_expr: Optional[str] = None,
        collection_name: Optional[str] = None,
    ) -> list[dict[str, Any]]:
        """The `topk` nearest rows, nearest first, as dicts with id, distance, score and metadata.

        query_input: a path, a URL, a picture as array [H,W,C], or a vector of `dim` floats.
        filter_expr: an expression in the grammar of Milvus, applied before the nearest are chosen.
        """
        name = self._name(collection_name)
        vector = self._vector_of(query_input)
        hits = self._store_for(name).search(vector=vector, k=topk, collection=name, filter=filter_expr, force_plan=True)
        return [
            {"id": hit.id, "distance": hit.distance, "score": hit.score, "metadata": hit.metadata} for hit in hits
        ]

    def _vector_of(self, query: Any) -> Any:
        if _pictures.is_place(query):
            return self.embed_images([query], batch_size=1)[0]
        if getattr(query, "ndim", 1) == 3:
            return self.embed_images([query], batch_size=1)[0]
        if getattr(query, "ndim", 1) == 2:  # [1,D]
            (query,) = query
        return [float(v) for v in query]

    # ---- collections ----

    def create_collection(self, name: str, dim: Optional[int] = None, description: str = "") -> None:
        """Creates an empty collection.

        What the section `collections` declares of that name holds: key, field of vectors, index,
        metric and their parameters; for the rest, the sections `store` and `milvus`.

        dim: length of a vector; None: what is declared, else `milvus.embedding_dim`.
        """
        with self._writer_for(name) as store:
            store.create(
                name,
                dim or dim_of(self.config, name),
                description=description or description_of(self.config, name),
                metric=metric_of(self.config, name),
                index=index_of(self.config, name),
            )

    def delete_collection(self, name: str) -> None:
        """Removes a collection with its rows."""
        with self._writer_for(name) as store:
            store.drop(name)

    def list_collections(self) -> list[str]:
        """Names of all collections."""
        try:
            return [collection.name for collection in self.store.collections()]
        except NotFoundError:  # a file that is not there yet
            return []

    def delete_by_ids(self, ids: Iterable[Any], collection_name: Optional[str] = None) -> int:
        """Deletes rows; returns how many, as far as the server counts them."""
        name = self._name(collection_name)
        with self._writer_for(name) as store:
            return store.delete([str(i) for i in ids], collection=name)

    def delete_by_filter(self, filter_expr: str, collection_name: Optional[str] = None) -> int:
        """Deletes the rows that an expression selects; returns how many, as the server counts them."""
        name = self._name(collection_name)
        with self._writer_for(name) as store:
            return store.delete(filter=filter_expr, collection=name)

    def get_collection_stats(self, collection_name: Optional[str] = None) -> dict[str, Any]:
        """name, num_entities and description."""
        name = self._name(collection_name)
        found = self._store_for(name).collection(name)
        return {"name": found.name, "num_entities": found.num_entities, "description": found.description}

    def health_check(self) -> dict[str, bool]:
        """Which of preprocessor, triton and milvus answer."""
        return {
            "preprocessor": _works(lambda: self.preprocessor.preprocess_batch([_blank()])),
            "triton": _works(lambda: self.embed_images([_blank()])),
            "milvus": _works(lambda: self.store.health()),
        }

    def _name(self, name: Optional[str]) -> str:
        return name or collection_of(self.config)


def _refuse_repeated(ids: list[Any]) -> None:
    """Ids are what rows are found by and replaced by: of two, one row would be lost."""
    seen: dict[str, int] = {}
    for position, name in enumerate(ids):
        first = seen.setdefault(str(name), position)
        if first != position:
            raise ValueError(f"ids: {name!r} is at {first} and at {position}; one row would replace the other")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Those that are said: 0 and None leave it to the configuration."""
    return {key: value for key, value in options.items() if value}


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _preprocessor_of(section: PreprocessConfig) -> JAXImagePreprocessor:
    return JAXImagePreprocessor(
        image_size=section.image_size,
        mean=section.mean,
        std=section.std,
        data_format=section.data_format,
        use_gpu=section.use_gpu,
        jax_platform=section.jax_platform,
    )


def _blank() -> "np.ndarray":
    import numpy as np

    return np.zeros((16, 16, 3), dtype=np.uint8)


def _works(question: Callable[[], Any]) -> bool:
    """Is there an answer rather than an error?"""
    try:
        question()
    except (Error, RuntimeError, TimeoutError):
        return False
    return True
