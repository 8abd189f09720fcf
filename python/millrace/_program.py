# SPDX-License-Identifier: Apache-2.0
"""What a pool is told to run for `preprocess=`: this interpreter again, with millrace/_worker.py and the object, pickled.

Pickled are names: the module is imported anew in each worker, and so is the script that runs as
__main__, under the name __mp_main__, as multiprocessing does when it spawns.
"""
import multiprocessing.spawn
import os
import pickle
import subprocess
import sys

START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from millrace._worker import main; main()"
INPUTS = ("pixels", "bytes")
DTYPES = ("float32", "uint8", "float16", "bfloat16")
UNIT_ITEMS = 8  # at once, for objects with a method for several


def main_script():
    """How a worker finds what __main__ is here: ("name", module) or ("path", file); None if it cannot."""
    main = sys.modules.get("__main__")
    name = getattr(getattr(main, "__spec__", None), "name", None)
    if name is not None:
        return "name", name
    path = getattr(main, "__file__", None)
    return ("path", os.path.abspath(path)) if path and os.path.isfile(path) else None


def pickled(thing):
    """The object by its name, and with what it holds; and the script, if the name is in there."""
    try:
        data = pickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise TypeError(f"preprocess: {thing[0]!r} cannot be sent to a worker ({error}); "
                        "a function or class at the top of a module can") from error
    script = main_script() if b"__main__" in data else None
    if b"__main__" in data and script is None:
        raise TypeError(f"preprocess: {thing[0]!r} belongs to an interactive session, where no worker finds it; "
                        "put it into a module")
    return data, script


def checked_shape(shape):
    """The sides of a row; None: a worker tries it out."""
    if shape is None:
        return None
    sides = tuple(int(side) for side in ([shape] if isinstance(shape, int) else shape))
    if not 1 <= len(sides) <= 8 or min(sides) < 1:
        raise ValueError(f"output_shape: {shape!r}; 1 to 8 sides, each at least 1")
    return sides


def one_of(name, value, choices):
    """A word of a list."""
    if value not in choices:
        raise ValueError(f"{name}: {value!r}, one of {', '.join(choices)}")
    return value


def build(*, preprocess=None, preprocess_kwargs=None, preprocess_input="pixels", output_shape=None, output_dtype=None):
    """(arguments as list of bytes, data, items at once) of the worker program."""
    if preprocess is None:
        raise TypeError("preprocess_kwargs, preprocess_input, output_shape and output_dtype go with preprocess")
    if not callable(preprocess) and not hasattr(preprocess, "preprocess_batch") \
            and not hasattr(preprocess, "_preprocess_single_jax"):
        raise TypeError(f"preprocess: a function, a class, or an object with preprocess_batch is wanted, "
                        f"not {type(preprocess).__name__}")
    if getattr(sys.modules.get("millrace._worker"), "STARTING", None):
        raise RuntimeError("a worker imports the script that started it: what starts streams there has to stand "
                           "below `if __name__ == \"__main__\":`")
    thing, script = pickled((preprocess, dict(preprocess_kwargs or {})))
    data = pickle.dumps({
        "sys_path": [os.path.abspath(entry) if entry == "" else entry for entry in sys.path],
        "argv": sys.argv if hasattr(sys, "argv") else [],
        "script": script,
        "thing": thing,
        "input": one_of("preprocess_input", preprocess_input, INPUTS),
        "shape": checked_shape(output_shape),
        "dtype": None if output_dtype is None else one_of("output_dtype", str(output_dtype), DTYPES),
    })
    python = os.fsdecode(multiprocessing.spawn.get_executable() or "")
    if not python:
        raise RuntimeError("preprocess: the path of the interpreter is not known: multiprocessing.set_executable")
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    flags = subprocess._args_from_interpreter_flags()
    argv = [os.fsencode(word) for word in (python, *flags, "-c", START, folder)]
    return argv, data, UNIT_ITEMS if takes_several(preprocess) else 1


def takes_several(thing):
    """Has it a method of its own for several pictures? That of a base class that calls one by one says so."""
    method = getattr(thing, "preprocess_batch", None)
    return method is not None and not getattr(method, "_one_by_one", False)
