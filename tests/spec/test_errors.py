# SPDX-License-Identifier: Apache-2.0
"""Messages of the law: the rule, what it wants, what was there, in a line that stays a line."""

from typing import ClassVar

from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.errors import InvalidInput, RuleBroken


class Sample(RuleBroken):
    """A rule for this test."""

    reason: ClassVar[str] = "R-0"
    wants: ClassVar[str] = "the sample"


def test_message_names_the_rule_and_both_values() -> None:
    error = Sample(expected=3, actual=4)
    assert str(error) == "R-0: the sample must be 3, not 4"
    assert (error.expected, error.actual) == (3, 4)


def test_bytes_are_shown_in_hex() -> None:
    assert (
        str(Sample(expected=b"\1\2", actual=bytes(3))) == "R-0: the sample must be 0102, not 000000"
    )


def test_megabyte_of_a_stranger_does_not_fill_the_log() -> None:
    for value in (bytes(1 << 20), ["a" * 256] * 4_000):
        error = Sample(expected="less", actual=value)
        assert len(str(error)) < 300
        assert str(error).endswith("...")
        assert error.actual is value


def test_two_hashes_are_shown_whole() -> None:
    both = f"{'ab' * 32} or {'cd' * 32}"
    assert both in str(Sample(expected=both, actual=0))


def test_broken_rule_is_the_senders_fault() -> None:
    assert issubclass(RuleBroken, InvalidInput)
    assert issubclass(InvalidInput, EdgeNodeError)
    assert Sample.peer_fault
    assert not EdgeNodeError.peer_fault
