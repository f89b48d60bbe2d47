# SPDX-License-Identifier: Apache-2.0
"""The root of the command: global options, and errors turned into one sentence and an exit status.

Law of the file: no command's work is done here.
Read next: session.py, commands.py.
"""

import sys
from pathlib import Path

import click

from edge_node import __version__
from edge_node.cli.commands import COMMANDS
from edge_node.cli.exit_codes import ExitCode, exit_code_of
from edge_node.cli.output import set_up_logging
from edge_node.cli.session import Session
from edge_node.primitives.errors import EdgeNodeError

_EPILOG = "Exit status: " + ", ".join(f"{code.value} {code.name.lower()}" for code in ExitCode)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edge-node")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="The node's data directory.  [default: ~/.local/share/edge-node]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A configuration file.  [default: config.toml in the data directory]",
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@click.option("--log-format", type=click.Choice(["text", "json"]))
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Any setting; `edge-node config show` lists them.",
)
@click.pass_context
def app(
    context: click.Context,
    /,
    *,
    data_dir: str | None,
    config: Path | None,
    log_level: str | None,
    log_format: str | None,
    settings: tuple[str, ...],
) -> None:
    """Train, prove and share binary neural networks with the small machines on your LAN."""
    flags: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes SECTION.KEY=VALUE, not {setting!r}")
        flags[name] = value
    named = {
        "node.data_dir": data_dir,
        "node.log_level": log_level,
        "node.log_format": log_format,
    }
    flags |= {name: chosen for name, chosen in named.items() if chosen is not None}
    session = Session(flags=flags, file=config)
    set_up_logging(session.config.node.log_level, session.config.node.log_format)
    context.obj = session


for _command in COMMANDS:
    app.add_command(_command)


def main() -> None:
    """Run the command line."""
    if not sys.platform.startswith("linux"):
        click.echo("edge-node runs on Linux only: use a Raspberry Pi or WSL", err=True)
        sys.exit(ExitCode.NODE)
    try:
        app.main(prog_name="edge-node", standalone_mode=False)
    except EdgeNodeError as error:
        click.echo(f"edge-node: {error}", err=True)
        sys.exit(exit_code_of(error))
    except OSError as error:
        click.echo(f"edge-node: {error.filename}: {error.strerror}", err=True)
        sys.exit(ExitCode.NODE)
    except click.exceptions.Abort:
        sys.exit(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
