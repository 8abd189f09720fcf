# SPDX-License-Identifier: Apache-2.0
"""The real Milvus starts, answers, survives kill -9 with its data, and leaves nothing."""
import fcntl
import os

import pytest
from servers import leftovers, milvus, milvus_cases, milvus_server

# one at a time on a machine, and none but their own
pytestmark = [pytest.mark.xdist_group("milvus"), pytest.mark.usefixtures("no_milvus")]


def test_life():
    with milvus() as server:
        assert len(leftovers.of(server)) >= 3, "process, folder, listener"
        with open(milvus_server.lock_path(), "rb") as second, pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        milvus_cases.survives_kill(server)
    assert not leftovers.of(server)
    with open(milvus_server.lock_path(), "rb") as second:
        fcntl.flock(second, fcntl.LOCK_EX)  # waits for another user of this machine, if one has it now
        assert os.fstat(second.fileno()).st_size == 0
