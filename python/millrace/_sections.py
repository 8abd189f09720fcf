# SPDX-License-Identifier: Apache-2.0
"""millrace's own sections of the configuration file: source, workers, store, embed, plan, limits, log.

Every key of the command is kept; None is a key that is not said. `KINDS` says what each takes, in
the command's words: sizes "512M", times "10s" (a bare number is seconds), numbers or "auto".
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from typing import Any, Optional, Union

Number = Union[int, str, None]
Time = Union[int, float, str, None]

TRUTH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "": 1}
_PRIVATE = "MILLRACE_ALLOW_PRIVATE"


@dataclass
class SourceConfig:
    """Where pictures come from. In Python: `allow_private` and `fetch_*`."""

    id_from: Optional[str] = None
    all_files: Optional[bool] = None
    follow: Optional[bool] = None
    nul_separated: Optional[bool] = None
    allow_private: Optional[bool] = None
    fetch_threads: Number = None
    fetch_timeout: Time = None
    fetch_idle: Time = None


@dataclass
class WorkersConfig:
    """Processes and batches; `count` and `batch` hold over the section `preprocess`."""

    count: Number = None
    batch: Number = None
    batch_wait_ms: Number = None
    unordered: Optional[bool] = None
    require_sandbox: Optional[bool] = None


@dataclass
class StoreConfig:
    """Where vectors go: `location`, and over the section `milvus` its collection, index and metric."""

    location: Optional[str] = None
    collection: Optional[str] = None
    index: Optional[str] = None
    metric: Optional[str] = None
    ledger: Optional[str] = None
    refresh: Optional[str] = None
    commit_rows: Number = None
    queue: Number = None


@dataclass
class EmbedConfig:
    """What embeds, instead of the section `triton`."""

    embedder: Optional[str] = None
    onnxruntime: Optional[str] = None
    workers: Number = None


@dataclass
class PlanConfig:
    """How pictures are prepared, instead of the section `preprocess`: a preset, or a file."""

    name: Optional[str] = None
    force: Optional[bool] = None


@dataclass
class LimitsConfig:
    """What a run may take."""

    error_budget: Number = None
    item_timeout: Time = None
    max_pixels: Number = None
    max_bytes: Number = None
    memory: Number = None


@dataclass
class LogConfig:
    """Messages of the command; a Python program's go to the logger `millrace`."""

    level: Optional[str] = None
    format: Optional[str] = None
    progress: Optional[str] = None


SECTIONS = {
    "source": SourceConfig,
    "workers": WorkersConfig,
    "store": StoreConfig,
    "embed": EmbedConfig,
    "plan": PlanConfig,
    "limits": LimitsConfig,
    "log": LogConfig,
}

# kind, and for numbers the least and the most; for times in milliseconds
KINDS: dict[str, tuple[Any, ...]] = {
    "source.id_from": ("one of", "path", "stem"),
    "source.all_files": ("flag",),
    "source.follow": ("flag",),
    "source.nul_separated": ("flag",),
    "source.allow_private": ("flag",),
    "source.fetch_threads": ("auto", 1, 64),
    "source.fetch_timeout": ("time", 1, 3600000),
    "source.fetch_idle": ("time", 1, 3600000),
    "workers.count": ("auto", 1, 256),
    "workers.batch": ("count", 1, 4096),
    "workers.batch_wait_ms": ("count", 0, 86400000),
    "workers.unordered": ("flag",),
    "workers.require_sandbox": ("flag",),
    "store.location": ("text",),
    "store.collection": ("text",),
    "store.index": ("text",),
    "store.metric": ("one of", "IP", "L2", "COSINE"),
    "store.ledger": ("text",),
    "store.refresh": ("one of", "auto", "always", "never"),
    "store.commit_rows": ("auto", 1, 1000000),
    "store.queue": ("auto", 1, 1000000),
    "embed.embedder": ("text",),
    "embed.onnxruntime": ("text",),
    "embed.workers": ("auto", 1, 64),
    "plan.name": ("text",),
    "plan.force": ("flag",),
    "limits.error_budget": ("budget",),
    "limits.item_timeout": ("time", 1, 3600000),
    "limits.max_pixels": ("count", 1, 1 << 32),
    "limits.max_bytes": ("size", 1, 1 << 40),
    "limits.memory": ("size", 1 << 20, 1 << 50),
    "log.level": ("one of", "error", "warn", "info", "debug"),
    "log.format": ("one of", "text", "json"),
    "log.progress": ("one of", "auto", "always", "never"),
}


