# SPDX-License-Identifier: Apache-2.0
"""The original's preprocessors and streaming class: names, arguments, results, errors."""
import inspect
import itertools
import os
import threading

import numpy as np
import pytest
from conftest import save_picture
from PIL import Image

import millrace
from millrace import BaseJAXPreprocessor, ImagePreprocessor, JAXImagePreprocessor, StreamingMultiprocessPreprocessor

SIZE = (24, 32)
PHOTO = (80, 120)  # height and width of the pictures of the fixture


class MeanColour(BaseJAXPreprocessor):
    """A user's own: three means, times a factor."""

    def __init__(self, factor=1, **more):
        super().__init__(**more)
        self.factor = factor

    def _preprocess_single_jax(self, image):
        assert image.dtype == np.float32 and image.ndim == 3
        return image.mean(axis=(0, 1)) * self.factor


class Hanging(MeanColour):
    def _preprocess_single_jax(self, image):
        if image.shape[:2] == PHOTO:
            threading.Event().wait()
        return super()._preprocess_single_jax(image)


class Failing(MeanColour):
    def _preprocess_single_jax(self, image):
        if image.shape[:2] == PHOTO:
            raise KeyError("no such thing here")
        return super()._preprocess_single_jax(image)


class Large(MeanColour):
    """Rows of many more floats than image_size x 3."""

    def _preprocess_single_jax(self, image):
        return np.full((16, 128, 129), image.mean(), np.float32)


class Slow(MeanColour):
    """Longer for a picture than millrace's own workers may take."""

    def _preprocess_single_jax(self, image):
        if image.shape[:2] == PHOTO:
            threading.Event().wait(12)
        return super()._preprocess_single_jax(image)


class Useless(MeanColour):
    def _preprocess_single_jax(self, image):
        raise KeyError("never works")


@pytest.fixture(scope="module")
def preprocessor():
    with StreamingMultiprocessPreprocessor(num_workers=2, batch_size=16, image_size=SIZE, data_format="NCHW") as made:
        yield made


def defaults(function):
    return {name: p.default for name, p in inspect.signature(function).parameters.items()
            if p.kind is p.POSITIONAL_OR_KEYWORD and name != "self"}


def test_arguments_and_defaults_are_the_originals():
    none = inspect.Parameter.empty
    assert list(defaults(StreamingMultiprocessPreprocessor.__init__).items())[:6] == [
        ("num_workers", None), ("batch_size", 32), ("queue_maxsize", 10), ("result_timeout", 120.0),
        ("preprocessor_class", ImagePreprocessor), ("preprocessor_kwargs", None)]
    assert defaults(StreamingMultiprocessPreprocessor.preprocess_stream) == {
        "inputs": none, "ids": None, "metadata": None, "batch_size": None}
    assert defaults(StreamingMultiprocessPreprocessor.preprocess_batch_sync) == {"inputs": none, "batch_size": None}
    assert defaults(StreamingMultiprocessPreprocessor.stop) == {"timeout": 5.0}
    assert defaults(JAXImagePreprocessor.__init__) == {
        "image_size": (224, 224), "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "cache_compiled": True,
        "data_format": "NHWC", "max_workers": 4, "use_gpu": False, "jax_platform": None}
    assert defaults(BaseJAXPreprocessor.__init__) == {
        "image_size": (224, 224), "use_gpu": False, "jax_platform": None, "max_workers": 4}
    assert ImagePreprocessor is JAXImagePreprocessor


def test_order_ids_and_metadata_of_any_kind(preprocessor, paths):
    ids = [(n, object()) for n in range(len(paths))]
    metadata = [{"n": n} if n % 3 else None for n in range(len(paths))]
    seen = []
    for number, batch in enumerate(preprocessor.preprocess_stream(paths, ids=ids, metadata=metadata)):
        assert set(batch) == {"batch_idx", "preprocessed", "ids", "metadata", "worker_id", "preprocess_time"}
        assert batch["batch_idx"] == number
        assert batch["preprocessed"].shape == (len(batch["ids"]), 3, *SIZE)
        assert batch["preprocessed"].dtype == np.float32 and batch["preprocess_time"] > 0
        seen += zip(batch["ids"], batch["metadata"])
    assert seen == list(zip(ids, metadata))
    assert [b["ids"] for b in preprocessor.preprocess_stream(paths[:3])] == [None]


