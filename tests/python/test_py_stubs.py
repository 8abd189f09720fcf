# SPDX-License-Identifier: Apache-2.0
"""The type stubs say what the extension has: names, parameters, defaults."""
import ast
import inspect
from pathlib import Path

import pytest

import millrace
from millrace import _native

STUBS = ast.parse(Path(millrace.__file__).with_name("_native.pyi").read_text())
CLASSES = {node.name: node for node in STUBS.body if isinstance(node, ast.ClassDef)}
SKIPPED = {"__enter__", "__exit__", "__iter__", "__next__", "__len__", "__buffer__", "__dlpack_device__"}


def members(node):
    """Methods and properties of a class of the stubs, and its fields."""
    functions = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    fields = {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
    return functions, fields


def test_every_public_name_has_a_stub():
    for name in millrace.__all__:
        thing = getattr(millrace, name)
        if inspect.isclass(thing) and hasattr(_native, name):
            assert name in CLASSES, name
            assert thing.__doc__, name
    assert {n for n in CLASSES if not n.startswith("_")} - {"Feed", "Pixels", "Job", "Rows", "Worker"} <= set(millrace.__all__)


@pytest.mark.parametrize("name", sorted(n for n in CLASSES if not n.startswith("_")))
def test_class(name):
    functions, fields = members(CLASSES[name])
    kind = getattr(_native, name)
    real = {n for n in vars(kind) if not n.startswith("_") and not n.startswith("n_")} - {"with_traceback", "add_note"}
    stubbed = {n for n in functions if not n.startswith("_")} | fields
    if issubclass(kind, millrace.Error):
        assert kind is not millrace.Error or fields == {"status", "code", "stage"}
    else:
        assert stubbed == real
    for method in set(functions) - SKIPPED - {"__new__"}:
        assert getattr(kind, method).__doc__, f"{name}.{method}"


def parameters(node):
    """name -> default (as source) of a function of the stubs, without self."""
    a = node.args
    names = [arg.arg for arg in (*a.posonlyargs, *a.args)][1:]
    defaults = [None] * (len(names) - len(a.defaults)) + [ast.unparse(d) for d in a.defaults]
    found = dict(zip(names, defaults))
    found.update({arg.arg: d and ast.unparse(d) for arg, d in zip(a.kwonlyargs, a.kw_defaults)})
    return found


@pytest.mark.parametrize("name, method", [
    ("Stream", None), ("Pool", None), ("Source", None), ("Store", None), ("Config", None), ("Stream", "next"),
    ("Batch", "numpy"), ("Store", "search"), ("Store", "create"), ("Store", "delete"), ("Store", "report")])
def test_signature(name, method):
    kind = getattr(_native, name)
    functions, _ = members(CLASSES[name])
    real = inspect.signature(getattr(kind, method) if method else kind).parameters
    shown = {n: None if p.default is p.empty else repr(p.default) for n, p in real.items()
             if n != "self" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    assert shown == parameters(functions[method or "__new__"])


def test_pipeline_takes_what_its_stub_says(tmp_path):
    """None is the default of every argument; another name is refused."""
    names = set(parameters(members(CLASSES["Pipeline"])[0]["__new__"])) - {"inputs", "store"}
    assert {"plan", "batch", "workers", "preprocess", "queue_batches"} <= names
    millrace.Pipeline([], "null:", **{**dict.fromkeys(names), "embed": "fake:8", "no_ledger": True}).close()
    with pytest.raises(TypeError, match="unknown argument pool"):
        millrace.Pipeline([], "null:", pool=None)
