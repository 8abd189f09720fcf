# SPDX-License-Identifier: Apache-2.0
"""Signals, forks, the end of the interpreter, and what is left after many streams."""
import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc

import pytest
from conftest import PLAN
from process_facts import children, descriptors, shared_mappings, threads

import millrace

DEADLINE_S = 60


def script(text, *arguments, **more):
    """A Python process with the package."""
    env = {**os.environ, "PYTHONPATH": os.environ["MILLRACE_SITE"], "PLAN": PLAN}
    return subprocess.Popen([sys.executable, "-X", "dev", "-c", textwrap.dedent(text), *map(str, arguments)], env=env,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def finish(process):
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    return process.returncode, out, err


@pytest.mark.parametrize("call", [
    "list(millrace.Stream(items(), os.environ['PLAN'], batch=1))",
    "millrace.Stream(items(), os.environ['PLAN'], batch=1).next(timeout=1000) and None or stream_forever()",
    "millrace.Pipeline(items(), 'null:', embed='fake:8', no_ledger=True).run()"])
def test_interrupt(paths, call):
    """SIGINT while the main thread waits for an iterable that never goes on."""
    process = script(f"""
        import os, sys, threading, millrace
        def stream_forever():
            list(millrace.Stream(items(), os.environ['PLAN'], batch=1))
        def items():
            yield sys.argv[1]
            print("waiting", flush=True)
            threading.Event().wait()
        try:
            {call}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """, paths[0])
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert (status, out.splitlines()[-1:]) == (0, ["interrupted"]), err
    assert err == ""


def test_handler_of_the_program_runs_meanwhile(paths):
    """A handler that raises nothing: the wait goes on."""
    process = script("""
        import os, signal, sys, threading, millrace
        go = threading.Event()
        signal.signal(signal.SIGUSR1, lambda *_: (print("handled", flush=True), go.set()))
        def items():
            print("waiting", flush=True)
            go.wait()
            yield sys.argv[1]
        print(len(list(millrace.Stream(items(), os.environ["PLAN"]))))
        """, paths[0])
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGUSR1)
    status, out, err = finish(process)
    assert (status, out, err) == (0, "handled\n1\n", "")


FORK = """
import json, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import millrace
paths = json.loads(sys.argv[1])
plan = os.environ["PLAN"]
pool = millrace.Pool(workers=1)
stream = millrace.Stream(paths, plan, batch=8, pool=pool)
store = millrace.Store(sys.argv[2])
pipeline = millrace.Pipeline(paths, "null:", embed="fake:8", no_ledger=True)
source = millrace.Source(paths[0])
batch, held = next(stream), next(stream)
view = batch.numpy()
total = float(view.sum())
pid = os.fork()
if pid == 0:
    refused = 0
    uses = [stream.next, stream.close, stream.stats, stream.stop, batch.release if False else held.release, pool.stats,
            pool.close, store.collections, store.close, pipeline.run, pipeline.close, pipeline.stop,
            lambda: millrace.Stream(source, plan), lambda: millrace.Stream(paths, plan, pool=pool)]
    for use in uses:
        try:
            use()
        except millrace.ForkError as error:
            refused += f"opened by process {os.getppid()}" in str(error)
    ok = refused == len(uses) and float(view.sum()) == total
    del view, batch, held, stream, pool, store, pipeline, source, uses, use
    own = sum(len(b) for b in millrace.Stream(paths, plan))
    print(refused, ok, own, flush=True)
    sys.exit(0 if ok and own == len(paths) else 1)  # with all that an exit runs
_, status = os.waitpid(pid, 0)
rest = sum(len(b) for b in stream)
print("child", os.waitstatus_to_exitcode(status), "rest", rest, float(view.sum()) == total)
"""


def test_fork(paths, tmp_path):
    """The child is told at once, hangs nowhere, may open its own; the parent does not notice."""
    status, out, err = finish(script(FORK, json.dumps(paths[:40]), tmp_path / "a.mill"))
    assert out.splitlines() == ["14 True 40", "child 0 rest 24 True"], err
    assert (status, err) == (0, "")


