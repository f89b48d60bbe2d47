# SPDX-License-Identifier: Apache-2.0
"""Join lines: parse reads what format writes; whatever else is refused without showing secrets."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.gossip.errors import JoinLineInvalid
from edge_node.gossip.join_line import (
    BrokerAddress,
    JoinLine,
    format_join_line,
    parse_broker,
    parse_join_line,
)
from tests.gossip.simulation import NETWORK

LINE = JoinLine(
    brokers=(BrokerAddress(host="192.168.1.5", port=1883),),
    network_id=NETWORK,
    user="edge-node",
    password="p:@/?#%& ä",
)
TEXT = f"edge-node://u:secret@10.0.0.1:1883/?network={NETWORK.hex()}"


def test_form() -> None:
    line = JoinLine(brokers=LINE.brokers, network_id=NETWORK, user="edge-node", password="Ab3-_x")
    expected = f"edge-node://edge-node:Ab3-_x@192.168.1.5:1883/?network={NETWORK.hex()}"
    assert format_join_line(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        JoinLine(brokers=LINE.brokers, network_id=NETWORK, user="", password=""),
        JoinLine(
            brokers=(BrokerAddress(host="::1", port=1), BrokerAddress(host="pi", port=65_535)),
            network_id=NETWORK,
            user="u",
            password="p",
            tls=True,
        ),
    ],
)
def test_parse_reads_what_format_writes(line: JoinLine) -> None:
    text = format_join_line(line)
    assert parse_join_line(text) == line
    assert parse_join_line(f"  {text}\n") == line


@given(st.text(max_size=30), st.text(min_size=1, max_size=30))
def test_any_account_survives(password: str, user: str) -> None:
    line = JoinLine(brokers=LINE.brokers, network_id=NETWORK, user=user, password=password)
    assert parse_join_line(format_join_line(line)) == line


def test_default_ports() -> None:
    network = NETWORK.hex()
    assert parse_join_line(f"edge-node://h/?network={network}").brokers[0].port == 1883
    assert parse_join_line(f"edge-node://h/?network={network}&tls=1").brokers[0].port == 8883


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "mqtt://10.0.0.1/?network=" + NETWORK.hex(),
        "edge-node://10.0.0.1/",
        "edge-node:///?network=" + NETWORK.hex(),
        "edge-node://10.0.0.1:0/?network=" + NETWORK.hex(),
        "edge-node://10.0.0.1:70000/?network=" + NETWORK.hex(),
        "edge-node://10.0.0.1:x/?network=" + NETWORK.hex(),
        "edge-node://[::1/?network=" + NETWORK.hex(),
        TEXT[:-1],
        TEXT + "0",
        TEXT.replace(NETWORK.hex(), NETWORK.hex().upper()),
        TEXT + "&network=" + NETWORK.hex(),
        TEXT + "&colour=blue",
        TEXT + "&tls=2",
        TEXT + "&or=",
        TEXT + "&or=a:b",
        TEXT + "".join(f"&or=h{i}" for i in range(8)),
        TEXT + "#fragment",
        TEXT.replace("/?", "/path?"),
        TEXT + " " + TEXT,
        TEXT + "\x00",
        "edge-node://" + "a" * 2_000,
    ],
)
def test_anything_else_is_refused_and_no_secret_shown(text: str) -> None:
    with pytest.raises(JoinLineInvalid) as caught:
        parse_join_line(text)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=100))
def test_no_text_breaks_the_parser(text: str) -> None:
    for each in (text, f"edge-node://{text}", f"{TEXT}&{text}"):
        with contextlib.suppress(JoinLineInvalid):
            parse_join_line(each)


def test_broker_addresses() -> None:
    assert parse_broker("pi.local") == BrokerAddress(host="pi.local", port=1883)
    assert parse_broker("[fe80::1]:99") == BrokerAddress(host="fe80::1", port=99)
    assert str(BrokerAddress(host="fe80::1", port=99)) == "[fe80::1]:99"
    for text in ("", ":1883", "u@h", "h/x", "h?x"):
        with pytest.raises(JoinLineInvalid):
            parse_broker(text)
