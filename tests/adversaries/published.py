# SPDX-License-Identifier: Apache-2.0
"""The red team's page as it was published: what tests measure must stand there."""

from tests.adversaries.laboratory import Row
from tools.make_red_team import PAGE


def stands_in_the_table(row: Row) -> None:
    """Print a row, and check that the page has it."""
    print(row.line())  # noqa: T201 - shown with `pytest -s`, and where a bound is broken
    stands = row.line() in PAGE.read_text().splitlines()
    assert stands, "run `python -m tools.make_red_team`"
