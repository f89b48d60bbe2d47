# SPDX-License-Identifier: Apache-2.0
"""The list of commands.

Law of the file: one line each.
Read next: any of them.
"""

import click

from edge_node.cli.bench_commands import bench
from edge_node.cli.broker_commands import broker
from edge_node.cli.chain_commands import chain
from edge_node.cli.config_commands import config
from edge_node.cli.dataset_commands import dataset
from edge_node.cli.demo import demo
from edge_node.cli.hw_commands import hw
from edge_node.cli.init_command import init
from edge_node.cli.key_commands import key
from edge_node.cli.market_commands import market
from edge_node.cli.model_commands import model
from edge_node.cli.node_commands import run, status, trainer, upgrade
from edge_node.cli.tx_commands import tx
from edge_node.cli.wallet_command import wallet

COMMANDS: tuple[click.Command, ...] = (
    init,
    run,
    status,
    wallet,
    tx,
    dataset,
    market,
    model,
    chain,
    broker,
    trainer,
    hw,
    config,
    key,
    upgrade,
    bench,
    demo,
)
"""In the order in which people meet them."""
