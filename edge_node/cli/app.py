# SPDX-License-Identifier: Apache-2.0
"""The root of the command: global options, and errors turned into one sentence and an exit status.

Law of the file: no command's work is done here.
Read next: the module of a command.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from edge_node import __version__
from edge_node.cli.exit_codes import ExitCode, exit_code_of
from edge_node.cli.output import set_up_logging
from edge_node.node.data_directory import DataDirectory
from edge_node.primitives.errors import EdgeNodeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the global options say."""

    data_dir: Path
    """The node's data directory."""
    config: Path | None
    """A configuration file instead of the data directory's."""

    @property
    def directory(self) -> DataDirectory:
        """The data directory."""
        return DataDirectory(self.data_dir)


def default_data_dir() -> Path:
    """Return $XDG_DATA_HOME/edge-node, or ~/.local/share/edge-node."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local/share") / "edge-node"


_EPILOG = "Exit status: " + ", ".join(f"{code.value} {code.name.lower()}" for code in ExitCode)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edge-node")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="EDGE_NODE_DATA_DIR",
    help="The node's data directory.  [default: ~/.local/share/edge-node]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    envvar="EDGE_NODE_CONFIG",
    help="A configuration file.  [default: config.toml in the data directory]",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    envvar="EDGE_NODE_LOG_LEVEL",
    show_default=True,
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    envvar="EDGE_NODE_LOG_FORMAT",
    show_default=True,
)
@click.pass_context
def app(
    context: click.Context,
    /,
    *,
    data_dir: Path | None,
    config: Path | None,
    log_level: str,
    log_format: str,
) -> None:
    """Train, prove and share binary neural networks with the small machines on your LAN."""
    set_up_logging(log_level, log_format)
    context.obj = Session(data_dir=data_dir or default_data_dir(), config=config)


def main() -> None:
    """Run the command line."""
    from edge_node.cli.commands import add_commands  # noqa: PLC0415 - after app exists

    add_commands(app)
    if not sys.platform.startswith("linux"):
        click.echo("edge-node runs on Linux only: use a Raspberry Pi or WSL", err=True)
        sys.exit(ExitCode.NODE)
    try:
        app.main(standalone_mode=False)
    except EdgeNodeError as error:
        click.echo(f"edge-node: {error}", err=True)
        sys.exit(exit_code_of(error))
    except click.exceptions.Abort:
        sys.exit(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
