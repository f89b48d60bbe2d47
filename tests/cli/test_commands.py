# SPDX-License-Identifier: Apache-2.0
"""The list of commands holds all that the command promises."""

import pytest

from edge_node.cli.commands import COMMANDS
from edge_node.cli.deferred import Deferred
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


@pytest.mark.parametrize("listed", COMMANDS, ids=lambda each: each.name)
def test_line_of_the_list_is_how_the_command_s_own_help_begins(listed: Deferred) -> None:
    command = listed.load()
    assert command.name == listed.name
    assert (command.help or "").partition("\n")[0] == listed.short_help
    assert not command.hidden


def test_summaries_are_whole_in_80_columns() -> None:
    longest_name = max(len(each.name or "") for each in COMMANDS)
    longest_summary = max(len(each.short_help or "") for each in COMMANDS)
    margins_and_gap = 2 + 2 + 2
    assert longest_name + longest_summary + margins_and_gap <= 80
