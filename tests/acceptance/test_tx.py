# SPDX-License-Identifier: Apache-2.0
"""Coins go from one user to another by a block; what can not be paid is refused by its rule."""

from pathlib import Path

import pytest

from tests.acceptance.running import answer, broker, found_network, node, run

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

FIRST_COINS = 1_000_000_000


def test_transfer_confirms_and_overspending_is_refused(tmp_path: Path) -> None:
    first, second = found_network(tmp_path), tmp_path / "b"
    recipient = "00" * 20
    nobody = run(first, "tx", "send", recipient, "5")
    assert nobody.returncode == 5, nobody.stderr
    assert "no node runs" in nobody.stderr
    with broker(first) as line, node(first) as a:
        answer(second, "init", "--join", line)
        with node(second, "--no-trainer") as b:
            address = b.until("a connection", lambda now: now["synced"])["address"]
            assert a.until("a connection", lambda now: now["synced"])["balance"] == FIRST_COINS
            sent = answer(first, "tx", "send", address, "700", "--fee", "2")
            assert len(bytes.fromhex(sent["transaction"])) == 32
            b.until("the coins", lambda now: now["balance"] == 700)
            paid = a.until("the payment", lambda now: now["balance"] < FIRST_COINS)
            assert paid["waiting_transactions"] == 0
            broke = run(second, "tx", "send", recipient, "701", "--json")
            assert broke.returncode == 6
            assert broke.stdout == ""
            assert broke.stderr.startswith("edge-node: R-")
            assert len(broke.stderr.strip().splitlines()) == 1
