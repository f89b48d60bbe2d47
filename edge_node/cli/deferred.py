# SPDX-License-Identifier: Apache-2.0
"""Commands that are imported when they are typed, and not for the sake of another.

Help and completion list them by name and summary, which need no import: on a small board, that of
all commands takes seconds. The pattern is click's own ("Lazily Loading Subcommands").
Law of the file: what is listed and what is run have the same name.
Read next: commands.py, where they are listed.
"""

import importlib

import click


class Deferred(click.Command):
    """Stands for a command in lists.

    Parameters
    ----------
    name : str
        As it is typed.
    place : str
        MODULE:NAME of the command, the module below edge_node.cli.
    summary : str
        What the list says; the command's own help begins with it.
    """

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name, short_help=summary)
        self._place = place

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self._place.partition(":")
        command = getattr(importlib.import_module(f"edge_node.cli.{module}"), attribute)
        assert isinstance(command, click.Command), self._place
        return command


class DeferringGroup(click.Group):
    """A group of commands some of which are deferred."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return what was typed: its name, the command itself, and the words after it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, None if command is None else loaded(command), rest


def loaded(command: click.Command) -> click.Command:
    """Return a command itself, where it may be deferred."""
    return command.load() if isinstance(command, Deferred) else command
