# SPDX-License-Identifier: Apache-2.0
"""Join lines: parse reads what format writes; whatever else is refused without showing secrets."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.gossip.errors import BrokerAddressInvalid, JoinLineInvalid
from edge_node.gossip.join_line import (
    BrokerAddress,
    JoinLine,
    format_broker,
    format_join_line,
    hide_account,
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
            brokers=(
                BrokerAddress(host="::1", port=1, tls=True),
                BrokerAddress(host="pi", port=65_535, tls=True),
                BrokerAddress(host="plain", port=2),
                BrokerAddress(host="own", port=3, tls=True, user="@&", password="p:/?&=%, ä"),
                BrokerAddress(host="pi2", port=4, tls=True, cell="b2"),
                BrokerAddress(host="::1", port=5, user="u", cell="b3"),
            ),
            network_id=NETWORK,
            user="u",
            password="p",
        ),
        JoinLine(
            brokers=(
                BrokerAddress(host="pi1", port=8883, tls=True, cell="b1"),
                BrokerAddress(host="pi2", port=8883, tls=True, cell="b2"),
            ),
            network_id=NETWORK,
            user="u",
            password="p",
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
    line = parse_join_line(f"edge-node://h/?network={network}&tls=1&or=i&or=mqtt://j&or=mqtts://k")
    assert [str(each) for each in line.brokers] == ["h:8883", "i:8883", "j:1883", "k:8883"]
    assert [each.tls for each in line.brokers] == [True, True, False, True]


def test_what_the_line_leaves_open_is_the_reader_s_to_say() -> None:
    line = f"edge-node://h/?network={NETWORK.hex()}"
    assert parse_join_line(line, tls=True).brokers[0].tls
    assert not parse_join_line(line + "&tls=0", tls=True).brokers[0].tls


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
        TEXT + "&cell=",
        TEXT + "&cell=a+b",
        TEXT + "&cell=b1&cell=b2",
        TEXT + "&or=",
        TEXT + "&or=a:b",
        TEXT + "&or=http://u:secret@h",
        TEXT + "&or=mqtt://u:secret@h:x",
        TEXT + "&or=a+b",
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
    assert str(caught.value).endswith("; copy the whole line that `edge-node broker run` printed")


@given(st.text(max_size=100))
def test_no_text_breaks_the_parser(text: str) -> None:
    for each in (text, f"edge-node://{text}", f"{TEXT}&{text}"):
        with contextlib.suppress(JoinLineInvalid):
            parse_join_line(each)


def test_broker_addresses() -> None:
    assert parse_broker("pi.local") == BrokerAddress(host="pi.local", port=1883)
    assert parse_broker("[fe80::1]:99") == BrokerAddress(host="fe80::1", port=99)
    assert str(BrokerAddress(host="fe80::1", port=99)) == "[fe80::1]:99"


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("mqtt://h", BrokerAddress(host="h", port=1883)),
        ("mqtt://h:99/", BrokerAddress(host="h", port=99)),
        ("MQTTS://h", BrokerAddress(host="h", port=8883, tls=True)),
        ("mqtts://[::1]:9", BrokerAddress(host="::1", port=9, tls=True)),
        ("mqtt://ann@h", BrokerAddress(host="h", port=1883, user="ann")),
        ("mqtts://h?cell=b2", BrokerAddress(host="h", port=8883, tls=True, cell="b2")),
        (
            "mqtts://ann%40home:p%3A%2F%20%2C%C3%A4@h",
            BrokerAddress(host="h", port=8883, tls=True, user="ann@home", password="p:/ ,ä"),
        ),
    ],
)
def test_brokers_by_url(text: str, broker: BrokerAddress) -> None:
    assert parse_broker(text) == parse_broker(text, tls=True) == broker
    for tls in (False, True):
        assert parse_broker(format_broker(broker, tls=tls), tls=tls) == broker


def test_broker_without_scheme_is_spoken_to_as_the_settings_say() -> None:
    assert parse_broker("h", tls=True) == BrokerAddress(host="h", port=8883, tls=True)
    assert parse_broker("h:7", tls=True) == BrokerAddress(host="h", port=7, tls=True)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1883", "u@h", "h/", "h/x", "h?x", "h#x", "h:0", "h:65536"),
        *(" h", "h ", "h h", "h\n", "h:1883\t", "h\u2003i", "h" * 2_000),
        *("h?cell=", "h?cell=toolongname", "h?cell=b1&cell=b2", "h?cell=b1/", "h?cell=b%31"),
        *("mqtt://", "mqtt://:1", "mqtt://u:secret@", "mqtt://:secret@h", "mqtt://@h"),
        *("mqtt://u:secret@h/topic", "mqtts://u:secret@h?x=1", "mqtts://u:secret@h#x"),
        *(
            "mqtt://u:sec ret@h",
            "mqtt://u:secret/@h",
            "mqtt://u:%ffsecret@h",
            "mqtt://u:secret@h:x",
        ),
        *("http://h", "ssl://u:secret@h", "://h", "mqtt:h", "mqtt:/h", "u:secret@h"),
    ],
)
def test_no_broker_and_no_secret_shown(text: str) -> None:
    with pytest.raises(BrokerAddressInvalid) as caught:
        parse_broker(text)
    assert not any(part in str(caught.value) for part in ("secret", "sec ret"))


def test_no_secret_in_what_people_see_of_a_broker() -> None:
    broker = parse_broker("mqtts://ann:secret@h")
    assert "secret" not in f"{broker} {broker!r} {parse_join_line(TEXT)!r}"
    assert hide_account("mqtts://ann:secret@h:1") == "mqtts://(hidden)@h:1"
    assert hide_account("ann:secret@h") == "(hidden)@h"
    assert hide_account("mqtt://h") == "mqtt://h"
