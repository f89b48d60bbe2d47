# SPDX-License-Identifier: Apache-2.0
"""The list of commands.

Law of the file: one line each.
Read next: any of them.
"""

import click

from edge_node.cli.demo import demo
from edge_node.cli.node_commands import init, run, status, upgrade


def add_commands(app: click.Group) -> None:
    """Give the root its commands."""
    for command in (init, run, status, upgrade, demo):
        app.add_command(command)
