# SPDX-License-Identifier: Apache-2.0
"""Pipelines and stores."""
import array
import itertools
import threading
from pathlib import Path

import numpy
import preprocessors
import pytest

import millrace

DEADLINE_S = 60


def items_of(paths):
    return [{"uri": path, "id": f"p{n}", "metadata": {"n": n}} for n, path in enumerate(paths)]


@pytest.fixture(scope="module")
def stored(paths, tmp_path_factory):
    """70 pictures and one that is none, in a store."""
    store = tmp_path_factory.mktemp("store") / "photos.mill"
    summary = millrace.Pipeline([*items_of(paths), {"bytes": b"<html></html>" * 9, "id": "bad"}], store,
                                error_budget="none").run()
    assert (summary.items, summary.ok, summary.failed) == (71, 70, 1)
    assert summary.by_code == {"not_image": 1}
    return store


def test_summary_and_progress(paths, tmp_path):
    shown = []
    with millrace.Pipeline(itertools.islice(itertools.cycle(items_of(paths)), 70), tmp_path / "a.mill", embed="builtin",
                           workers=2, batch=8) as pipeline:
        summary = pipeline.run(progress=shown.append)
        assert (summary.items, summary.ok, summary.workers) == (70, 70, 2)
        assert summary.fingerprint.startswith("mr1:") and summary.seconds > 0
        assert not summary.budget_exceeded and not summary.interrupted and summary.by_code == {}
        assert all(type(p) is millrace.Progress and p.items <= 70 for p in shown)
        with pytest.raises(millrace.InvalidError, match="runs once"):
            pipeline.run()
    with pytest.raises(millrace.ClosedError):
        pipeline.run()


def test_run_resumes(paths, tmp_path):
    store = tmp_path / "a.mill"
    assert millrace.Pipeline(paths[:10], store).run().ok == 10
    again = millrace.Pipeline(paths[:15], store).run()
    assert (again.ok, again.skipped) == (5, 10)
    always = millrace.Pipeline(paths[:15], store, refresh="always").run()
    assert (always.ok, always.skipped) == (15, 0)
    with pytest.raises(millrace.MismatchError, match="dim|embedder|plan"):
        millrace.Pipeline(paths[:15], store, embed="fake:8")


def test_search(stored):
    with millrace.Store(stored, read_only=True) as store:
        collection = store.collection()
        assert (collection.name, collection.num_entities, collection.metric) == ("default", 70, "IP")
        assert store.collections() == [collection]
        by_id = store.search(id="p7", k=5)
        assert by_id[0].id == "p7" and by_id[0].score == pytest.approx(1, abs=1e-3) and len(by_id) == 5
        assert by_id[0].metadata == {"n": 7} and by_id[0].distance == pytest.approx(0, abs=1e-3)
        scores = [hit.score for hit in by_id]
        assert scores == sorted(scores, reverse=True) and scores[1] < 0.9999
        assert store.search(image=by_id[0].uri, k=1)[0].id == "p7"
        vector = [0.0] * collection.dim
        vector[3] = 1.0
        hits = store.search(vector=vector, k=3)
        for form in (numpy.array(vector, numpy.float32), numpy.array(vector), array.array("f", vector), tuple(vector)):
            assert store.search(vector=form, k=3) == hits


def test_search_says_what_is_wrong(stored, tmp_path):
    store = millrace.Store(stored, read_only=True)
    for wanted in ({}, {"id": "a", "image": "b"}):
        with pytest.raises(millrace.InvalidError, match="one of vector, image and id"):
            store.search(**wanted)
    with pytest.raises(millrace.MismatchError, match="dimension"):
        store.search(vector=[1.0, 2.0])
    with pytest.raises(millrace.NotFoundError, match="nobody"):
        store.search(id="nobody")
    with pytest.raises(millrace.NotFoundError, match="default"):
        store.collection("other")
    with pytest.raises(TypeError, match="did you mean collection"):
        store.search(id="p1", colection="x")
    with pytest.raises(TypeError):
        store.search(vector=["a"])
    with pytest.raises(millrace.ItemError) as caught:
        store.search(image=tmp_path / "none.jpg")
    assert (caught.value.code, caught.value.stage) == ("not_found", "fetch")
    with pytest.raises(millrace.NotFoundError):
        millrace.Store(tmp_path / "none.mill", must_exist=True)
    store.close()
    store.close()
    with pytest.raises(millrace.ClosedError, match="store is closed"):
        store.collections()


def test_report(stored):
    entries = millrace.Store(stored, read_only=True).report()
    assert len(entries) == 71 and [e.state for e in entries].count("stored") == 70
    (bad,) = millrace.Store(stored, read_only=True).report(failed=True)
    assert (bad.id, bad.state, bad.code) == ("bad", "failed", "not_image")


def test_second_writer_is_busy(tmp_path):
    store = millrace.Store(tmp_path / "a.mill")
    with pytest.raises(millrace.BusyError):
        millrace.Store(tmp_path / "a.mill")
    store.close()
    millrace.Store(tmp_path / "a.mill").close()


