# SPDX-License-Identifier: Apache-2.0
"""The configuration file: what it says holds, what beats it, and what it is told when it is wrong."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import BIN, environment, picture, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ORIGINAL = HERE / "data/original-config.yaml"
FOREIGN = re.compile(r"^(TRITON|MILVUS|JAX)_|^LOG_LEVEL$")


@pytest.fixture(autouse=True)
def no_foreign_variables(monkeypatch):
    for name in list(os.environ):
        if FOREIGN.match(name):
            monkeypatch.delenv(name)


def write(folder, text, name="c.yaml"):
    (folder / name).write_text(text)
    return name


def printed(folder, *args, **env):
    """`config print` as {"section.key": "value"}, the lists of collections left out."""
    values, section = {}, ""
    for line in run(folder, "config", "print", *args, env=env).lines:
        if match := re.fullmatch(r"(\w+):", line):
            section = match[1] + "."
        elif match := re.fullmatch(r"(  )?(\w+): (.*)", line):
            values[(section if match[1] else "") + match[2]] = match[3]
    return values


def test_init_is_the_golden_file_and_right(tmp_path):
    golden = (HERE / "data/config_init.yaml").read_text().split("\n", 1)[1]
    assert run(tmp_path, "config", "init").stdout == golden
    assert run(tmp_path, "config", "init", "--config", "new.yaml").stdout == "new.yaml: written\n"
    assert (tmp_path / "new.yaml").read_text() == golden
    assert run(tmp_path, "config", "check", "--config", "new.yaml").stdout == "new.yaml: ok\n"
    assert "is there already" in run(tmp_path, "config", "init", "--config", "new.yaml", expect=2).stderr
    assert (tmp_path / "new.yaml").read_text() == golden


def test_init_shows_defaults_whatever_the_environment_says(tmp_path):
    plain = run(tmp_path, "config", "init").stdout
    assert run(tmp_path, "config", "init", env={"MILLRACE_BATCH": "7", "MILLRACE_CONFIG": "nowhere"}).stdout == plain
    assert "  batch: 32\n" in plain


def test_a_new_file_changes_nothing(tmp_path):
    run(tmp_path, "config", "init", "--config", "new.yaml")
    assert run(tmp_path, "config", "print", "--config", "new.yaml").stdout == run(tmp_path, "config", "print").stdout


def test_the_commented_sections_are_right_too(tmp_path):
    """The keys of the original, as `init` offers them, without their '#'."""
    lines = run(tmp_path, "config", "init").stdout.split("# Sections of", 1)[1].splitlines()[2:]
    text = "\n".join(re.sub(r"^# ?", "", line) for line in lines if "# collections: a list" not in line)
    run(tmp_path, "config", "check", "--config", write(tmp_path, text))
    values = printed(tmp_path, "--config", "c.yaml")
    assert values["triton.url"] == "localhost:8000" and values["milvus.metric_type"] == "L2"
    assert values["preprocess.mean"] == "[0.485, 0.456, 0.406]" and values["cache_compiled_functions"] == "true"
    assert run(tmp_path, "config", "check", "--config", write(tmp_path, text.replace("nlist", "nlistt")),
               expect=2).stderr.endswith("unknown key milvus.nlistt; did you mean milvus.nlist?\n")


def test_the_page_is_made_from_the_tables(tmp_path):
    check = [sys.executable, ROOT / "tools/config_docs.py", "--check", BIN]
    assert subprocess.run(check, check=False, env=environment()).returncode == 0
    copy = tmp_path / "tools"
    copy.mkdir()
    shutil.copy(ROOT / "tools/config_docs.py", copy)
    (tmp_path / "docs").mkdir()
    page = (ROOT / "docs/configuration.md").read_text()
    (tmp_path / "docs/configuration.md").write_text(page.replace("| `512M` |", "| `256M` |"))
    check[1] = copy / "config_docs.py"
    done = subprocess.run(check, check=False, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1 and "differs" in done.stderr


def test_the_original_file_is_accepted_unchanged(tmp_path):
    assert run(tmp_path, "config", "check", "--config", ORIGINAL).stdout == f"{ORIGINAL}: ok\n"
    values = printed(tmp_path, "--config", ORIGINAL)
    assert values["store.location"] == "milvus://localhost:19530"
    assert values["store.collection"] == "test_collection" and values["store.metric"] == "IP"
    assert values["store.index"] == "IVF_FLAT"
    assert values["embed.embedder"] == ('"triton:http://localhost:8000/embedding_model/1?input=input&output=output'
                                        '&timeout=60000ms&retries=3&delay=1000ms"')
    assert values["workers.count"] == "4" and values["log.level"] == "info"
    assert values["milvus.itopk_size"] == "64"  # not in the file: the original's default
    assert values["preprocess.std"] == "[0.229, 0.224, 0.225]" and values["log_level"] == "INFO"
    again = run(tmp_path, "config", "print", "--config", ORIGINAL).stdout
    assert run(tmp_path, "config", "print", "--config", write(tmp_path, again)).stdout == again
    assert "      fields:\n        -\n          name: id\n          type: INT64\n" in again


AWAY = "connection refused (localhost:1); is the server running? see: millrace health"


@pytest.mark.parametrize("args, words", [
    (["ingest", "x", "--embed", "builtin", "--config", ORIGINAL], AWAY),
    (["search", "--id", "x", "--config", ORIGINAL], AWAY),
    (["search", "x.jpg", f"--config={ORIGINAL}"], AWAY),
    ([f"--config={ORIGINAL}", "collection", "list"], AWAY),
    (["report", "--config", ORIGINAL], AWAY),
])
def test_the_store_of_the_original_file_is_asked(tmp_path, args, words):
    assert words in run(tmp_path, *args, expect=3, env={"MILVUS_PORT": "1"}).stderr


def fingerprint(folder, plan):
    return run(folder, "plan", plan, "--json").json["fingerprint"]


@pytest.mark.parametrize("section, plan, shape", [
    (None, "original/masked-stretch", (3, 224, 224)),
    ("{batch_size: 9}", "original/masked-stretch", (3, 224, 224)),
    ("{image_size: [30, 50], data_format: nhwc}", "original/masked-stretch:50x30?layout=nhwc", (30, 50, 3)),
    ("{mean: [0.5, 0.25, 0], std: [1, 2e-1, 3.0]}", "original/masked-stretch?mean=0.5,.25,0&std=1,0.2,3", (3, 224, 224)),
])
def test_the_section_preprocess_is_a_plan(album, tmp_path, section, plan, shape):
    config = ORIGINAL if section is None else tmp_path / write(tmp_path, f"preprocess: {section}\n")
    done = run(album, "preprocess", "photos", "--out", tmp_path / "t.npy", "--config", config, "--json")
    assert done.json["fingerprint"] == fingerprint(tmp_path, plan)
    assert np.load(tmp_path / "t.npy").shape[1:] == shape
    # an option beats the file, and the embedder's own plan does too
    done = run(album, "preprocess", "photos", "--out", "null:", "--config", config, "--plan", "raw", "--json")
    assert done.json["fingerprint"] == fingerprint(tmp_path, "raw")
    done = run(album, "embed", "photos", "--out", "null:", "--config", config, "--embed", "builtin", "--json")
    assert done.json["fingerprint"] == fingerprint(tmp_path, "millrace/builtin")


def test_a_section_preprocess_that_is_no_plan(album, tmp_path):
    config = tmp_path / write(tmp_path, "preprocess:\n  std: [1, 0, 1]\n")
    told = run(album, "preprocess", "photos", "--out", "null:", "--config", config, expect=2).stderr
    assert "std=1,0,1" in told and "std: must be positive numbers" in told


def test_a_local_store_with_the_original_file(album, tmp_path):
    """The milvus section says nothing of another store: no index, metric or collection of it."""
    store = tmp_path / "s.mill"
    run(album, "ingest", "photos", "--into", store, "--embed", "builtin", "--config", ORIGINAL, "--error-budget", "none")
    (line,) = run(album, "collection", "list", store, "--json").lines
    assert '"name":"default"' in line and '"metric":"IP"' in line and '"index":"FLAT"' in line


def test_the_store_of_the_file_is_the_default(album, tmp_path):
    config = write(tmp_path, f"store:\n  location: {tmp_path}/s.mill\n  collection: album\nworkers: {{count: 1}}\n")
    config = tmp_path / config
    done = run(album, "ingest", "photos", "--config", config, "--error-budget", "none", "--json")
    assert done.json["store"] == f"{tmp_path}/s.mill" and done.json["workers"] == 1
    assert run(album, "collection", "list", "--config", config, "--json").json["name"] == "album"
    assert run(album, "collection", "stats", "--name", "album", "--config", config, "--json").json["name"] == "album"
    report = run(album, "report", "--config", config, "--json")
    assert len(report.lines) == done.json["items"]
    name = next(entry for entry in map(json.loads, report.lines) if entry["state"] == "stored")["id"]
    by_option = run(album, "search", "--image", name, "--config", config, "--json").json["results"]
    assert by_option[0]["id"] == name
    assert run(album, "search", name, "--config", config, "--topk", "3", "--json").json["results"] == by_option[:3]
    assert run(album, "search", f"{tmp_path}/s.mill", name, "--collection", "album", "--json").json["results"] == by_option
    assert "no STORE" in run(album, "report", expect=2).stderr
    assert f"{name} is taken as the query, and there is no STORE" in run(album, "search", name, expect=2).stderr


def test_what_beats_what(tmp_path):
    config = write(tmp_path, "workers:\n  batch: 8\n  count: 2\n  unordered: true\npreprocess:\n  batch_size: 9\n"
                             "limits:\n  memory: 1G\n  item_timeout: 1500ms\n  error_budget: 2.5%\n")
    values = printed(tmp_path, "--config", config)
    assert (values["workers.batch"], values["workers.count"], values["workers.unordered"]) == ("8", "2", "true")
    assert (values["limits.memory"], values["limits.item_timeout"], values["limits.error_budget"]) == (
        "1G", "1500ms", "2.5%")
    env = {"MILLRACE_BATCH": "16", "MILLRACE_UNORDERED": "0", "MILLRACE_MEMORY": "1536M"}
    values = printed(tmp_path, "--config", config, **env)
    assert (values["workers.batch"], values["workers.unordered"], values["limits.memory"]) == ("16", "false", "1536M")
    assert values["workers.count"] == "2"
    values = printed(tmp_path, "--config", config, "--batch", "32", **env)
    assert values["workers.batch"] == "32" and values["workers.count"] == "2"
    assert printed(tmp_path, MILLRACE_CONFIG=config)["workers.batch"] == "8"
    assert printed(tmp_path)["workers.batch"] == "32"
    other = write(tmp_path, "workers:\n  batch: 5\n", "d.yaml")
    assert printed(tmp_path, "--config", other, MILLRACE_CONFIG=config)["workers.batch"] == "5"


def test_how_far_stages_run_ahead(tmp_path):
    """The original's section, with its defaults where it is there; its own options beat it."""
    names = ("embed.workers", "store.commit_rows", "store.queue")
    assert [printed(tmp_path)[name] for name in names] == ["auto"] * 3
    only = write(tmp_path, "preprocess:\n  batch_size: 9\n")
    assert [printed(tmp_path, "--config", only)[name] for name in names] == ["auto"] * 3
    section = write(tmp_path, "async_pipeline:\n  embedding_workers: 3\n", "b.yaml")
    assert [printed(tmp_path, "--config", section)[name] for name in names] == ["3", "100", "100"]
    values = printed(tmp_path, "--config", section, "--embed-workers", "2", "--queue", "auto", MILLRACE_COMMIT_ROWS="7")
    assert [values[name] for name in names] == ["2", "7", "auto"]


