# SPDX-License-Identifier: Apache-2.0
"""Every rule of gossip has a class with a number of its own and says both values."""

import re
from collections import defaultdict

import pytest

from edge_node.gossip import errors
from edge_node.gossip.errors import GossipError

RULES = sorted(GossipError.__subclasses__(), key=lambda rule: rule.__name__)


def test_no_two_rules_share_a_number() -> None:
    names = defaultdict(list)
    for rule in RULES:
        names[rule.reason].append(rule.__name__)
    assert {number: shared for number, shared in names.items() if len(shared) > 1} == {}


def test_numbers_leave_no_gap() -> None:
    numbers = sorted(int(r.reason[2:]) for r in RULES if re.fullmatch(r"G-\d+", r.reason))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_message_says_what_was_wanted_and_what_came(rule: type[GossipError]) -> None:
    error = rule(expected=12_345, actual=b"\xab\xcd")
    assert "12345" in str(error)
    assert "abcd" in str(error)
    assert (error.expected, error.actual) == (12_345, b"\xab\xcd")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_a_stranger_sent_does_not_fill_the_log(rule: type[GossipError]) -> None:
    error = rule(expected=1, actual=["a" * 256] * 1_000)
    assert len(str(error)) < 1_200
    if rule.reason.startswith("G-"):
        assert len(str(error)) < 300


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_only_a_proven_fault_costs_points(rule: type[GossipError]) -> None:
    assert rule.peer_fault == (rule.penalty > 0)


def test_what_anybody_may_have_written_costs_nobody() -> None:
    unproven = (errors.MalformedEnvelope, errors.SenderMismatch, errors.BadSignature)
    assert [rule.penalty for rule in unproven] == [0, 0, 0]
