# SPDX-License-Identifier: Apache-2.0
"""One file for the command and for Python: millrace's own sections, kept and obeyed."""
import http.server
import os
import re
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

import millrace
from millrace import ImageEmbeddingPipeline, JAXImagePreprocessor, ServiceConfig, StreamingMultiprocessPreprocessor, _sections, _service

DOCS = Path(__file__).parents[2] / "docs/configuration.md"
OWN = """
source: {allow_private: true, fetch_threads: 4, fetch_timeout: 30s, fetch_idle: 5}
workers: {count: 1, batch: 8, batch_wait_ms: 250, require_sandbox: off}
store: {location: s.mill, collection: album, metric: COSINE, commit_rows: auto, refresh: always}
embed: {embedder: "fake:8"}
plan: {name: "raw:12x8", force: yes}
limits: {error_budget: 1%, item_timeout: 1500ms, max_pixels: 100000, max_bytes: 2M, memory: 300M}
log: {level: info, format: json, progress: never}
"""
SIZE = (24, 32)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes c.yaml in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MILLRACE_ALLOW_PRIVATE", raising=False)

    def write(text):
        (tmp_path / "c.yaml").write_text(text)
        return "c.yaml"
    return write


def config_check(path):
    command = Path(os.environ["MILLRACE_SITE"]) / "millrace/millrace"
    done = subprocess.run([command, "config", "check", "--config", path], capture_output=True, text=True, check=False,
                          env={k: v for k, v in os.environ.items() if not k.startswith("MILLRACE_")}, timeout=60)
    return done.returncode, done.stderr


def test_keys_are_those_of_the_command():
    table = DOCS.read_text().split("<!-- keys: own -->")[1].split("<!-- end -->")[0]
    keys = re.findall(r"^\| `([a-z_.]+)`", table, re.M)
    assert keys == _sections.names() == list(_sections.KINDS) and len(keys) == 34


def test_a_file_of_the_command_is_kept(written, tmp_path):
    path = written(OWN + "triton: {url: 'gpu:9'}\n")
    assert config_check(path) == (0, "")
    config = ServiceConfig.from_yaml(path)
    assert (config.source.allow_private, config.source.fetch_timeout, config.source.fetch_idle) == (True, "30s", 5)
    assert (config.workers.count, config.workers.require_sandbox, config.workers.unordered) == (1, False, None)
    assert (config.limits.memory, config.limits.error_budget, config.plan.force) == ("300M", "1%", True)
    assert (config.store.commit_rows, config.log.format, config.triton.url) == ("auto", "json", "gpu:9")
    config.to_yaml(tmp_path / "again.yaml")
    assert ServiceConfig.from_yaml("again.yaml") == config and config_check("again.yaml") == (0, "")
    assert ServiceConfig.from_yaml(written("triton: {url: 'gpu:9'}\n")) != config
    assert _sections.said(config, "limits.memory") == 300 << 20
    assert _sections.said(config, "limits.item_timeout") == 1500
    assert _sections.said(config, "source.fetch_idle") == 5000
    assert _sections.said(config, "store.commit_rows") == 0 and _sections.said(config, "store.queue") is None


@pytest.mark.parametrize("text, words", [
    ("workers:\n  bacth: 8\n", r"c\.yaml:2: unknown key workers\.bacth; did you mean workers\.batch\?"),
    ("limits:\n  memory: 12Q\n", r"c\.yaml:2: limits\.memory 12Q: wanted a size such as 512M"),
    ("workers: {count: 0}\n", r"c\.yaml:1: workers\.count 0: wanted a number from 1 to 256, or auto"),
    ("source:\n\n  allow_private: perhaps\n", r"c\.yaml:3: source\.allow_private perhaps: wanted true or false"),
    ("limits: {error_budget: 101%}\n", r"c\.yaml:1: limits\.error_budget 101%: wanted a percentage"),
    ("limits: {item_timeout: 2h}\n", r"c\.yaml:1: limits\.item_timeout 2h: wanted a time"),
    ("store: {metric: LP}\n", r"c\.yaml:1: store\.metric LP: wanted one of IP\|L2\|COSINE"),
    ("plan: {name: [a]}\n", r"c\.yaml:1: plan\.name: wanted a value")])
def test_mistakes_have_their_place(written, text, words):
    path = written(text)
    with pytest.raises(millrace.InvalidError, match=words):
        ServiceConfig.from_yaml(path)
    assert config_check(path)[0] == 2  # the command finds it too


