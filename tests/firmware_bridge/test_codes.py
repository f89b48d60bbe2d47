# SPDX-License-Identifier: Apache-2.0
"""Codes: who sends a message shows in its type, and every code says what it means."""

from pathlib import Path

from edge_node_bridge import codes
from edge_node_bridge.codes import Capability, MessageType
from edge_node_bridge.message import Request
from edge_node_bridge.messages import MESSAGES


def test_two_bits_of_the_type_say_who_sends_it() -> None:
    senders = {0: "request", 1: "answer", 2: "push", 3: "acknowledgement"}
    for kind in MESSAGES:
        assert (senders[kind.TYPE >> 6] == "request") == issubclass(kind, Request)
    assert MessageType.SAMPLE >> 6 == 2
    assert MessageType.ACK >> 6 == 3


def test_every_request_is_answered_by_an_answer() -> None:
    for kind in MESSAGES:
        if issubclass(kind, Request):
            assert kind.ANSWER >> 6 == 1
            assert kind.TIMEOUT_MS > 0


def test_capabilities_are_one_bit_each() -> None:
    assert [each.value for each in Capability] == [1 << bit for bit in range(len(Capability))]


def test_every_code_says_what_it_means() -> None:
    text = Path(codes.__file__).read_text()
    numbers = len(MessageType) + len(codes.ErrorCode) + len(Capability)
    assert text.count('    """') >= numbers
