# SPDX-License-Identifier: Apache-2.0
"""The very files of `edge-node make-user-data`, carried out by Debian's cloud-init in an emulator.

A system like Raspberry Pi OS as it comes boots with them on its first partition. What counts is
what the host received over its broker under the key in them, and what its owner sees over ssh. No
server of time is in reach of a guest: the test says that the clock is right in its place, when it
has seen that the first boot waits for that.
"""

import base64
import csv
import hashlib
import io
import json
import os
import shlex
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from edge_node import __version__
from edge_node.gossip.join_line import parse_join_line
from edge_node.primitives.types import PublicKey
from tests.acceptance.running import answer, broker, found_network, node
from tests.tools.image.guests import (
    BOOT_PATIENCE_S,
    BROKER_HOST,
    ROOT,
    Card,
    Guest,
    listening,
    online,
    port_of,
    tell,
    until,
    virtual,
)
from tests.tools.image.stock import make_stock
from tools.image.disk import BOOT_BYTES
from tools.image.personalise import boot_offset_bytes

PATIENCE_S = 3 * BOOT_PATIENCE_S
"""Twice a minute or two of pip's beside the boot, as slowly as an emulator runs it."""
pytestmark = [pytest.mark.image, pytest.mark.timeout(5 * PATIENCE_S)]
SAY_SYNCHRONISED = """
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
timex = bytearray(256)
# modes (ADJ_MAXERROR and ADJ_STATUS), offset, freq, maxerror, esterror, status
struct.pack_into("=I4x4qi", timex, 0, 0x14, 0, 0, 0, 0, 0)
assert libc.adjtimex((ctypes.c_char * 256).from_buffer(timex)) >= 0, ctypes.get_errno()
"""
"""Says by adjtimex(2) that the clock has no error, as a client of NTP does when it has set it."""


def put(image: Path, *files: Path) -> None:
    """Write files onto the first partition of a card."""
    drive = f"{image}@@{boot_offset_bytes(image)}"
    subprocess.run(["mcopy", "-o", "-i", drive, *files, "::"], check=True)


def make_card(folder: Path, wheel: Path, join_line: str) -> Card:
    """Write the system onto a card, and the files beside it, as their owner would."""
    bootfs, image, ssh_key = folder / "bootfs", folder / "card.img", folder / "ssh"
    bootfs.mkdir(parents=True)
    stock = make_stock(wheel, ROOT / "build/stock")
    subprocess.run(["cp", "--sparse=always", stock, image], check=True)
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh_key)]
    subprocess.run(words, check=True)
    settings = folder / "config.toml"
    settings.write_text("[trainer]\nenabled = false\n")
    line = join_line.replace("127.0.0.1", BROKER_HOST)
    options = ["--wheel", str(wheel), "--join", line, "--hostname", folder.name, "--with-key"]
    options += ["--ssh-key", f"{ssh_key}.pub", "--settings", str(settings)]
    told = answer(folder / "data", "make-user-data", *options, "--output", str(bootfs))
    put(image, *bootfs.iterdir())
    key = PublicKey(bytes.fromhex(told["public_key"]))
    return Card(image=image, key=key, ssh_key=ssh_key, user="edge")


def secrets_of(card: Card, join_line: str) -> tuple[bytes, ...]:
    """Return what of its user-data nobody else shall know."""
    text = (card.image.parent / "bootfs/user-data").read_text()
    files = json.loads(text.partition("\n")[2])["write_files"]
    (key,) = [each["content"] for each in files if each["path"].endswith("/key")]
    return key.encode(), base64.b64decode(key), parse_join_line(join_line).password.encode()


def on_the_partition(card: Card, secrets: tuple[bytes, ...]) -> list[bool]:
    """Return of each secret if it lies anywhere on a card's first partition, in a file or not."""
    with card.image.open("rb") as image:
        image.seek(boot_offset_bytes(card.image))
        content = image.read(BOOT_BYTES)
    return [secret in content for secret in secrets]


