# SPDX-License-Identifier: Apache-2.0
"""A filter means the same in a local store and in the real Milvus, also where keys are missing and kinds differ."""
import pytest
from servers import filter_cases

pytestmark = pytest.mark.xdist_group("milvus")  # one at a time on a machine


def test_same_rows(milvus, tmp_path):
    assert filter_cases.compare(milvus, tmp_path, mixed=True, count=150) > 50
