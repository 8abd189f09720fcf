# SPDX-License-Identifier: Apache-2.0
"""The package under test is the one that `make wheel` installed in build/site."""
import os
import random
import sys
import threading

import pytest
from PIL import Image

sys.path.insert(0, os.environ["MILLRACE_SITE"])
os.environ.pop("MILLRACE_WORKER", None)  # the package's own

PLAN = "openai/clip-vit-base-patch32@openclip"


def save_picture(path, number):
    """A picture that differs from those of all other numbers."""
    generator = random.Random(number)
    small = Image.new("RGB", (6, 4))
    small.putdata([tuple(generator.randrange(256) for _ in range(3)) for _ in range(24)])
    small.resize((120, 80), Image.Resampling.BICUBIC).save(path, quality=90)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """70 pictures, 00.jpg to 69.jpg: two batches of 32 and six more."""
    folder = tmp_path_factory.mktemp("python") / "photos"
    folder.mkdir()
    for number in range(70):
        save_picture(folder / f"{number:02}.jpg", number)
    return folder


@pytest.fixture(scope="session")
def paths(photos):
    return sorted(str(path) for path in photos.iterdir())


@pytest.fixture
def event():
    """An event that is set at the end: nothing that waits for it outlives the test."""
    made = threading.Event()
    yield made
    made.set()