def test_and_are_told_of_values_that_a_program_sets(written, paths):
    config = ServiceConfig.from_yaml(written(OWN))
    config.limits.memory = "much"
    with ImageEmbeddingPipeline(config) as pipeline:
        with pytest.raises(ValueError, match="limits.memory much: wanted a size"):
            pipeline.embed_images(paths[:1])


def test_a_pipeline_obeys_them(written, paths):
    """The same file, the same store: what Python inserts the command's library finds there."""
    config = ServiceConfig.from_yaml(written(OWN))
    with ImageEmbeddingPipeline(config) as pipeline:
        assert pipeline.list_collections() == []
        assert pipeline.insert_images(paths[:20], ids=range(20), metadata=[{"n": n} for n in range(20)]) == list(range(20))
        vectors = pipeline.embed_images(paths[:3])
        assert vectors.shape == (3, 8)
        assert [hit["metadata"] for hit in pipeline.search_images(vectors[1], topk=1)] == [{"n": 1}]
        assert pipeline.delete_by_ids(["3"]) == 1
        assert pipeline.get_collection_stats()["num_entities"] == 19
        pipeline.create_collection("other", description="empty")
        assert pipeline.list_collections() == ["album", "other"]
    with millrace.Store("s.mill", read_only=True) as store:
        album = store.collection("album")
        assert (album.dim, album.metric, album.embedder) == (8, "COSINE", "fake:8")
        assert album.fingerprint == millrace.Plan("raw:12x8").fingerprint
        assert store.collection("other").dim == config.milvus.embedding_dim
    config.limits.max_pixels = 100  # the pictures are larger
    with ImageEmbeddingPipeline(config) as pipeline, pytest.raises(RuntimeError, match="pixels"):
        pipeline.embed_images(paths[:1])


def test_a_preprocessor_of_the_programs_holds_over_the_plan(written, paths):
    config = ServiceConfig.from_yaml(written(OWN))
    own = JAXImagePreprocessor(image_size=SIZE)
    with ImageEmbeddingPipeline(config, own) as pipeline, ImageEmbeddingPipeline(config) as planned:
        assert not np.array_equal(pipeline.embed_images(paths[:2]), planned.embed_images(paths[:2]))
        pipeline.insert_images(paths[:2], ids="ab")
    with millrace.Store("s.mill", read_only=True) as store:
        assert store.collection("album").fingerprint == own.plan.fingerprint


def test_an_entry_of_collections_holds_over_the_section_milvus(written):
    """Key by key; what another collection declares is not its own."""
    config = ServiceConfig.from_yaml(written(
        "milvus: {collection_name: b, index_type: HNSW, metric_type: COSINE, nlist: 99, nprobe: 9, embedding_dim: 3}\n"
        "collections:\n- name: a\n  description: of a\n  schema:\n    fields:\n"
        "    - {name: key, type: INT64, primary_key: true, auto_id: true}\n    - {name: emb, type: FLOAT_VECTOR, dim: 6}\n"
        "  index: {index_type: IVF_FLAT, params: {nlist: 7}}\n  search_params: {nprobe: 2, consistency: strong}\n"))
    asked = [_service.store_params(config, name) for name in "ab"]
    keys = ["vector_field", "nlist", "nprobe", "consistency", "id_type", "auto_id", "M"]
    assert [[params.get(key) for key in keys] for params in asked] == [
        ["emb", "7", "2", "strong", "INT64", "true", "16"], ["vector", "99", "9", None, None, None, "16"]]
    assert [_service.index_of(config, name) for name in "ab"] == ["IVF_FLAT", "HNSW"]
    assert [_service.metric_of(config, name) for name in "ab"] == ["COSINE", "COSINE"]
    assert [_service.dim_of(config, name) for name in "ab"] == [6, 3]
    assert _service.description_of(config, "a") == "of a" and _service.collection_of(config) == "b"
    config.store.index, config.store.metric, config.store.collection = "FLAT", "IP", "a"
    assert [_service.index_of(config, name) for name in "ab"] == ["IVF_FLAT", "FLAT"]
    assert _service.metric_of(config, "b") == "IP" and _service.collection_of(config) == "a"


# ---- addresses that are not public ----

