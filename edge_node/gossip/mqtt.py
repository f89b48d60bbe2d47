# SPDX-License-Identifier: Apache-2.0
"""The connection to the broker: the only module that knows paho.

MQTT 3.1.1, clean session, QoS 0 and 1. A list of brokers is tried in turn; subscriptions are made
anew at every connect, for the broker is a lossy transport and never the store.
Law of the file: callbacks run on paho's thread and only queue (inbox.py) and subscribe; nothing
they do may raise, since an exception would kill that thread while it seems connected.
Read next: inbox.py, then protocol.py, which decides what is said.
"""

import contextlib
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_node.gossip import limits
from edge_node.gossip.errors import LinkOptionInvalid
from edge_node.gossip.inbox import Inbox, LinkDown, LinkEvent, LinkRefused, LinkUp
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.ports import Incoming, Publish, SetWill

KEEPALIVE_S = 15
"""A silent partition is noticed after twice this."""
CONNECT_TIMEOUT_S = 3
RECONNECT_MAX_S = 8
MAX_OUTGOING_MESSAGES = 256
"""Above this the client refuses: 16 MiB of pieces."""
MAX_IN_FLIGHT = 20
"""What mosquitto accepts by default; a server's wish for less is not honoured by the library."""
LINGER_MS = 150
"""amqtt drops what it has acknowledged and not passed on yet when its sender takes leave."""
_TOPIC_AND_HEADER_BYTES = 512


class PublishResult(Enum):
    """What became of a publish."""

    QUEUED = "queued"  # sent, or to be sent after the next connect
    FULL = "full"  # too much waits already; dropped
    TOO_LARGE = "too large"  # the broker would lose it in silence; not sent


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How to trust the broker, and to be trusted."""

    ca_file: Path | None = None
    """Certificates of the authority; the system's if None."""
    certificate_file: Path | None = None
    """Our certificate, with `key_file`."""
    key_file: Path | None = None
    """Its private key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """How to connect."""

    brokers: tuple[BrokerAddress, ...]
    """Tried in turn."""
    client_id: str
    """Stable over restarts, and nobody else's: a second client with it throws the first out."""
    user: str = ""
    """Of brokers without an account of their own; an anonymous session is worth less."""
    password: str = field(default="", repr=False)
    """Its password."""
    tls: TlsOptions = TlsOptions()
    """For those of the brokers that speak TLS."""
    subscriptions: tuple[str, ...] = ()
    """Filters, subscribed at every connect."""
    will: SetWill | None = None
    """Last will of the first connection; `set_will` for those that follow."""
    keepalive_s: int = KEEPALIVE_S
    """Seconds between signs of life."""


