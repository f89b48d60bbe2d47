# SPDX-License-Identifier: Apache-2.0
"""The word for what a block brings, on real blocks of each rule; test_imports.py has an import."""

from dataclasses import replace

from edge_node.node.block_kind import KINDS, kind_of
from edge_node.spec.genesis import EVOLUTION, GUIDING_GRADIENT_PAPER, RECIPE
from tests.chain.workshop import ANN, Tree, easy_network
from tests.spec import toy_lottery as lottery
from tests.spec import toy_walks as walks
from tests.spec.toy_chain import Mined, ToyChain, Work, toy_dataset


def words(chain: ToyChain, blocks: list[Mined], proof: str) -> list[str]:
    return [kind_of(each.block.header, proof, chain.state) for each in blocks]


def test_each_block_of_evolution_has_its_word() -> None:
    tree = Tree(easy_network())
    founder = tree.grow()
    population = tree.grow(founder.block_hash)
    fallback = tree.grow(population.block_hash, rung=7)
    blocks = (founder, population, fallback)
    found = [kind_of(each.mined.block.header, EVOLUTION, fallback.state) for each in blocks]
    assert found == ["founder", "population", "fallback"]
    assert set(found) < set(KINDS)


def test_better_models_of_paper_b_are_records_if_they_differ_enough() -> None:
    chain = ToyChain(walks.walks_network())
    blocks = walks.grow(chain, ANN, 3)
    late = Work(tip=chain.tip, miner=ANN, after_ms=7 * walks.PAPER_B.rung_ms)
    blocks.append(chain.add(walks.fallback(late)))
    found = words(chain, blocks, GUIDING_GRADIENT_PAPER)
    assert found == ["founder", "record", "record", "fallback"]
    alike = replace(walks.PAPER_B, min_population_diff_ppm=500_000)
    chain = ToyChain(walks.walks_network(parameters=alike))
    blocks = walks.grow(chain, ANN, 3)
    assert words(chain, blocks, GUIDING_GRADIENT_PAPER) == ["founder", "record", "step"]


def test_steps_of_a_lottery_are_records_where_the_state_has_them_so() -> None:
    chain = ToyChain(lottery.lottery_network([toy_dataset()]))
    blocks = lottery.grow(chain, ANN, 5)
    (family,) = chain.state.families.values()
    records = {each.block for each in family.records}
    assert records
    found = words(chain, blocks, RECIPE)
    assert found[0] == "founder"
    for word, block in zip(found[1:], blocks[1:], strict=True):
        assert word == ("record" if block.block.header.block_hash() in records else "step")
    assert {"record", "step"} <= set(found)
