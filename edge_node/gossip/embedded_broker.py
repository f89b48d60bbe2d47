# SPDX-License-Identifier: Apache-2.0
"""Finding and starting a broker: mosquitto if there is one, amqtt in a child process otherwise.

On loopback for one machine, or on the LAN for `edge-node broker run --listen ADDR`; always with a
password, a bound on message size and on queues. It ends with the process that started it, however
that ends: it watches a pipe whose other end closes with us.
Law of the file: files below the data directory only, readable by their owner only; nothing about
gossip but the join line.
Read next: join_line.py, amqtt_child.py.
"""

import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from edge_node.gossip import limits
from edge_node.gossip.errors import BrokerDidNotStart, BrokerMissing, BrokerOptionInvalid
from edge_node.gossip.join_line import BrokerAddress, JoinLine
from edge_node.gossip.topics import BRIDGE_ROOT, DISCOVERY_ROOT, ROOT
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import NetworkId

LOOPBACK = "127.0.0.1"
USER = "edge-node"
MAX_CONNECTIONS = 256
MAX_QUEUED_MESSAGES = 2_000
MAX_QUEUED_BYTES = 64 << 20
"""What the broker keeps for one slow client."""
START_TIMEOUT_MS = 10_000
STOP_TIMEOUT_S = 2
MAX_START_TRIES = 5
"""A free port may be taken by another before the broker has it."""
MAX_LOG_TAIL_BYTES = 600
_POLL_S = 0.02
_PROOF_S = 0.05
"""A broker that could not bind ends within this, though another one answers on its port."""
_HASH_ROUNDS = 101
"""mosquitto's default; the password is 144 random bits, so more would only cost connects."""
_SALT_BYTES = 12
_PASSWORD_BYTES = 18

# Debian keeps daemons where a user's PATH does not look.
_EXTRA_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

_RUN_AND_WATCH = """
exec 3<&0
"$@" 3<&- </dev/null &
broker=$!
{ read -r _ <&3; kill "$broker"; } 2>/dev/null &
watch=$!
exec 3<&-
wait "$broker"
status=$?
kill "$watch" 2>/dev/null
exit "$status"
"""
"""Runs a program until it ends or standard input does. A pipe, not prctl: the death signal would
come with the end of the thread that started the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOptions:
    """What broker to start."""

    data_dir: Path
    """Folder for its files; made if need be."""
    host: str = LOOPBACK
    """Address to listen on; `0.0.0.0` for the LAN."""
    port: int = 0
    """Port to listen on; 0 for any free one."""
    program: str = ""
    """`mosquitto` or `amqtt`; the first of them that is there if empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who may connect."""

    user: str
    """Name."""
    password: str
    """Password; kept in the data directory so that join lines stay valid."""


class RunningBroker:
    """A broker process that we started.

    Parameters
    ----------
    process : subprocess.Popen
        Its process; its standard input is the lifeline.
    program : str
        `mosquitto` or `amqtt`.
    address : BrokerAddress
        Where it listens.
    account : Account
        Who may connect.
    """

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        *,
        program: str,
        address: BrokerAddress,
        account: Account,
    ) -> None:
        self._process = process
        self.program = program
        self.address = address
        self.account = account

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Number of the process, and of its group."""
        return self._process.pid

    def ends_within(self, seconds: float) -> bool:
        """Wait for the process to end, at most so long; say whether it did."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End the process: by closing its lifeline, by force if that takes too long."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def join_line(self, network_id: NetworkId, *, advertise: str = "") -> JoinLine:
        """Return what another node needs to connect.

        Parameters
        ----------
        advertise : str
            The host to tell; our address on the LAN if empty and we listen on all.
        """
        host = advertise or self.address.host
        if host in {"0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
            host = lan_address()
        return JoinLine(
            brokers=(BrokerAddress(host=host, port=self.address.port),),
            network_id=network_id,
            user=self.account.user,
            password=self.account.password,
        )


def find_mosquitto() -> str | None:
    """Return the path of a mosquitto program, if there is one."""
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), *_EXTRA_FOLDERS])
    return shutil.which("mosquitto", path=folders)


def has_amqtt() -> bool:
    """Say whether the `broker` extra is installed."""
    return importlib.util.find_spec("amqtt") is not None


def lan_address() -> str:
    """Return the address that other machines reach us at; loopback if there is no network."""
    # Connecting a datagram socket sends nothing: it only asks which interface would be used.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])


def password_line(account: Account, salt: bytes) -> str:
    """Return an account's line in mosquitto's password file (PBKDF2 with SHA-512)."""
    digest = hashlib.pbkdf2_hmac("sha512", account.password.encode(), salt, _HASH_ROUNDS)
    salt_text, digest_text = b64encode(salt).decode(), b64encode(digest).decode()
    return f"{account.user}:$7${_HASH_ROUNDS}${salt_text}${digest_text}\n"


def access_list(account: Account) -> str:
    """Return what an account may read and write, for mosquitto."""
    roots = (ROOT, BRIDGE_ROOT, DISCOVERY_ROOT)
    return f"user {account.user}\n" + "".join(f"topic readwrite {root}/#\n" for root in roots)


def mosquitto_config(host: str, port: int, folder: Path) -> str:
    """Return the text of a mosquitto configuration file."""
    return "\n".join(
        [
            "# Made by edge-node at every start of its broker; changes are lost.",
            # Started by root it would become another user, who may not read our files.
            *(["user root"] if os.geteuid() == 0 else []),
            f"listener {port} {host}",
            "allow_anonymous false",
            f"password_file {folder / 'passwords'}",
            f"acl_file {folder / 'acl'}",
            # Nodes repeat what must be retained; nothing here is worth a disk.
            "persistence false",
            # Not message_size_limit, which acknowledges a message and then drops it.
            f"max_packet_size {limits.MAX_PACKET_BYTES}",
            "max_inflight_messages 40",
            f"max_queued_messages {MAX_QUEUED_MESSAGES}",
            f"max_queued_bytes {MAX_QUEUED_BYTES}",
            f"max_connections {MAX_CONNECTIONS}",
            # Without it an answer waits 40 ms for the acknowledgement of the last packet.
            "set_tcp_nodelay true",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
            "connection_messages false",
            "",
        ]
    )


def load_account(folder: Path) -> Account:
    """Return the account in the data directory, made at the first start."""
    path = folder / "account"
    if path.exists():
        user, _, password = path.read_text(encoding="utf-8").strip().partition(":")
        return Account(user=user, password=password)
    account = Account(user=USER, password=secrets.token_urlsafe(_PASSWORD_BYTES))
    _write_private(path, f"{account.user}:{account.password}\n")
    return account


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def free_port(host: str, port: int = 0) -> int:
    """Return `port`, or any if it is 0, that nobody listens on at the moment.

    Raises
    ------
    OSError
        It is taken, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections that ended a moment ago do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def choose_program(wanted: str) -> str:
    """Return `mosquitto` or `amqtt`, whichever is wanted and installed.

    Raises
    ------
    BrokerMissing
        It is not installed.
    BrokerOptionInvalid
        There is no such program.
    """
    if wanted not in {"", "mosquitto", "amqtt"}:
        raise BrokerOptionInvalid(expected="mosquitto or amqtt", actual=wanted)
    if wanted != "amqtt" and find_mosquitto() is not None:
        return "mosquitto"
    if wanted != "mosquitto" and has_amqtt():
        return "amqtt"
    raise BrokerMissing(
        expected=wanted or "mosquitto or amqtt",
        actual="missing; install the package mosquitto, or edge-node[broker] with pip",
    )


