# SPDX-License-Identifier: Apache-2.0
"""Preprocessors of the user's own, in python workers: what they are given, what becomes of what they return, raise, or
do to their process."""
import errno
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
import types

import numpy
import preprocessors
import pytest
from PIL import Image
from conftest import PLAN
from preprocessors import CRASHES, EXITS, HANGS, LEAVES, RAISES
from process_facts import children, descriptors, shared_mappings

import millrace


def arrays(values, height=6, width=8):
    """Pictures, each of one value."""
    return [numpy.full((height, width, 3), value, numpy.uint8) for value in values]


def drained(inputs, **options):
    """(rows, items, failures) of a whole stream, rows copied."""
    rows, items, failures = [], [], []
    with millrace.Stream(inputs, **{"workers": 2, "batch": 16, **options}) as stream:
        for batch in stream:
            rows.extend(batch.numpy(copy=True))
            items.extend(batch.items)
            failures.extend(batch.failures)
    return rows, items, failures


def test_a_function():
    rows, items, failures = drained(arrays(range(50)), preprocess=preprocessors.mean)
    assert failures == []
    assert [item.seq for item in items] == list(range(50))
    assert numpy.array_equal(rows, numpy.float32([[k] * 3 for k in range(50)]))


def test_pictures_are_decoded_as_pillow_does(paths, tmp_path):
    Image.new("L", (40, 30), 77).save(tmp_path / "grey.png")
    Image.new("RGBA", (20, 30), (9, 8, 7, 100)).save(tmp_path / "alpha.png")
    inputs = [*paths[:6], str(tmp_path / "grey.png"), str(tmp_path / "alpha.png")]
    rows, _, failures = drained(inputs, preprocess=preprocessors.mean)
    assert failures == []
    for path, row in zip(inputs, rows, strict=True):
        with Image.open(path) as picture:
            expected = numpy.asarray(picture.convert("RGB"), numpy.float32).mean(axis=(0, 1))
        assert numpy.array_equal(row, expected)


def test_a_picture_that_is_none_fails_before_it_comes_there(paths):
    rows, _, failures = drained([b"this is no picture at all", paths[0]], preprocess=preprocessors.mean)
    assert len(rows) == 1
    assert (failures[0].code, failures[0].detail) == ("not_image", "")


def test_arrays_come_as_they_are():
    given = [numpy.zeros((3, 4), numpy.uint8), numpy.zeros((5, 6, 1), numpy.float32), numpy.zeros((7, 8, 4), numpy.int64),
             numpy.zeros((2, 3, 3)), numpy.full((4, 4, 3), 300), {"array": numpy.zeros((9, 9, 3), "u1"), "id": "named"}]
    rows, items, failures = drained(given, preprocess=preprocessors.shape_of)
    assert failures == []
    assert [row.tolist() for row in rows] == [[3, 4, 1, 0], [5, 6, 1, 1], [7, 8, 4, 0], [2, 3, 3, 1], [4, 4, 3, 1],
                                              [9, 9, 3, 0]]
    assert [item.id for item in items[4:]] == ["item-4", "named"]
    assert items[1].width == 6


def test_arrays_that_are_no_pictures_fail():
    given = [numpy.zeros((3, 4, 5), numpy.uint8), numpy.zeros(7), numpy.array([["a"]]), numpy.zeros((0, 3, 3))]
    rows, _, failures = drained(given, preprocess=preprocessors.shape_of)
    assert rows == []
    assert [item.code for item in failures] == ["bad_dimensions", "bad_dimensions", "unsupported_variant", "bad_dimensions"]


def test_arrays_go_through_a_plan_too(paths):
    with Image.open(paths[0]) as picture:
        pixels = numpy.asarray(picture.convert("RGB"))
    rows, _, failures = drained([paths[0], pixels, pixels.astype(numpy.int32), pixels[::-1]], plan=PLAN)
    assert failures == []
    assert numpy.array_equal(rows[0], rows[1]) and numpy.array_equal(rows[0], rows[2])
    assert not numpy.array_equal(rows[0], rows[3])


def test_arrays_of_floats_go_through_a_plan_of_float_arithmetic():
    pixels = numpy.random.default_rng(2).integers(0, 256, (40, 30, 3), numpy.uint8)
    rows, _, failures = drained([pixels, pixels.astype(float), pixels + 0.5], plan="original/masked-stretch")
    assert failures == []
    assert numpy.array_equal(rows[0], rows[1])
    assert not numpy.array_equal(rows[0], rows[2])
    _, _, failures = drained([pixels.astype(float)], plan=PLAN)
    assert (failures[0].code, failures[0].message) == ("unsupported_variant", "an array of float32: this plan takes uint8")


