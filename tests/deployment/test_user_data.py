# SPDX-License-Identifier: Apache-2.0
"""A card's files: YAML that cloud-init's own schema takes, a script that runs, secrets kept small.

The script is run for real, in a folder of stand-ins for the system's programs, which take notes.
"""

import base64
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_node.deployment.errors import CardRefused
from edge_node.deployment.user_data import (
    FIRST_BOOT,
    MAX_USER_DATA_BYTES,
    Card,
    Wifi,
    card_files,
    first_boot_script,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDvJ2y4kzkX9b1kP ann@home"
WHEEL = "edge_node-0.1.0-py3-none-manylinux_2_17_aarch64.whl"
LINE = "edge-node://user:secret@broker:1883/?network=" + 64 * "0"
CARD = Card(hostname="edge-1", user="ann", ssh_keys=(KEY,), wheel=WHEEL)
WIFI = Wifi(ssid="IEEE", password="password", country="DE")
KNOWN_KEYS = {
    "hostname", "manage_etc_hosts", "runcmd", "ssh_pwauth", "users", "write_files",
}  # fmt: skip
"""Each looked up in the schema of cloud-init 22.4.2."""


def user_data(card: Card) -> dict[str, Any]:
    first, _, rest = card_files(card)["user-data"].partition("\n")
    assert first == "#cloud-config"
    value = json.loads(rest)
    assert isinstance(value, dict)
    return value


def file_of(card: Card, path: str) -> dict[str, str]:
    (found,) = [each for each in user_data(card)["write_files"] if each["path"] == path]
    return dict(found)


def test_account_comes_in_by_key_alone() -> None:
    (user,) = user_data(CARD)["users"]
    assert (user["name"], user["ssh_authorized_keys"]) == ("ann", [KEY])
    assert user["lock_passwd"] is True
    assert user_data(CARD)["ssh_pwauth"] is False
    assert user_data(CARD)["hostname"] == "edge-1"


def test_only_known_keys_are_used() -> None:
    assert set(user_data(CARD)) == KNOWN_KEYS


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="no cloud-init here")
def test_cloud_inits_own_schema_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "user-data"
    path.write_text(card_files(replace(CARD, settings="[trainer]\n", seed=bytes(32)))["user-data"])
    done = subprocess.run(
        ["cloud-init", "schema", "--config-file", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_node_finds_settings_line_and_key_where_it_looks_and_nobody_else_may() -> None:
    card = replace(CARD, settings="[trainer]\n", join_line=LINE, seed=bytes(range(32)))
    for name, content in (("config.toml", "[trainer]\n"), ("join", f"{LINE}\n")):
        found = file_of(card, f"/var/lib/edge-node/{name}")
        assert (found["content"], found["permissions"]) == (content, "0600")
    key = file_of(card, "/var/lib/edge-node/key")
    assert base64.b64decode(key["content"]) == bytes(range(32))
    assert (key["encoding"], key["permissions"]) == ("b64", "0600")
    assert len(user_data(CARD)["write_files"]) == 1


def test_repr_of_a_card_shows_no_secret() -> None:
    shown = repr(replace(CARD, join_line=LINE, seed=b"0" * 32, wifi=WIFI))
    assert "secret" not in shown
    assert "password" not in shown.replace("password=", "")
    assert "000" not in shown


def test_wifi_is_told_the_key_and_never_the_password() -> None:
    texts = card_files(replace(CARD, wifi=WIFI))
    network = json.loads(texts["network-config"])["network"]
    point = network["wifis"]["wlan0"]["access-points"]["IEEE"]
    # The test vector of IEEE 802.11i, H.4.
    assert point["password"] == "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    assert network["wifis"]["wlan0"]["regulatory-domain"] == "DE"
    assert "wifis" not in json.loads(card_files(CARD)["network-config"])["network"]


def test_another_card_is_set_up_anew_and_the_same_one_is_not() -> None:
    def instance(card: Card) -> object:
        return json.loads(card_files(card)["meta-data"])["instance-id"]

    assert instance(CARD) == instance(CARD)
    assert instance(CARD) != instance(replace(CARD, user="bob"))


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Make a folder of programs that note how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("timedatectl", "python3", "pip", "edge-node", "ln", "mkdir", "sleep", "apt-get"):
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/notes\n')
        path.chmod(0o755)
    (folder / "timedatectl").write_text("#!/bin/sh\necho yes\n")
    return folder


def first_boot(board: Path, wheel: str) -> tuple[int, list[str]]:
    script = first_boot_script(wheel).replace("/opt/edge-node/bin/", f"{board}/")
    done = subprocess.run(
        ["/bin/sh", "-c", script, str(FIRST_BOOT)], env={"PATH": str(board)}, check=False
    )
    notes = board / "notes"
    return done.returncode, notes.read_text().splitlines() if notes.exists() else []


@pytest.mark.parametrize(
    ("wheel", "installed"),
    [
        (WHEEL, f"/boot/firmware/{WHEEL}"),
        ("https://example.org/a;reboot", "https://example.org/a;reboot"),
    ],
)
def test_script_installs_the_wheel_and_the_service(board: Path, wheel: str, installed: str) -> None:
    code, notes = first_boot(board, wheel)
    assert code == 0
    assert notes[1:] == [
        "python3 -m venv /opt/edge-node",
        f"pip install --no-cache-dir --upgrade {installed}",
        "mkdir -p /usr/local/share/man/man1",
        f"ln -sf {board}/edge-node /usr/local/bin/edge-node",
        "ln -sf /opt/edge-node/share/man/man1/edge-node.1 /usr/local/share/man/man1/edge-node.1",
        "edge-node install-service",
    ]


def test_script_fetches_what_a_venv_needs_where_it_is_missing(board: Path) -> None:
    (board / "python3").write_text(
        f'#!/bin/sh\n[ "$1" != -c ] || exit 1\necho "python3 $*" >> {board}/notes\n'
    )
    _, notes = first_boot(board, WHEEL)
    assert notes[:2] == ["apt-get update", "apt-get install --yes python3-venv"]


def test_script_ends_where_a_step_fails_and_where_no_time_comes(board: Path) -> None:
    (board / "pip").write_text("#!/bin/sh\nexit 1\n")
    code, notes = first_boot(board, WHEEL)
    assert code == 1
    assert not [note for note in notes if note.startswith("edge-node")]
    (board / "timedatectl").write_text("#!/bin/sh\necho no\n")
    (board / "notes").unlink()
    code, notes = first_boot(board, WHEEL)
    assert (code, set(notes)) == (1, {"sleep 2"})


@pytest.mark.parametrize(
    ("card", "told"),
    [
        (replace(CARD, hostname="Edge_1"), "the host name must be small letters"),
        (replace(CARD, hostname="a" * 64), "the host name must be"),
        (replace(CARD, user="root"), "the user must be an account of its own, not root"),
        (replace(CARD, user="a b"), "the user must be small letters"),
        (replace(CARD, ssh_keys=()), "the SSH key must be at least one, not none"),
        (replace(CARD, ssh_keys=("ssh-ed25519 AAAA\nroot: x",)), "the SSH key must be a line"),
        (replace(CARD, wheel="edge_node-0.1.0-py3-none-linux_x86_64.whl"), "the wheel must be"),
        (replace(CARD, wheel="http://example.org/a.whl"), "the wheel must be"),
        (replace(CARD, wifi=replace(WIFI, ssid="")), "the Wi-Fi's name must be 1 to 32 bytes"),
        (replace(CARD, wifi=replace(WIFI, password="short")), "not 5 characters"),
        (replace(CARD, wifi=replace(WIFI, country="de")), "must be two capitals"),
        (replace(CARD, settings="#" * MAX_USER_DATA_BYTES), "user-data of at most 16384 bytes"),
    ],
)
def test_card_that_would_not_work_is_refused(card: Card, told: str) -> None:
    with pytest.raises(CardRefused) as refused:
        card_files(card)
    assert told in str(refused.value)


def test_private_ssh_key_is_refused_and_not_shown() -> None:
    private = "-----BEGIN OPENSSH PRIVATE KEY-----"
    with pytest.raises(CardRefused) as refused:
        card_files(replace(CARD, ssh_keys=(private,)))
    assert "PRIVATE" not in str(refused.value)
