# SPDX-License-Identifier: Apache-2.0
"""Boards' pages and READMEs: every command in them can be typed, every figure is a file's."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from edge_node.cli.app import app
from edge_node.node.boards import board_names, read_board
from edge_node.node.configuration import board_settings

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ROOT / "hw_configs"
PAGES = sorted(
    [
        *BOARDS.rglob("*.md"),
        *(ROOT / "firmware_bridge").rglob("*.md"),
        *(ROOT / "tools/image").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "SECURITY.md")),
    ]
)
PROGRAM = re.compile(r"(^|/)edge-node$")
NOT_RUN = "not yet run on a board"


def of_page(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(text: str) -> Iterator[str]:
    """Yield every line of commands, and every piece of code within a sentence."""
    blocks = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
    for _, language, block in blocks.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        typed = [line.strip() for line in lines]
        if language == "text":
            typed = [line.removeprefix("$ ") for line in typed if line.startswith("$ ")]
        if language in ("", "text"):
            yield from typed
    rest = blocks.sub("", text)
    yield from (line.strip() for line in re.findall(r"^ {4}(\S.*)$", rest, re.MULTILINE))
    yield from re.findall(r"(?<!`)`([^`\n]+)`", rest)


def words_of(line: str) -> list[str]:
    """Return a shell line's words without its comment; none if it is no such line."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def arguments_of(line: str) -> list[str] | None:
    """Return what stands behind `edge-node`, to the next command; None if it is not called."""
    words = words_of(line)
    begins = next((i for i, word in enumerate(words) if PROGRAM.search(word)), None)
    if begins is None or any(not word.startswith(("sudo", "--")) for word in words[:begins]):
        return None
    after = words[begins + 1 :]
    return after[: next((i for i, word in enumerate(after) if word in ("&&", "|")), len(after))]


def options_of(command: click.Command) -> dict[str, click.Option]:
    # click keeps a command's --help as it was first asked for, for whoever comes after us too.
    context = click.Context(command, help_option_names=["-h", "--help"])
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    return {name: each for each in options for name in (*each.opts, *each.secondary_opts)}


def wrong_word(arguments: list[str]) -> str | None:
    """Return the first word that the command line does not know; None if it knows all."""
    command: click.Command = app
    options, rest = options_of(app), list(arguments)
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            name, _, value = word.partition("=")
            if name not in options:
                return word
            if not (options[name].is_flag or options[name].count or value):
                del rest[:1]
        elif isinstance(command, click.Group) and "|" not in word and word != "...":
            known = command.get_command(click.Context(command), word)
            if known is None:
                return word
            command = command.resolve_command(click.Context(command), [word])[1] or known
            options = options_of(command)
    return None


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_commands_of_a_page_can_be_typed(page: Path) -> None:
    calls = [(line, arguments_of(line)) for line in code(page.read_text())]
    wrong = {line: wrong_word(words) for line, words in calls if words}
    assert {line: word for line, word in wrong.items() if word is not None} == {}


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("edge-node hw detct", "detct"),
        ("sudo /opt/edge-node/bin/edge-node install-service --jion X", "--jion"),
        ("edge-node --sett a=b run", "--sett"),
        ("edge-node --set a=b hw show raspberry_pi_5 --json", None),
        ("edge-node init --join 'edge-node://...'   # --not an option", None),
    ],
)
def test_word_that_nobody_can_type_is_found(line: str, word: str | None) -> None:
    arguments = arguments_of(line)
    assert arguments is not None
    assert wrong_word(arguments) == word


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_make_targets_of_a_page_exist(page: Path) -> None:
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [words_of(line) for line in code(page.read_text())]
    named = {word for words in lines if words[:1] == ["make"] for word in words[1:]}
    assert {word for word in named if "=" not in word} - there == set()


def test_options_of_the_card_tool_exist() -> None:
    command = [sys.executable, "-m", "tools.image", "personalise", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [line for page in PAGES for line in code(page.read_text()) if "tools.image" in line]
    named = {word for line in lines for word in words_of(line) if word.startswith("--")}
    assert named >= {"--join-token", "--fresh-key"}
    assert named <= set(re.findall(r"--[a-z-]+", told))


@pytest.mark.parametrize("name", board_names())
def test_board_has_a_page_that_says_what_nobody_ran(name: str) -> None:
    page = (BOARDS / f"{name}.md").read_text()
    assert f"[{name}.toml]({name}.toml)" in page
    assert name in ("x86_host", "emulator") or NOT_RUN in page
    assert f"]({name}.md)" in (BOARDS / "README.md").read_text()


@pytest.mark.parametrize("name", board_names())
def test_figures_of_a_board_are_those_of_its_file(name: str) -> None:
    settings = {f"{o.section}.{o.key}": o.value for o in board_settings(read_board(name))}
    table = (BOARDS / "README.md").read_text().partition("\n## Heat, memory, card\n")[2]
    head, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("| ") and not line.startswith("|-")
    ]
    row = next(cells for cells in rows if f"`{name}`" in cells[0])
    keys = [re.findall(r"`([\w.]+)`", title) for title in head]
    for cell, named in zip(row[1:], keys[1:], strict=True):
        figures = [int(each.replace(",", "")) for each in re.findall(r"[\d,]*\d", cell)]
        assert figures == [settings[key] for key in named if key in settings], named


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    missing = [
        link
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert missing == []
