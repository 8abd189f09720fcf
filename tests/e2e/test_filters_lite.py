# SPDX-License-Identifier: Apache-2.0
"""A filter means the same in a local store and in milvus-lite."""
from servers import filter_cases


def test_same_rows(milvus_lite, tmp_path):
    assert filter_cases.compare(milvus_lite, tmp_path, mixed=False, count=60) > 30


def test_the_comparison_can_fail(tmp_path):
    """The control: another expression gives other rows."""
    filter_cases.fill_local(tmp_path, filter_cases.TIDY)
    assert filter_cases.local_rows(tmp_path, 'metadata["a"] < 0') == ["r00", "r01", "r02"]
    assert filter_cases.local_rows(tmp_path, 'metadata["a"] <= 0') == ["r00", "r01", "r02", "r03"]