class MqttLink:
    """A connection that repairs itself.

    Parameters
    ----------
    options : LinkOptions
        Where and as whom.
    notify : callable or None
        Called from the network thread when `poll` has something.

    Raises
    ------
    LinkOptionInvalid
        No broker, no client id, or a certificate file that can not be read.
    """

    def __init__(self, options: LinkOptions, notify: Callable[[], None] | None = None) -> None:
        if not options.brokers or not options.client_id:
            raise LinkOptionInvalid(expected="a broker and a client id", actual="none")
        self._options = options
        self._inbox = Inbox(notify)
        self._will = options.will
        self._turn = 0
        self._stopping = False
        self._answered = False
        self._thread: threading.Thread | None = None
        self._last: paho.MQTTMessageInfo | None = None
        self._client = self._make_client()

    @property
    def dropped(self) -> int:
        """Messages that came faster than they were polled, and were dropped."""
        return self._inbox.dropped

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted us and is not lost since."""
        return self._client.is_connected()

    def start(self) -> None:
        """Begin to connect, on a thread of its own; `LinkUp` tells when it is done."""
        self._stopping = False
        self._connect_next(self._client)
        self._client.loop_start()

    def poll(self, timeout_ms: int) -> list[LinkEvent]:
        """Return what came; wait up to `timeout_ms` for the first."""
        thread = self._thread
        if thread is not None and not thread.is_alive() and not self._stopping:
            self._revive()
        return self._inbox.take(timeout_ms)

    def publish(self, message: Publish) -> PublishResult:
        """Send a message, now or after the next connect."""
        if len(message.payload) > limits.MAX_PACKET_BYTES - _TOPIC_AND_HEADER_BYTES:
            return PublishResult.TOO_LARGE
        sent = self._client.publish(
            message.topic, message.payload, qos=message.qos, retain=message.retain
        )
        if sent.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            return PublishResult.FULL
        if message.qos > 0:
            self._last = sent
        return PublishResult.QUEUED

    def set_will(self, will: SetWill) -> None:
        """Use this last will from the next connect on."""
        self._will = will

    def stop(self, timeout_ms: int = 1_000) -> None:
        """Let the last message out if that takes no longer, then close."""
        self._stopping = True
        last = self._last
        if last is not None and self._client.is_connected():
            # It raises if the library refused the message: then there is nothing to wait for.
            with contextlib.suppress(RuntimeError, ValueError):
                last.wait_for_publish(timeout_ms / 1_000)
            time.sleep(LINGER_MS / 1_000)
        self._client.disconnect()
        self._client.loop_stop()
        _let_go(self._client)
        # Nobody holds it now, so its sockets are closed here: who has this link may lie in a circle
        # of objects, and the collector might find the sockets before the client that closes them.
        with contextlib.suppress(LinkOptionInvalid):  # a certificate's file may be gone
            self._client = self._make_client()

    def _make_client(self) -> paho.Client:
        options = self._options
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            clean_session=True,
            protocol=paho.MQTTv311,
        )
        if any(broker.tls for broker in options.brokers):
            _use_tls(client, options.tls)
        client.connect_timeout = CONNECT_TIMEOUT_S
        # Nodes that lose one broker together must not all come back in the same moment.
        jitter_ms = zlib.crc32(options.client_id.encode()) % 500
        client.reconnect_delay_set(1 + jitter_ms / 1_000, RECONNECT_MAX_S)  # type: ignore[arg-type]  # any number does
        client.max_queued_messages_set(MAX_OUTGOING_MESSAGES)
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        client.suppress_exceptions = True
        client.on_pre_connect = self._on_pre_connect
        client.on_socket_open = _on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _revive(self) -> None:
        """Begin anew with a fresh client: paho's thread has died."""
        self._thread = None
        self._inbox.put(LinkDown(reason="the network thread ended"))
        _let_go(self._client)
        self._client = self._make_client()
        self.start()

    @property
    def _broker(self) -> BrokerAddress:
        return self._options.brokers[self._turn % len(self._options.brokers)]

    def _connect_next(self, client: paho.Client) -> None:
        broker, everywhere = self._broker, self._options
        account = broker if broker.user else everywhere
        client.username_pw_set(account.user or None, account.password if account.user else None)
        # Only this switch of the library's takes TLS back for a broker without it. Were it
        # renamed, that broker would be lost, but no other ever spoken to without TLS.
        client._ssl = broker.tls  # noqa: SLF001  # see above
        client.connect_async(broker.host, broker.port, everywhere.keepalive_s)

    # Callbacks, on the network thread

    def _on_pre_connect(self, client: paho.Client, _userdata: object) -> None:
        self._thread = threading.current_thread()
        self._answered = False
        will = self._will
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)

    def _on_connect(
        self,
        client: paho.Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._answered = True
        if reason.is_failure:
            self._inbox.put(LinkRefused(broker=str(self._broker), reason=str(reason)))
        elif self._options.subscriptions:
            client.subscribe([(each, 1) for each in self._options.subscriptions])
        else:
            self._inbox.put(LinkUp(broker=str(self._broker), cell=self._broker.cell))

    def _on_subscribe(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._inbox.put(LinkRefused(broker=str(self._broker), reason=refused[0]))
        else:
            self._inbox.put(LinkUp(broker=str(self._broker), cell=self._broker.cell))

    def _on_connect_fail(self, client: paho.Client, _userdata: object) -> None:
        self._inbox.put(LinkRefused(broker=str(self._broker), reason="no connection"))
        self._turn += 1
        self._connect_next(client)

    def _on_disconnect(
        self,
        client: paho.Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._stopping:
            return
        if self._answered:
            self._inbox.put(LinkDown(reason=str(reason)))
        else:
            # With TLS 1.3 it is only now that a client hears what its certificate is worth.
            why = "it hung up before it answered; check certificates and protocol"
            self._inbox.put(LinkRefused(broker=str(self._broker), reason=why))
        # The setters of host and port raise in here; connect_async is the way that works.
        self._turn += 1
        self._connect_next(client)

    def _on_message(
        self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage
    ) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._inbox.put(
            Incoming(topic=topic, payload=bytes(message.payload), retained=message.retain)
        )


def _on_socket_open(_client: paho.Client, _userdata: object, sock: object) -> None:
    # Without it a small answer waits 40 ms for the acknowledgement of the last packet.
    if isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _let_go(client: paho.Client) -> None:
    # The client closes its last sockets when it is collected: without our callbacks in it that is
    # at once, with them it would be whenever the garbage collector finds the circle.
    client.on_pre_connect = None
    client.on_socket_open = None
    client.on_connect = None
    client.on_connect_fail = None
    client.on_disconnect = None
    client.on_subscribe = None
    client.on_message = None


class _ClosingSocket(ssl.SSLSocket):
    """A socket that is closed where its handshake fails: the library would leave it open."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # as it is called
        try:
            super().do_handshake(block)
        except OSError:  # of TLS, or it has taken too long
            self.close()
            raise


def _use_tls(client: paho.Client, tls: TlsOptions) -> None:
    # As by the library's tls_set: the broker shows a certificate, and it is that of its host.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _ClosingSocket
    try:
        if tls.certificate_file is not None:
            context.load_cert_chain(tls.certificate_file, tls.key_file)
        if tls.ca_file is not None:
            context.load_verify_locations(tls.ca_file)
        else:
            context.load_default_certs()
    except (OSError, ValueError) as error:
        files = [tls.ca_file, tls.certificate_file, tls.key_file]
        named = [str(each) for each in files if each is not None]
        raise LinkOptionInvalid(
            expected="readable certificate files", actual=f"{', '.join(named)}: {error}"
        ) from error
    client.tls_set_context(context)
