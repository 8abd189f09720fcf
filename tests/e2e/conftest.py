# SPDX-License-Identifier: Apache-2.0
"""What several files of tests read."""
import pytest
from command import GOOD, picture, run
from servers.fixtures import milvus_lite

__all__ = ["milvus_lite"]


@pytest.fixture(scope="session")
def album(tmp_path_factory):
    """A folder with `photos`: 40 good pictures in two folders, and nothing else."""
    folder = tmp_path_factory.mktemp("album")
    for name in ("photos/a", "photos/b"):
        (folder / name).mkdir(parents=True)
    for i in range(GOOD):
        picture(folder / "photos" / "ab"[i % 2] / f"{i:02}.{('jpg', 'png', 'webp')[i % 3]}", i)
    return folder


@pytest.fixture(scope="session")
def store(album):
    """All of `photos` in photos.mill."""
    run(album, "ingest", "photos", "--into", "photos.mill")
    return album
