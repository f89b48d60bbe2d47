# SPDX-License-Identifier: Apache-2.0
"""Every error of datasets has a name of its own and says what is wrong and what to do."""

from collections import Counter
from pathlib import Path

from edge_node.datasets import errors
from edge_node.datasets.errors import DatasetError, FileRuleBroken

ALL = [
    each
    for each in vars(errors).values()
    if isinstance(each, type)
    and issubclass(each, DatasetError)
    and each not in (DatasetError, FileRuleBroken)
]


def test_every_class_has_a_short_name_of_its_own() -> None:
    counts = Counter(each.reason for each in ALL)
    assert [reason for reason, count in counts.items() if count > 1 or not reason] == []
    assert all(reason.startswith("dataset-") for reason in counts)


def test_file_errors_name_the_file_both_values_and_what_to_do() -> None:
    for each in ALL:
        if issubclass(each, FileRuleBroken):
            error = each(path=Path("/data/x.gz"), expected=60_000, actual=59_999)
            assert str(error).startswith("/data/x.gz must")
            assert str(error).endswith(f"60000, not 59999; {each.advice}")
            assert (error.expected, error.actual) == (60_000, 59_999)


def test_only_chunks_from_peers_are_their_fault() -> None:
    guilty = {each.reason for each in ALL if each.peer_fault}
    assert guilty == {"dataset-chunk-rejected", "dataset-chunk-out-of-range"}
