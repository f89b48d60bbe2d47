# SPDX-License-Identifier: Apache-2.0
"""`edge-node key`: a key before there is a node, shown to others by its public half alone."""

from pathlib import Path

from edge_node.node.data_directory import DataDirectory
from tests.chain.workshop import ANN
from tests.cli.typing_in import typed


def test_key_of_a_node_is_shown_without_its_secret(toy_node: Path) -> None:
    shown = typed(toy_node, "key", "show", "--json")
    assert shown.json()["public_key"] == ANN.key.hex()
    assert shown.json()["address"] == ANN.address.hex()
    assert typed(toy_node, "key", "show").out == f"{ANN.key.hex()}\n"
    assert ANN.seed.hex() not in shown.out


def test_key_is_made_once(tmp_path: Path) -> None:
    root = tmp_path / "new"
    made = typed(root, "key", "new", "--json").json()
    assert typed(root, "key", "show", "--json").json() == made
    before = DataDirectory(root).seed()
    assert "there is a key in" in typed(root, "key", "new").sentence(3)
    assert DataDirectory(root).seed() == before
    assert "edge-node init" in typed(tmp_path / "none", "key", "show").sentence(3)
