# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a measurement.

Law of the file: a figure that could not be had is an error or null, never a guess.
Read next: run.py.
"""

from edge_node.primitives.errors import EdgeNodeError


class MeasurementFailed(EdgeNodeError):
    """Something that is to be measured did not come about."""

    reason = "bench-paper"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the measurement failed: {what}; try again on an idle machine, or with "
            "`--only` for the other tables"
        )
        self.what = what
