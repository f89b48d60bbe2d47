# SPDX-License-Identifier: Apache-2.0
"""The root of the command: global options, and errors turned into one sentence and an exit status.

Law of the file: no command's work is done here.
Read next: session.py, commands.py.
"""

import errno
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import click

from edge_node import __version__
from edge_node.cli.commands import COMMANDS
from edge_node.cli.deferred import DeferringGroup
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.output import complain, reader_is_gone, set_up_logging
from edge_node.primitives.errors import EdgeNodeError

_EXIT_CODES = "\n".join(f"{c.value:5} {c.name.lower():12} {c.meaning}" for c in ExitCode)
_EPILOG = f"""\b
Exit status:
{_EXIT_CODES}

\b
Complete words with the Tab key, now and in every new shell:
  bash: echo 'eval "$(_EDGE_NODE_COMPLETE=bash_source edge-node)"' >> ~/.bashrc
  zsh:  echo 'eval "$(_EDGE_NODE_COMPLETE=zsh_source edge-node)"' >> ~/.zshrc
  fish: _EDGE_NODE_COMPLETE=fish_source edge-node > ~/.config/fish/completions/edge-node.fish
"""
_ADVICE = {
    errno.EACCES: "run this as its owner or with `sudo`, or name another file or --data-dir",
    errno.EPERM: "run this as its owner or with `sudo`, or name another file or --data-dir",
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
    errno.EROFS: "run `sudo mount -o remount,rw` on that disk, or name another --data-dir",
    errno.EMFILE: "raise the limit with `ulimit -n`",
}
# Since click 8.2 a group without a command is an error, whose message is the help.
_SHOWS_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


class _Root(DeferringGroup):
    """The command, whose errors are sentences."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Read the global options; one that can not be understood is already told as they say."""
        set_up_logging("info", "json" if _want_json_logs(args) else "text")
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _refuse(error)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which people meet them."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run what was asked for, and turn what goes wrong into a sentence and an exit status."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            _refuse(error)
        except EdgeNodeError as error:
            from edge_node.cli.failures import exit_code_of  # noqa: PLC0415 - only where one fails

            complain(str(error))
            ctx.exit(exit_code_of(error))
        except BrokenPipeError:
            reader_is_gone()
        except OSError as error:
            complain(sentence_of(error))
            ctx.exit(ExitCode.NODE)
        except KeyboardInterrupt:
            ctx.exit(ExitCode.INTERRUPTED)


def _want_json_logs(words: Sequence[str]) -> bool:
    return ("--log-format", "json") in pairwise(words) or "--log-format=json" in words


def _refuse(error: click.UsageError) -> NoReturn:
    """Tell in one sentence why a command line was not understood, and end."""
    if isinstance(error, _SHOWS_HELP):
        raise error
    text = re.sub(r"\n\s*", " ", error.format_message())  # a list of choices
    text = re.sub(r"'\. ([A-Z])", lambda found: f"'; {found[1].lower()}", text).rstrip(".?")
    command = error.ctx.command_path if error.ctx is not None else "edge-node"
    complain(f"{text[:1].lower()}{text[1:]}; see `{command} --help`")
    raise click.exceptions.Exit(ExitCode.USAGE)


@click.group(cls=_Root, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edge-node")
@click.option(
    "--data-dir",
    metavar="DIRECTORY",
    help="The node's data directory.  [default: ~/.local/share/edge-node]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A configuration file.  [default: config.toml in the data directory]",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="How much to tell on standard error.  [default: info]",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="For people, or one JSON object a line.  [default: text]",
)
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
    from edge_node.cli.session import Session  # noqa: PLC0415 - not for help or completion

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


def sentence_of(error: OSError) -> str:
    """Return what the system refused, and what to do about it."""
    names = (error.filename2, error.filename)  # of a copy the target first
    place = next((each for each in names if each is not None), "the system")
    why = (error.strerror or str(error)).lower()
    advice = _ADVICE.get(error.errno or 0, "name another file or --data-dir")
    return f"{place}: {why}; {advice}"
