# SPDX-License-Identifier: Apache-2.0
"""`edge-node config show`: settings with their origin."""

from pathlib import Path

from tests.cli.typing_in import typed, whole_table


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


def test_table_is_whole_in_80_columns(tmp_path: Path) -> None:
    whole_table(typed(tmp_path, "config", "show").out)


def test_settings_are_shown_by_their_whole_names(tmp_path: Path) -> None:
    assert "network.tls_certificate_file" in typed(tmp_path, "config", "show").out
