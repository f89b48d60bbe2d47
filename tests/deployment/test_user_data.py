# SPDX-License-Identifier: Apache-2.0
"""A card's files: YAML that cloud-init's own schema takes, a script that runs, secrets kept small.

The script is run for real, in a folder of stand-ins for the system's programs, which take notes.
"""

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A folder that stands for a board: its programs take notes, its partition is a folder."""

    programs: Path
    """Stand-ins; coreutils are this machine's own."""
    partition: Path
    """In the place of /boot/firmware."""
    carried_out: Path
    """In the place of what cloud-init keeps of the user-data that it has carried out."""

    def first_boot(self, wheel: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run the script of a card that was made with this wheel."""
        script = first_boot_script(wheel)
        for place, ours in (
            ("/opt/edge-node/bin/", f"{self.programs}/"),
            ("/boot/firmware", str(self.partition)),
            ("/var/lib/cloud/instance/user-data.txt", str(self.carried_out)),
        ):
            assert wheel.startswith("https://") or place in script
            script = script.replace(place, ours)
        return subprocess.run(
            ["/bin/sh", "-c", script, str(FIRST_BOOT), *words],
            env={"PATH": f"{self.programs}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    def notes(self) -> list[str]:
        notes = self.programs / "notes"
        return notes.read_text().splitlines() if notes.exists() else []

    def stand_in(self, name: str, lines: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)

    def installed(self) -> list[str]:
        """Return which wheels pip was told to install, whatever is there."""
        return [note.split()[-1] for note in self.notes() if "--force-reinstall" in note]


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """Make a board with the files of a card on its partition, which cloud-init has carried out."""
    programs, partition = tmp_path / "bin", tmp_path / "bootfs"
    made = Board(programs=programs, partition=partition, carried_out=tmp_path / "user-data.txt")
    programs.mkdir()
    partition.mkdir()
    for name in ("python3", "pip", "edge-node", "ln", "mkdir", "sleep", "apt-get"):
        made.stand_in(name, f'echo "{name} $*" >> {programs}/notes')
    made.stand_in("timedatectl", "echo yes")
    (partition / WHEEL).touch()
    texts = card_files(replace(CARD, join_line=LINE, seed=bytes(range(32))))
    for name, text in texts.items():
        (partition / name).write_text(text)
    made.carried_out.write_text(texts["user-data"])
    return made


@pytest.mark.parametrize("wheel", [WHEEL, "https://example.org/a;reboot"])
def test_script_installs_the_wheel_and_the_service(board: Board, wheel: str) -> None:
    done = board.first_boot(wheel)
    assert done.returncode == 0, done.stderr
    of_net = wheel.startswith("https://")
    installed = wheel if of_net else f"{board.partition}/{WHEEL}"
    with_serial = f"edge-node[serial] @ {wheel}" if of_net else f"{installed}[serial]"
    assert board.notes()[1:] == [
        "python3 -m venv /opt/edge-node",
        f"pip install --no-cache-dir --upgrade {with_serial}",
        f"pip install --no-cache-dir --force-reinstall --no-deps {installed}",
        "mkdir -p /usr/local/share/man/man1",
        f"ln -sf {board.programs}/edge-node /usr/local/bin/edge-node",
        "ln -sf /opt/edge-node/share/man/man1/edge-node.1 /usr/local/share/man/man1/edge-node.1",
        "edge-node install-service",
    ]


def test_script_takes_the_newest_wheel_for_its_system_or_the_one_that_it_is_told(
    board: Board,
) -> None:
    newer = WHEEL.replace("0.1.0", "0.10.0")
    others = (WHEEL.replace("0.1.0", "0.9.1"), WHEEL.replace("0.1.0", "0.11.0rc1"))
    for name in (newer, others[0], newer.replace("0.10", "2.0").replace("aarch64", "armv7l")):
        (board.partition / name).touch()
    board.first_boot(WHEEL)
    (board.partition / others[1]).touch()
    board.first_boot(WHEEL)
    board.first_boot(WHEEL, "https://example.org/a.whl")
    board.first_boot(WHEEL, str(board.partition / WHEEL))
    board.first_boot("https://example.org/made-with.whl")
    assert board.installed() == [
        f"{board.partition}/{newer}",
        f"{board.partition}/{others[1]}",
        "https://example.org/a.whl",
        f"{board.partition}/{WHEEL}",
        "https://example.org/made-with.whl",
    ]
    anybodys = "edge_node-0.1.0-py3-none-any.whl"
    (board.partition / anybodys).touch()
    board.first_boot(anybodys)
    assert board.installed()[-1] == f"{board.partition}/{anybodys}"


@pytest.mark.parametrize("words", [(), ("/nowhere/edge_node-1-py3-none-any.whl",)])
def test_script_without_a_wheel_says_so_and_does_nothing(
    board: Board, words: tuple[str, ...]
) -> None:
    (board.partition / WHEEL).unlink()
    done = board.first_boot(WHEEL, *words)
    assert (done.returncode, board.notes()) == (1, [])
    assert done.stderr.startswith("edge-node: there is no wheel /")
    assert done.stderr.count("\n") == 1


def test_script_takes_secrets_off_the_partition_when_the_service_runs(board: Board) -> None:
    meta = (board.partition / "meta-data").read_text()
    done = board.first_boot(WHEEL)
    assert done.returncode == 0, done.stderr
    left = (board.partition / "user-data").read_text()
    assert left.startswith("#cloud-config\n")
    assert left.endswith("\n{}\n")
    assert not [word for word in ("secret", "key", "runcmd", "write_files") if word in left]
    assert (board.partition / "meta-data").read_text() == meta
    names = {path.name for path in board.partition.iterdir()}
    assert names == {"user-data", "meta-data", "network-config", WHEEL}


def test_script_overwrites_what_the_secrets_took(board: Board, tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.hardlink_to(board.partition / "user-data")  # a name for blocks that have none on a card
    board.first_boot(WHEEL)
    assert set(held.read_bytes()) == {0}
    assert held.stat().st_size >= board.carried_out.stat().st_size


def test_script_leaves_files_for_another_start_alone(board: Board) -> None:
    user_data = board.partition / "user-data"
    user_data.write_text("#cloud-config\nhostname: another\n")
    assert board.first_boot(WHEEL).returncode == 0
    assert user_data.read_text() == "#cloud-config\nhostname: another\n"


def test_secrets_stay_until_the_service_could_be_installed(board: Board) -> None:
    board.stand_in("edge-node", "exit 1")
    assert board.first_boot(WHEEL).returncode == 1
    assert "write_files" in (board.partition / "user-data").read_text()


def test_script_fetches_what_a_venv_needs_where_it_is_missing(board: Board) -> None:
    board.stand_in(
        "python3", f'[ "$1" != -c ] || exit 1\necho "python3 $*" >> {board.programs}/notes'
    )
    board.first_boot(WHEEL)
    assert board.notes()[:2] == ["apt-get update", "apt-get install --yes python3-venv"]


def test_script_ends_where_a_step_fails_and_where_no_time_comes(board: Board) -> None:
    board.stand_in("pip", "exit 1")
    assert board.first_boot(WHEEL).returncode == 1
    assert not [note for note in board.notes() if note.startswith("edge-node")]
    board.stand_in("timedatectl", "echo no")
    (board.programs / "notes").unlink()
    done = board.first_boot(WHEEL)
    assert (done.returncode, set(board.notes())) == (1, {"sleep 2"})
    assert "no time from the network" in done.stderr


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
