# SPDX-License-Identifier: Apache-2.0
"""Write tools/RED_TEAM.md, the red team's table: `python -m tools.make_red_team`.

Every figure follows from its seeds, on every machine; tests/adversaries asserts the bounds, and
that each row stands in the page as it was written.
Law of the file: rows in, Markdown out; nothing is attacked here.
Read next: tests/adversaries/red_team.py.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from tests.adversaries.laboratory import Row
from tests.adversaries.red_team import rows

PAGE = Path(__file__).parent / "RED_TEAM.md"
_HEAD = """\
# The red team

Made by `python -m tools.make_red_team`, from attacks that `tests/adversaries` plays in CI: change
them, run it, commit both. Beside each other stand paper B's rule as published
(`guiding_gradient_paper`), which is there to be studied, and ours (`recipe`; `guiding_gradient` is
the same burst without crossover). A gain is success for a unit of honest work, 1x is none; work is
counted in multiplications, never in seconds, so all figures follow from their seeds.

| Attack | Paper B as published | Ours | Bound | How it was measured |
|---|---|---|---|---|
"""
_TAIL = """
What the figures do not say:

- Data and nets are small (8 x 8 images; 1,072 to 4,288 weights), so that all of it runs in CI.
- Row 3 charges the attacker nothing for its tables, nor to find out which weights have changed.
- Row 7: an evolved founder's were counted among 100 nonces of its shape's origin. This row found
  two choices that were left after a win, and what a proof says is in the seed since.
- Row 11: the gain of who picks among many bursts is faked in part, but costs all of them.
- Row 12a: who squeezes the times of a private chain makes fewer and heavier blocks, so its luck
  varies more; its mean does not.
- Row 12b counts multiplications. Seconds for one differ between shapes, most for 8-bit input and
  for tiny nets: a chain whose families are quick to compute is worked for in less time.
- Row 12c is open by design: a header's ticket proves its burst only to who replays it.
"""


def page(table: Sequence[Row]) -> str:
    """Return the text of the page."""
    return _HEAD + "".join(f"{row.line()}\n" for row in table) + _TAIL


def main() -> None:
    """Play all attacks and write the page."""
    logging.disable(logging.WARNING)  # of nodes that say whom they refuse
    PAGE.write_text(page(rows()))


if __name__ == "__main__":
    main()
