# SPDX-License-Identifier: Apache-2.0
"""`edge-node tx send` to a real node of one: taken in, or refused in one sentence."""

from pathlib import Path

import pytest

from tests.cli.typing_in import alive, typed

SOMEBODY = "ab" * 20


@pytest.mark.parametrize("words", [("ab", "5"), ("xy" * 20, "5"), (SOMEBODY, "0")])
def test_what_is_no_address_or_no_amount(tmp_path: Path, words: tuple[str, str]) -> None:
    seen = typed(tmp_path, "tx", "send", *words)
    assert (seen.code, seen.out) == (2, "")


def test_it_takes_a_node_that_runs(toy_node: Path, tmp_path: Path) -> None:
    assert "edge-node init" in typed(tmp_path / "none", "tx", "send", SOMEBODY, "5").sentence(3)
    assert "edge-node run" in typed(toy_node, "tx", "send", SOMEBODY, "5").sentence(5)


def test_coins_wait_for_the_next_block_and_nobody_overspends(toy_node: Path) -> None:
    with alive(toy_node):
        first = typed(toy_node, "tx", "send", SOMEBODY, "5", "--fee", "2", "--json").json()
        assert len(bytes.fromhex(first["transaction"])) == 32
        assert typed(toy_node, "tx", "send", SOMEBODY, "7").out.startswith("sent 7 in transaction ")
        assert typed(toy_node, "status", "--json").json()["waiting_transactions"] == 2
        broke = typed(toy_node, "tx", "send", SOMEBODY, "999999999", "--json")
        assert broke.sentence(6).startswith("edge-node: R-")
