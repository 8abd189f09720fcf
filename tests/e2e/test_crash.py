# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the host at named points of a run, then the same command again: everything once."""
import json
import os
import signal
import subprocess

import pytest
from command import GOOD, TIMEOUT, environment, names_of

BIN = os.environ.get("MILLRACE_TESTING_BIN", "")
BATCH = 2  # 20 batches: a point can be hit at each of them
BATCHES = GOOD // BATCH

pytestmark = pytest.mark.skipif(not BIN, reason="needs a build with failpoints")


def millrace(folder, *args, failpoints=""):
    env = environment(MILLRACE_WORKER=os.environ.get("MILLRACE_TESTING_WORKER", ""), MILLRACE_FAILPOINTS=failpoints)
    env = {name: value for name, value in env.items() if value}
    return subprocess.run([BIN, *map(str, args)], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT,
                          env=env, check=False)


def ingest(folder, store, failpoints=""):
    return millrace(folder, "ingest", "photos", "--into", store, "--batch", BATCH, "--json", failpoints=failpoints)


def state_of(folder, store):
    """Ids in the ledger as stored, ids that a search finds, and the number of rows."""
    report = [json.loads(line) for line in millrace(folder, "report", store, "--json").stdout.splitlines()]
    done = millrace(folder, "collection", "list", store, "--json")
    rows = json.loads(done.stdout)["num_entities"] if done.stdout else 0
    stored = [row["id"] for row in report if row["state"] == "stored"]
    found = []
    if stored:
        search = millrace(folder, "search", store, "--id", stored[0], "-k", 10 * GOOD, "--json")
        found = [hit["id"] for hit in json.loads(search.stdout)["results"]] if search.stdout else []
    return stored, found, rows


def kill_and_resume(folder, store, point):
    """What the second run says, and what was in the store between the two."""
    killed = ingest(folder, store, point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    between = state_of(folder, store)
    again = ingest(folder, store)
    assert again.returncode == 0, again.stderr
    return json.loads(again.stdout), between


@pytest.mark.parametrize("point", ["pipeline.batch", "store.before_commit", "store.after_commit"])
def test_killed_at_every_batch(album, tmp_path, point):
    for nth in range(1, BATCHES + 1):
        store = tmp_path / f"{nth}.mill"
        line, (stored, found, rows) = kill_and_resume(album, store, f"{point}:{nth}")
        assert rows == len(stored) == len(set(stored)) and (not stored or sorted(found) == sorted(stored))
        if point == "store.before_commit":
            assert len(stored) == BATCH * (nth - 1)
        elif point == "store.after_commit":
            assert len(stored) == BATCH * nth
        else:
            assert len(stored) <= BATCH * (nth - 1)
        assert (line["ok"], line["skipped"]) == (GOOD - len(stored), len(stored))
        stored, found, rows = state_of(album, store)
        assert sorted(stored) == sorted(found) == names_of(album) and rows == GOOD


def test_the_wrong_order_would_be_seen(album, tmp_path):
    """Ledger before vectors, and death in between: items count as stored that are not there."""
    line, (stored, _, rows) = kill_and_resume(album, tmp_path / "s.mill", "store.ledger_first:1,store.between:3")
    assert len(stored) > rows
    assert line["skipped"] == len(stored)
    _, found, rows = state_of(album, tmp_path / "s.mill")
    assert rows < GOOD and sorted(found) != names_of(album)
