# SPDX-License-Identifier: Apache-2.0
"""The man page: up to date, every command and option in it, and clean in the eyes of roff."""

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from edge_node.cli.exit_codes import ExitCode
from edge_node.node.configuration import FILE_VARIABLE, variable_name
from tests.cli.typing_in import leaf, leaves
from tools import man_page


@pytest.fixture(scope="module")
def page() -> str:
    return man_page.page()


def plain(roff: str) -> str:
    return roff.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def sections(page: str) -> dict[str, str]:
    """Return heading -> text of the page's subsections: one for each command."""
    pieces = re.split(r"^\.S[SH] (.+)$", plain(page), flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def test_committed_page_is_what_the_commands_are() -> None:
    assert man_page.main(["--check"]) == 0, "run `make man`"


@pytest.mark.parametrize("path", list(leaves()), ids=" ".join)
def test_every_command_is_in_it_with_every_option(path: tuple[str, ...], page: str) -> None:
    text, command = sections(page)[" ".join(("edge-node", *path))], leaf(path)
    options = [each for each in command.params if isinstance(each, click.Option)]
    for option in options:
        assert f".B {option.opts[0]}" in text
    assert (command.help or "nothing").split()[0] in text


def test_what_the_commands_of_a_group_have_in_common_is_in_it(page: str) -> None:
    assert "PORT is /dev/serial/by-id/" in sections(page)["edge-node bridge"]


def test_an_entry_is_an_option_and_what_it_means(page: str) -> None:
    for text in sections(page).values():
        entries = re.findall(r"^\.TP\n(?:\.[BI] )(.+)\n(.*)$", text, flags=re.MULTILINE)
        assert all(meaning and not meaning.startswith(".") for _, meaning in entries)
    assert "PORT" not in re.findall(r"^\.B (\S+)", plain(page), flags=re.MULTILINE)


def test_variables_are_in_it(page: str) -> None:
    text = sections(page)["ENVIRONMENT"]
    assert variable_name("node", "board") in text
    assert FILE_VARIABLE in text


def test_exit_codes_are_in_it(page: str) -> None:
    text = sections(page)["EXIT STATUS"]
    assert all(f".B {code.value}\n{code.meaning}" in text for code in ExitCode)


def test_page_that_is_not_up_to_date_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(man_page, "PAGE", tmp_path / "edge-node.1")
    assert man_page.main(["--check"]) == 1
    assert man_page.main([]) == 0
    assert man_page.main(["--check"]) == 0
    (tmp_path / "edge-node.1").write_text("old\n")
    assert man_page.main(["--check"]) == 1
    assert "run `make man`" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_roff_has_nothing_to_complain_of(page: str) -> None:
    words = ["groff", "-man", "-ww", "-Tascii", "-rCHECKSTYLE=0"]
    done = subprocess.run(words, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_text_that_looks_like_an_order_is_none() -> None:
    assert man_page._roff(".bit files") == "\\&.bit files"
    assert man_page._roff("a\\b --c\n  d") == "a\\eb \\-\\-c d"
