# SPDX-License-Identifier: Apache-2.0
"""`edge-node chain` on a small real chain: shown, judged again, and found out when changed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge_node.chain.pruning import MIN_KEEP_BLOCKS
from edge_node.cli.exit_codes import ExitCode
from edge_node.datasets.store import DatasetStore
from edge_node.node.data_directory import DataDirectory
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER
from tests.chain.workshop import ANN, Tree, agree, easy_dataset, easy_network, opened, take
from tests.cli.typing_in import HEIGHT, typed
from tests.datasets.samples import stored
from tests.spec.toy_chain import ToyChain
from tests.spec.toy_walks import grow, walks_network

pytestmark = pytest.mark.slow


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
    assert verdict == {
        "valid": True,
        "height": HEIGHT,
        "final_height": 0,
        "pruned_height": 0,
        "error": "",
    }
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


def test_pruning_gives_the_disk_back_what_is_final_and_old(tmp_path: Path) -> None:
    network, directory = easy_network(), DataDirectory(tmp_path / "node")
    directory.initialise(network.genesis, ANN.seed)
    DatasetStore(directory.datasets).add(stored(easy_dataset()))
    tree = Tree(network)
    with opened(directory.chain, network) as importer:
        # A few models, and then blocks with nothing in them.
        chain = tree.branch(None, 10)
        chain += tree.branch(chain[-1].block_hash, MIN_KEEP_BLOCKS, rung=7)
        for grown in chain:
            take(importer, grown.mined)
    words = ("chain", "prune", "--keep", str(MIN_KEEP_BLOCKS))
    assert "no quorum of members" in typed(directory.root, *words).out
    with opened(directory.chain, network) as importer:
        agree(importer, chain[-2], network)
    seen = typed(directory.root, *words, "--json").json()
    assert (seen["pruned_height"], seen["bodies"]) == (10, 10)
    assert seen["bytes_after"] < seen["bytes_before"]
    verdict = typed(directory.root, "chain", "verify", "--backend", "reference", "--json").json()
    assert verdict["valid"]
    assert (verdict["pruned_height"], verdict["height"]) == (10, len(chain))
    told = typed(directory.root, "chain", "verify", "--backend", "reference").out
    assert f"{MIN_KEEP_BLOCKS} blocks above height 10, all valid" in told
    shown = typed(directory.root, "chain", "show", "--last", "100", "--json").json()
    assert (len(shown["blocks"]), shown["final_height"]) == (len(chain), len(chain) - 1)
    assert typed(directory.root, "chain", "prune", "--keep", "1").code == 2


def test_blocks_of_paper_b_are_called_what_they_are(tmp_path: Path) -> None:
    root = of_paper_b(tmp_path, height=3)
    blocks = typed(root, "chain", "show", "--json").json()["blocks"]
    assert [block["kind"] for block in blocks] == ["founder", "record", "record"]


def test_where_nothing_becomes_final_pruning_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    root = of_paper_b(tmp_path, height=1)
    before = (root / "chain.sqlite3").read_bytes()
    refused = typed(root, "chain", "prune").sentence(ExitCode.NODE)
    assert "no members make blocks final" in refused
    assert GUIDING_GRADIENT_PAPER in refused
    assert typed(root, "chain", "prune", "--json").code == ExitCode.NODE
    assert (root / "chain.sqlite3").read_bytes() == before


def of_paper_b(folder: Path, *, height: int) -> Path:
    """Make a data directory with a chain of paper B's rule."""
    network, directory = walks_network(), DataDirectory(folder / "node")
    directory.initialise(network.genesis, ANN.seed)
    with opened(directory.chain, network) as importer:
        for mined in grow(ToyChain(network), ANN, height):
            take(importer, mined)
    return directory.root