def test_encoded_bytes(paths):
    rows, _, failures = drained(paths[:5], preprocess=preprocessors.encoded, preprocess_input="bytes")
    assert failures == []
    assert [row.tolist() for row in rows] == [[os.path.getsize(path), 0xFF] for path in paths[:5]]


def test_a_class_with_keywords():
    rows, _, failures = drained(arrays([3, 4]), preprocess=preprocessors.Scaled, preprocess_kwargs={"factor": 2, "offset": 1})
    assert failures == []
    assert rows[0].shape == (3, 4, 5)
    assert (rows[0] == 7).all() and (rows[1] == 9).all()


def test_a_function_with_keywords_and_an_object():
    built = preprocessors.Scaled(10)
    rows, _, _ = drained(arrays([3]), preprocess=built)
    assert (rows[0] == 30).all()
    rows, _, _ = drained(arrays([3]), preprocess=numpy.tile, preprocess_kwargs={"reps": (1, 2, 1)}, output_shape=(6, 16, 3),
                         output_dtype="uint8")
    assert rows[0].shape == (6, 16, 3)
    assert rows[0].dtype == numpy.uint8


def test_several_at_once():
    values = [k if k % 10 != 7 else RAISES for k in range(60)]
    rows, _, failures = drained(arrays(values), preprocess=preprocessors.Together, batch=60, workers=1)
    assert [row[0] for row in rows] == [value for value in values if value != RAISES]
    assert [item.seq for item in failures] == [7, 17, 27, 37, 47, 57]
    assert all(item.message == "ValueError: one of them" for item in failures)
    rows, _, _ = drained(arrays(range(60)), preprocess=preprocessors.Together, batch=60, workers=1)
    assert max(row[1] for row in rows) == 8
    rows, _, _ = drained(arrays(range(20)), preprocess=preprocessors.Together, batch=60, workers=1, unit_items=1)
    assert max(row[1] for row in rows) == 1


def test_fewer_rows_than_pictures():
    _, _, failures = drained(arrays(range(3)), preprocess=preprocessors.TooFew)
    assert len(failures) == 3
    assert "gave 0 rows for 1 pictures" in failures[0].message


def test_what_is_raised_is_the_failure_of_its_item():
    _, items, failures = drained(arrays([1, RAISES, 2]), preprocess=preprocessors.mean)
    assert [item.seq for item in items] == [0, 2]
    failure, = failures
    assert (failure.code, failure.state, failure.stage, failure.attempts) == ("preprocess_failed", "failed", "transform", 1)
    assert failure.message == "ValueError: no good: \\x07 ü"
    assert failure.detail.startswith("Traceback (most recent call last):\n")
    assert 'raise ValueError("no good: ' in failure.detail
    assert "_worker.py" not in failure.detail
    assert "preprocessors.py" in failure.detail


@pytest.mark.parametrize("value, code, message", [
    (EXITS, "crashed", "exited with status 7"), (LEAVES, "crashed", "exited with status 9"),
    (CRASHES, "crashed", "SIGSEGV"), (HANGS, "timed_out", "deadline")])
def test_what_ends_the_process_costs_its_item(value, code, message):
    values = [1, 2, value, 4, 5, 6]
    with millrace.Stream(arrays(values), preprocess=preprocessors.mean, workers=2, item_timeout_ms=700) as stream:
        batch, = stream
        assert batch.numpy()[:, 0].tolist() == [1, 2, 4, 5, 6]
        failure, = batch.failures
        assert (failure.code, failure.state, failure.attempts) == (code, "quarantined", 2)
        assert message in failure.message
        assert stream.pool_stats().worker_restarts == 2


def test_killed_workers_cost_nothing():
    values = [k % 100 for k in range(400)]
    got, killed = [], 0
    with millrace.Stream(arrays(values), preprocess=preprocessors.mean, workers=2, batch=40) as stream:
        for batch in stream:
            got.extend(batch.numpy()[:, 0].tolist())
            assert batch.failures == []
            if killed < 3:
                os.kill(stream.pids()[killed % 2], signal.SIGKILL)
                killed += 1
    assert got == values
    assert killed == 3


