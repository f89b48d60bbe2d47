# SPDX-License-Identifier: Apache-2.0
"""The list of commands holds all that the command promises."""

from edge_node.cli.commands import COMMANDS
from tests.cli.typing_in import leaves

PROMISED = """
init, run, status, tx send, dataset fetch, dataset import, dataset publish, model list, model show,
model export, model verify, chain show, chain verify, trainer run, broker run, hw detect, hw check,
hw show, hw adopt-overlay, config show, bench, demo, upgrade
"""


def test_all_that_is_promised_is_there() -> None:
    promised = {each.strip() for each in PROMISED.replace("\n", " ").split(",")}
    assert promised <= {" ".join(path) for path in leaves()}


def test_each_name_stands_for_one_command() -> None:
    names = [command.name for command in COMMANDS]
    assert len(set(names)) == len(names)