def test_the_original_environment(tmp_path):
    config = write(tmp_path, "store:\n  location: a.mill\n  collection: c\nembed: {embedder: builtin}\nlog: {level: debug}\n")
    values = printed(tmp_path, "--config", config)
    assert (values["store.location"], values["embed.embedder"], values["log.level"]) == ("a.mill", "builtin", "debug")
    values = printed(tmp_path, "--config", config, MILVUS_HOST="db", MILVUS_COLLECTION_NAME="m", TRITON_URL="gpu:1",
                     TRITON_PROTOCOL="grpc", LOG_LEVEL="WARNING")
    assert (values["store.location"], values["store.collection"]) == ("milvus://db:19530", "m")
    assert values["embed.embedder"].startswith('"triton:grpc://gpu:1/embedding_model/1?input=input&output=output&')
    assert (values["log.level"], values["log_level"], values["milvus.host"]) == ("warn", "WARNING", "db")
    more = printed(tmp_path, "--config", write(tmp_path, "triton:\n  url: https://gpu\n  model_name: a b\n  timeout: 0.25\n"
                                                 "  output_name: o&x\n  shared_memory: off\n  in_flight: 3\n  wait: 7\n", "t.yaml"),
                     TRITON_HEADERS="/h", TRITON_CA="/c", TRITON_MODEL_VERSION="2", TRITON_INPUT_NAME="i")
    assert more["embed.embedder"] == ('"triton:https://gpu/a%20b/2?input=i&output=o%26x&timeout=250ms&retries=3&delay=1000ms'
                                        '&shm=off&wait=7s&in_flight=3&headers=/h&ca=/c"')
    values = printed(tmp_path, "--config", config, "--into", "b.mill", MILVUS_HOST="db", MILVUS_COLLECTION_NAME="m")
    assert (values["store.location"], values["store.collection"]) == ("b.mill", "c")
    assert printed(tmp_path, MILLRACE_STORE="e.mill", MILVUS_HOST="db")["store.location"] == "e.mill"
    assert printed(tmp_path, MILVUS_PORT="tcp://10.0.0.1:1", LOG_LEVEL="loud")["store.location"] == "null"
    for word, truth in (("1", "1"), ("Yes", "Yes"), ("0", "0")):
        assert printed(tmp_path, "--config", config, JAX_USE_GPU=word)["preprocess.use_gpu"] == truth
    told = run(tmp_path, "config", "print", env={"JAX_USE_GPU": "2"}, expect=2).stderr
    assert "JAX_USE_GPU 2: wanted true or false" in told
    told = run(tmp_path, "config", "print", env={"TRITON_PROTOCOL": "htpp"}, expect=2).stderr
    assert "TRITON_PROTOCOL htpp: wanted one of http|grpc; did you mean http?" in told


