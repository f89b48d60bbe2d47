# SPDX-License-Identifier: Apache-2.0
"""The word for what a block brings, on real blocks of a tree; test_imports.py has an import."""

from edge_node.node.block_kind import KINDS, kind_of
from tests.chain.workshop import Tree, easy_network


def test_each_block_has_its_word() -> None:
    tree = Tree(easy_network())
    founder = tree.grow()
    population = tree.grow(founder.block_hash)
    fallback = tree.grow(population.block_hash, rung=7)
    words = [kind_of(each.mined.block.header) for each in (founder, population, fallback)]
    assert words == ["founder", "population", "fallback"]
    assert set(words) < set(KINDS)
