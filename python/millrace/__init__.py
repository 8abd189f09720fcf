# SPDX-License-Identifier: Apache-2.0
"""millrace: streams of images through sandboxed worker processes into embeddings.

    import millrace

    with millrace.Stream("photos/", "openai/clip-vit-base-patch32@openclip") as stream:
        for batch in stream:
            consume(batch.numpy(), batch.ids)     # float32 [N,3,224,224], a view of shared memory

Nothing here depends on a model library; numpy is imported when a view is asked for.
"""
import atexit as _atexit
import logging as _logging

from millrace import _native
from millrace._native import (
    Batch,
    BusyError,
    ClosedError,
    Collection,
    Config,
    ConfigKey,
    ConfigValue,
    Error,
    ForkError,
    Hit,
    InputOutputError,
    InternalError,
    InterruptedError,
    InvalidError,
    Item,
    ItemError,
    LedgerEntry,
    MismatchError,
    NotFoundError,
    OutOfMemoryError,
    Pipeline,
    Plan,
    Pool,
    PoolStats,
    Preset,
    Progress,
    Source,
    Store,
    Stream,
    StreamStats,
    Summary,
    UnavailableError,
    UnsupportedError,
    __version__,
    presets,
)

from millrace.embedding_pipeline import ImageEmbeddingPipeline
from millrace.preprocessors import BaseJAXPreprocessor, ImagePreprocessor, JAXImagePreprocessor
from millrace.service_config import ServiceConfig
from millrace.streaming import StreamingMultiprocessPreprocessor

__all__ = [
    "Batch", "BusyError", "ClosedError", "Collection", "Config", "ConfigKey", "ConfigValue", "Error", "ForkError",
    "Hit", "InputOutputError", "InternalError", "InterruptedError", "InvalidError", "Item", "ItemError",
    "LedgerEntry", "MismatchError", "NotFoundError", "OutOfMemoryError", "Pipeline", "Plan", "Pool", "PoolStats",
    "Preset", "Progress", "Source", "Store", "Stream", "StreamStats", "Summary", "UnavailableError",
    "UnsupportedError", "__version__", "presets",
    # the names of the original pipeline
    "BaseJAXPreprocessor", "ImageEmbeddingPipeline", "ImagePreprocessor", "JAXImagePreprocessor", "ServiceConfig",
    "StreamingMultiprocessPreprocessor",
]


_logging.getLogger("millrace").addHandler(_logging.NullHandler())


def _close_all():
    """Ends what is still open, before the interpreter goes away under its threads."""
    for thing in list(_native._live):
        try:
            thing.close()
        except ForkError:
            pass  # the parent's


_atexit.register(_close_all)