@pytest.fixture(scope="module")
def url(photos):
    """A picture at a server of this machine."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(photos))

        def log_message(self, *args):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/03.jpg"
        server.shutdown()


def streamed(where, **more):
    with StreamingMultiprocessPreprocessor(num_workers=1, image_size=SIZE, **more) as preprocessor:
        return preprocessor.preprocess_batch_sync([where])


def loaded(where, **more):
    return JAXImagePreprocessor(image_size=SIZE, **more)([where])


def embedded(where, **more):
    config = ServiceConfig()
    config.embed.embedder = "fake:8"
    config.preprocess.image_size = SIZE
    with ImageEmbeddingPipeline(config, **more) as pipeline:
        return pipeline.embed_images([where])


@pytest.mark.parametrize("use", [streamed, loaded, embedded])
def test_private_addresses_are_allowed_when_it_is_said(use, url, paths, monkeypatch):
    monkeypatch.delenv("MILLRACE_ALLOW_PRIVATE", raising=False)
    wanted = use(paths[3])
    with pytest.raises(RuntimeError, match=r"03\.jpg: .*\(loopback\).*allow_private=True \(fetch_refused\)"):
        use(url)
    assert np.array_equal(use(url, allow_private=True), wanted)
    monkeypatch.setenv("MILLRACE_ALLOW_PRIVATE", "yes")
    assert np.array_equal(use(url), wanted)
    with pytest.raises(RuntimeError, match="fetch_refused"):  # what the program says holds over it
        use(url, allow_private=False)
    monkeypatch.setenv("MILLRACE_ALLOW_PRIVATE", "0")
    with pytest.raises(RuntimeError, match="fetch_refused"):
        use(url)
    monkeypatch.setenv("MILLRACE_ALLOW_PRIVATE", "perhaps")
    with pytest.raises(ValueError, match="MILLRACE_ALLOW_PRIVATE perhaps"):
        use(url)


def test_or_when_the_file_says_it(url, written, monkeypatch):
    config = ServiceConfig.from_yaml(written("source: {allow_private: true}\nembed: {embedder: 'fake:8'}\n"))
    with ImageEmbeddingPipeline(config) as pipeline:
        assert pipeline.embed_images([url]).shape == (1, 8)
        monkeypatch.setenv("MILLRACE_ALLOW_PRIVATE", "off")  # the environment beats the file
        with pytest.raises(RuntimeError, match="fetch_refused"):
            pipeline.embed_images([url])


def test_a_store_searches_by_such_a_picture(url, written, paths):
    with millrace.Pipeline(paths[:4], "s.mill", embed="builtin") as pipeline:
        pipeline.run()
    with millrace.Store("s.mill", read_only=True) as store:
        with pytest.raises(millrace.Error, match="not a public one"):
            store.search(image=url, k=1)
        assert [hit.id for hit in store.search(image=url, k=1, allow_private=True)] == [paths[3]]


# ---- pictures that are bad ----

def test_one_file_may_leave_out_bad_pictures(written, paths, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff and no picture behind it")
    inputs = [*paths[:2], "bad.jpg", *paths[2:4]]
    config = ServiceConfig.from_yaml(written(OWN.replace("error_budget: 1%", "error_budget: none")))
    with ImageEmbeddingPipeline(config) as pipeline:
        with pytest.raises(RuntimeError, match=r"bad\.jpg: "):
            pipeline.embed_images(inputs)
    with pytest.raises(ValueError, match="on_error 'ignore'"):
        ImageEmbeddingPipeline(config, on_error="ignore")
    with ImageEmbeddingPipeline(config, on_error="skip") as pipeline:
        assert pipeline.embed_images(inputs).shape == (4, 8)
        assert [failure.uri for failure in pipeline.failures] == ["bad.jpg"]
        assert pipeline.insert_images_async(inputs, ids=[7, 8, 9, "x", "y"]) == [7, 8, "x", "y"]
        assert pipeline.get_collection_stats()["num_entities"] == 4
        assert pipeline.embed_images(paths[:1]).shape == (1, 8) and pipeline.failures == []
    config.limits.error_budget = 0
    with ImageEmbeddingPipeline(config, on_error="skip") as pipeline, pytest.raises(RuntimeError, match=r"bad\.jpg: "):
        pipeline.embed_images(inputs)


def test_repeated_ids_are_refused(written, paths):
    with ImageEmbeddingPipeline(ServiceConfig.from_yaml(written(OWN))) as pipeline:
        for insert in (pipeline.insert_images, pipeline.insert_images_async, pipeline.insert_images_streaming):
            with pytest.raises(ValueError, match="ids: '7' is at 1 and at 3"):
                insert(paths[:4], ids=["a", 7, "b", "7"])
        assert pipeline.list_collections() == []
        assert pipeline.insert_images(paths[:4], ids=iter(["a", 7, "b", 8])) == ["a", 7, "b", 8]
