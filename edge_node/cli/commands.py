# SPDX-License-Identifier: Apache-2.0
"""The list of commands.

Law of the file: one line each: what is typed, where it is, and how its help begins.
Read next: deferred.py, or any of them.
"""

from collections.abc import Sequence
from typing import Final

from edge_node.cli.deferred import Deferred

_COMMANDS: Final[Sequence[tuple[str, str, str]]] = (
    ("init", "init_command:init", "Make a node of a new network, or of one to join."),
    ("run", "node_commands:run", "Run the node until Ctrl-C or SIGTERM."),
    ("status", "status_command:status", "Show what the running node does."),
    ("wallet", "wallet_command:wallet", "Show this node's address and coins, also those to come."),
    ("tx", "tx_commands:tx", "Send transactions."),
    ("dataset", "dataset_commands:dataset", "Fetch, import, publish and list datasets."),
    (
        "market",
        "market_commands:market",
        "List the chain's datasets, with bounties and best models.",
    ),
    ("model", "model_commands:model", "List, show, export, import, train and verify models."),
    ("chain", "chain_commands:chain", "Show the chain, judge it again, or prune it."),
    ("broker", "broker_commands:broker", "Run an MQTT broker for the LAN, or a cluster of them."),
    (
        "bridge",
        "bridge_group:bridge",
        "Let microcontrollers run models, and see for you.",
    ),
    ("trainer", "node_commands:trainer", "Mine with another machine's processors."),
    (
        "install-service",
        "service_commands:install_service",
        "Let systemd start the node with the machine.",
    ),
    ("logs", "service_commands:logs", "Show the log of service and bridge, out of the journal."),
    (
        "make-user-data",
        "user_data_command:make_user_data",
        "Make a node of a card with stock Raspberry Pi OS.",
    ),
    ("hw", "hw_commands:hw", "Detect, check and list boards."),
    ("config", "config_commands:config", "Show the configuration."),
    ("key", "key_commands:key", "Show, make, keep and bring back the node's key."),
    ("upgrade", "node_commands:upgrade", "Bring the data directory to this program's format."),
    ("bench", "bench_commands:bench", "Measure speeds on one core; takes about three minutes."),
    ("demo", "demo:demo", "Run nodes here that learn MNIST together; 3 by default."),
)

COMMANDS: Final = tuple(Deferred(*each) for each in _COMMANDS)
"""In the order in which people meet them."""