@pytest.mark.parametrize("ending", ["pass", "sys.exit(0)", "1/0"])
def test_exit_with_everything_open(paths, ending):
    """Nothing is closed, an iterable blocks, views are alive: the interpreter ends, and the workers."""
    process = script(f"""
        import os, sys, threading, millrace
        def items():
            yield from sys.argv[1:]
            threading.Event().wait()
        pool = millrace.Pool()
        streams = [millrace.Stream(items(), os.environ["PLAN"], batch=2), millrace.Stream(sys.argv[1:], os.environ["PLAN"],
                   batch=2, pool=pool), millrace.Stream(items(), os.environ["PLAN"], batch=2)]
        views = [next(stream).numpy() for stream in streams[:2]]
        capsule = next(streams[2]).__dlpack__()
        print(*streams[0].pids(), *pool.pids(), flush=True)
        {ending}
        """, *paths[:4])
    status, out, err = finish(process)
    assert status == (1 if ending == "1/0" else 0), err
    assert ("ZeroDivisionError" in err) if ending == "1/0" else err == ""
    pids = [int(word) for word in out.split()]
    assert pids and not [pid for pid in pids if os.path.exists(f"/proc/{pid}/exe")]


def test_death_of_the_interpreter(paths):
    """kill -9: the workers follow within three seconds."""
    process = script("""
        import os, sys, threading, millrace
        stream = millrace.Stream(sys.argv[1:], os.environ["PLAN"], batch=2)
        view = next(stream).numpy()
        print(*stream.pids(), flush=True)
        threading.Event().wait()
        """, *paths[:4])
    descriptors_of = [os.pidfd_open(int(word)) for word in process.stdout.readline().split()]
    process.kill()
    process.communicate()
    import select
    for descriptor in descriptors_of:
        assert select.select([descriptor], [], [], 10)[0], "a worker outlived its host"
        os.close(descriptor)
    assert descriptors_of


def facts():
    gc.collect()
    return {"children": len(children()), "descriptors": descriptors(), "threads": threads(),
            "mappings": shared_mappings()}


def settled(wanted):
    """The facts, once the threads that are about to end have ended."""
    import threading
    for thread in threading.enumerate():
        if thread.name == "millrace-source":
            thread.join(DEADLINE_S)
    return facts()


def stream_cycle(paths, number):
    """Opens and ends a stream in one of several ways."""
    inputs = paths[:3] if number % 2 else (p for p in paths[:3])
    stream = millrace.Stream(inputs, "raw:120x80", workers=1, batch=2)
    batch = next(stream)
    view = batch.numpy() if number % 3 == 0 else None
    if number % 5:
        stream.close()
    elif number % 2:
        list(stream)
    if number % 7 == 0 and view is None:
        batch.release()
    return len(batch)


def original_cycle(paths, number):
    """Starts and stops the original's class in one of several ways."""
    inputs = paths[:3] if number % 2 else (p for p in paths[:3])
    preprocessor = millrace.StreamingMultiprocessPreprocessor(num_workers=1, batch_size=2, image_size=(24, 32))
    preprocessor.start()
    batches = preprocessor.preprocess_stream(inputs, ids=range(3) if number % 2 else iter("abc"))
    got = next(batches)
    if number % 3 == 0:  # larger batches, while the first stream runs
        preprocessor.preprocess_batch_sync(paths[:1], batch_size=40)
    if number % 5 == 0:
        list(batches)
    elif number % 5 == 1:
        batches.close()
    if number % 4:  # else: whoever forgets it
        preprocessor.stop()
    return len(got["ids"])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cycle", [stream_cycle, original_cycle])
def test_200_cycles_leave_nothing(paths, cycle):
    for number in range(6):
        cycle(paths, number)
    before = settled(None)
    tracemalloc.start()
    first = None
    for number in range(200):
        assert cycle(paths, number) == 2
        if number == 100:  # what is kept for reuse has been made
            gc.collect()
            first = tracemalloc.get_traced_memory()[0]
    after = settled(before)
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    # fewer are no leak: what tests before this one left may end meanwhile
    assert all(after[what] <= before[what] for what in before), (before, after)
    assert grown < 40_000, f"{grown} bytes of Python memory grew in 100 cycles"
    # negative control: what is not given back is seen
    kept = next(millrace.Stream(paths[:3], "raw:120x80", workers=1, batch=2)).numpy()
    assert facts()["mappings"] > after["mappings"] and facts()["children"] == after["children"] + 1
    del kept
    assert all(n <= after[what] for what, n in settled(after).items())
