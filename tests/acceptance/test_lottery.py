# SPDX-License-Identifier: Apache-2.0
"""A network by lottery as users run it: mined, joined, killed at any moment, and verified again.

Whole processes and a real broker; images are few and tickets cheap, so blocks come in seconds.
"""

import os
import signal
from pathlib import Path

import pytest

from tests.acceptance.running import answer, broker, found_network, node, run

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

RULES = """
min_family_acc_ppm = 400_000
target_ms = 1_000
min_interval_ms = 0
rung_ms = 4_000
max_future_ms = 500
burst_steps = 4
burst_batch = 8
max_cost = 100_000
first_work = 512
accuracy_tolerance_ppm = 100_000
min_evaluation_images = 100
"""


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started; of a node, its trainer."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, command in commands.items() if b"spawn_main" in command]


def test_lottery_is_mined_joined_killed_and_verified(tmp_path: Path) -> None:
    first = found_network(tmp_path, population=3, rules=RULES, proof="recipe")
    second = tmp_path / "b"
    with broker(first) as line, node(first) as mining:
        mining.until_height(4)
        answer(second, "init", "--join", line)
        with node(second, "--no-trainer") as judging:
            judging.until_height(6)
            (trainer,) = children_of(mining.process.pid)
            os.kill(trainer, signal.SIGKILL)
            height = judging.until_height(mining.status()["height"] + 2)["height"]
            mining.end(signal.SIGKILL)
            with node(first) as again:
                judging.until_height(height + 3)
                again.end()
            judging.end()
    for place in (first, second):
        verified = answer(place, "chain", "verify")
        assert verified["valid"], verified
    shown = run(first, "chain", "show", "--json")
    assert shown.returncode == 0, shown.stderr