def start_broker(options: BrokerOptions, clock: Clock) -> RunningBroker:
    """Start a broker and wait until it listens.

    Raises
    ------
    BrokerMissing, BrokerOptionInvalid, BrokerDidNotStart
        The message says what to install or change.
    """
    program = choose_program(options.program)
    folder = options.data_dir.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    account = load_account(folder)
    _write_private(folder / "passwords", password_line(account, secrets.token_bytes(_SALT_BYTES)))
    _write_private(folder / "acl", access_list(account))
    problem = ""
    for _ in range(1 if options.port else MAX_START_TRIES):
        try:
            port = free_port(options.host, options.port)
        except OSError as error:
            raise BrokerOptionInvalid(
                expected="a free port at an address of this machine",
                actual=f"{options.host}:{options.port} ({error.strerror})",
            ) from error
        broker = RunningBroker(
            _spawn(program, options.host, port, folder),
            program=program,
            address=BrokerAddress(host=options.host, port=port),
            account=account,
        )
        if _listens(broker, clock):
            return broker
        broker.stop()
        problem = _log_tail(folder)
    raise BrokerDidNotStart(
        expected=f"{program} listening on {options.host}:{options.port or 'any port'}",
        actual=f"ended, its log says: {problem}",
    )


def _spawn(program: str, host: str, port: int, folder: Path) -> "subprocess.Popen[bytes]":
    if program == "mosquitto":
        _write_private(folder / "mosquitto.conf", mosquitto_config(host, port, folder))
        mosquitto = [find_mosquitto() or program, "-c", str(folder / "mosquitto.conf")]
        command = ["/bin/sh", "-c", _RUN_AND_WATCH, "sh", *mosquitto]
    else:
        child = "edge_node.gossip.amqtt_child"
        command = [sys.executable, "-m", child, host, str(port), str(folder / "passwords")]
    with (folder / "broker.log").open("wb") as log:
        # A session of its own: Ctrl-C ends the node, which then says goodbye over the broker.
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _listens(broker: RunningBroker, clock: Clock) -> bool:
    """Wait until the broker accepts a connection; False if it ends before or takes too long."""
    host = broker.address.host
    target = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104  # compared
    end_ms = clock.monotonic_ms() + START_TIMEOUT_MS
    while broker.is_alive and clock.monotonic_ms() < end_ms:
        if _accepts(target, broker.address.port):
            # Somebody listens there; it is ours if ours still runs.
            return not broker.ends_within(_PROOF_S)
        if broker.ends_within(_POLL_S):
            return False
    return False


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _log_tail(folder: Path) -> str:
    data = (folder / "broker.log").read_bytes()[-MAX_LOG_TAIL_BYTES:]
    lines = data.decode(errors="replace").split("\n")
    return " ".join(line.strip() for line in lines if line.strip()) or "nothing"
