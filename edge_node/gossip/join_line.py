# SPDX-License-Identifier: Apache-2.0
"""The join line: all that a new node needs, in one line to copy.

`edge-node://USER:PASSWORD@HOST:PORT/?network=<64 hex digits>`, with `&tls=1` where the broker
speaks TLS, `&cell=NAME` where it has a name in a cluster, and `&or=BROKER` for each further broker,
in any form in which a broker is named. The genesis itself is not in it: it comes from the broker as
a retained message and must hash to the network id (genesis_fetch.py).
Law of the file: pure functions; what was not understood is refused, and no error shows a password.
Read next: genesis_fetch.py.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from edge_node.gossip.errors import BrokerAddressInvalid, JoinLineInvalid
from edge_node.gossip.topics import DEFAULT_BROKER, is_broker_name
from edge_node.primitives.types import Hash32, NetworkId

SCHEME = "edge-node"
DEFAULT_PORT = 1883
DEFAULT_TLS_PORT = 8883
MAX_LINE_CHARACTERS = 1_024
MAX_BROKERS = 8
HIDDEN = "(hidden)"
_TLS_OF_SCHEME = {"mqtt": False, "mqtts": True}
_FORMS = (
    "HOST[:PORT], mqtt://[USER:PASSWORD@]HOST[:PORT], or mqtts://..., with ?cell=NAME in a cluster"
)
_NETWORK_DIGITS = 64
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where a broker listens, and how it is spoken to."""

    host: str
    """Name or address."""
    port: int
    """1..65535."""
    tls: bool = False
    """Whether it speaks TLS."""
    user: str = ""
    """User name at this broker; empty for the one that counts for all."""
    password: str = field(default="", repr=False)
    """Its password."""
    cell: str = DEFAULT_BROKER
    """Its name in a cluster: where answers for the nodes connected to it go."""

    def __str__(self) -> str:
        """Return `host:port`, an IPv6 address in brackets; never the account."""
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
    """User name at the brokers that have none of their own; empty for none."""
    password: str = field(repr=False)
    """Its password."""


def format_join_line(line: JoinLine) -> str:
    """Return the line to copy."""
    first, *more = line.brokers
    assert not first.user, "its account is the line's"
    query = [("network", line.network_id.hex())]
    if first.tls:
        query.append(("tls", "1"))
    if first.cell != DEFAULT_BROKER:
        query.append(("cell", first.cell))
    query += [("or", format_broker(broker, tls=first.tls)) for broker in more]
    account = _account_text(line.user, line.password)
    return f"{SCHEME}://{account}{first}/?{urlencode(query, safe=':[]')}"


def parse_join_line(text: str, *, tls: bool = False) -> JoinLine:
    """Return what a join line says.

    Parameters
    ----------
    text : str
        The line; spaces around it do not count.
    tls : bool
        Whether brokers speak TLS of which the line does not say it.

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
        raise JoinLineInvalid(expected=f"{SCHEME}://...", actual="another text")
    account, _, place = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    network = [value for name, value in options if name == "network"]
    said = [value for name, value in options if name == "tls"]
    more = [value for name, value in options if name == "or"]
    cells = [f"?cell={value}" for name, value in options if name == "cell"]
    unknown = {name for name, _ in options} - {"network", "tls", "cell", "or"}
    if unknown:
        raise JoinLineInvalid(expected="network, tls, cell, or", actual=min(unknown))
    if len(network) != 1 or said not in ([], ["0"], ["1"]) or len(cells) > 1:
        raise JoinLineInvalid(expected="one network, tls 0 or 1, one cell", actual="something else")
    secure = said == ["1"] if said else tls
    if len(more) >= MAX_BROKERS:
        raise JoinLineInvalid(expected=f"<= {MAX_BROKERS} brokers", actual=len(more) + 1)
    return JoinLine(
        brokers=tuple(
            _broker_of_line(each, tls=secure) for each in (place + "".join(cells), *more)
        ),
        network_id=_network_id(network[0]),
        user=unquote(user),
        password=unquote(password),
    )


def format_broker(broker: BrokerAddress, *, tls: bool) -> str:
    """Return a broker as `parse_broker` with the same `tls` reads it."""
    place = str(broker) + ("" if broker.cell == DEFAULT_BROKER else f"?cell={broker.cell}")
    if broker.tls == tls and not broker.user:
        return place
    scheme = "mqtts" if broker.tls else "mqtt"
    return f"{scheme}://{_account_text(broker.user, broker.password)}{place}"


def parse_broker(text: str, *, tls: bool = False) -> BrokerAddress:
    """Return the broker in `HOST[:PORT]` or `mqtt://[USER[:PASSWORD]@]HOST[:PORT]`, or mqtts.

    Any of them may end in `?cell=NAME`.

    Parameters
    ----------
    text : str
        An IPv6 address stands in brackets; user and password are percent-encoded.
    tls : bool
        Whether the broker speaks TLS if no scheme says it; the port follows: 1883, or 8883.

    Raises
    ------
    BrokerAddressInvalid
        No host, no port in 1..65535, a space, another scheme, or a part that has no meaning.
    """
    refused = BrokerAddressInvalid(expected=_FORMS, actual=hide_account(text))
    if len(text) > MAX_LINE_CHARACTERS or not text.isprintable() or " " in text:
        raise refused
    separator = "://" in text
    try:
        parts = urlsplit(text if separator else f"//{text}")
        secure = _TLS_OF_SCHEME[parts.scheme] if separator else tls
        port = parts.port
        user, password = (
            unquote(each or "", errors="strict") for each in (parts.username, parts.password)
        )
    except (ValueError, KeyError):
        raise refused from None
    if port is None:
        port = DEFAULT_TLS_PORT if secure else DEFAULT_PORT
    if not parts.hostname or parts.fragment or not 0 < port <= _MAX_PORT:
        raise refused
    key, _, cell = (parts.query or f"cell={DEFAULT_BROKER}").partition("=")
    if key != "cell" or not is_broker_name(cell):
        raise refused
    if parts.path not in ({"", "/"} if separator else {""}):
        raise refused
    if parts.username is not None and not (separator and user):
        raise refused
    return BrokerAddress(
        host=parts.hostname, port=port, tls=secure, user=user, password=password, cell=cell
    )


def hide_account(text: str) -> str:
    """Return a text that names brokers, for people to see: without user and password."""
    before, at, place = text.rpartition("@")
    if not at:
        return text
    scheme, separator, _ = before.partition("://")
    return f"{scheme}{separator}{HIDDEN}@{place}" if separator else f"{HIDDEN}@{place}"


def _broker_of_line(text: str, *, tls: bool) -> BrokerAddress:
    try:
        return parse_broker(text, tls=tls)
    except BrokerAddressInvalid as error:
        raise JoinLineInvalid(expected=error.expected, actual=error.actual) from None


def _account_text(user: str, password: str) -> str:
    return f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""


def _network_id(text: str) -> NetworkId:
    if len(text) != _NETWORK_DIGITS or not set(text) <= set("0123456789abcdef"):
        raise JoinLineInvalid(
            expected=f"network: {_NETWORK_DIGITS} hex digits", actual=f"{len(text)} characters"
        )
    return NetworkId(Hash32(bytes.fromhex(text)))
