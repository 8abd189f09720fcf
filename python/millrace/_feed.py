# SPDX-License-Identifier: Apache-2.0
"""The Python side of a feed: walks an iterable of items in a thread of its own.

An item may be
    a path (str or os.PathLike) or a URL      named as the command names it
    bytes, bytearray, memoryview              an encoded picture; its id is "item-N"
    an array [H,W] or [H,W,C], C 1..4         pixels, 0..255; its id is "item-N"
    a mapping or an object                    `uri`, `bytes` or `array`, and `id`, `metadata`
"""
import difflib
import json
import os
import re
import threading
from collections.abc import Mapping

NAMES = ("id", "uri", "bytes", "metadata", "array")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
UNTIDY = re.compile(r"^\./|//|/\./|/\.?$")


def path_form(name):
    """The id of a path: without "./", doubled and trailing slashes; ".." stays."""
    if not UNTIDY.search(name):
        return name
    parts = [part for part in name.split("/") if part not in ("", ".")]
    path = "/".join(parts)
    return "/" + path if name.startswith("/") else path or name


def without_secrets(url):
    """*** stands for the user and password of a URL: ids are shown and stored."""
    scheme, rest = url.split("://", 1)
    end = re.search(r"[/?#]|$", rest).start()
    at = rest.rfind("@", 0, end)
    return f"{scheme}://***{rest[at:]}" if at >= 0 else url


def readable(raw):
    """UTF-8 as it is; in a name that is none, the bytes outside of it as %XX, and % as %25."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.replace(b"%", b"%25").decode("utf-8", "surrogateescape")
        return re.sub("[\udc80-\udcff]", lambda m: f"%{ord(m[0]) - 0xDC00:02X}", text)


def named(place):
    """(locator, uri, id) of a path or URL."""
    raw = os.fsencode(place)
    name = readable(raw)
    if URL.match(name):
        name = without_secrets(name)
        return raw, name, name
    return raw, name, path_form(name)


def metadata_of(value):
    """Metadata as JSON text; None if there is none."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def fields_of(item):
    """The values of NAMES in a mapping or an object."""
    if isinstance(item, Mapping):
        for key in item:
            if key not in NAMES:
                near = difflib.get_close_matches(str(key), NAMES, 1)
                raise TypeError(f"item: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return [item.get(name) for name in NAMES]
    return [getattr(item, name, None) for name in NAMES]


def is_array(item):
    """numpy's, or what numpy can read: of jax, torch, PIL."""
    return hasattr(item, "__array_interface__") or hasattr(item, "__array__")


def pixels_of(array):
    """(bytes, (height, width, channels, is_float), code, message): uint8 as it is, other numbers as float32."""
    import numpy
    array = numpy.asarray(array)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or not all(1 <= side <= 65535 for side in array.shape):
        return None, None, "bad_dimensions", f"an array {list(array.shape)}: [H,W] or [H,W,C] with C 1 to 4 is wanted"
    if array.dtype.kind not in "biuf":
        return None, None, "unsupported_variant", f"an array of {array.dtype}: numbers are wanted"
    if array.dtype.kind in "iu" and array.dtype.itemsize > 1 and 0 <= array.min() and array.max() <= 255:
        array = array.astype(numpy.uint8)
    if array.dtype != numpy.uint8:
        array = array.astype(numpy.float32)
    return numpy.ascontiguousarray(array), (*array.shape, array.dtype == numpy.float32), None, None


def described(item, number):
    """The arguments of Feed.put for one item."""
    if isinstance(item, (str, os.PathLike)):
        return (*named(item), None, None, None, None, None)
    if isinstance(item, (bytes, bytearray, memoryview)):
        return None, None, f"item-{number}", None, item, None, None, None
    if is_array(item):
        item = {"array": item}
    name, place, data, metadata, array = fields_of(item)
    if place is None and data is None and array is None:
        raise TypeError(f"item {number}: a path, bytes, an array, or something with uri, bytes or array is wanted, "
                        f"not {type(item).__name__}")
    locator, uri, own = named(place) if place is not None else (None, None, f"item-{number}")
    if name is None:
        name = own
    elif isinstance(name, int):
        name = str(int(name))
    elif not isinstance(name, str):
        raise TypeError(f"item {number}: id: a text is wanted, not {type(name).__name__}")
    code = message = pixels = None
    if array is not None:
        data, pixels, code, message = pixels_of(array)
    try:
        metadata = metadata_of(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        metadata, code, message = None, "bad_metadata", f"the metadata is no JSON: {error}"
    return locator, uri, name, metadata, data, code, message, pixels


def run(feed, iterator):
    """Feeds until the end, an exception, or until nobody wants any more."""
    error = None
    try:
        for number, item in enumerate(iterator):
            if not feed.put(*described(item, number)):
                break
    except BaseException as raised:  # handed to whoever reads the stream
        error = raised
    feed.end(error)


def start(feed, iterator):
    """Runs the feed in a thread; one that blocks in the iterable keeps nobody from ending."""
    threading.Thread(target=run, args=(feed, iterator), name="millrace-source", daemon=True).start()
