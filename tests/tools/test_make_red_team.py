# SPDX-License-Identifier: Apache-2.0
"""The red team's page has a line for each attack, under a head that says what they are.

That each line is what its attack comes to is tested where the attacks are (tests/adversaries).
"""

from tests.adversaries.laboratory import Row
from tests.adversaries.red_team import ROWS
from tools.make_red_team import PAGE, page

ROW = Row(attack="a", paper="2x", ours="1x", bound="< 2x", measured="m")


def test_page_has_a_line_for_each_row() -> None:
    made = page([ROW])
    assert "| a | 2x | 1x | < 2x | m |\n" in made


def test_published_page_is_of_all_attacks() -> None:
    published = PAGE.read_text()
    lines = [line for line in published.splitlines() if line.startswith("| ")][1:]
    head, tail = page([]).split("|---|---|---|---|---|\n")
    assert published.startswith(head)
    assert published.endswith(tail)
    assert len(lines) == len(ROWS)
