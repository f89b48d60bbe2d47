# SPDX-License-Identifier: Apache-2.0
"""The global options: which comes first, and lines for the user to type."""

from pathlib import Path

import pytest

from edge_node.cli.session import Session


def test_flag_comes_before_file_and_a_commands_option_before_a_flag(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[trainer]\nnice = 3\n[limits]\nmin_free_mib = 7\n")
    session = Session(flags={"node.data_dir": str(tmp_path), "trainer.nice": "4"}, file=None)
    assert (session.config.trainer.nice, session.config.limits.min_free_mib) == (4, 7)
    closer = session.with_flags({"trainer.nice": "5"})
    assert (closer.config.trainer.nice, closer.data_dir) == (5, tmp_path)
    assert session.directory.root == tmp_path


def test_file_that_is_named_counts(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[trainer]\nnice = 6\n")
    session = Session(flags={"node.data_dir": str(tmp_path)}, file=tmp_path / "mine.toml")
    assert session.config.trainer.nice == 6


@pytest.mark.parametrize(
    ("flags", "line"),
    [({}, "edge-node run"), ({"node.data_dir": "/n"}, "edge-node --data-dir /n run")],
)
def test_lines_to_type_are_about_the_same_directory(flags: dict[str, str], line: str) -> None:
    assert Session(flags=flags, file=None).line("run") == line