def test_more_batches_than_queues_hold_and_a_larger_one(preprocessor, paths):
    sizes = [len(b["preprocessed"]) for b in preprocessor.preprocess_stream(paths, batch_size=1)]
    assert sizes == [1] * 70
    assert [len(b["preprocessed"]) for b in preprocessor.preprocess_stream(paths, batch_size=64)] == [64, 6]
    assert [len(b["preprocessed"]) for b in preprocessor.preprocess_stream(paths)] == [16, 16, 16, 16, 6]


def test_arrays_are_the_callers_own(paths):
    with StreamingMultiprocessPreprocessor(num_workers=1, image_size=SIZE) as preprocessor:
        first, second = preprocessor.preprocess_stream(paths[:8], batch_size=4)
    kept = second["preprocessed"].copy()
    first["preprocessed"][:] = 7
    assert (second["preprocessed"] == kept).all() and (first["preprocessed"] == 7).all()


def test_values_are_those_of_the_plan_and_of_the_arithmetic(preprocessor, paths, tmp_path):
    inputs = []
    for n, size in enumerate([(120, 80), (31, 200), (5, 3), (64, 64)]):
        save_picture(tmp_path / "p.jpg", n)
        Image.open(tmp_path / "p.jpg").resize(size).save(tmp_path / f"{n}.png")
        inputs.append(str(tmp_path / f"{n}.png"))
    arrays = [np.asarray(Image.open(path)) for path in inputs]
    got = preprocessor.preprocess_batch_sync(inputs)
    assert got.shape == (4, 3, *SIZE)
    assert (preprocessor.preprocess_batch_sync(arrays) == got).all()
    assert (preprocessor.preprocess_batch_sync([a.astype(np.float32) for a in arrays]) == got).all()
    single = JAXImagePreprocessor(image_size=SIZE, data_format="NCHW")
    assert (single(inputs) == got).all() and (single.preprocess_single(arrays[0]) == got[0]).all()
    arithmetic = np.stack([single._preprocess_single_jax(a.astype(np.float32)) for a in arrays])
    levels = 255 * np.asarray(single.std, np.float32)[:, None, None]
    assert np.abs((arithmetic - got) * levels).max() < 1e-3  # on the scale of 0..255
    off = JAXImagePreprocessor(image_size=(SIZE[0], SIZE[1] - 2), data_format="NCHW")
    assert off(inputs).shape != got.shape
    nhwc = JAXImagePreprocessor(image_size=SIZE)(inputs)
    assert (nhwc.transpose(0, 3, 1, 2) == got).all()
    assert not np.allclose(JAXImagePreprocessor(image_size=SIZE, data_format="NCHW", mean=(0, 0, 0))(inputs), got)


def test_pictures_are_loaded_as_they_are(paths, tmp_path):
    single = JAXImagePreprocessor()
    picture = Image.open(paths[0]).convert("RGB")
    picture.crop((0, 0, 50, 40)).save(tmp_path / "small.png")
    loaded = single.load_images_parallel([tmp_path / "small.png", paths[0]])
    assert [a.shape for a in loaded] == [(40, 50, 3), (80, 120, 3)]
    assert (loaded[0] == np.asarray(picture)[:40, :50]).all() and loaded[1].dtype == np.float32
    assert (single.load_image(paths[0]) == single.load_image_from_path(paths[0])).all()
    with pytest.raises(RuntimeError, match="missing.jpg"):
        single.load_image_from_path(tmp_path / "missing.jpg")


def test_endless_inputs_are_read_no_further_than_needed(preprocessor, paths):
    taken = itertools.count()
    inputs = (paths[next(taken) % len(paths)] for _ in itertools.repeat(None))
    batches = preprocessor.preprocess_stream(inputs, batch_size=8)
    assert [next(batches)["batch_idx"] for _ in range(5)] == [0, 1, 2, 3, 4]
    batches.close()
    assert next(taken) < 2000


