# SPDX-License-Identifier: Apache-2.0
"""What surrounds the command: closed descriptors, names that are escapes, ranges, and what a collection holds to."""
import json
import os
import subprocess

import pytest
from command import BIN, TIMEOUT, environment, picture, run


@pytest.fixture(name="folder")
def one_picture(tmp_path):
    picture(tmp_path / "a.jpg", 1)
    return tmp_path


def closed(folder, descriptors, *args):
    """Runs the command without these descriptors: the status, and what it wrote to those of 1 and 2 that it has."""
    script = '"$@" ' + " ".join(f"{fd}>&-" for fd in descriptors)
    done = subprocess.run(["sh", "-c", script, "sh", BIN, *args], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=TIMEOUT, env=environment(), check=False)
    return done.returncode, done.stdout, done.stderr


def test_closed_descriptors_are_given_to_no_file(folder):
    """A store that became descriptor 1 would get the summary written into it."""
    status, out, err = closed(folder, [1], "ingest", "a.jpg", "--into", "s.mill", "--json")
    assert (status, out) == (3, b"") and b"standard output" in err
    status, out, err = closed(folder, [0], "ingest", "-", "--into", "s.mill")
    assert (status, out) == (3, b"") and b"read -" in err
    assert closed(folder, [0, 1, 2], "ingest", "a.jpg", "--into", "t.mill")[0] == 3
    for store in ("s.mill", "t.mill"):
        assert run(folder, "collection", "list", store, "--json").json["num_entities"] == 1


@pytest.mark.parametrize("args", [
    [b"-\x1b[31m"], [b"embed", b"a.jpg", b"--out", b"\x1b[31m\xff"], [b"embed", b"a.jpg", b"--out", b"\x1b[31m.jsonl"],
    [b"embed", b"a.jpg", b"--log-format", b"json", b"--out", b"\x1b[31m\xff"],
])
def test_nothing_typed_reaches_the_terminal_raw(folder, args):
    done = subprocess.run([BIN, *args], cwd=folder, capture_output=True, timeout=TIMEOUT, env=environment(), check=False)
    assert done.returncode in (2, 3) and done.stdout == b""
    told = done.stderr.decode("utf-8")
    assert "\x1b" not in told and "\\x1b[31m" in told
    if b"json" in args:
        assert "\\xff" in json.loads(told)["message"]


@pytest.mark.parametrize("option, value, words", [
    ("--memory", "2K", "from 1M to "), ("--item-timeout", "2h", "from 1ms to 1h"), ("--metric", "cosin", "did you mean COSINE?"),
    ("--batch", "0", "wanted a number from 1 to 4096"),
])
def test_a_wrong_value_is_told_what_would_be_right(folder, option, value, words):
    assert words in run(folder, "ingest", "a.jpg", "--into", "s.mill", option, value, expect=2).stderr
    assert os.listdir(folder) == ["a.jpg"]


def test_a_collection_keeps_its_metric(folder):
    run(folder, "ingest", "a.jpg", "--into", "s.mill", "--metric", "L2")
    run(folder, "ingest", "a.jpg", "--into", "s.mill")
    run(folder, "ingest", "a.jpg", "--into", "s.mill", "--metric", "l2")
    told = run(folder, "ingest", "a.jpg", "--into", "s.mill", "--metric", "IP", "--force-plan", expect=2).stderr
    assert "made with metric L2, this run uses IP" in told
    line = run(folder, "search", "s.mill", "--id", "a.jpg", "-k", "1", "--json").lines[0]
    assert '"metric":"L2"' in line and '"score":0.0,"distance":0.0' in line
