# SPDX-License-Identifier: Apache-2.0
"""Members' keys from words and a file: all of them, or the place of the one that is no key."""

from pathlib import Path

import pytest

from edge_node.node.errors import MemberInvalid
from edge_node.node.members_file import read_members

ONE, TWO = "0a" * 32, "F1" * 32


def test_words_first_then_the_file_without_its_remarks(tmp_path: Path) -> None:
    file = tmp_path / "members"
    file.write_text(f"# us\n\n  {TWO}  # two\n")
    assert read_members([ONE], file) == [bytes.fromhex(ONE), bytes.fromhex(TWO)]
    assert read_members([], None) == []


@pytest.mark.parametrize("wrong", ["x", ONE[1:], ONE + "0", f"{ONE} {TWO}", "\xff"])
def test_what_is_no_key_is_named_with_its_line(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "members"
    file.write_text(f"{ONE}\n{wrong}\n")
    with pytest.raises(MemberInvalid, match="line 2 is no public key"):
        read_members([], file)
    with pytest.raises(MemberInvalid, match="--member"):
        read_members([wrong], None)