@pytest.fixture
def bad(paths, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff and no picture behind it")
    return [*paths[:10], str(tmp_path / "bad.jpg"), *paths[10:20]]


def test_a_bad_picture_raises(preprocessor, bad):
    batches = preprocessor.preprocess_stream(bad, batch_size=4)
    assert [len(next(batches)["preprocessed"]) for _ in range(2)] == [4, 4]
    with pytest.raises(RuntimeError, match=r"bad\.jpg.*\(\w+\)"):
        next(batches)
    assert len(preprocessor.preprocess_batch_sync(bad[:5])) == 5  # the workers are none the worse


def test_or_it_is_skipped(bad):
    ids = list(range(len(bad)))
    with StreamingMultiprocessPreprocessor(num_workers=1, batch_size=4, image_size=SIZE, on_error="skip") as preprocessor:
        batches = list(preprocessor.preprocess_stream(bad, ids=ids))
    assert [i for batch in batches for i in batch["ids"]] == [i for i in ids if i != 10]
    assert [len(batch["preprocessed"]) for batch in batches] == [4, 4, 3, 4, 4, 1]


def test_start_and_stop_are_idempotent(paths):
    preprocessor = StreamingMultiprocessPreprocessor(num_workers=2, image_size=SIZE)
    assert not preprocessor.is_started and preprocessor.workers == []
    with pytest.raises(RuntimeError, match="not started"):
        next(iter(preprocessor.preprocess_stream(paths)))
    preprocessor.stop()
    preprocessor.start()
    workers = preprocessor.workers
    preprocessor.start()
    assert preprocessor.is_started and {w.pid for w in preprocessor.workers} == {w.pid for w in workers}
    assert len(workers) == preprocessor.num_workers == 2 and all(w.is_alive() for w in workers)
    preprocessor.stop(timeout=1.0)
    preprocessor.stop()
    assert not preprocessor.is_started and not any(os.path.exists(f"/proc/{w.pid}") for w in workers)
    assert len(preprocessor.preprocess_batch_sync(paths[:3])) == 3 and preprocessor.is_started
    assert preprocessor.preprocess_batch_sync([]).shape[0] == 0
    preprocessor.stop()


def test_wrong_arguments():
    with pytest.raises(TypeError, match="BaseJAXPreprocessor"):
        StreamingMultiprocessPreprocessor(preprocessor_class=dict)
    with pytest.raises(TypeError):
        StreamingMultiprocessPreprocessor(image_sise=(1, 1))
    with pytest.raises(ValueError, match="on_error"):
        StreamingMultiprocessPreprocessor(on_error="ignore")
    with pytest.raises(ValueError, match="data_format"):
        JAXImagePreprocessor(data_format="NWHC")
    with StreamingMultiprocessPreprocessor(num_workers=1, image_size=SIZE) as preprocessor:
        with pytest.raises(ValueError, match="ids: 1 for 2"):
            preprocessor.preprocess_stream(["a", "b"], ids=[1])


def test_a_class_of_the_users_runs_in_python_workers(paths):
    with StreamingMultiprocessPreprocessor(num_workers=2, batch_size=16, preprocessor_class=MeanColour,
                                           preprocessor_kwargs={"factor": 3}, factor=2) as preprocessor:
        got = preprocessor.preprocess_batch_sync(paths)
        array = preprocessor.preprocess_batch_sync([np.full((4, 6, 3), 10, np.uint8)])
    means = np.stack([np.asarray(Image.open(path).convert("RGB"), np.float32).mean(axis=(0, 1)) for path in paths])
    assert np.allclose(got, 2 * means, atol=1e-3) and np.allclose(array, 20)
    assert np.allclose(MeanColour(factor=2)(paths[:4]), got[:4], atol=1e-3)


def test_its_rows_may_be_larger_than_the_picture(paths):
    with StreamingMultiprocessPreprocessor(num_workers=1, batch_size=8, preprocessor_class=Large, image_size=(8, 8)) as large:
        got = large.preprocess_batch_sync(paths[:20])
        assert got.shape == (20, 16, 128, 129) and [len(large.workers), len(large._outgrown)] == [1, 0]
        assert len(large.preprocess_batch_sync(paths[:20], batch_size=16)) == 20
    means = [MeanColour()([path]).mean() for path in paths[:3]]
    assert np.allclose(got[:3, 0, 0, 0], means, atol=1e-2)


def test_it_may_take_as_long_as_results_may(paths):
    with StreamingMultiprocessPreprocessor(num_workers=1, preprocessor_class=Slow, image_size=SIZE,
                                           result_timeout=60) as slow:
        assert slow.preprocess_batch_sync(paths[:1]).shape == (1, 3)


def alive(pids):
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_workers_of_smaller_batches_go_when_their_streams_have_gone(paths):
    with StreamingMultiprocessPreprocessor(num_workers=1, batch_size=2, image_size=SIZE) as preprocessor:
        first = [worker.pid for worker in preprocessor.workers]
        running = preprocessor.preprocess_stream(paths)
        next(running)
        assert len(preprocessor.preprocess_batch_sync(paths, batch_size=32)) == 70
        both = [worker.pid for worker in preprocessor.workers]
        assert len(both) == 2 and set(first) < set(both) == set(alive(both))
        assert sum(len(batch["preprocessed"]) for batch in running) == 68
        assert alive(both) == [worker.pid for worker in preprocessor.workers] == both[1:]
        for size in (40, 50, 60):  # nobody streams: the outgrown end at once
            assert len(preprocessor.preprocess_batch_sync(paths[:4], batch_size=size)) == 4
            assert len(preprocessor.workers) == 1 and alive(both) == []


def test_ids_and_metadata_may_be_any_iterable(preprocessor, paths, bad):
    batches = list(preprocessor.preprocess_stream((p for p in paths), ids=itertools.count(5), metadata=(p for p in paths)))
    assert [i for batch in batches for i in batch["ids"]] == list(range(5, 75))
    assert [m for batch in batches for m in batch["metadata"]] == paths
    keys = dict.fromkeys(paths)
    assert next(preprocessor.preprocess_stream(paths, ids=keys.keys()))["ids"] == paths[:16]
    with pytest.raises(ValueError, match="ids: 20, and there are more inputs"):
        list(preprocessor.preprocess_stream(iter(paths), ids=iter(range(20))))
    with pytest.raises(ValueError, match="metadata: 69 for 70"):
        preprocessor.preprocess_stream(paths, metadata={n: n for n in range(69)})
    with StreamingMultiprocessPreprocessor(num_workers=1, batch_size=4, image_size=SIZE, on_error="skip") as skipping:
        got = [i for batch in skipping.preprocess_stream(bad, ids=itertools.count()) for i in batch["ids"]]
    assert got == [n for n in range(21) if n != 10]


def test_what_it_raises_names_the_picture(paths):
    with StreamingMultiprocessPreprocessor(num_workers=1, preprocessor_class=Failing, image_size=SIZE) as preprocessor:
        with pytest.raises(RuntimeError, match=r"00\.jpg.*no such thing here"):
            preprocessor.preprocess_batch_sync(paths[:2])


def test_one_that_works_on_no_picture_does_not_start(paths):
    with StreamingMultiprocessPreprocessor(num_workers=1, preprocessor_class=Useless, image_size=SIZE) as preprocessor:
        with pytest.raises(RuntimeError, match="never works"):
            preprocessor.preprocess_batch_sync(paths[:2])


def test_a_class_that_hangs_is_a_timeout(paths):
    with StreamingMultiprocessPreprocessor(num_workers=1, preprocessor_class=Hanging, image_size=SIZE,
                                           result_timeout=1.5) as preprocessor:
        with pytest.raises(TimeoutError):
            next(preprocessor.preprocess_stream(paths[:1]))


def test_stopping_in_the_middle_of_a_stream(paths):
    preprocessor = StreamingMultiprocessPreprocessor(num_workers=1, batch_size=2, image_size=SIZE)
    preprocessor.start()
    batches = preprocessor.preprocess_stream(paths)
    next(batches)
    preprocessor.stop()
    with pytest.raises((millrace.Error, RuntimeError)):
        list(batches)
