# SPDX-License-Identifier: Apache-2.0
"""The group `edge-node bridge` and its commands.

They bring the bridge's protocol with them, so this module is imported for this group alone.
Law of the file: a list.
Read next: bridge_commands.py.
"""

import click

from edge_node.cli.bridge_commands import list_devices, push_model, sample
from edge_node.cli.bridge_flashing import flash_help
from edge_node.cli.bridge_predict import predict
from edge_node.cli.bridge_run import run_bridge


@click.group()
def bridge() -> None:
    """Let microcontrollers run models, and see for you.

    PORT is /dev/serial/by-id/..., a pty, or socket://HOST:PORT. A device signs nothing and holds
    no keys: what it says is passed on as it came.
    """


for _command in (list_devices, flash_help, push_model, predict, sample, run_bridge):
    bridge.add_command(_command)
