# SPDX-License-Identifier: Apache-2.0
"""The very image in an emulator: kernel, initrd and root partition are taken from its one file.

A guest reaches one address and nothing else: the broker on this machine's loopback, by a relay.
What the host believes of a guest comes over that broker under the key on its card; ssh measures,
and sets a clock that has nobody else to ask.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_node.gossip.codec import decode
from edge_node.gossip.embedded_broker import free_port
from edge_node.gossip.envelope import open_envelope
from edge_node.gossip.join_line import parse_join_line
from edge_node.gossip.messages import Tip
from edge_node.gossip.mqtt import LinkOptions, MqttLink
from edge_node.gossip.ports import Incoming
from edge_node.gossip.topics import NodeId, network_prefix, node_id, parse
from edge_node.kernels.libsodium import load_ed25519
from edge_node.primitives.types import PublicKey
from tests.gossip.real import linked
from tools.image.personalise import boot_offset_bytes

ROOT = Path(__file__).parents[3]
IMAGE = ROOT / "build/image/edge-node.img"
BROKER_HOST = "10.0.2.100"
"""The one address that a guest can reach."""
BOOT_PATIENCE_S = 900
"""A guest starts in half a minute on an idle machine; this one may be busy."""
CARD_BYTES = 1 << 30
"""A power of two, as cards are; the room of a card that did not grow is too little to mine."""
VIRT = ("-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "512")
RASPI3B = ("-M", "raspi3b", "-smp", "4", "-m", "1G")
CONSOLE = (
    "console=ttyAMA0 root=LABEL=edge-root rootfstype=ext4 rootwait net.ifnames=0 panic=5"
    " systemd.journald.forward_to_console=1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An image that was given the settings of one card."""

    image: Path
    """The file."""
    key: PublicKey
    """Of its node, as the command that made it said."""
    ssh_key: Path
    """Opens the guest."""
    user: str = "root"
    """Whom it lets in."""

    @property
    def node(self) -> NodeId:
        return node_id(self.key)


