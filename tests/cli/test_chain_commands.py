# SPDX-License-Identifier: Apache-2.0
"""`edge-node chain` on a small real chain: shown, judged again, and found out when changed."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.typing_in import HEIGHT, typed


def test_blocks_newest_last(toy_node: Path) -> None:
    blocks = typed(toy_node, "chain", "show", "--json").json()["blocks"]
    assert [block["height"] for block in blocks] == [*range(1, HEIGHT + 1)]
    assert [block["kind"] for block in blocks] == ["founder", *["population"] * (HEIGHT - 1)]
    last = typed(toy_node, "chain", "show", "--last", "2", "--json").json()["blocks"]
    assert last == blocks[-2:]


def test_table_is_whole_in_80_columns(toy_node: Path) -> None:
    shown = typed(toy_node, "chain", "show").out
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    assert "founder" in shown


def test_chain_is_judged_again(toy_node: Path) -> None:
    words = ("chain", "verify", "--backend", "reference")
    verdict = typed(toy_node, *words, "--json").json()
    assert verdict == {"valid": True, "height": HEIGHT, "final_height": 0, "error": ""}
    assert typed(toy_node, *words).out == f"{HEIGHT} blocks, all valid; final up to height 0\n"


def test_changed_block_is_found(toy_node: Path) -> None:
    with closing(sqlite3.connect(toy_node / "chain.sqlite3")) as database, database:
        (body,) = database.execute("SELECT body FROM block WHERE height = 2").fetchone()
        changed = body[:-1] + bytes([body[-1] ^ 1])
        database.execute("UPDATE block SET body = ? WHERE height = 2", (changed,))
    seen = typed(toy_node, "chain", "verify", "--backend", "reference")
    assert seen.code == 1
    assert seen.out.startswith("block 2: R-")


def test_without_a_node_or_a_known_back_end(tmp_path: Path, toy_node: Path) -> None:
    for words in (("chain", "show"), ("chain", "verify", "--backend", "reference")):
        assert "edge-node init" in typed(tmp_path / "none", *words).sentence(3)
    assert typed(toy_node, "chain", "verify", "--backend", "abacus").code == 9
    assert typed(toy_node, "chain", "show", "--last", "0").code == 2
