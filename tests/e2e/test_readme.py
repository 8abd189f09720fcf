# SPDX-License-Identifier: Apache-2.0
"""The commands of the READMEs do what they say, in the order in which they stand there."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


def commands_of(name):
    """The lines of the shell block that begins with `millrace`, without their comments."""
    for block in re.findall(r"^```\n(.*?)^```", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL):
        if block.startswith("millrace"):
            return [re.sub(r"\s+#.*", "", line) for line in block.splitlines()]
    return []


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Runs the ten lines in a folder with a few pictures: [(command, status, stdout, stderr)]."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "photos/a").mkdir(parents=True)
    for index, name in enumerate(["a/b.jpg", "c.jpg", "d.jpg", "e.png", "f.jpg", "g.jpg"]):
        colour = (40 * index, 255 - 40 * index, 90)
        picture = Image.linear_gradient("L").resize((160, 120)).rotate(30 * index).convert("RGB")
        picture.paste(colour, (20 * index, 10, 20 * index + 40, 70))
        picture.save(folder / "photos" / name)
    Image.open(folder / "photos/c.jpg").save(folder / "query.jpg", quality=60)
    (folder / "list.txt").write_text("photos/a/b.jpg\nphotos/e.png\n")
    bin_folder = Path(os.environ["MILLRACE_BIN"]).parent
    env = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(folder)}
    results = []
    for command in commands_of("README.md"):
        done = subprocess.run(["sh", "-c", command], cwd=folder, env=env, text=True, timeout=SECONDS, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        results.append((command, done.returncode, done.stdout, done.stderr))
    return folder, results


def test_both_readmes_show_the_same_ten_lines():
    commands = commands_of("README.md")
    assert len(commands) == 10
    assert commands == commands_of("README.zh-CN.md")


def test_every_command_succeeds(ran):
    failed = [(command, status, error) for command, status, _, error in ran[1] if status != 0]
    assert failed == []


def test_search_by_image_finds_the_picture_first(ran):
    output = next(out for command, _, out, _ in ran[1] if "--image" in command)
    assert "photos/c.jpg" in output.splitlines()[1]


def test_search_by_id_answers_one_object(ran):
    output = next(out for command, _, out, _ in ran[1] if "--id" in command)
    answer = json.loads(output.splitlines()[-1])
    assert answer["results"][0]["id"] == "photos/a/b.jpg"


def test_files_are_written(ran):
    names = {path.name for path in ran[0].iterdir()}
    assert {"photos.mill", "vectors.npy", "vectors.npy.ids.jsonl", "tensors.npy", "tensors.npy.ids.jsonl"} <= names
