# SPDX-License-Identifier: Apache-2.0
"""Memory, in small: a run does not grow with its items, and --memory holds. `make soak` has the long runs."""
import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

import hosts

ROOT = Path(os.environ.get("MILLRACE_SOURCE_DIR", Path(__file__).resolve().parents[2]))
spec = importlib.util.spec_from_file_location("memory", ROOT / "bench/memory.py")
memory = importlib.util.module_from_spec(spec)
spec.loader.exec_module(memory)

WARM, ALL = 8000, 24000

pytestmark = pytest.mark.slow  # and what sanitizers keep is not ours


def taken_by(host):
    return memory.pss(host.pid) + sum(map(memory.pss, memory.children(host.pid)))


def wait_for(host, items):
    while host.done() < items:
        pass


def test_does_not_grow_with_its_items(tmp_path):
    memory.make_tiny(tmp_path / "tiny", ALL)
    names = sorted(path for path in (tmp_path / "tiny").glob("*/*") if not path.parent.name.startswith("."))
    assert len(names) == ALL
    with hosts.Host("preprocess", "-", "--out", "null:", "--workers", 2, "--batch-wait-ms", 50,
                    "--progress", "always", stdin=subprocess.PIPE) as host:
        host.say(names[:WARM])
        wait_for(host, WARM)
        before = taken_by(host)
        host.say(names[WARM:])
        wait_for(host, ALL)
        after = taken_by(host)
        host.end_names()
        assert host.status() == 0
    assert before > 8 * memory.MIB  # workers and host are seen
    assert abs(after - before) <= memory.TOLERANCE * before, (before, after)


def test_growth_would_be_seen():
    """The control of the long run's judgement: 4 KiB an item are no plateau, noise is one."""
    noise = [[at, at, (30 + at % 2) * memory.MIB, 0] for at in range(1000)]
    grows = [[at, at, 30 * memory.MIB + at * 4096, 0] for at in range(1000)]
    assert memory.flatness(noise, 1000)["deviation"] <= memory.TOLERANCE
    assert memory.flatness(grows, 1000)["deviation"] > memory.TOLERANCE


def test_vectors_that_wait_are_part_of_the_limit(tmp_path):
    """A batch of 4096 vectors of 32768 numbers is 512 MiB: refused at the start, with the figures."""
    memory.make_tiny(tmp_path / "tiny", 8)
    wide = ["ingest", tmp_path / "tiny", "--into", "null:", "--embed", "fake:32768", "--batch", 4096, "--plan", "raw:1x1",
            "--workers", 1, "--error-budget", "none"]
    status, _, errors = hosts.run(*wide, "--memory", "512M")
    assert status == 3 and "MiB are needed" in errors and "512 MiB are allowed" in errors
    # the control: fewer of them fit
    assert hosts.run(*wide, "--memory", "512M", "--batch", 8)[0] == 0


def test_limit_holds_on_large_pictures(tmp_path):
    large = memory.make_mix(tmp_path / "mix", 1, small=20)
    within = memory.ingest_mix(hosts.MILLRACE, tmp_path, large, ["--memory", "256M", "--workers", 2])
    assert within["wrong"] == []
    assert within["peak_mib"] <= 256
    assert within["by_kind"] == {"1x1": {"stored": 80}, "baseline.jpg": {"stored": 1}, "plain.png": {"stored": 1},
                                 "progressive.jpg": {"stored": 1}, "progressive444.jpg": {"too_many_pixels": 1}}
    # the control: with more to spend the last one is decoded, and that is seen from outside
    beyond = memory.ingest_mix(hosts.MILLRACE, tmp_path, large, ["--memory", "640M", "--workers", 2])
    assert beyond["wrong"] == []
    assert beyond["by_kind"]["progressive444.jpg"] == {"stored": 1}
    assert 256 < beyond["peak_mib"] <= 640
