# SPDX-License-Identifier: Apache-2.0
"""Winners of thin air for whole nodes: blocks whose every cheap claim holds, and no burst behind.

They stand on a real chain of a lottery in which any burst wins, that one miner made long enough
ago to be known by it.
"""

from dataclasses import replace

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Hash32, ModelHash
from edge_node.spec import burst, lottery
from edge_node.spec.block import Block
from edge_node.spec.constants import REWARD_MATURITY_BLOCKS
from edge_node.spec.proof.recipe_proof import StepProof, recipe_of, seed_for
from tests.node.rig import Rig, World, sent
from tests.spec import toy_chain as toy
from tests.spec import toy_lottery as lotto
from tests.spec.toy_chain import Mined, Miner, Tip, ToyChain, Work

RULES = replace(lotto.CHEAP, min_population=64)
"""Of a network in which any burst wins."""


def known_chain(world: World, who: Miner) -> ToyChain:
    """Return a chain by which one miner is known."""
    chain = ToyChain(world.network)
    chain.add(lotto.founder(Work(tip=chain.tip, miner=who), lotto.SMALL))
    for _ in range(REWARD_MATURITY_BLOCKS):
        honest(chain, who)
    return chain


def honest(chain: ToyChain, who: Miner) -> Mined:
    """Mine a chain's next block."""
    return chain.add(lotto.step(Work(tip=chain.tip, miner=who)))


def forged(tip: Tip, who: Miner, number: int = 0) -> Block:
    """Return one of a key's winners whose latents nobody has trained."""
    work = Work(tip=tip, miner=who)
    family = toy.family_of(work, None)
    course = lotto.Course(work=work, family=family)
    blank = toy.assembled(work, family, lotto.NOTHING_YET, None).block
    model = ModelHash(tagged_hash("forged-model", number.to_bytes(8, "big")))
    header = replace(blank.header, model_hash=model, nonce=number)
    seed = seed_for(header, lotto.NOTHING_YET)
    proof = StepProof(
        recipe=recipe_of(course.rules, burst.draw_operator(seed, course.rules, course.start))
    )
    target = lottery.family_target(header.target, course.rules.cost, tip.parameters.max_cost)
    for tried in range(1 << 10):
        root = Hash32(tagged_hash("forged-root", tried.to_bytes(8, "big")))
        if burst.ticket(seed, root) < target:
            made = replace(header, latent_root=root)
            return toy.recommitted(made, replace(blank.body, proof=proof.encode()), who)
    raise toy.NothingFound


def take_in(rig: Rig, chain: ToyChain) -> None:
    """Let a node have a chain."""
    rig.world.clock.ms = chain.state.timestamp - toy.GENESIS_TIME + toy.BLOCK_MS
    for mined in chain.mined:
        rig.node.do([sent(mined.block)])
        rig.node.turn()
    assert rig.importer.head.head == chain.state.head
