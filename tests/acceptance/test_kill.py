# SPDX-License-Identifier: Apache-2.0
"""Twenty times kill -9 on the node that people run: it comes back at once, with all it promised."""

import signal
import time
from pathlib import Path

import pytest

from edge_node.primitives.hashing import Prf
from tests.acceptance.running import Json, Running, answer, broker, found_network, node

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

KILLS = 20
RESTART_S = 5.0
"""What the node promises."""
BUSY_MACHINE_S = 60.0
"""What the other tests may add on two cores."""
LONGEST_LIFE_MS = 2_000
RECIPIENT = "11" * 20


def test_node_loses_nothing_that_it_told_in_twenty_kills(tmp_path: Path) -> None:
    data_dir = found_network(tmp_path)
    chance = Prf("test-kills", b"")
    told: Json = {"height": 0, "head": ""}
    heads: dict[int, str] = {}
    with broker(data_dir):
        for kill in range(KILLS):
            with node(data_dir) as running:
                started_s = time.monotonic()
                now = running.until("its answer", lambda _: True)
                assert time.monotonic() - started_s < RESTART_S + BUSY_MACHINE_S
                assert now["height"] >= told["height"], f"after kill {kill}"
                if kill % 4 == 0:
                    answer(data_dir, "tx", "send", RECIPIENT, "7", "--fee", "1")
                told = alive_for(running, chance.below(LONGEST_LIFE_MS) / 1_000)
                heads[told["height"]] = told["head"]
                running.end(signal.SIGKILL)
        with node(data_dir) as running:
            running.until(
                "every transfer that was accepted",
                lambda now: now["height"] > told["height"] and not now["waiting_transactions"],
            )
    verdict = answer(data_dir, "chain", "verify")
    assert verdict["valid"], verdict["error"]
    shown = answer(data_dir, "chain", "show", "--last", str(verdict["height"]))["blocks"]
    main_chain = {block["height"]: block["hash"] for block in shown}
    heads.pop(0, None)
    assert heads, "it mined between the kills"
    assert heads.items() <= main_chain.items()


def alive_for(running: Running, life_s: float) -> Json:
    """Let a node live for a while; return the last thing that it told."""
    end_s = time.monotonic() + life_s
    told = running.status()
    while time.monotonic() < end_s:
        time.sleep(0.05)
        told = running.status() or told
    return told
