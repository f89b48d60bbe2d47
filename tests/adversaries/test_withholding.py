# SPDX-License-Identifier: Apache-2.0
"""Who withholds blocks gains nothing with a quarter of the power, and a bounded share with more.

Shares of the main chain are those of a simulated race of 8,000 blocks (race.py).
"""

import pytest

from edge_node.node.finality import CHECKPOINT_INTERVAL, SETTLED_BLOCKS
from tests.adversaries.race import Race

pytestmark = pytest.mark.slow

BLOCKS = 8_000
NOISE_PPM = 17_000
"""Three standard deviations of a share of so many blocks."""
FINAL_BLOCKS = CHECKPOINT_INTERVAL + SETTLED_BLOCKS

MOST_SHARE_PPM = {
    100_000: 100_000,
    150_000: 150_000,
    200_000: 200_000,
    250_000: 250_000,
    300_000: 350_000,
    350_000: 450_000,
    400_000: 600_000,
    450_000: 870_000,
}
"""Power -> the published bound, where who is first seen wins a tie."""


@pytest.mark.parametrize(("power_ppm", "most_ppm"), MOST_SHARE_PPM.items())
def test_share_of_a_withholder_stays_below_its_bound(power_ppm: int, most_ppm: int) -> None:
    assert Race(power_ppm=power_ppm).share_ppm(BLOCKS) <= most_ppm + NOISE_PPM


@pytest.mark.parametrize("power_ppm", [300_000, 450_000])
def test_finality_gives_a_withholder_no_more(power_ppm: int) -> None:
    share_ppm = Race(power_ppm=power_ppm, final_blocks=FINAL_BLOCKS).share_ppm(BLOCKS)
    assert share_ppm <= MOST_SHARE_PPM[power_ppm] + NOISE_PPM


def test_first_seen_on_ties_costs_a_withholder() -> None:
    """Were ties tossed, 20 % of the power would have more of the chain than it has now."""
    tossed = Race(power_ppm=200_000, sided_ppm=500_000).share_ppm(BLOCKS)
    assert tossed > Race(power_ppm=200_000).share_ppm(BLOCKS)
