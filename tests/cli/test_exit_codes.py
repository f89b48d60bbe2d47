# SPDX-License-Identifier: Apache-2.0
"""The numbers that scripts rely on."""

from edge_node.cli.exit_codes import ExitCode


def test_numbers_do_not_change() -> None:
    assert [code.value for code in ExitCode] == [*range(10), 130]
