# SPDX-License-Identifier: Apache-2.0
"""The files that make a node of a card with stock Raspberry Pi OS: cloud-init reads them once.

Raspberry Pi OS (Trixie) has `user-data`, `network-config` and `meta-data` on its first partition,
the one that every computer can write. Ours put an account with an SSH key on it, the node's
settings, and first-boot.sh, which installs the node and then takes the secrets off that partition.
JSON is YAML: what the standard library writes can hold no surprise.
Law of the file: texts from values; nothing is read but the script beside this file, and a secret
stands in no message.
Read next: first-boot.sh, installation.py.
"""

import base64
import hashlib
import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_node.deployment.errors import CardRefused
from edge_node.deployment.unit import STATE_DIR

BOOT: Final = Path("/boot/firmware")
"""Where Raspberry Pi OS mounts the partition with these files."""
FIRST_BOOT: Final = Path("/usr/local/sbin/edge-node-first-boot")
MAX_USER_DATA_BYTES: Final = 1 << 14
"""Others than ours hardly reach one kilobyte."""

_SCRIPT: Final = Path(__file__).with_name("first-boot.sh")
_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PUBLIC_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/=]+( [^\n]*)?")
_WHEEL = re.compile(r"[A-Za-z0-9_.+-]+-py3-none-(any|[a-z0-9_.]+_(?:aarch64|armv7l))\.whl")
_GROUPS = "adm,dialout,gpio,i2c,netdev,plugdev,spi,sudo,systemd-journal,users"
_WPA_ROUNDS, _WPA_BYTES = 4_096, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Wifi:
    """A wireless network."""

    ssid: str
    """Its name."""
    password: str = field(repr=False)
    """8 to 63 characters."""
    country: str
    """By whose rules the radio works: ISO 3166, such as DE."""

    def pre_shared_key(self) -> str:
        """Return what WPA makes of the password (IEEE 802.11i, PBKDF2), so that it travels not."""
        key = hashlib.pbkdf2_hmac(
            "sha1", self.password.encode(), self.ssid.encode(), _WPA_ROUNDS, _WPA_BYTES
        )
        return key.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a card is to become."""

    hostname: str
    """Its name in the LAN."""
    user: str
    """Account of the person who keeps it; may become root."""
    ssh_keys: tuple[str, ...]
    """Public keys by which this person comes in; there is no password."""
    wheel: str
    """What pip installs: an address, or the name of a file that is put beside these."""
    settings: str = ""
    """The node's config.toml; empty for none."""
    join_line: str = field(default="", repr=False)
    """The network that it joins; empty for none."""
    seed: bytes = field(default=b"", repr=False)
    """Its secret key; empty for one that it draws itself."""
    wifi: Wifi | None = None
    """None for a cable."""


def card_files(card: Card) -> dict[str, str]:
    """Return name -> text of the files for the card's first partition.

    Raises
    ------
    CardRefused
        Something in it could not work; names what.
    """
    _check(card)
    texts = {
        "user-data": f"#cloud-config\n{_json(_user_data(card))}",
        "meta-data": _json(_meta_data(card)),
        "network-config": _json({"network": _network(card.wifi)}),
    }
    if (actual := len(texts["user-data"].encode())) > MAX_USER_DATA_BYTES:
        raise CardRefused(
            what="settings",
            expected=f"user-data of at most {MAX_USER_DATA_BYTES} bytes",
            actual=f"{actual} bytes",
        )
    return texts


def first_boot_script(wheel: str) -> str:
    """Return the script that installs a wheel: an address, or a file on the first partition."""
    place = wheel if _is_address(wheel) else str(BOOT / wheel)
    return _SCRIPT.read_text(encoding="utf-8").replace("@WHEEL@", shlex.quote(place))


def check_wheel_name(name: str) -> None:
    """Check that a wheel fits a Raspberry Pi.

    Raises
    ------
    CardRefused
    """
    if _WHEEL.fullmatch(name) is None:
        raise CardRefused(
            what="the wheel",
            expected="edge_node-...aarch64.whl (armv7l for a 32-bit system), as `make dist` makes",
            actual=repr(name),
        )


