# SPDX-License-Identifier: Apache-2.0
"""Deferred commands: lists need no import of any, a command needs none of another's."""

import os
import subprocess
import sys
from collections.abc import Mapping

import click
import pytest
from click.testing import CliRunner

from edge_node.cli.deferred import Deferred, DeferringGroup, loaded

IMPORTS = """
import sys
from edge_node.cli.app import app
app(prog_name="edge-node", standalone_mode=False)
print("imported", *sys.modules)
"""
DEAR = ("numpy", "marshmallow", "edge_node.node", "edge_node.bench", "edge_node.demo")


def python(code: str, *words: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what a Python of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        check=True,
    )
    return done.stdout


def test_deferred_command_is_listed_by_its_summary_and_run_as_itself() -> None:
    group = DeferringGroup("root")
    group.add_command(Deferred("page", "app:app", "Summed up."))
    listed = CliRunner().invoke(group, ["--help"]).stdout
    assert "Summed up." in listed
    assert "--data-dir" in CliRunner().invoke(group, ["page", "--help"]).stdout


def test_command_that_is_not_deferred_is_itself() -> None:
    command = click.Command("plain")
    assert loaded(command) is command


@pytest.mark.slow  # processes
def test_help_and_completion_import_no_command() -> None:
    listed = python(f"import sys; sys.argv[1:] = ['--help']\n{IMPORTS}")
    completing = {"_EDGE_NODE_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    offered = python(
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules))\n"
        "from edge_node.cli.app import app\n"
        "app(prog_name='edge-node')\n",
        environment={**completing, "COMP_WORDS": "edge-node m"},
    )
    assert "plain,make-user-data" in offered
    for shown in (listed, offered):
        modules = shown.splitlines()[-1].split()
        assert [each for each in DEAR if each in modules] == []


@pytest.mark.slow  # processes
def test_completion_of_a_subcommand_finds_it() -> None:
    shown = python(
        "from edge_node.cli.app import app\napp(prog_name='edge-node')\n",
        environment={
            "_EDGE_NODE_COMPLETE": "bash_complete",
            "COMP_WORDS": "edge-node model v",
            "COMP_CWORD": "2",
        },
    )
    assert shown.split() == ["plain,verify"]


@pytest.mark.slow  # processes
def test_running_a_node_imports_no_bench_and_no_demo() -> None:
    shown = python(f"import sys; sys.argv[1:] = ['run', '--help']\n{IMPORTS}")
    modules = shown.splitlines()[-1].split()
    assert "edge_node.node.service" in modules
    unwanted = ("edge_node.bench", "edge_node.demo", "edge_node.cli.model_commands")
    assert [each for each in modules if each.startswith(unwanted)] == []
