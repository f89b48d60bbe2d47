# SPDX-License-Identifier: Apache-2.0
"""One and many."""

from edge_node.primitives.counting import counted


def test_one_is_not_many_and_none_is() -> None:
    assert [counted(n, "block") for n in (0, 1, 2, 11)] == [
        *("0 blocks", "1 block", "2 blocks", "11 blocks")
    ]


def test_words_that_no_s_makes_many_are_told() -> None:
    told = [counted(n, "transaction waits", "transactions wait") for n in (1, 0)]
    assert told == ["1 transaction waits", "0 transactions wait"]