def _is_address(wheel: str) -> bool:
    return wheel.startswith("https://")


def _check(card: Card) -> None:
    forms = (
        ("the host name", card.hostname, _HOSTNAME, "small letters, digits and -, at most 63"),
        ("the user", card.user, _USER, "small letters, digits, _ and -, at most 32"),
    )
    for what, text, form, expected in forms:
        if form.fullmatch(text) is None:
            raise CardRefused(what=what, expected=expected, actual=repr(text))
    if card.user == "root":
        raise CardRefused(what="the user", expected="an account of its own", actual="root")
    if not card.ssh_keys:
        raise CardRefused(what="the SSH key", expected="at least one", actual="none")
    for key in card.ssh_keys:
        if _PUBLIC_KEY.fullmatch(key) is None:
            # Never shown: it might be the private one.
            raise CardRefused(
                what="the SSH key", expected="a line of a .pub file", actual="another text"
            )
    if not _is_address(card.wheel):
        check_wheel_name(card.wheel)
    if card.wifi is not None:
        _check_wifi(card.wifi)


def _check_wifi(wifi: Wifi) -> None:
    if not 0 < len(wifi.ssid.encode()) <= 32:
        raise CardRefused(what="the Wi-Fi's name", expected="1 to 32 bytes", actual=repr(wifi.ssid))
    if not (8 <= len(wifi.password) <= 63 and wifi.password.isascii()):
        raise CardRefused(
            what="the Wi-Fi's password",
            expected="8 to 63 ASCII characters",
            actual=f"{len(wifi.password)} characters",
        )
    if _COUNTRY.fullmatch(wifi.country) is None:
        raise CardRefused(
            what="the Wi-Fi's country", expected="two capitals, such as DE", actual=wifi.country
        )


def _user_data(card: Card) -> dict[str, object]:
    return {
        "hostname": card.hostname,
        "manage_etc_hosts": True,
        "users": [
            {
                "name": card.user,
                "groups": _GROUPS,
                "shell": "/bin/bash",
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "lock_passwd": True,
                "ssh_authorized_keys": list(card.ssh_keys),
            }
        ],
        "ssh_pwauth": False,
        "write_files": _files(card),
        "runcmd": [["systemctl", "enable", "--now", "ssh"], [str(FIRST_BOOT)]],
    }


def _files(card: Card) -> list[dict[str, object]]:
    """Return what is written; systemd gives the data directory to the service's user later."""
    files: list[dict[str, object]] = [
        {
            "path": str(FIRST_BOOT),
            "permissions": "0755",
            "content": first_boot_script(card.wheel),
        }
    ]
    private = {"config.toml": card.settings, "join": card.join_line and f"{card.join_line}\n"}
    for name, text in private.items():
        if text:
            files.append(
                {"path": str(STATE_DIR / name), "permissions": "0600", "content": text},
            )
    if card.seed:
        files.append(
            {
                "path": str(STATE_DIR / "key"),
                "permissions": "0600",
                "encoding": "b64",
                "content": base64.b64encode(card.seed).decode(),
            }
        )
    return files


def _meta_data(card: Card) -> dict[str, object]:
    """Return a name of this card's making: with another one, cloud-init sets it up again."""
    made_of = hashlib.sha256(repr(_user_data(card)).encode()).hexdigest()[:16]
    return {
        "dsmode": "local",
        "instance-id": f"edge-node-{made_of}",
        "local-hostname": card.hostname,
    }


def _network(wifi: Wifi | None) -> dict[str, object]:
    network: dict[str, object] = {
        "version": 2,
        "ethernets": {"eth0": {"dhcp4": True, "optional": True}},
    }
    if wifi is not None:
        network["wifis"] = {
            "wlan0": {
                "dhcp4": True,
                "optional": True,
                "regulatory-domain": wifi.country,
                "access-points": {wifi.ssid: {"password": wifi.pre_shared_key()}},
            }
        }
    return network


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
