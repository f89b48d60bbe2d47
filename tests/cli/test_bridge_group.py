# SPDX-License-Identifier: Apache-2.0
"""The group of the bridge's commands: there for who asks, and not loaded by anybody else."""

import subprocess
import sys

from edge_node.cli.bridge_group import bridge
from tests.cli.typing_in import leaves


def test_every_command_of_the_bridge_is_there() -> None:
    names = {path[0] for path in leaves(bridge)}
    assert names == {"list", "flash-help", "push-model", "predict", "sample", "run"}


def test_other_commands_do_not_load_it() -> None:
    program = """
import sys
from edge_node.cli.app import app
app(["config", "show", "--json"], standalone_mode=False)
assert not any(name.startswith("edge_node_bridge") for name in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
