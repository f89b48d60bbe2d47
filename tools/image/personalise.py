# SPDX-License-Identifier: Apache-2.0
"""A card's own settings, written onto the boot partition of an image or of a card.

Nothing is mounted: mtools writes at the partition's place in the file. The first start takes the
settings into the system and shreds those that are secret, as far as a card can forget.
Law of the file: what can be refused is refused before anything is written.
Read next: first-start, among the files of the card.
"""

import hashlib
import re
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from edge_node.gossip.join_line import parse_join_line
from tools.image.boards import MARK
from tools.image.boot import SETTINGS

_SECTOR_BYTES = 512
_TABLE_AT = 446
_ENTRY = struct.Struct("<4xB3xII")
"""Of a partition table: kind, first sector, number of sectors."""
_FAT32_LBA = 0x0C
_SIGNATURE = b"\x55\xaa"
_XZ, _ZSTD = b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_KEY_KINDS = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")
_PASSPHRASE_CHARACTERS = range(8, 64)
_SSID_BYTES = range(1, 33)
_HERE = ("localhost", "127.", "::1")


class SettingRefused(Exception):
    """A setting that can not be, or a file on which it can not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wifi:
    """A radio network."""

    ssid: str
    """Its name."""
    passphrase: str = field(repr=False)
    """Its password; the card gets a key that is derived from it."""
    country: str
    """Two capital letters: whose rules of radio count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one card is told; what is empty is not written."""

    join_line: str = field(default="", repr=False)
    """The network that its node joins."""
    hostname: str = ""
    """Its name in the local network."""
    ssh_keys: str = ""
    """Public keys that may come in as root."""
    wifi: Wifi | None = None
    """Its radio network; a cable needs none."""
    seed: bytes = field(default=b"", repr=False)
    """32 secret bytes: its node's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFile:
    """A file in the folder of settings."""

    name: str
    """Without the folder."""
    content: bytes = field(repr=False)
    """All of it."""


def files_of(settings: Settings) -> tuple[SettingFile, ...]:
    """Return the files that tell a card its settings.

    Raises
    ------
    SettingRefused
        One of them can not be.
    JoinLineInvalid
    """
    files: list[SettingFile] = []
    if settings.join_line:
        _check_join_line(settings.join_line)
        files.append(_text_file("join", settings.join_line.strip()))
    if settings.hostname:
        if _LABEL.fullmatch(settings.hostname) is None:
            raise SettingRefused(
                f"a host name has up to 63 of a-z, 0-9 and -; {settings.hostname!r} has others"
            )
        files.append(_text_file("hostname", settings.hostname))
    if settings.ssh_keys:
        files.append(_text_file("authorized_keys", _checked_keys(settings.ssh_keys)))
    if settings.wifi is not None:
        files.append(_text_file("wpa_supplicant.conf", wifi_text(settings.wifi)))
    if settings.seed:
        files.append(SettingFile(name="key", content=settings.seed))
    if not files:
        raise SettingRefused("nothing to write; name --join-token, --hostname, --ssh-key or --wifi")
    return tuple(files)


def wifi_text(wifi: Wifi) -> str:
    """Return a network as wpa_supplicant reads it.

    Raises
    ------
    SettingRefused
    """
    ssid = wifi.ssid.encode()
    if len(ssid) not in _SSID_BYTES:
        raise SettingRefused(f"a Wi-Fi's name has 1 to 32 bytes, this one {len(ssid)}")
    if len(wifi.passphrase) not in _PASSPHRASE_CHARACTERS or not wifi.passphrase.isascii():
        raise SettingRefused(
            f"a Wi-Fi's password has 8 to 63 ASCII characters, this one {len(wifi.passphrase)}"
        )
    if _COUNTRY.fullmatch(wifi.country) is None:
        raise SettingRefused(f"--country takes two capital letters, not {wifi.country!r}")
    # IEEE 802.11, annex J.4: so the password itself is not on the card.
    key = hashlib.pbkdf2_hmac("sha1", wifi.passphrase.encode(), ssid, 4096, 32)
    lines = (
        f"country={wifi.country}",
        "network={",
        f"    ssid={ssid.hex()}",
        f"    psk={key.hex()}",
    )
    return "\n".join([*lines, "}"])


def write_settings(image: Path, files: tuple[SettingFile, ...]) -> None:
    """Write files into the folder of settings of an image or a card.

    Raises
    ------
    SettingRefused
        It is none of ours, or mtools could not.
    """
    drive = f"{image}@@{boot_offset_bytes(image)}"
    _mtools("mtype", "-i", drive, f"::{SETTINGS}/{MARK}", refused=_not_ours(image))
    for file in files:
        place = f"::{SETTINGS}/{file.name}"
        _mtools("mcopy", "-o", "-i", drive, "-", place, content=file.content)


def boot_offset_bytes(image: Path) -> int:
    """Return where the boot partition begins.

    Raises
    ------
    SettingRefused
        There is no such partition.
    """
    try:
        with image.open("rb") as disk:
            sector = disk.read(_SECTOR_BYTES)
    except OSError as error:
        raise SettingRefused(f"{image} can not be read: {error.strerror}") from error
    if sector.startswith((_XZ, _ZSTD)):
        raise SettingRefused(f"{image} is compressed; `unxz` or `zstd -d` it first")
    if len(sector) < _SECTOR_BYTES or sector[-2:] != _SIGNATURE:
        raise SettingRefused(_not_ours(image))
    kind, first, _ = _ENTRY.unpack_from(sector, _TABLE_AT)
    if kind != _FAT32_LBA:
        raise SettingRefused(_not_ours(image))
    return int(first) * _SECTOR_BYTES


def _check_join_line(text: str) -> None:
    line = parse_join_line(text)
    if all(broker.host.startswith(_HERE) for broker in line.brokers):
        raise SettingRefused(
            f"{line.brokers[0].host} would be the card itself; give the line of"
            " `edge-node broker run --advertise ADDRESS`"
        )


def _checked_keys(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    wrong = [line for line in lines if not line.startswith((*_KEY_KINDS, "#"))]
    if wrong or not lines:
        raise SettingRefused("--ssh-key wants public keys, a file such as ~/.ssh/id_ed25519.pub")
    return "\n".join(lines)


def _text_file(name: str, text: str) -> SettingFile:
    return SettingFile(name=name, content=f"{text}\n".encode())


def _not_ours(image: Path) -> str:
    return f"{image} is no card image of edge-node's; `make image` builds one"


def _mtools(*command: str, content: bytes = b"", refused: str = "") -> None:
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    if done.returncode:
        why = refused or f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()}"
        raise SettingRefused(why)
