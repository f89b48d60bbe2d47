# SPDX-License-Identifier: Apache-2.0
"""The command as a whole: its help, its errors, its completion, and readers who go away."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from edge_node import cli
from edge_node.cli.app import app, sentence_of
from edge_node.cli.exit_codes import ExitCode
from edge_node.primitives.errors import EdgeNodeError
from tests.cli.typing_in import leaf, leaves, typed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", list(leaves()), ids=" ".join)
def test_every_command_has_json_and_says_what_its_options_do(path: tuple[str, ...]) -> None:
    command = leaf(path)
    assert command.help
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert any("--json" in option.opts for option in options)
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("path", [(), *leaves()], ids=" ".join)
def test_help_fits_in_80_columns(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "-h"], prog_name="edge-node")
    assert done.exit_code == 0
    shown = done.stdout.partition("Complete words")[0]  # lines to copy must not be broken
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "..." not in shown.partition("Commands:")[2], "a summary is cut off"


def test_help_begins_with_what_a_newcomer_needs_and_lists_all_exit_codes(tmp_path: Path) -> None:
    shown = typed(tmp_path, "--help").out
    commands = shown.partition("Commands:")[2].split()
    assert commands[0] == "init"
    for code in ExitCode:
        assert f"{code.value} {code.name.lower()}" in " ".join(shown.split())
        assert code.meaning in shown


def test_options_that_can_not_be_understood(tmp_path: Path) -> None:
    wrong = typed(tmp_path, "--set", "node.colour=red", "config", "show")
    assert "there is no setting node.colour" in wrong.sentence(3)


USAGE = [
    ("nothing", "edge-node: no such command 'nothing'; see `edge-node --help`"),
    ("--nothing", "edge-node: no such option"),
    ("--set x config show", "edge-node: --set takes SECTION.KEY=VALUE, not 'x'; see"),
    ("dataset fetc", "edge-node: no such command 'fetc'"),
    ("demo --blocks zero", "edge-node: invalid value for '--blocks': 'zero' is not"),
    ("model verify", "edge-node: missing argument 'FILE'; see `edge-node model verify --help`"),
    ("dataset import . --name x", "edge-node: missing option '--format'; choose from: idx, npz"),
    (
        "dataset fetch ab --offline",
        "edge-node: --from and --offline go with mnist and animal-mnist only; see",
    ),
    ("--log-level loud status", "edge-node: invalid value for '--log-level': 'loud' is not"),
]


@pytest.mark.parametrize(("line", "wanted"), USAGE)
def test_command_line_that_is_not_understood_is_one_sentence(
    tmp_path: Path, line: str, wanted: str
) -> None:
    assert typed(tmp_path, *line.split()).sentence(2).startswith(wanted)
    (told,) = json_lines(typed(tmp_path, "--log-format", "json", *line.split()).err)
    assert told["message"].startswith(wanted.removeprefix("edge-node: "))


def test_nothing_but_the_command_shows_its_help() -> None:
    seen = CliRunner().invoke(app, [], prog_name="edge-node")
    assert seen.exit_code in {0, ExitCode.USAGE}  # as the version of click has it
    assert seen.exception is None or isinstance(seen.exception, SystemExit)
    assert "Make a node of a new network" in seen.output


def test_group_without_a_command_shows_its_help(tmp_path: Path) -> None:
    seen = typed(tmp_path, "dataset")
    assert "Fetch, import, publish and list datasets." in seen.out + seen.err


@pytest.fixture
def broken_cache(tmp_path: Path) -> Path:
    """Make it so that an offline `dataset fetch mnist` says something on its way to its error."""
    (tmp_path / "cache" / "edge-node" / "mnist").mkdir(parents=True)
    return tmp_path / "new"


FETCH = ("dataset", "fetch", "mnist", "--offline")


def json_lines(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert set(line) == {"time_ms", "level", "logger", "message"}
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("form", [("--log-format", "json"), ("--log-format=json",)])
def test_logs_and_the_last_word_are_json_where_that_is_wanted(
    broken_cache: Path, form: tuple[str, ...]
) -> None:
    program = [sys.executable, "-m", "edge_node", "--data-dir", str(broken_cache)]
    done = subprocess.run(
        [*program, *form, *FETCH], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (7, "")
    log, last = json_lines(done.stderr)
    assert (log["level"], last["level"]) == ("info", "error")
    assert "must be there" in log["message"]
    assert "edge-node dataset fetch mnist --from PATH" in last["message"]
    assert log["time_ms"] <= last["time_ms"]


def test_configured_form_counts_as_well(broken_cache: Path) -> None:
    words = ("--set", "node.log_format=json", *FETCH)
    assert [line["level"] for line in json_lines(typed(broken_cache, *words).err)] == [
        "info",
        "error",
    ]


@pytest.mark.parametrize(
    ("level", "lines"), [("debug", 2), ("info", 2), ("warning", 1), ("error", 1)]
)
def test_level_hides_what_is_below_and_never_the_last_word(
    broken_cache: Path, level: str, lines: int
) -> None:
    told = typed(broken_cache, "--log-level", level, *FETCH).err.splitlines()
    assert len(told) == lines
    assert told[-1].startswith("edge-node: mnist is not to be had")
    assert [" INFO " in line for line in told[:-1]] == [True] * (lines - 1)


def test_last_word_is_one_line_that_steers_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise EdgeNodeError("one\ntwo \x1b[2J")

    monkeypatch.setitem(app.commands, "status", click.Command("status", callback=fail))
    assert typed(tmp_path, "status").sentence(1) == "edge-node: one two ?[2J"


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/a/b"),
            "/a/b: permission denied; run this as its owner or with `sudo`, or name another file",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/a"),
            "/a: read-only file system; run `sudo m",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "/a"), "/a: no space left on device; ma"),
        (OSError(errno.ENOSPC, "No space left", "/from", None, "/to"), "/to: no space left; ma"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), "x: no such file; name another"),
        (OSError("odd"), "the system: odd; name another"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(error: OSError, wanted: str) -> None:
    assert sentence_of(error).startswith(wanted)


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (KeyboardInterrupt(), 130, ""),
        (OSError(errno.EMFILE, "Too many open files"), 3, "edge-node: the system: too many open"),
    ],
)
def test_ends_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, told: str
) -> None:
    def fail() -> None:
        raise raised

    monkeypatch.setitem(app.commands, "status", click.Command("status", callback=fail))
    seen = typed(tmp_path, "status")
    assert (seen.code, seen.out) == (code, "")
    assert seen.err.startswith(told)


def test_elsewhere_than_on_linux_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ExitCode.NODE
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("words", [("config", "show"), ("config", "show", "--json")], ids=" ".join)
def test_reader_who_has_seen_enough_is_no_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    program = [sys.executable, "-m", "edge_node", "--data-dir", str(tmp_path)]
    with subprocess.Popen(
        [*program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("shell", "mark"),
    [
        ("bash", "complete -o nosort"),
        ("zsh", "#compdef edge-node"),
        ("fish", "complete --no-files"),
    ],
)
def test_shells_get_a_script_as_the_help_says(shell: str, mark: str, tmp_path: Path) -> None:
    variable = f"_EDGE_NODE_COMPLETE={shell}_source"
    assert variable in typed(tmp_path, "--help").out
    name, _, value = variable.partition("=")
    done = CliRunner().invoke(app, [], prog_name="edge-node", env={name: value})
    assert mark in done.stdout
    assert "edge-node" in done.stdout


def test_shell_is_told_how_a_word_goes_on() -> None:
    asked = {
        "_EDGE_NODE_COMPLETE": "bash_complete",
        "COMP_WORDS": "edge-node dataset pu",
        "COMP_CWORD": "2",
    }
    done = CliRunner().invoke(app, [], prog_name="edge-node", env=asked)
    assert done.stdout.strip() == "plain,publish"
