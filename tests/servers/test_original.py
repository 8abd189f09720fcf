# SPDX-License-Identifier: Apache-2.0
"""A program written for the original pipeline, with its configuration, against the real servers: only its import
line is another."""
import os
import random
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import servers
from PIL import Image
from servers.clients import client_of

PROGRAM = Path(__file__).with_name("data") / "original_program.py"
CONFIG = Path(__file__).parents[1] / "e2e/data/original-config.yaml"
DIM = 768
PICTURES = 70


@pytest.fixture(scope="module")
def triton_768():
    with servers.triton(servers.Model(dim=DIM)) as server:
        yield server


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures of different sizes, none like another."""
    folder = tmp_path_factory.mktemp("original")
    for number in range(PICTURES):
        generator = random.Random(number)
        tiny = Image.new("RGB", (7, 5))
        tiny.putdata([tuple(generator.randrange(256) for _ in range(3)) for _ in range(35)])
        size = (generator.randrange(60, 400), generator.randrange(60, 400))
        tiny.resize(size, Image.Resampling.BICUBIC).save(folder / f"{number:03}.jpg", quality=90)
    return folder


def configured(folder, triton, database, **changes):
    """The configuration as it is, but for where the servers are and the name of the collection."""
    host, port = re.search(r"//([\d.]+):(\d+)", database.uri).groups()
    name = f"c{uuid.uuid4().hex}"
    text = CONFIG.read_text()
    for old, new in {"localhost:8000": triton.http, "host: localhost": f"host: {host}", "port: 19530": f"port: {port}",
                     "test_collection": name, **changes}.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "config.yaml").write_text(text)
    return folder / "config.yaml", name


def environment():
    return {**os.environ, "PYTHONPATH": os.environ["MILLRACE_SITE"]}


def run(program, *arguments):
    done = subprocess.run([sys.executable, program, *map(str, arguments)], env=environment(), capture_output=True,
                          text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.xdist_group("milvus")
def test_the_program_runs_unchanged(tmp_path, milvus, triton_768, pictures):
    config, _ = configured(tmp_path, triton_768, milvus)
    lines = run(PROGRAM, config, pictures).splitlines()
    for number in range(5):
        assert lines[number].startswith(f"{pictures}/{number:03}.jpg -> ")
    assert f"'num_entities': {PICTURES}" in lines[5] and lines[5].count("True") == 3
    assert lines[6] == f"stream {PICTURES} sync (40, 3, 224, 224)"


def test_and_with_the_light_server(tmp_path, milvus_lite, triton_768, pictures):
    config, _ = configured(tmp_path, triton_768, milvus_lite)
    assert f"stream {PICTURES} sync (40, 3, 224, 224)" in run(PROGRAM, config, pictures)


INSERT = """
import glob, sys
from millrace import ImageEmbeddingPipeline, ServiceConfig
config = ServiceConfig.from_yaml(sys.argv[1])
paths = sorted(glob.glob(sys.argv[2] + "/*.jpg"))
with ImageEmbeddingPipeline(config) as pipeline:
    name = config.milvus.collection_name
    pipeline.create_collection(name, description="pictures")
    how = getattr(pipeline, sys.argv[3])
    assert how(paths, ids=[f"id {n}" for n in range(len(paths))], metadata=[{"n": n} for n in range(len(paths))],
               batch_size=4) == [f"id {n}" for n in range(len(paths))]
    print(pipeline.get_collection_stats(name)["num_entities"])
    hits = [pipeline.search_images(path, topk=1)[0] for path in paths[::10]]
    print([hit["metadata"]["n"] for hit in hits])
    print(pipeline.delete_by_filter('metadata["n"] >= 60'), pipeline.get_collection_stats(name)["num_entities"])
    vectors = pipeline.embed_images(paths[:3])
    print(vectors.shape, pipeline.search_images(vectors[1].tolist(), topk=2, filter_expr='metadata["n"] != 0')[0]["metadata"])
    pipeline.delete_collection(name)
    print(name in pipeline.list_collections())
