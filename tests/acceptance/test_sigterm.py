# SPDX-License-Identifier: Apache-2.0
"""A node that is told to end says goodbye; one that is killed leaves a store that opens."""

import signal
from pathlib import Path

import pytest

from tests.acceptance.running import answer, broker, found_network, node

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

END_S = 2.0
BUSY_MACHINE_S = 4.0
"""What the other tests may add on two cores."""


def test_sigterm_ends_a_mining_node_soon_and_peers_know(tmp_path: Path) -> None:
    first, second = found_network(tmp_path), tmp_path / "b"
    with broker(first) as line, node(first, "--no-trainer") as a:
        answer(second, "init", "--join", line)
        with node(second) as b:
            b.until_height(1)
            me = b.status()["node"]
            a.until("the peer", lambda now: any(p["node"] == me for p in now["peers"]))
            assert b.end() < END_S + BUSY_MACHINE_S
            assert b.process.returncode == 0
        a.until(
            "the goodbye",
            lambda now: any(p["node"] == me and not p["online"] for p in now["peers"]),
        )
        assert not (second / "chain.sqlite3-wal").exists(), "the store was closed"
        assert not (second / "control").exists()


def test_kill_leaves_a_store_that_opens(tmp_path: Path) -> None:
    data_dir = found_network(tmp_path, population=6)
    with node(data_dir) as a:
        height = a.until_height(3)["height"]
        a.end(signal.SIGKILL)
    verdict = answer(data_dir, "chain", "verify")
    assert verdict["valid"]
    assert verdict["height"] >= height
