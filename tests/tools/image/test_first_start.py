# SPDX-License-Identifier: Apache-2.0
"""The first start of a card, on a tree of its own: settings taken, secrets gone, boards known."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.image.boards import BOARDS, MARK, Board, mark_text
from tools.image.root import FILES

SCRIPT = FILES / "root/usr/lib/edge-node/first-start"
WITH_SSH = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a system that starts on a Raspberry Pi 3B for the first time."""
    for name in ("boot/firmware/edge-node", "etc/ssh", "var/lib", "root", "proc/device-tree"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 edge-node\n")
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef\n")
    (tmp_path / "boot/firmware/edge-node" / MARK).write_text(mark_text())
    on_board(tmp_path, "raspberrypi,3-model-b", "Raspberry Pi 3 Model B")
    return tmp_path


def on_board(root: Path, kind: str, model: str) -> None:
    tree = root / "proc/device-tree"
    (tree / "compatible").write_bytes(f"{kind}\0brcm,bcm2837\0".encode())
    (tree / "model").write_bytes(f"{model}\0".encode())


def setting(root: Path, name: str, content: bytes) -> Path:
    file = root / "boot/firmware/edge-node" / name
    file.write_bytes(content)
    return file


def card(root: Path, **programs: str) -> Path:
    """Let the system lie on a card's second partition; return what programs in its way are told.

    No card is touched: what would change it is a script here, with a line of each test's own.
    """
    part = root / "sys/devices/mmcblk0/mmcblk0p2"
    part.mkdir(parents=True)
    (part / "partition").write_text("2\n")
    (root / "sys/class/block").mkdir(parents=True)
    (root / "sys/class/block/mmcblk0p2").symlink_to(part)
    bins, calls = root / "bin", root / "calls"
    bins.mkdir()
    for name in ("findmnt", "sfdisk", "partx", "resize2fs"):
        line = programs.get(name, "echo /dev/mmcblk0p2" if name == "findmnt" else "")
        (bins / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{calls}\n{line}\n')
        (bins / name).chmod(0o755)
    return calls


def grown(root: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", SCRIPT, "grow"],
        env={"PATH": f"{root}/bin:/usr/bin:/bin", "FIRST_START_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def started(root: Path, *task: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", SCRIPT, *task],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "FIRST_START_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_key_and_join_line_leave_the_card_for_the_nodes_folder(root: Path) -> None:
    key, join = setting(root, "key", bytes(range(32))), setting(root, "join", b"edge-node://x\n")
    assert started(root, "node").returncode == 0
    assert not key.exists()
    assert not join.exists()
    data = root / "var/lib/edge-node"
    assert (data / "key").read_bytes() == bytes(range(32))
    assert (data / "join").read_bytes() == b"edge-node://x\n"
    for path, mode in ((data, 0o700), (data / "key", 0o600), (data / "join", 0o600)):
        assert path.stat().st_mode & 0o777 == mode


def test_key_that_is_there_is_never_overwritten(root: Path) -> None:
    data = root / "var/lib/edge-node"
    data.mkdir()
    (data / "key").write_bytes(bytes(32))
    key = setting(root, "key", bytes(range(32)))
    done = started(root, "node")
    assert done.returncode == 1
    assert "is there; the card's stays" in done.stdout
    assert (data / "key").read_bytes() == bytes(32)
    assert key.exists()


def test_key_whose_taking_was_cut_off_by_the_power_is_taken_whole(root: Path) -> None:
    setting(root, "key", bytes(range(32)))
    join = setting(root, "join", b"edge-node://x\n")
    data = root / "var/lib/edge-node"
    data.mkdir()
    (data / "key").write_bytes(bytes(range(32)))
    (data / "join.part").write_bytes(b"edge-")
    assert started(root, "node").returncode == 0
    assert {each.name for each in data.iterdir()} == {"key", "join"}
    assert (data / "join").read_bytes() == b"edge-node://x\n"
    assert not join.exists()
    assert not (join.parent / "key").exists()


@WITH_SSH
def test_card_without_settings_is_no_failure(root: Path) -> None:
    for task in ("keys", "wifi", "node"):
        assert started(root, task).returncode == 0
    assert not (root / "var/lib/edge-node").exists()
    assert not (root / "root/.ssh").exists()


def test_password_of_the_wifi_leaves_the_card(root: Path) -> None:
    file = setting(root, "wpa_supplicant.conf", b"country=DE\n")
    assert started(root, "wifi").returncode == 0
    assert not file.exists()
    target = root / "etc/wpa_supplicant/wpa_supplicant-wlan0.conf"
    assert target.read_bytes() == b"country=DE\n"
    assert target.stat().st_mode & 0o777 == 0o600


@WITH_SSH
def test_keys_of_the_owner_open_the_system(root: Path) -> None:
    setting(root, "authorized_keys", b"ssh-ed25519 AAAA\n")
    assert started(root, "keys").returncode == 0
    assert (root / "root/.ssh/authorized_keys").read_bytes() == b"ssh-ed25519 AAAA\n"
    assert (root / "root/.ssh").stat().st_mode & 0o777 == 0o700


@WITH_SSH
def test_key_of_the_host_stays_unless_it_was_cut_off(root: Path) -> None:
    key = root / "etc/ssh/ssh_host_ed25519_key"
    seen: list[bytes] = []
    for begin in (None, None, b"-----BEGIN OPENSSH", b""):
        if begin is not None:
            key.write_bytes(begin)
        assert started(root, "keys").returncode == 0
        seen.append(key.read_bytes())
        public = ["ssh-keygen", "-y", "-f", str(key)]
        told = subprocess.run(public, capture_output=True, check=True).stdout
        assert key.with_suffix(".pub").read_bytes().split()[:2] == told.split()[:2]
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


def test_name_is_that_on_the_card(root: Path) -> None:
    setting(root, "hostname", b"shed\r\n")
    assert started(root, "name").returncode == 0
    assert (root / "etc/hostname").read_text() == "shed\n"
    assert "127.0.1.1 shed\n" in (root / "etc/hosts").read_text()


def test_name_is_else_the_boards_number_or_the_machines(root: Path) -> None:
    assert started(root, "name").returncode == 0
    assert (root / "etc/hostname").read_text() == "edge-012345\n"
    (root / "proc/device-tree/serial-number").write_bytes(b"00000000cafe1234\0")
    assert started(root, "name").returncode == 0
    assert (root / "etc/hostname").read_text() == "edge-fe1234\n"


def test_partition_and_file_system_grow_to_the_card(root: Path) -> None:
    calls = card(root)
    done = grown(root)
    assert (done.returncode, done.stdout) == (0, "")
    assert calls.read_text().splitlines()[1:] == [
        "sfdisk --quiet --no-reread --force -N 2 /dev/mmcblk0",
        "partx --update --nr 2 /dev/mmcblk0",
        "resize2fs /dev/mmcblk0p2",
    ]


def test_file_system_grows_though_its_partition_did_so_before_a_power_cut(root: Path) -> None:
    calls = card(root, sfdisk="exit 1")
    assert grown(root).returncode == 0
    assert calls.read_text().splitlines()[-1] == "resize2fs /dev/mmcblk0p2"
    assert "partx" not in calls.read_text()


@pytest.mark.parametrize("program", ["findmnt", "partx", "resize2fs"])
def test_card_that_does_not_grow_is_told_and_fails(root: Path, program: str) -> None:
    card(root, **{program: "echo it is broken >&2; exit 1"})
    done = grown(root)
    assert done.returncode == 1
    assert done.stdout == (
        "first-start: grow: FAILED, see above: the system keeps the little room of the image, and"
        " the node mines only while enough of it is free; the next start tries again\n"
    )
    assert "it is broken" in done.stderr


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_boards_of_the_image_are_known(root: Path, board: Board) -> None:
    on_board(root, board.compatible, "anything")
    done = started(root, "board")
    assert (done.returncode, done.stdout) == (0, f"first-start: this is {board.name}\n")


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("raspberrypi,5-model-b", "Raspberry Pi 5 Model B Rev 1.0"),
        ("raspberrypi,model-zero-w", "Raspberry Pi Zero W"),
        ("raspberrypi,3-model", "Some other board"),
        ("raspberrypi,*", "A board that is no pattern"),
    ],
)
def test_wrong_board_is_told_in_a_sentence_and_nothing_is_changed(
    root: Path, kind: str, model: str
) -> None:
    on_board(root, kind, model)
    key = setting(root, "key", bytes(32))
    done = started(root)
    assert done.returncode == 1
    assert f"this card is not made for '{model}'" in done.stdout
    assert done.stdout.count("\n") == 1
    assert key.exists()
    assert not (root / "etc/hostname").exists()
    assert not (root / "var/lib/edge-node-first-start").exists(), "on its own board it goes on"