def newer_wheel(wheel: Path, folder: Path) -> Path:
    """Return the same wheel as the version 99.0.0."""
    old, new = wheel.name.split("-")[1], "99.0.0"
    target, record = folder / wheel.name.replace(old, new), io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as copy:
        for info in source.infolist():
            name, content = info.filename.replace(f"-{old}.", f"-{new}."), source.read(info)
            if name.endswith("/RECORD"):
                continue
            if name == "edge_node/__init__.py" or name.endswith("/METADATA"):
                content = content.replace(old.encode(), new.encode(), 1)
            copy.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.writerow((name, f"sha256={digest.decode()}", len(content)))
        place = f"edge_node-{new}.dist-info/RECORD"
        rows.writerow((place, "", ""))
        copy.writestr(place, record.getvalue())
    return target


def give_time(guest: Guest) -> None:
    """Say that the clock is right; it is the host's."""
    guest.run(f"sudo python3 -c {shlex.quote(SAY_SYNCHRONISED)}")


def done_words(guest: Guest) -> str:
    """Wait for cloud-init, and return what it says of itself."""
    return guest.run("sudo cloud-init status --wait --format=json")


def check_account_and_service(guest: Guest) -> None:
    """Check what the card's owner finds: no unit failed, and he is who he said."""
    said = json.loads(done_words(guest))
    assert (said["status"], said["errors"], said["recoverable_errors"]) == ("done", [], {})
    assert guest.run("systemctl --failed --no-legend --plain") == ""
    assert guest.run("hostname").strip() == guest.card.image.parent.name
    assert guest.run("sudo stat -c %a /var/lib/edge-node/key").strip() == "600"
    assert "127.0.1.1 shed shed\n" in guest.run("cat /etc/hosts")
    assert guest.run("systemctl is-active edge-node ssh").split() == ["active", "active"]


def switch_off(guest: Guest) -> None:
    """Let the system end by itself, so that all is written."""
    # Soon, so that ssh ends first; and QEMU was told to end at it.
    guest.run("sudo systemd-run --quiet --on-active=2s systemctl reboot")
    guest.process.wait(BOOT_PATIENCE_S)


def test_card_with_user_data_becomes_a_node_forgets_its_secrets_and_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel,) = (ROOT / "build/image/wheel").glob("*.whl")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/sbin")
    first = found_network(tmp_path)
    with broker(first) as line, listening(line) as ear:
        with node(first) as host:
            host.until_height(3)
            host.end()
        card = make_card(tmp_path / "shed", wheel, line)
        secrets = secrets_of(card, line)
        assert on_the_partition(card, secrets) == [True, False, True], "the key is base64 there"
        with (
            node(first, "--no-trainer") as host,
            virtual(card, port_of(line), keeps=True) as guest,
        ):
            guest.until_reachable(PATIENCE_S)
            time.sleep(10)  # in which it would have begun
            assert json.loads(guest.run("cloud-init status --format=json"))["status"] == "running"
            assert guest.run("ls /opt") == "wheels\n", (
                "nothing is installed before the time is known"
            )
            give_time(guest)
            height = host.until("its chain", lambda now: now["height"] >= 3)["height"]
            until("its chain", ear, [guest], lambda: ear.height(card) == height, PATIENCE_S)
            tell(f"validated {time.monotonic() - guest.began_s:.0f} s after the first start")
            now = host.until("the card", lambda now: card.node in online(now["peers"]))
            assert online(now["peers"])[card.node] == f"edge-node {__version__}"
            check_account_and_service(guest)
            switch_off(guest)
            host.end()
        assert on_the_partition(card, secrets) == [False, False, False]
        put(card.image, newer_wheel(wheel, tmp_path))
        with node(first) as host:
            host.until_height(height + 1)
            host.end()
        with (
            node(first, "--no-trainer") as host,
            virtual(card, port_of(line), keeps=True) as guest,
        ):
            until("new blocks", ear, [guest], lambda: ear.height(card) > height, PATIENCE_S)
            check_account_and_service(guest)
            runs = guest.run("sudo grep -c 'the node runs' /var/log/cloud-init-output.log")
            assert runs == "1\n", "the second start carries nothing out again"
            give_time(guest)
            guest.run("sudo edge-node-first-boot")
            host.until(
                "its new version",
                lambda now: online(now["peers"]).get(card.node) == "edge-node 99.0.0",
            )
            host.end()