"""


@pytest.mark.parametrize("how", ["insert_images", "insert_images_async", "insert_images_streaming"])
def test_each_way_of_inserting(tmp_path, milvus_lite, triton_768, pictures, how):
    config, _ = configured(tmp_path, triton_768, milvus_lite)
    (tmp_path / "insert.py").write_text(INSERT)
    lines = run(tmp_path / "insert.py", config, pictures, how).splitlines()
    assert lines[0] == str(PICTURES) and lines[1] == str(list(range(0, PICTURES, 10)))
    assert lines[2].endswith(" 60") and lines[4] == "False"
    # the key is the server's own, as the file declares it, and the id lives in the metadata
    assert lines[3] == f"(3, {DIM}) {{'id': 'id 1', 'n': 1}}"


def test_a_bad_picture_raises_and_names_itself(tmp_path, milvus_lite, triton_768, pictures):
    config, _ = configured(tmp_path, triton_768, milvus_lite)
    (tmp_path / "bad.jpg").write_text("no picture")
    (tmp_path / "bad.py").write_text(
        "import sys\nfrom millrace import ImageEmbeddingPipeline, ServiceConfig\n"
        "pipeline = ImageEmbeddingPipeline(ServiceConfig.from_yaml(sys.argv[1]))\n"
        "try:\n    pipeline.insert_images(sys.argv[2:], ids=[1, 2])\n"
        "except RuntimeError as error:\n    print(error)\n")
    said = run(tmp_path / "bad.py", config, pictures / "000.jpg", tmp_path / "bad.jpg")
    assert re.search(r"bad\.jpg: .*\(not_image\)", said)


DECLARED = """
milvus: {host: HOST, port: PORT, collection_name: A, embedding_dim: 8, metric_type: COSINE, index_type: HNSW, M: 24}
collections:
- name: A
  schema:
    fields:
    - {name: id, type: INT64, primary_key: true, auto_id: true}
    - {name: emb, type: FLOAT_VECTOR, dim: 6}
    - {name: metadata, type: JSON}
  index: {field_name: emb, index_type: IVF_FLAT, metric_type: IP, params: {nlist: 7}}
  search_params: {nprobe: 3}
- name: B
  schema: {fields: [{name: vec, type: FLOAT_VECTOR, dim: 5}]}
  index: {metric_type: L2}
"""
CREATE = """
import sys
from millrace import ImageEmbeddingPipeline, ServiceConfig
with ImageEmbeddingPipeline(ServiceConfig.from_yaml(sys.argv[1])) as pipeline:
    for name in sys.argv[2:]:
        pipeline.create_collection(name)
        print(pipeline.get_collection_stats(name)["num_entities"])
"""


def made_of(client, name):
    """Fields, key and index of a collection."""
    told = client.describe_collection(name)
    fields = {field["name"]: field["params"].get("dim") for field in told["fields"] if field["name"] not in ("uri", "fingerprint")}
    (index,) = client.list_indexes(name)
    has = client.describe_index(name, index)
    return fields, told["auto_id"], [str(has.get(key)) for key in ("index_type", "metric_type", "field_name")]


def test_a_declared_collection_is_the_same_for_the_command_and_for_python(tmp_path, milvus_lite):
    """One rule: the entry of `collections`, key by key, then the section `milvus`."""
    host, port = re.search(r"//([\d.]+):(\d+)", milvus_lite.uri).groups()
    names = {key: f"{key}{uuid.uuid4().hex}" for key in "ABC"}
    text = DECLARED.replace("HOST", host).replace("PORT", port)
    text = re.sub(r"\b[AB]\b", lambda m: names[m[0]], text)
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "create.py").write_text(CREATE)
    command = [os.environ["MILLRACE_BIN"], "collection", "create"]
    client = client_of(milvus_lite)
    try:
        assert run(tmp_path / "create.py", tmp_path / "config.yaml", *names.values()) == "0\n0\n0\n"
        python = {key: made_of(client, name) for key, name in names.items()}
        for name in names.values():
            client.drop_collection(name)
        for more in [], [milvus_lite.uri.replace("http", "milvus"), names["C"]]:
            done = subprocess.run([*command, *more, "--config", tmp_path / "config.yaml"], capture_output=True, text=True,
                                  timeout=120, check=False)
            assert done.returncode == 0, done.stderr
        assert {key: made_of(client, name) for key, name in names.items()} == python
    finally:
        for name in names.values():
            client.drop_collection(name)
    assert python["A"][0] == {"id": None, "emb": 6, "metadata": None} and python["A"][1] is True
    assert python["A"][2][:2] == ["IVF_FLAT", "IP"]
    assert python["B"][0]["vec"] == 5 and python["B"][2][:2] == ["HNSW", "L2"]
    assert python["C"][0]["vector"] == 8 and python["C"][2][:2] == ["HNSW", "COSINE"] and python["C"][1] is False
