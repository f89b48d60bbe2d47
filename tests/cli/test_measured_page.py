# SPDX-License-Identifier: Apache-2.0
"""Commands that measure a page: what they ask for, and what they do with what came."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from edge_node.cli import measured_page
from edge_node.cli.measured_page import Asked, measure, page_options
from edge_node.cli.session import Session
from edge_node.datasets.mnist import MNIST_ID
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `weigh` measures, and with what."""

    datasets: DatasetStore
    dataset: DatasetId
    folder: Path
    tables: tuple[str, ...]
    quick: bool
    time_cap_s: int


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """What came of it."""

    options: Options

    def as_json(self) -> dict[str, object]:
        asked = self.options
        return {"tables": asked.tables, "quick": asked.quick, "cap_s": asked.time_cap_s}


def run(options: Options, _clock: Clock, tell: Callable[[str], None]) -> Weighed:
    assert options.folder.is_dir()
    tell(options.tables[0])
    return Weighed(options=options)


def markdown(measured: Weighed, *, command: str) -> str:
    assert command.startswith("edge-node")
    return f"# {', '.join(measured.options.tables)}"


def write_report(measured: Weighed, *, command: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "PAGE.md").write_text(markdown(measured, command=command))


@click.command()
@page_options(("light", "heavy"), cap_s=60, capped="of it", written="PAGE.md")
@click.option("--thumb", is_flag=True)
def weigh(session: Session, asked: Asked, /, *, thumb: bool) -> None:
    """Weigh tables."""
    assert not thumb or asked.quick
    measure(session, asked, Options, run, markdown=markdown, write_report=write_report)


@pytest.fixture(autouse=True)
def mnist_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        measured_page, "stored_mnist", lambda root, *, offline: (DatasetStore(root), MNIST_ID)
    )


def typed(folder: Path, *words: str) -> Result:
    session = Session(flags={"node.data_dir": str(folder)}, file=None)
    return CliRunner().invoke(weigh, words, obj=session)


def test_all_tables_unless_told_otherwise(tmp_path: Path) -> None:
    found = json.loads(typed(tmp_path, "--json").stdout)
    assert (found["tables"], found["quick"], found["cap_s"]) == (["light", "heavy"], False, 60)
    few = typed(tmp_path, "--json", "--quick", "--only", "heavy", "--time-cap", "7")
    found = json.loads(few.stdout)
    assert (found["tables"], found["quick"], found["cap_s"]) == (["heavy"], True, 7)


def test_page_is_shown_and_written_where_it_is_wanted(tmp_path: Path) -> None:
    assert typed(tmp_path).stdout == "# light, heavy\n"
    typed(tmp_path, "--report", str(tmp_path / "page"))
    assert (tmp_path / "page" / "PAGE.md").read_text() == "# light, heavy"


def test_command_has_options_of_its_own(tmp_path: Path) -> None:
    assert typed(tmp_path, "--quick", "--thumb").exit_code == 0


def test_unknown_table_and_no_time_are_usage_errors(tmp_path: Path) -> None:
    assert typed(tmp_path, "--only", "nothing").exit_code == 2
    assert typed(tmp_path, "--time-cap", "0").exit_code == 2