def test_every_mistake_with_its_line(tmp_path):
    config = write(tmp_path, "workers:\n  bacth: 3\n  batch: 4097\n\nbatch: 1\nstroe:\n  location: x\nlimits:\n"
                             "  memory: 12Q\n  item_timeout: [1]\nlog: {progress: alway}\nsource:\n  follow: maybe\n")
    done = run(tmp_path, "config", "check", "--config", config, expect=2)
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "c.yaml:2: unknown key workers.bacth; did you mean workers.batch?",
        "c.yaml:3: workers.batch 4097: wanted a number from 1 to 4096",
        "c.yaml:5: unknown key batch; did you mean workers.batch?",
        "c.yaml:6: unknown key stroe; did you mean store?",
        "c.yaml:9: limits.memory 12Q: wanted a size such as 512M, from 1M to 1024T",
        "c.yaml:10: limits.item_timeout: wanted one value",
        "c.yaml:11: log.progress alway: wanted one of auto|always|never; did you mean always?",
        "c.yaml:13: source.follow maybe: wanted true or false",
    ]
    # the same mistakes stop every verb that is given the file, before it does anything
    assert run(tmp_path, "ingest", "x", "--into", "s.mill", "--config", config, expect=2).stderr == done.stderr
    assert not (tmp_path / "s.mill").exists()
    assert run(tmp_path, "doctor", "--help", "--config", config).stderr == ""