def meaning(name: str, value: Any) -> Any:
    """What the engine is told: bytes, milliseconds, 0 for "auto", True or False, or the text.

    ValueError names the key and says what it takes.
    """
    kind, *rest = KINDS[name]
    got, wanted = _READERS[kind](value, *rest)
    if got is None:
        raise ValueError(f"{name} {value}: wanted {wanted}")
    return got


def said(config: Any, name: str) -> Any:
    """The same of a key that `config` may leave unsaid: None."""
    section, _, key = name.partition(".")
    value = getattr(getattr(config, section), key)
    return None if value is None else meaning(name, value)


def taken(config: Any, keys: dict[str, str]) -> dict[str, Any]:
    """{option: value} of those keys that are said; `keys` is {option: key}."""
    options = {option: said(config, name) for option, name in keys.items()}
    return {option: value for option, value in options.items() if value is not None}


def kept(name: str, text: str) -> Any:
    """How a value of the file is kept: truth values and whole numbers as such, else the text."""
    kind = KINDS[name][0]
    got = meaning(name, text)
    if kind == "flag":
        return got
    return int(text) if kind not in ("text", "one of") and text.isdecimal() else text


def names() -> list[str]:
    """Every key, "section.key"."""
    return [f"{section}.{f.name}" for section, kind in SECTIONS.items() for f in fields(kind)]


def allows_private(*answers: Optional[bool]) -> bool:
    """May URLs lead to addresses that are not public?

    `answers`: what the program said, then what a file said. The environment lies between them, as
    it does for the command.
    """
    first, *rest = answers
    if first is not None:
        return bool(first)
    text = os.environ.get(_PRIVATE)
    if text:
        if text.lower() not in TRUTH:
            raise ValueError(f"{_PRIVATE} {text}: wanted true or false")
        return TRUTH[text.lower()]
    return any(rest)


def _flag(value: Any) -> tuple[Any, str]:
    return value if isinstance(value, bool) else TRUTH.get(str(value).lower()), "true or false"


def _count(value: Any, least: int, most: int) -> tuple[Any, str]:
    text = str(value)
    number = int(text) if text.isdecimal() and text.isascii() else -1
    return number if least <= number <= most else None, f"a number from {least} to {most}"


def _auto(value: Any, least: int, most: int) -> tuple[Any, str]:
    got, wanted = _count(value, least, most)
    return 0 if value == "auto" else got, f"{wanted}, or auto"


def _size(value: Any, least: int, most: int) -> tuple[Any, str]:
    match = re.fullmatch(r"([0-9]+)(?:([KMGTkmgt])(?:i?B)?)?", str(value))
    number = int(match[1]) << _UNITS[(match[2] or "").upper()] if match else -1
    return number if least <= number <= most else None, "a size such as 512M"


def _time(value: Any, least: int, most: int) -> tuple[Any, str]:
    wanted = "a time such as 10s or 250ms, at most 1h"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        ms = round(value * 1000)
    else:
        match = re.fullmatch(r"([0-9]+)(ms|s|m|h|)", str(value))
        ms = round(int(match[1]) * 1000 * _SECONDS[match[2]]) if match else -1
    return ms if least <= ms <= most else None, wanted


def _one_of(value: Any, *words: str) -> tuple[Any, str]:
    found = [word for word in words if word.lower() == str(value).lower()]
    return found[0] if found else None, "one of " + "|".join(words)


def _budget(value: Any) -> tuple[Any, str]:
    text, wanted = str(value), "a percentage such as 1%, a number of items, or none"
    if text.isdecimal():
        return int(text), wanted
    percent = re.fullmatch(r"([0-9][0-9.]*)%", text)
    try:
        fits = text == "none" or (percent is not None and float(percent[1]) <= 100)
    except ValueError:
        fits = False
    return text if fits else None, wanted


def _text(value: Any) -> tuple[Any, str]:
    return str(value) or None, "a value"


_READERS = {
    "flag": _flag,
    "count": _count,
    "auto": _auto,
    "size": _size,
    "time": _time,
    "one of": _one_of,
    "budget": _budget,
    "text": _text,
}
