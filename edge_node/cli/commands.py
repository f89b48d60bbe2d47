# SPDX-License-Identifier: Apache-2.0
"""The list of commands.

Law of the file: one line each.
Read next: any of them.
"""

import click

from edge_node.cli.broker_commands import broker
from edge_node.cli.chain_commands import chain
from edge_node.cli.dataset_commands import dataset
from edge_node.cli.demo import demo
from edge_node.cli.model_commands import model
from edge_node.cli.node_commands import init, run, status, upgrade
from edge_node.cli.tx_commands import tx


def add_commands(app: click.Group) -> None:
    """Give the root its commands."""
    for command in (init, run, status, tx, dataset, model, chain, broker, upgrade, demo):
        app.add_command(command)