def test_files_that_are_none(tmp_path):
    assert "No such file" in run(tmp_path, "config", "check", "--config", "none.yaml", expect=2).stderr
    assert "not a regular file" in run(tmp_path, "config", "check", "--config", ".", expect=2).stderr
    assert "no file: wanted --config FILE" in run(tmp_path, "config", "check", expect=2).stderr
    assert "c.yaml:1: not YAML: " in run(tmp_path, "config", "check", "--config", write(tmp_path, "a: b: c\n"),
                                         expect=2).stderr
    bomb = "a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]\n"
    assert "aliases are not taken" in run(tmp_path, "config", "check", "--config", write(tmp_path, bomb), expect=2).stderr
    big = write(tmp_path, "#" * (1 << 20) + "\n")
    assert "more than 1048576 bytes" in run(tmp_path, "config", "check", "--config", big, expect=2).stderr


@pytest.mark.parametrize("args, words", [
    (["config"], "no action: wanted check, print or init"),
    (["config", "prnt"], "did you mean print?"),
    (["config", "print", "x"], "one of check, print, init, and nothing else"),
    (["config", "print", "--image", "x"], "--image is no option of config"),
    (["config", "print", "--batch", "0"], "--batch 0: wanted a number"),
    (["--config", "c.yaml"], "unknown option --config before the verb"),
])
def test_mistakes_on_the_command_line(tmp_path, args, words):
    assert words in run(tmp_path, *args, expect=2).stderr


def test_secrets_are_masked(tmp_path):
    config = write(tmp_path, "store:\n  location: milvus://me:pw@db:1/x?token=t0ken\n")
    text = run(tmp_path, "config", "print", "--config", config).stdout
    assert "  location: \"milvus://***@db:1/x?***\"\n" in text
    assert "pw" not in text and "t0ken" not in text


def test_spellings_of_the_original(tmp_path):
    picture(tmp_path / "a.jpg", 1)
    run(tmp_path, "embed", "a.jpg", "--output", "v.npy", "--batch-size", "4")
    assert np.load(tmp_path / "v.npy").shape[0] == 1
    assert "unknown option --output" in run(tmp_path, "preprocess", "a.jpg", "--output", "v.npy", expect=2).stderr