def test_a_row_of_another_shape_fails_and_says_both():
    given = [numpy.zeros((4, 4, 3), "u1"), numpy.zeros((4, 5, 3), "u1"), numpy.zeros((4, 4, 3), "f4")]
    rows, _, failures = drained(given, preprocess=preprocessors.as_it_is, output_shape=(4, 4, 3), output_dtype="uint8")
    assert len(rows) == 1
    assert [item.message for item in failures] == [
        "ValueError: the row is uint8 [4,5,3], the stream's rows are uint8 [4,4,3]",
        "ValueError: the row is float32 [4,4,3], the stream's rows are uint8 [4,4,3]"]


def test_types_of_rows():
    rows, _, _ = drained(arrays([2]), preprocess=preprocessors.Half)
    assert rows[0].dtype == numpy.float16
    assert rows[0].tolist() == [0, 2, 4, 6, 8, 10]
    rows, _, _ = drained(arrays([2]), preprocess=preprocessors.doubles)
    assert rows[0].dtype == numpy.float32
    assert rows[0].tolist() == [[numpy.float32(0.1), 2]]


def test_big_rows():
    generator = numpy.random.default_rng(1)
    given = [generator.integers(0, 256, (520, 530, 3), numpy.uint8) for _ in range(40)]
    seen = 0
    with millrace.Stream(given, preprocess=preprocessors.planes, output_shape=(3, 512, 512), workers=2, batch=10) as stream:
        for batch in stream:
            assert batch.shape == (10, 3, 512, 512)
            for row, item in zip(batch.numpy(), batch.items, strict=True):
                assert numpy.array_equal(row, given[item.seq][:512, :512].transpose(2, 0, 1))
                assert item.seq == seen
                seen += 1
        assert stream.stats().copied_bytes == 0
    assert seen == 40


def test_pictures_are_lent_without_a_copy_and_left_to_who_keeps_them(paths):
    lent, _, _ = drained(paths, preprocess=preprocessors.Keeps, preprocess_kwargs={"keep": False}, workers=1)
    assert len({row[1] for row in lent}) < len(lent) / 2  # the same memory again
    kept, _, failures = drained(paths, preprocess=preprocessors.Keeps, workers=1)
    assert failures == []
    assert [row[0] for row in kept] == [0] * len(paths)
    assert len({row[1] for row in kept}) == len(paths)


def test_one_pool_for_many_streams():
    with millrace.Pool(workers=2, preprocess=preprocessors.mean) as pool:
        for round_ in range(4):
            with millrace.Stream(arrays([round_, 5]), pool=pool) as stream:
                batch, = stream
                assert batch.numpy()[:, 0].tolist() == [round_, 5]
                assert stream.plan is None
                batch.release()
            if round_ == 0:
                pids = pool.pids()
        assert pool.pids() == pids


def test_what_is_printed_comes_out_on_standard_error(capfd):
    drained(arrays([1]), preprocess=preprocessors.says)
    out, err = capfd.readouterr()
    assert "said on standard output" in err
    assert out == ""


def test_confinement():
    free, _, _ = drained(arrays([1]), preprocess=preprocessors.opens, workers=1)
    assert free[0].tolist() == [0, 0]
    confined, _, failures = drained(arrays([1]), preprocess=preprocessors.opens, workers=1, require_sandbox=True,
                                    output_shape=(2,))
    assert failures == []
    assert confined[0].tolist() == [errno.EACCES, errno.EPERM]


@pytest.mark.parametrize("options, error, text", [
    ({"preprocess": lambda picture: picture}, TypeError, "cannot be sent to a worker"),
    ({"preprocess": 7}, TypeError, "a function, a class"),
    ({"preprocess_kwargs": {}}, TypeError, "go with preprocess"),
    ({"preprocess": preprocessors.mean, "preprocess_input": "rgb"}, ValueError, "one of pixels, bytes"),
    ({"preprocess": preprocessors.mean, "output_shape": ()}, ValueError, "1 to 8 sides"),
    ({"preprocess": preprocessors.mean, "output_dtype": "int8"}, ValueError, "one of float32"),
    ({"preprocess": preprocessors.mean, "unit_items": 17}, millrace.InvalidError, "at most 16"),
    ({"preproces": preprocessors.mean}, TypeError, "did you mean preprocess?"),
    ({}, TypeError, "the argument plan is missing")])
def test_wrong_arguments(options, error, text):
    with pytest.raises(error, match=text.replace("?", r"\?")):
        millrace.Stream([], **options)


@pytest.mark.parametrize("name, options, text", [
    ("Unwilling", {}, "RuntimeError: the model file is not there"),
    ("text", {}, "TypeError: a row of type"),
    ("Slow", {"worker_start_ms": 700}, "not ready in time")])
