# SPDX-License-Identifier: Apache-2.0
"""Seeds replay bit by bit in any process, failures are named, and what happened is summed up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.chaos import Life
from tools.simulate import EXIT_FAILED, Outcome, play, run_one, summary, told

ROOT = Path(__file__).resolve().parents[2]
REPLAYED = 5


def life(**changed: object) -> Life:
    values: dict[str, object] = {
        "digest": "00",
        "story": (),
        "blocks": 10,
        "held": 12,
        "nodes": 3,
        "deaths": 1,
        "reorg_depths": (1, 2),
        "longest_gap_ms": 9_000,
        "messages": 100,
        "done": {"kill": 1},
        **changed,
    }
    return Life(**values)  # type: ignore[arg-type]  # each of its field's type


def broken(seed: str, folder: Path) -> Life:
    message = f"seed {seed!r}: a coin was lost"
    raise AssertionError(message)


@pytest.mark.slow
def test_seed_gives_the_same_digest_whatever_python_hashes() -> None:
    there = subprocess.run(
        [sys.executable, "-m", "tools.simulate", "--seed", str(REPLAYED), "--json"],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    here = play(REPLAYED)
    assert here.life is not None
    assert json.loads(there.stdout)["life"]["digest"] == here.life.digest


def test_failing_seed_is_told_with_how_to_replay_it(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = list(told([play(7, broken)], quiet=False))
    assert outcomes == [Outcome(seed=7, life=None, failure="seed '7': a coin was lost", cpu_s=0.0)]
    assert "replay it with --seed 7" in capsys.readouterr().out
    assert summary(outcomes, 1.0).failed == (7,)


def test_seed_that_fails_ends_with_its_exit_code() -> None:
    assert run_one(7, as_json=False, play_seed=broken) == EXIT_FAILED


def test_summary_adds_up_what_all_seeds_did() -> None:
    outcomes = [
        Outcome(seed=1, life=life(), failure="", cpu_s=1.0),
        Outcome(
            seed=2,
            life=life(longest_gap_ms=20, done={"kill": 2, "pause": 1}),
            failure="",
            cpu_s=2.0,
        ),
    ]
    found = summary(outcomes, 4.0)
    assert (found.seeds, found.failed, found.blocks, found.branch_blocks) == (2, (), 20, 4)
    assert found.reorgs_by_depth == {1: 2, 2: 2}
    assert found.done == {"kill": 3, "pause": 1}
    assert (found.longest_gap_ms, found.cpu_s) == (9_000, 3.0)
