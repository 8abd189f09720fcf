# SPDX-License-Identifier: Apache-2.0
"""ImageEmbeddingPipeline: pictures to Triton to Milvus, with the original's interface."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _pictures
from ._native import Error, Pipeline, Store
from ._service import embedder_of, schema_params, search_params, store_of, store_params
from .preprocessors import BaseJAXPreprocessor, JAXImagePreprocessor, is_planned
from .service_config import PreprocessConfig, ServiceConfig

if TYPE_CHECKING:
    import numpy as np

class ImageEmbeddingPipeline:
    """Embeds pictures with a model server and keeps them in a vector database.

        with ImageEmbeddingPipeline(ServiceConfig.from_yaml("config.yaml")) as pipeline:
            pipeline.insert_images_streaming(paths, ids=ids, metadata=metadata)
            nearest = pipeline.search_images("query.jpg", topk=10)

    config:       a ServiceConfig; None: that of the environment.
    preprocessor: a JAXImagePreprocessor, or another BaseJAXPreprocessor, which then runs in Python
                  workers; None: what the section `preprocess` says.
    """

    def __init__(
        self, config: Optional[ServiceConfig] = None, preprocessor: Optional[BaseJAXPreprocessor] = None
    ) -> None:
        self.config = config if config is not None else ServiceConfig.from_env()
        self.preprocessor = preprocessor if preprocessor is not None else _preprocessor_of(self.config.preprocess)
        planned = self.preprocessor if is_planned(self.preprocessor) else _preprocessor_of(self.config.preprocess)
        self._plan = planned.plan  # of a class of the user's: what its rows have to look like
        self._store: Optional[Store] = None

    @property
    def store(self) -> Store:
        """The database, connected when it is first asked for."""
        if self._store is None:
            self._store = Store(store_of(self.config.milvus), params=store_params(self.config.milvus))
        return self._store

    def close(self) -> None:
        """Closes the connections. Again: nothing."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def __enter__(self) -> "ImageEmbeddingPipeline":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- vectors ----

    def embed_images(self, inputs: Sequence[Any], batch_size: Optional[int] = None) -> "np.ndarray":
        """[N,D] float32, L2-normalised, in the order of `inputs` (paths, URLs, arrays [H,W,C]).

        RuntimeError for the first picture that is bad.
        """
        import numpy as np

        with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
            file = os.path.join(folder, "vectors.npy")
            items = ({"id": str(n), **_pictures.input_of(image)} for n, image in enumerate(inputs))
            self._run(items, f"npy:{file}", batch_size)
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
        return self._insert(inputs, ids, metadata, {"collection": collection_name, "batch": batch_size})

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
            "workers": preprocess_workers or section.preprocess_workers,
            "embed_workers": embedding_workers or section.embedding_workers,
            "commit_rows": insert_batch_size or section.insert_batch_size,
            "queue_batches": queue_maxsize or section.queue_maxsize,
        }
        return self._insert(inputs, ids, metadata, options)

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

        RuntimeError for the first picture that is bad; what was stored before it stays.
        """
        section = self.config.async_pipeline
        options = {
            "collection": collection_name,
            "batch": batch_size,
            "workers": num_preprocess_workers or self.config.preprocess.num_workers,
            "commit_rows": insert_batch_size or section.insert_batch_size,
            "queue_batches": queue_maxsize or section.queue_maxsize,
        }
        return self._insert(inputs, ids, metadata, options)

    def _insert(self, inputs: Sequence[Any], ids: Sequence[Any], metadata: Any, options: dict[str, Any]) -> list[Any]:
        inputs, ids = list(inputs), list(ids)
        rows = list(metadata) if metadata is not None else [None] * len(inputs)
        if not len(inputs) == len(ids) == len(rows):
            raise ValueError(f"{len(inputs)} inputs, {len(ids)} ids, {len(rows)} metadata: one for each is wanted")
        items = (
            {"id": str(name), "metadata": row or {}, **_pictures.input_of(image)}
            for image, name, row in zip(inputs, ids, rows)
        )
        name = self._name(options.pop("collection"))
        if name not in self.list_collections():
            self.create_collection(name)
        self._run(
            items,
            store_of(self.config.milvus),
            collection=name,
            metric=self.config.milvus.metric_type,
            index=self.config.milvus.index_type,
            store_params=store_params(self.config.milvus),
            force_plan=True,  # collections of the original remember no plan
            **options,
        )
        return ids

    def _run(self, items: Any, store: str, batch: Optional[int] = None, **options: Any) -> None:
        """One run of the engine; RuntimeError if a picture was bad."""
        size = batch or self.config.preprocess.batch_size
        options.setdefault("workers", self.config.preprocess.num_workers)
        if not is_planned(self.preprocessor):
            options["preprocess"] = self.preprocessor
        with Pipeline(
            items,
            store,
            plan=self._plan,
            embed=embedder_of(self.config.triton),
            batch=size,
            batch_wait_ms=0,
            no_ledger=True,
            error_budget=0,
            memory_bytes=_pictures.memory_for(self._plan, size),
            **options,
        ) as pipeline:
            pipeline.run()
            for entry in pipeline.failures:
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
        hits = self.store.search(
            vector=self._vector_of(query_input),
            k=topk,
            collection=collection_name or self.config.milvus.collection_name,
            filter=filter_expr,
            params=search_params(self.config.milvus),
            force_plan=True,
        )
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
        """Creates an empty collection with the index and metric of the section `milvus`.

        dim: length of a vector; None: `milvus.embedding_dim`. Where the section `collections` has a
        schema of that name, its key is taken over: INT64 keys made by the server, or VARCHAR.
        """
        milvus = self.config.milvus
        self.store.create(
            name,
            dim or milvus.embedding_dim,
            description=description,
            metric=milvus.metric_type,
            index=milvus.index_type,
            params=schema_params(self.config, name),
        )

    def delete_collection(self, name: str) -> None:
        """Removes a collection with its rows."""
        self.store.drop(name)

    def list_collections(self) -> list[str]:
        """Names of all collections."""
        return [collection.name for collection in self.store.collections()]

    def delete_by_ids(self, ids: Sequence[Any], collection_name: Optional[str] = None) -> int:
        """Deletes rows; returns how many, as far as the server counts them."""
        return self.store.delete([str(name) for name in ids], collection=self._name(collection_name))

    def delete_by_filter(self, filter_expr: str, collection_name: Optional[str] = None) -> int:
        """Deletes the rows that an expression selects; returns how many, as the server counts them."""
        return self.store.delete(filter=filter_expr, collection=self._name(collection_name))

    def get_collection_stats(self, collection_name: Optional[str] = None) -> dict[str, Any]:
        """name, num_entities and description."""
        found = self.store.collection(self._name(collection_name))
        return {"name": found.name, "num_entities": found.num_entities, "description": found.description}

    def health_check(self) -> dict[str, bool]:
        """Which of preprocessor, triton and milvus answer."""
        return {
            "preprocessor": _works(lambda: self.preprocessor.preprocess_batch([_blank()])),
            "triton": _works(lambda: self.embed_images([_blank()])),
            "milvus": _works(lambda: self.store.health()),
        }

    def _name(self, name: Optional[str]) -> str:
        return name or self.config.milvus.collection_name


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
