# SPDX-License-Identifier: Apache-2.0
"""Settings of one card: refused before anything is written, else read back from the partition."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_node.gossip.errors import JoinLineInvalid
from edge_node.kernels.libsodium import load_ed25519
from tools.image import __main__ as command
from tools.image.__main__ import WIFI_VARIABLE, main
from tools.image.boards import MARK
from tools.image.personalise import (
    SettingFile,
    SettingRefused,
    Settings,
    Wifi,
    boot_offset_bytes,
    files_of,
    wifi_text,
    write_settings,
)

LINE = f"edge-node://ann:secret@10.1.2.3:1883/?network={'ab' * 32}"
FIRST_SECTOR = 64
PROGRAMS = ("mcopy", "mformat")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
card_tools = pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)}: no card is made")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a disk whose first partition is a boot partition of ours, and nearly empty."""
    disk = tmp_path / "card.img"
    with disk.open("wb") as file:
        file.truncate((FIRST_SECTOR + 70_000) * 512)
        file.seek(446)
        file.write(bytes([0x80, 0, 0, 0, 0x0C, 0, 0, 0]))
        file.write(FIRST_SECTOR.to_bytes(4, "little") + (70_000).to_bytes(4, "little"))
        file.seek(510)
        file.write(b"\x55\xaa")
    drive = ["-i", f"{disk}@@{FIRST_SECTOR * 512}"]
    subprocess.run(["mformat", *drive, "-F", "-T", "70000", "-h", "2", "-s", "9", "::"], check=True)
    subprocess.run(["mmd", *drive, "::edge-node"], check=True)
    (tmp_path / MARK).write_text("a board\n")
    subprocess.run(["mcopy", *drive, str(tmp_path / MARK), "::edge-node/"], check=True)
    return disk


def on_card(image: Path, name: str) -> bytes:
    words = ["mtype", "-i", f"{image}@@{FIRST_SECTOR * 512}", f"::edge-node/{name}"]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout


@card_tools
def test_command_writes_all_settings_and_tells_the_keys_public_half(
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ssh_key = tmp_path / "id.pub"
    ssh_key.write_text("ssh-ed25519 AAAA ann@home\n")
    monkeypatch.setenv(WIFI_VARIABLE, "a long password")
    words = ["--join-token", LINE, "--hostname", "shed", "--ssh-key", str(ssh_key), "--fresh-key"]
    assert main(["personalise", str(image), *words, "--wifi", "Hütte", "--country", "DE"]) == 0
    said = capsys.readouterr().out
    seed = on_card(image, "key")
    assert load_ed25519().public_key(seed).hex() in said
    assert seed.hex() not in said
    assert "secret" not in said
    assert on_card(image, "join") == f"{LINE}\n".encode()
    assert on_card(image, "hostname") == b"shed\n"
    assert on_card(image, "authorized_keys") == b"ssh-ed25519 AAAA ann@home\n"
    wifi = on_card(image, "wpa_supplicant.conf").decode()
    key = hashlib.pbkdf2_hmac("sha1", b"a long password", "Hütte".encode(), 4096, 32)
    assert f"psk={key.hex()}\n" in wifi
    assert "long password" not in wifi


@card_tools
def test_setting_told_again_takes_the_place_of_the_first_and_others_stay(image: Path) -> None:
    write_settings(image, files_of(Settings(hostname="shed", join_line=LINE)))
    write_settings(image, files_of(Settings(hostname="attic")))
    assert on_card(image, "hostname") == b"attic\n"
    assert on_card(image, "join") == f"{LINE}\n".encode()


def test_key_of_the_standard_is_derived_from_the_password() -> None:
    # IEEE 802.11i, H.4.2, first test vector.
    text = wifi_text(Wifi(ssid="IEEE", passphrase="password", country="US"))
    assert "psk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(), "nothing to write"),
        (Settings(hostname="my card"), "'my card' has others"),
        (Settings(hostname="-card"), "a host name has"),
        (Settings(hostname="x" * 64), "a host name has"),
        (Settings(ssh_keys="-----BEGIN OPENSSH PRIVATE KEY-----\n"), "wants public keys"),
        (Settings(ssh_keys="\n"), "wants public keys"),
        (Settings(wifi=Wifi(ssid="", passphrase="x" * 8, country="DE")), "has 1 to 32 bytes"),
        (Settings(wifi=Wifi(ssid="ü" * 17, passphrase="x" * 8, country="DE")), "this one 34"),
        (Settings(wifi=Wifi(ssid="a", passphrase="x" * 7, country="DE")), "this one 7"),
        (Settings(wifi=Wifi(ssid="a", passphrase="x" * 64, country="DE")), "this one 64"),
        (Settings(wifi=Wifi(ssid="a", passphrase="ü" * 8, country="DE")), "ASCII"),
        (Settings(wifi=Wifi(ssid="a", passphrase="x" * 8, country="")), "--country"),
        (Settings(join_line=LINE.replace("10.1.2.3", "127.0.0.1")), "would be the card itself"),
        (Settings(join_line=LINE.replace("10.1.2.3", "localhost")), "would be the card itself"),
    ],
)
def test_setting_that_can_not_be_is_refused(settings: Settings, words: str) -> None:
    with pytest.raises(SettingRefused, match=words):
        files_of(settings)


def test_text_that_is_no_join_line_is_refused() -> None:
    with pytest.raises(JoinLineInvalid):
        files_of(Settings(join_line="mqtt://10.1.2.3"))


@card_tools
def test_disk_that_is_not_ours_is_left_alone(image: Path, tmp_path: Path) -> None:
    drive = f"{image}@@{FIRST_SECTOR * 512}"
    subprocess.run(["mdel", "-i", drive, f"::edge-node/{MARK}"], check=True)
    before = image.read_bytes()
    with pytest.raises(SettingRefused, match="is no card image"):
        write_settings(image, (SettingFile(name="hostname", content=b"x"),))
    assert image.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no card image"),
        (bytes(512), "is no card image"),
        (bytes(510) + b"\x55\xaa", "is no card image"),
        (b"\xfd7zXZ\0" + bytes(600), "is compressed"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "is compressed"),
    ],
)
def test_file_without_a_boot_partition_is_refused(
    tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(SettingRefused, match=words):
        boot_offset_bytes(file)


def test_command_says_in_one_sentence_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.img"
    assert main(["personalise", str(missing), "--hostname", "shed"]) == 1
    assert (
        capsys.readouterr().err == f"image: {missing} can not be read: No such file or directory\n"
    )


def test_build_says_in_one_sentence_that_it_can_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "PROGRAMS", {})
    wheel = tmp_path / "edge_node.whl"
    words = ["build", "--wheel", str(wheel), "--mirror", "http://127.0.0.1:1/"]
    assert main([*words, "--folder", str(tmp_path / "made")]) == 1
    told = f"image: there is no wheel {wheel}; `make dist` makes it\n"
    assert capsys.readouterr().err == told
    wheel.touch()
    assert main([*words, "--folder", str(wheel / "made")]) == 1
    told = f"image: {wheel / 'made'}"
    assert capsys.readouterr().err.startswith(told)
