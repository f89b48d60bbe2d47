# SPDX-License-Identifier: Apache-2.0
"""Coins go from user to user by blocks; what can not be paid is refused by its rule's number.

Who mines has rewards that mature at some moment, so balances are looked at where nobody mines.
"""

from pathlib import Path

import pytest

from tests.acceptance.running import answer, broker, found_network, node, run

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

NOBODY = "00" * 20
BALANCE_RULE = "R-27: "


def test_transfer_confirms_and_overspending_is_refused(tmp_path: Path) -> None:
    first, second = found_network(tmp_path), tmp_path / "b"
    alone = run(first, "tx", "send", NOBODY, "5")
    assert alone.returncode == 5, alone.stderr
    assert "no node runs" in alone.stderr
    with broker(first) as line, node(first) as a:
        answer(second, "init", "--join", line)
        with node(second, "--no-trainer") as b:
            address = b.until("a connection", lambda now: now["synced"])["address"]
            a.until("a connection", lambda now: now["synced"])
            sent = answer(first, "tx", "send", address, "700", "--fee", "2")
            assert len(bytes.fromhex(sent["transaction"])) == 32
            b.until("the coins", lambda now: now["balance"] == 700)
            a.until("the payment", lambda now: now["waiting_transactions"] == 0)
            answer(second, "tx", "send", NOBODY, "300", "--fee", "2")
            b.until("the payment", lambda now: now["balance"] == 700 - 300 - 2)
            broke = run(second, "tx", "send", NOBODY, "397", "--fee", "2", "--json")
            assert broke.returncode == 6
            assert broke.stdout == ""
            (sentence,) = broke.stderr.strip().splitlines()
            assert sentence.startswith(f"edge-node: {BALANCE_RULE}")
            assert b.status()["waiting_transactions"] == 0