def test_store_from_many_threads(stored):
    store = millrace.Store(stored, read_only=True)
    found = []

    def work(number):
        found.extend(store.search(id=f"p{number}", k=1)[0].id == f"p{number}" for _ in range(20))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE_S)
    assert found == [True] * 80


def test_stop_from_another_thread(paths, tmp_path):
    begun = threading.Event()

    def items():
        for number in itertools.count():
            if number == 40:
                begun.set()
            yield {"uri": paths[number % 70], "id": number}

    pipeline = millrace.Pipeline(items(), tmp_path / "a.mill", batch=8)
    stopper = threading.Thread(target=lambda: begun.wait(DEADLINE_S) and pipeline.stop())
    stopper.start()
    summary = pipeline.run()
    stopper.join()
    assert summary.interrupted and summary.ok == summary.items >= 8
    pipeline.close()
    with millrace.Store(tmp_path / "a.mill") as store:
        assert store.collection().num_entities == summary.ok


def test_exception_of_progress_ends_the_run(paths, tmp_path):
    def progress(_):
        raise ZeroDivisionError("mine")

    pipeline = millrace.Pipeline(({"uri": p, "id": n} for n, p in enumerate(itertools.cycle(paths))),
                                 tmp_path / "a.mill", batch=8)
    with pytest.raises(ZeroDivisionError, match="mine"):
        pipeline.run(progress=progress)
    pipeline.close()
    with millrace.Store(tmp_path / "a.mill") as store:  # in good order: what was taken is there
        assert store.collection().num_entities == len(store.report())


def test_exception_of_the_items_ends_the_run(paths, tmp_path):
    def items():
        yield from paths[:20]
        raise LookupError("no more")

    with millrace.Pipeline(items(), tmp_path / "a.mill") as pipeline, pytest.raises(LookupError, match="no more"):
        pipeline.run()
    with millrace.Store(tmp_path / "a.mill") as store:
        assert store.collection().num_entities == 20


def test_preprocessor_of_ones_own(paths, tmp_path):
    """Its rows are the plan's, so that an embedder reads them; the plan is their fingerprint."""
    plan = millrace.Plan("raw:12x8")
    out = tmp_path / "rows.npy"
    summary = millrace.Pipeline(paths[:6], f"npy:{out}", plan=plan, embed="none", no_ledger=True, workers=1,
                                preprocess=preprocessors.corner, embed_workers=1, commit_rows=100, queue_batches=2).run()
    assert (summary.ok, summary.fingerprint) == (6, plan.fingerprint)
    rows = numpy.load(out)
    assert rows.shape == (6, 8, 12, 3) and rows.dtype == numpy.uint8
    whole = next(millrace.Stream(paths[:1], "raw:120x80")).numpy()[0]
    assert numpy.array_equal(rows[0], whole[:8, :12])
    with pytest.raises(millrace.MismatchError):
        millrace.Pipeline(paths[:6], f"npy:{out}2", plan="raw:13x8", embed="none", no_ledger=True, workers=1,
                          preprocess=preprocessors.corner)


def test_budget_and_plan(paths, tmp_path):
    plan = millrace.Plan("raw:12x8")
    out = tmp_path / "rows.npy"
    summary = millrace.Pipeline([*paths[:3], b"no picture at all"], f"npy:{out}", plan=plan, embed="none",
                                error_budget="1%", no_ledger=True).run()
    assert summary.budget_exceeded and (summary.ok, summary.failed) == (3, 1)
    assert numpy.load(out).shape == (3, 8, 12, 3)
    for budget in ("1", "x%", "", 1.5):
        with pytest.raises((ValueError, TypeError), match="error_budget"):
            millrace.Pipeline(paths, "null:", error_budget=budget)
    with pytest.raises(ValueError, match="one of auto, always, never"):
        millrace.Pipeline(paths, "null:", refresh="often")
    with pytest.raises(ValueError, match="metric"):
        millrace.Pipeline(paths, "null:", metric="MANHATTAN")
    assert not Path(tmp_path / "null:").exists()


def administration(store):
    try:
        store.create("probe", 4)
    except millrace.UnsupportedError:
        pytest.skip("this build's local store is not administered")


def test_administration(paths, tmp_path):
    with millrace.Store(tmp_path / "a.mill") as store:
        administration(store)
        store.create("second", 8, metric="L2", description="words")
        made = store.collection("second")
        assert (made.dim, made.metric, made.description, made.num_entities) == (8, "L2", "words", 0)
        assert [c.name for c in store.collections()] == ["probe", "second"]
        with pytest.raises(millrace.InvalidError, match="second"):
            store.create("second", 8)
        for verb in (store.load, store.flush, store.release):
            verb("second")
        store.drop("second")
        with pytest.raises(millrace.NotFoundError):
            store.drop("second")
        assert store.health()
    assert millrace.Pipeline(items_of(paths[:6]), tmp_path / "a.mill").run().ok == 6
    with millrace.Store(tmp_path / "a.mill") as store:
        assert store.delete(["p0", "p1", "nobody"]) == 2
        assert store.delete("p2") == 1
        assert store.collection().num_entities == 3
        with pytest.raises(millrace.InvalidError, match="either ids or a filter"):
            store.delete()
