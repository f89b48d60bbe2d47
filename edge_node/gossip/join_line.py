# SPDX-License-Identifier: Apache-2.0
"""The join line: all that a new node needs, in one line to copy.

`edge-node://USER:PASSWORD@HOST:PORT/?network=<64 hex digits>`, with `&tls=1` where the broker
speaks TLS and `&or=HOST:PORT` for each further broker. The genesis itself is not in it: it comes
from the broker as a retained message and must hash to the network id (genesis_fetch.py).
Law of the file: pure functions; what was not understood is refused, and no error shows a password.
Read next: genesis_fetch.py.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from edge_node.gossip.errors import JoinLineInvalid
from edge_node.primitives.types import Hash32, NetworkId

SCHEME = "edge-node"
DEFAULT_PORT = 1883
DEFAULT_TLS_PORT = 8883
MAX_LINE_CHARACTERS = 1_024
MAX_BROKERS = 8
_NETWORK_DIGITS = 64
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where a broker listens."""

    host: str
    """Name or address."""
    port: int
    """1..65535."""

    def __str__(self) -> str:
        """Return `host:port`, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinLine:
    """How to reach a network."""

    brokers: tuple[BrokerAddress, ...]
    """Where to connect, in this order; at least one."""
    network_id: NetworkId
    """Hash of the genesis."""
    user: str
    """User name at the broker; empty for none."""
    password: str
    """Its password."""
    tls: bool = False
    """Whether the brokers speak TLS."""


def format_join_line(line: JoinLine) -> str:
    """Return the line to copy."""
    account = ""
    if line.user:
        account = f"{quote(line.user, safe='')}:{quote(line.password, safe='')}@"
    query = [("network", line.network_id.hex())]
    if line.tls:
        query.append(("tls", "1"))
    query += [("or", str(broker)) for broker in line.brokers[1:]]
    return f"{SCHEME}://{account}{line.brokers[0]}/?{urlencode(query, safe=':[]')}"


def parse_join_line(text: str) -> JoinLine:
    """Return what a join line says.

    Raises
    ------
    JoinLineInvalid
        Not a join line, or a part is missing, repeated or unknown.
    """
    text = text.strip()
    if len(text) > MAX_LINE_CHARACTERS or not text.isprintable() or " " in text:
        raise JoinLineInvalid(expected="one line without spaces", actual="another text")
    try:
        parts = urlsplit(text)
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise JoinLineInvalid(expected=f"{SCHEME}://...", actual="another text") from None
    if parts.scheme != SCHEME or parts.path not in {"", "/"} or parts.fragment:
        raise JoinLineInvalid(expected=f"{SCHEME}://...", actual=f"{parts.scheme}://...")
    account, _, place = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    network = [value for name, value in options if name == "network"]
    tls = [value for name, value in options if name == "tls"]
    more = [value for name, value in options if name == "or"]
    unknown = {name for name, _ in options} - {"network", "tls", "or"}
    if unknown:
        raise JoinLineInvalid(expected="network, tls, or", actual=min(unknown))
    if len(network) != 1 or tls not in ([], ["0"], ["1"]):
        raise JoinLineInvalid(expected="one network, tls 0 or 1", actual="something else")
    secure = tls == ["1"]
    if len(more) >= MAX_BROKERS:
        raise JoinLineInvalid(expected=f"<= {MAX_BROKERS} brokers", actual=len(more) + 1)
    port = DEFAULT_TLS_PORT if secure else DEFAULT_PORT
    return JoinLine(
        brokers=tuple(parse_broker(each, default_port=port) for each in (place, *more)),
        network_id=_network_id(network[0]),
        user=unquote(user),
        password=unquote(password),
        tls=secure,
    )


def parse_broker(text: str, *, default_port: int = DEFAULT_PORT) -> BrokerAddress:
    """Return the address in `HOST`, `HOST:PORT` or `[IPV6]:PORT`.

    Raises
    ------
    JoinLineInvalid
        No host, or no port in 1..65535.
    """
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port if parts.port is not None else default_port
    except ValueError:
        raise JoinLineInvalid(expected="HOST:PORT with a port in 1..65535", actual=text) from None
    if not parts.hostname or parts.path or parts.query or parts.username is not None:
        raise JoinLineInvalid(expected="HOST:PORT", actual=text)
    if not 0 < port <= _MAX_PORT:
        raise JoinLineInvalid(expected="a port in 1..65535", actual=port)
    return BrokerAddress(host=parts.hostname, port=port)


def _network_id(text: str) -> NetworkId:
    if len(text) != _NETWORK_DIGITS or not set(text) <= set("0123456789abcdef"):
        raise JoinLineInvalid(
            expected=f"network: {_NETWORK_DIGITS} hex digits", actual=f"{len(text)} characters"
        )
    return NetworkId(Hash32(bytes.fromhex(text)))
