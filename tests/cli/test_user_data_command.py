# SPDX-License-Identifier: Apache-2.0
"""`edge-node make-user-data` onto a folder that stands for a card's first partition."""

import base64
import json
from pathlib import Path

import pytest

from edge_node.kernels.libsodium import load_ed25519
from tests.cli.typing_in import Seen, typed
from tests.full_disk import files_of_at_most

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDvJ2y4kzkX9b1kP ann@home\n"
URL = "https://example.org/edge_node-0.1.0-py3-none-any.whl"
LINE = "edge-node://user:secret@broker:1883/?network=" + 64 * "0"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519.pub").write_text(f"# a comment\n{KEY}")
    folder = tmp_path / "bootfs"
    folder.mkdir()
    return folder


def make(card: Path, *words: str, wheel: str = URL) -> Seen:
    return typed(card.parent / "data", "make-user-data", "--wheel", wheel, *words)


def test_without_a_folder_it_prints_user_data_alone(card: Path) -> None:
    seen = make(card, "--join", LINE)
    assert seen.code == 0, seen.err
    first, _, rest = seen.out.partition("\n")
    assert first == "#cloud-config"
    assert json.loads(rest)["users"][0]["ssh_authorized_keys"] == [KEY.strip()]
    assert make(card, "--json").json()["user_data"].startswith("#cloud-config\n")
    assert list(card.iterdir()) == []


def test_partition_gets_the_files_and_the_wheel(card: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "edge_node-0.1.0-py3-none-manylinux_2_17_aarch64.whl"
    wheel.write_bytes(b"wheel")
    (card / "user-data").write_text("that of the image")
    for _ in range(2):
        seen = make(card, "--output", str(card), wheel=str(wheel))
        assert seen.code == 0, seen.err
    names = {path.name for path in card.iterdir()}
    assert names == {"user-data", "meta-data", "network-config", wheel.name}
    assert (card / wheel.name).read_bytes() == b"wheel"
    assert f"/boot/firmware/{wheel.name}" in (card / "user-data").read_text()
    assert (card / "user-data").stat().st_mode & 0o777 == 0o600


def test_partition_without_room_gets_no_half_of_a_wheel(card: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "edge_node-0.1.0-py3-none-manylinux_2_17_aarch64.whl"
    wheel.write_bytes(bytes(50_000))
    with files_of_at_most(20_000):
        told = make(card, "--output", str(card), wheel=str(wheel)).sentence(3)
    assert told.startswith(f"edge-node: {card / wheel.name}: ")
    assert list(card.iterdir()) == []


def test_key_is_made_here_and_only_its_public_half_is_shown(card: Path) -> None:
    told = make(card, "--with-key", "--output", str(card), "--json")
    _, _, rest = (card / "user-data").read_text().partition("\n")
    files = {each["path"]: each["content"] for each in json.loads(rest)["write_files"]}
    secret = files["/var/lib/edge-node/key"]
    public = load_ed25519().public_key(base64.b64decode(secret)).hex()
    assert told.json()["public_key"] == public
    assert secret not in told.out


def test_password_of_the_wifi_is_asked_for_or_in_the_environment_and_never_told(
    card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--wifi", "Home", "--wifi-country", "DE", "--output", str(card))
    assert "nobody gave the password" in make(card, *words).err
    assert list(card.iterdir()) == []
    monkeypatch.setenv("WIFI_PASSWORD", "correct horse")
    seen = make(card, *words)
    assert seen.code == 0, seen.err
    texts = [path.read_text() for path in card.iterdir()]
    assert not [text for text in (seen.out, seen.err, *texts) if "correct horse" in text]
    assert "Home" in (card / "network-config").read_text()


def test_settings_are_checked_before_a_card_carries_them(card: Path, tmp_path: Path) -> None:
    settings = tmp_path / "mine.toml"
    settings.write_text("[trainer]\nenabled = false\n")
    shown = make(card, "--settings", str(settings)).out
    assert "/var/lib/edge-node/config.toml" in shown
    settings.write_text("[trainer]\nenable = false\n")
    assert "there is no setting trainer.enable" in make(card, "--settings", str(settings)).err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--wifi", "Home"), 2, "--wifi and --wifi-country go together"),
        (("--with-key",), 2, "make private files; add --output"),
        (("--join", "nonsense"), 8, "must be edge-node://"),
        (("--hostname", "-"), 3, "the host name must be"),
    ],
)
def test_what_can_not_be_is_one_sentence(
    card: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    assert told in make(card, *words).sentence(code)


def test_wheel_that_is_not_there_or_for_another_machine(card: Path, tmp_path: Path) -> None:
    gone = make(card, wheel=str(tmp_path / "edge_node-1-py3-none-any.whl"))
    assert "the wheel must be a file" in gone.sentence(3)
    assert "aarch64" in make(card, wheel="edge_node-1-py3-none-linux_x86_64.whl").sentence(3)


def test_card_without_a_way_in_is_refused(card: Path) -> None:
    (card.parent / ".ssh/id_ed25519.pub").unlink()
    assert "a .pub file (--ssh-key), not none" in make(card).sentence(3)
