# SPDX-License-Identifier: Apache-2.0
"""`edge-node config show` and `edge-node hw`: settings with their origin, boards, this machine."""

from pathlib import Path

import pytest

from tests.cli.typing_in import typed


def test_setting_comes_with_its_origin_and_the_password_is_not_told(tmp_path: Path) -> None:
    words = ("--set", "network.password=hush", "--set", "trainer.enabled=false", "config", "show")
    seen = typed(tmp_path, *words, "--json")
    settings = {f"{s['section']}.{s['key']}": s for s in seen.json()["settings"]}
    assert settings["trainer.enabled"]["value"] is False
    assert settings["trainer.enabled"]["source"] == "command line"
    assert settings["node.log_level"]["source"] == "default"
    assert "hush" not in seen.out
    shown = typed(tmp_path, *words).out
    assert "hush" not in shown
    assert "false" in shown


@pytest.mark.parametrize(
    "words", [("config", "show"), ("hw", "show"), ("hw", "show", "pynq_z2"), ("hw", "check")]
)
def test_tables_are_whole_in_80_columns(tmp_path: Path, words: tuple[str, ...]) -> None:
    shown = typed(tmp_path, *words).out
    table = [line for line in shown.splitlines() if line[:1] in "┏┃┡│└"]
    assert table
    assert max(map(len, table)) <= 80
    assert "…" not in shown


def test_settings_are_shown_by_their_whole_names(tmp_path: Path) -> None:
    assert "network.tls_certificate_file" in typed(tmp_path, "config", "show").out


def test_this_machine(tmp_path: Path) -> None:
    found = typed(tmp_path, "hw", "detect", "--json").json()
    assert found["cpu_count"] >= 1
    assert found["title"] in typed(tmp_path, "hw", "detect").out
    findings = typed(tmp_path, "hw", "check", "--json").json()["findings"]
    assert {"libsodium", "disk"} <= {each["name"] for each in findings if each["needed"]}


def test_too_full_a_disk_is_a_no(tmp_path: Path) -> None:
    seen = typed(tmp_path, "--set", "limits.min_free_mib=1000000000", "hw", "check")
    assert seen.code == 1


def test_boards(tmp_path: Path) -> None:
    boards = typed(tmp_path, "hw", "show", "--json").json()["boards"]
    assert "raspberry_pi_5" in {board["name"] for board in boards}
    (board,) = typed(tmp_path, "hw", "show", "pynq_z2", "--json").json()["boards"]
    assert board["title"] == "PYNQ-Z2"
    assert "trainer.selection_images" in typed(tmp_path, "hw", "show", "pynq_z2").out
    assert "choose one of" in typed(tmp_path, "hw", "show", "abacus").sentence(3)