def make_card(folder: Path, join_line: str) -> Card:
    """Copy the image and give it settings, as its owner would."""
    assert IMAGE.exists(), "`make image` builds what is tested here"
    folder.mkdir()
    image, ssh_key = folder / "card.img", folder / "ssh"
    subprocess.run(["cp", "--sparse=always", IMAGE, image], check=True)
    os.truncate(image, CARD_BYTES)
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh_key)]
    subprocess.run(words, check=True)
    line = join_line.replace("127.0.0.1", BROKER_HOST)
    settings = ["--join-token", line, "--hostname", folder.name, "--fresh-key"]
    words = ["personalise", str(image), *settings, "--ssh-key", f"{ssh_key}.pub"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.image", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.partition("public key ")[2].split()[0]
    return Card(image=image, key=PublicKey(bytes.fromhex(said)), ssh_key=ssh_key)


class Guest:
    """A card in an emulated machine, switched on."""

    def __init__(self, card: Card, broker_port: int, machine: tuple[str, ...]) -> None:
        self.card = card
        self.console = card.image.with_suffix(".console")
        self.console.touch()  # before QEMU does
        self.ssh_port = free_port("127.0.0.1")
        relay = f"{sys.executable} {Path(__file__).with_name('relay.py')} {broker_port}"
        network = (
            f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22,"
            f"guestfwd=tcp:{BROKER_HOST}:{broker_port}-cmd:{relay}"
        )
        command = ["qemu-system-aarch64", *machine, "-netdev", network, "-display", "none"]
        command += ["-serial", f"file:{self.console}", "-monitor", "none", "-no-reboot"]
        self.began_s = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def run(self, command: str) -> str:
        """Return what a command says in the guest, which lets us in by the key on its card."""
        words = ["ssh", "-p", str(self.ssh_port), "-i", str(self.card.ssh_key)]
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        for option in (*options, "ConnectTimeout=60"):
            words += ["-o", option]
        done = subprocess.run(
            [*words, f"{self.card.user}@127.0.0.1", command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def until_reachable(self, patience_s: float = BOOT_PATIENCE_S) -> None:
        """Wait until ssh opens the guest."""
        end_s = time.monotonic() + patience_s
        while True:
            self.check_on()
            try:
                self.run("true")
            except AssertionError:
                assert time.monotonic() < end_s, self.last_words()
                time.sleep(5)
            else:
                return

    def check_on(self) -> None:
        """Fail with the console's last words if the machine is off."""
        assert self.process.poll() is None, self.last_words()

    def last_words(self) -> str:
        return self.console.read_text(errors="replace")[-3_000:]

    def switch_off(self) -> None:
        self.process.kill()
        self.process.wait()


def boot_files(image: Path, folder: Path, *names: str) -> list[Path]:
    """Take files of the boot partition out of an image."""
    drive = f"{image}@@{boot_offset_bytes(image)}"
    for name in names:
        words = ["mcopy", "-n", "-i", drive, f"::{name}", str(folder / name)]
        subprocess.run(words, check=True)
    return [folder / name for name in names]


@contextmanager
def virtual(card: Card, broker_port: int, *, keeps: bool = False) -> Iterator[Guest]:
    """Switch the card on in QEMU's machine `virt`; it keeps what is written on it if it `keeps`."""
    kernel, initrd = boot_files(card.image, card.image.parent, "vmlinuz", "initrd.img")
    snapshot = "off" if keeps else "on"
    drive = f"file={card.image},format=raw,snapshot={snapshot},if=none,id=d"
    disk = ("-drive", drive, "-device", "virtio-blk-device,drive=d")
    start = ("-kernel", str(kernel), "-initrd", str(initrd), "-append", CONSOLE)
    with switched_on(
        card, broker_port, (*VIRT, *start, *disk, "-device", "virtio-net-device,netdev=n")
    ) as guest:
        yield guest


@contextmanager
def raspberry_pi_3b(card: Card, broker_port: int) -> Iterator[Guest]:
    """Switch the card on in QEMU's Raspberry Pi 3B, with its device tree; its network is USB's."""
    tree = "bcm2837-rpi-3-b.dtb"
    kernel, initrd, dtb = boot_files(card.image, card.image.parent, "vmlinuz", "initrd.img", tree)
    drive = ("-drive", f"file={card.image},format=raw,snapshot=on,if=sd")
    console = CONSOLE.replace("ttyAMA0", "ttyAMA0,115200 console=ttyS1,115200")
    start = ("-kernel", str(kernel), "-initrd", str(initrd), "-dtb", str(dtb), "-append", console)
    usb = ("-device", "usb-net,netdev=n")
    with switched_on(card, broker_port, (*RASPI3B, *start, *drive, *usb)) as guest:
        yield guest


@contextmanager
def switched_on(card: Card, broker_port: int, machine: tuple[str, ...]) -> Iterator[Guest]:
    guest = Guest(card, broker_port, machine)
    try:
        yield guest
    finally:
        guest.switch_off()


class Ear:
    """Hears on the broker what nodes say of their heads; says nothing itself."""

    def __init__(self, link: MqttLink, join_line: str) -> None:
        self._link = link
        self._network_id = parse_join_line(join_line).network_id
        self.tips: dict[NodeId, Tip] = {}

    def listen(self, duration_ms: int = 1_000) -> None:
        """Take in what came; a tip counts with its node's signature only."""
        for event in self._link.poll(duration_ms):
            if isinstance(event, Incoming):
                topic = parse(event.topic, network=network_prefix(self._network_id))
                envelope = open_envelope(
                    topic,
                    event.payload,
                    network_id=self._network_id,
                    verify=load_ed25519().verify,
                )
                tip = decode(envelope.kind, envelope.body)
                assert isinstance(tip, Tip)
                self.tips[envelope.sender] = tip

    def height(self, card: Card) -> int:
        """Return the height of the last head that a card's node told; 0 for none."""
        tip = self.tips.get(card.node)
        return 0 if tip is None else int(tip.height)


@contextmanager
def listening(join_line: str) -> Iterator[Ear]:
    """Connect an ear to the broker of a join line."""
    line = parse_join_line(join_line)
    topic = f"pol/v1/{network_prefix(line.network_id)}/+/tip/+"
    options = LinkOptions(
        brokers=line.brokers,
        client_id="ear",
        user=line.user,
        password=line.password,
        subscriptions=(topic,),
    )
    with linked(options) as link:
        yield Ear(link, join_line)


def tell(words: str) -> None:
    """Say a figure that depends on the machine; times are not judged."""
    print(words, flush=True)  # noqa: T201 - for who runs the tests with -s


def port_of(join_line: str) -> int:
    return parse_join_line(join_line).brokers[0].port


def until(
    what: str,
    ear: Ear,
    guests: list[Guest],
    holds: Callable[[], bool],
    patience_s: float = BOOT_PATIENCE_S,
) -> None:
    """Listen until something holds, and fail with the consoles' last words if a guest is off."""
    end_s = time.monotonic() + patience_s
    while not holds():
        for guest in guests:
            guest.check_on()
        words = "\n".join(guest.last_words() for guest in guests)
        assert time.monotonic() < end_s, f"{what}: not within {patience_s} s; {words}"
        ear.listen()


def online(peers: list[dict[str, object]]) -> dict[object, object]:
    """Return node -> software of the peers that are there."""
    return {peer["node"]: peer["software"] for peer in peers if peer["online"]}