def test_what_cannot_serve_is_an_error_that_says_why(name, options, text):
    with pytest.raises(millrace.UnavailableError, match=text):
        millrace.Stream([], preprocess=getattr(preprocessors, name), workers=1, **options)


def test_a_module_that_the_worker_does_not_find(monkeypatch):
    module = types.ModuleType("only_here")
    exec("def f(picture): return picture", module.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(millrace.UnavailableError, match="No module named 'only_here'"):
        millrace.Stream([], preprocess=module.f, workers=1)


def test_a_plan_has_to_agree():
    with pytest.raises(millrace.MismatchError, match=r"float32 \[3\], the plan's float32 \[3,224,224\]"):
        millrace.Stream([], PLAN, preprocess=preprocessors.mean, workers=1)


def script(tmp_path, text, **more):
    """Runs a script of the user's; what it ends with."""
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(text))
    env = {**os.environ, "PYTHONPATH": os.environ["MILLRACE_SITE"]}
    return subprocess.run([sys.executable, str(path)], env=env, text=True, capture_output=True, timeout=100, check=False,
                          **more)


SCRIPT = """
    import sys
    import millrace, numpy

    class Mine:
        def __init__(self, k):
            self.k = k

        def __call__(self, picture):
            return numpy.float32([picture.sum() * self.k, __name__ == "__mp_main__"])

    def main():
        with millrace.Stream([numpy.ones((2, 2, 3), "u1")], preprocess=Mine, preprocess_kwargs={"k": 3}) as stream:
            batch, = stream
            print(batch.numpy().tolist(), batch.failures)

    """


def test_a_class_of_the_script_itself(tmp_path):
    done = script(tmp_path, SCRIPT + 'if __name__ == "__main__":\n        main()\n')
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[[36.0, 1.0]] []\n"


def test_a_script_without_a_guard_is_told(tmp_path):
    done = script(tmp_path, SCRIPT + "main()\n")
    assert done.returncode != 0
    assert 'has to stand below `if __name__ == "__main__":`' in done.stderr
    assert "UnavailableError" in done.stderr


def test_a_class_of_an_interactive_session():
    code = "import millrace\nclass C:\n    def __call__(self, p): return p\nmillrace.Stream([], preprocess=C)\n"
    env = {**os.environ, "PYTHONPATH": os.environ["MILLRACE_SITE"]}
    done = subprocess.run([sys.executable, "-"], input=code, env=env, text=True, capture_output=True, timeout=100, check=False)
    assert "belongs to an interactive session" in done.stderr


def test_interrupted_while_it_opens():
    code = "import millrace, preprocessors; millrace.Stream([], preprocess=preprocessors.Slow, workers=2)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["MILLRACE_SITE"], os.path.dirname(__file__)])}
    with subprocess.Popen([sys.executable, "-c", code], env=env, text=True, stderr=subprocess.PIPE) as process:
        lines = [process.stderr.readline() for _ in range(2)]
        assert lines == ["building\n"] * 2
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        process.wait(60)
    assert "KeyboardInterrupt" in rest
    assert process.returncode not in (0, None)
    assert time.monotonic() - started < 20


def test_closing_does_not_wait_for_one_that_hangs():
    stream = millrace.Stream(arrays([HANGS]), preprocess=preprocessors.mean, workers=1, item_timeout_ms=3600000)
    pid, = stream.pids()
    with pytest.raises(TimeoutError):
        stream.next(0.2)
    started = time.monotonic()
    stream.close()
    assert time.monotonic() - started < 20
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_workers_end_with_a_host_that_is_killed():
    code = ("import millrace, preprocessors; s = millrace.Stream([], preprocess=preprocessors.mean, workers=2);"
            "print(*s.pids(), flush=True); input()")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["MILLRACE_SITE"], os.path.dirname(__file__)])}
    with subprocess.Popen([sys.executable, "-c", code], env=env, text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        ends = [os.pidfd_open(int(pid)) for pid in process.stdout.readline().split()]
        assert len(ends) == 2
        assert select.select(ends, [], [], 0)[0] == []
        process.kill()
        for end in ends:
            assert select.select([end], [], [], 20)[0] == [end]
            os.close(end)


def test_nothing_is_left():
    drained(arrays([1]), preprocess=preprocessors.mean)
    before = descriptors(), children(), shared_mappings()
    for _ in range(4):
        drained(arrays([1]), preprocess=preprocessors.mean)
    assert (descriptors(), children(), shared_mappings()) == before
