# SPDX-License-Identifier: Apache-2.0
"""What the command says: results and messages, help, mistakes."""
import json
import os
import re
import subprocess

import pytest
from command import BIN, TIMEOUT, VERBS, environment, run


def test_only_results_on_stdout(store):
    for args in (["ingest", "photos", "--into", "photos.mill", "--log-level", "debug", "--progress", "always"],
                 ["search", "photos.mill", "--id", "photos/a/00.jpg", "--log-level", "debug"],
                 ["report", "photos.mill", "--log-level", "debug"]):
        for line in run(store, *args, "--json").lines:
            assert isinstance(json.loads(line), dict)


def test_logs_as_json(album, tmp_path):
    told = run(album, "ingest", "photos", "--into", tmp_path / "s.mill", "--log-format", "json", "--batch", "0", expect=2)
    assert told.stdout == ""
    done = run(album, "search", tmp_path / "no.mill", "--id", "x", "--log-format", "json", expect=3)
    line = json.loads(done.stderr)
    assert list(line) == ["time", "level", "part", "message"] and line["level"] == "error" and line["part"] == "search"


def test_a_reader_that_leaves_is_no_failure(store):
    process = subprocess.Popen([BIN, "report", "photos.mill", "--json"], cwd=store, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment())
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(TIMEOUT) == 0


def test_a_full_disk_is_a_failure(store):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN, "report", "photos.mill"], cwd=store, stdout=full, stderr=subprocess.PIPE,
                              timeout=TIMEOUT, env=environment(), check=False)
    assert done.returncode == 3 and b"No space left" in done.stderr


def test_help_names_every_verb_and_option(tmp_path):
    top = run(tmp_path, "--help").stdout
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", top, re.M)
        text = run(tmp_path, verb, "--help")
        assert text.stdout.startswith(f"Usage: millrace {verb} ") and text.stderr == ""
        assert "Examples:\n  millrace " in text.stdout or verb == "ingest"
        assert run(tmp_path, "help", verb).stdout == text.stdout
        assert max(map(len, text.lines)) <= 100
    assert run(tmp_path, "--version").stdout == f"millrace {run(tmp_path, '--version').stdout.split()[1]}\n"


def test_every_option_in_help_is_taken(tmp_path):
    """Each option that help shows is known to the parser: with a wrong value, or a value where none belongs."""
    for verb in VERBS:
        for name, argument in re.findall(r"^  (?:-\w, )?--([\w-]+) ?(\S*)", run(tmp_path, verb, "--help").stdout, re.M):
            told = run(tmp_path, verb, f"--{name}=" + ("" if argument else "x"), expect=2).stderr
            assert "unknown option" not in told and f"--{name}" in told


@pytest.mark.parametrize("args, words", [
    ([], "no verb"),
    (["ingst"], "unknown verb ingst; did you mean ingest?"),
    (["serve"], "unknown verb serve"),
    (["ingest", "--bacth", "3"], "unknown option --bacth; did you mean --batch?"),
    (["ingest", "--filter", "x"], "--filter is no option of ingest"),
    (["report", "--batch", "3"], "--batch is no option of report"),
    (["ingest", "p", "--into", "s", "--batch", "many"], "--batch many: wanted a number from 1 to 4096"),
    (["ingest", "p", "--into", "s", "--batch", "4097"], "--batch 4097"),
    (["ingest", "p", "--into", "s", "--workers", "0"], "wanted a number or auto from 1 to 256"),
    (["ingest", "p", "--into", "s", "--memory", "12Q"], "wanted a size such as 512M"),
    (["ingest", "p", "--into", "s", "--item-timeout", "0"], "wanted a time such as 10s"),
    (["ingest", "p", "--into", "s", "--error-budget", "101%"], "wanted a percentage"),
    (["ingest", "p", "--into", "s", "--progress", "alway"], "did you mean always?"),
    (["ingest", "p", "--into", "s", "--unordered=1"], "--unordered takes no value"),
    (["ingest", "p", "--into", "s", "--batch"], "--batch wants a value: N"),
    (["ingest", "p", "--into", "s", "-x"], "unknown option -x"),
    (["ingest", "p"], "--into is missing"),
    (["ingest", "--into", "s"], "no SOURCE"),
    (["ingest", "p", "--into", "s", "--plan", "leterbox"], "did you mean letterbox?"),
    (["ingest", "p", "--into", "s", "--embed", "biultin"], "builtin"),
    (["doctor", "now"], "it takes no names"),
    (["report", "a", "b"], "one STORE"),
    (["ingest", "\x1b[31m", "--\x1b[31m"], "\\x1b[31m"),
])
def test_mistakes(tmp_path, args, words):
    told = run(tmp_path, *args, expect=2)
    assert words in told.stderr and told.stdout == ""
    assert told.stderr.startswith("millrace: ") and told.stderr.count("\n") == 1
    assert "--help" in told.stderr and "\x1b" not in told.stderr
    assert os.listdir(tmp_path) == []


def test_flags_beat_the_environment_which_beats_defaults(album, tmp_path):
    def workers(*args, **env):
        return run(album, "embed", "photos/a", "--out", "null:", "--json", *args, env=env).json["workers"]

    assert workers(MILLRACE_WORKERS="3") == 3
    assert workers("--workers", "1", MILLRACE_WORKERS="3") == 1
    told = run(album, "embed", "photos", "--out", "null:", env={"MILLRACE_WORKERS": "lots"}, expect=2)
    assert "MILLRACE_WORKERS lots" in told.stderr
    # a variable for another verb's option is none of this one's business
    run(album, "plan", env={"MILLRACE_WORKERS": "lots"})


def test_an_environment_that_is_not_fit(album, tmp_path):
    memory = run(album, "ingest", "photos", "--into", "null:", "--memory", "1M", expect=3)
    assert "MiB" in memory.stderr
    worker = run(album, "ingest", "photos", "--into", "null:", env={"MILLRACE_WORKER": "/nonexistent"}, expect=3)
    assert "/nonexistent" in worker.stderr
    (tmp_path / "text.mill").write_text("no database")
    run(album, "report", tmp_path / "text.mill", expect=3)
