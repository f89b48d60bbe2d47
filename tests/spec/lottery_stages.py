# SPDX-License-Identifier: Apache-2.0
"""A toy family of a lottery at each stage of its life, with the honest block that comes next."""

import functools

from edge_node.spec.burst import Operator
from edge_node.spec.proof.recipe_proof import LotteryProof, lottery_proof_from_bytes
from tests.spec import toy_lottery as toy
from tests.spec.stages import ALICE, BOB, CAROL, FALLBACK_MS, Stage, frozen
from tests.spec.toy_chain import BLOCK_MS, Mined, Network, ToyChain, Work, toy_dataset, transfer
from tests.spec.toy_lottery import Wish

KINDS = ("founder", "population", "first record", "record", "step", "mutate", "cross", "fallback")


@functools.cache
def network() -> Network:
    """Return a lottery on one dataset, where Alice and Bob have coins."""
    return toy.lottery_network([toy_dataset()], rich=(ALICE, BOB))


@functools.cache
def stages() -> dict[str, Stage]:
    """Return the stages of KINDS, each in the chain of the one before."""
    chain = ToyChain(network())
    found: dict[str, Stage] = {}
    for kind in KINDS:
        confirmed = (transfer(ALICE, CAROL.address, 10, network=network()),)
        work = Work(
            tip=chain.tip,
            miner=ALICE,
            after_ms=FALLBACK_MS if kind == "fallback" else BLOCK_MS,
            transactions=confirmed if kind == "step" else (),
        )
        found[kind] = Stage(tip=frozen(chain), mined=_mined(kind, work))
        chain.add(found[kind].mined)
    return found


def _mined(kind: str, work: Work) -> Mined:
    match kind:
        case "founder":
            return toy.founder(work)
        case "fallback":
            return toy.fallback(work)
        case "first record" | "record":
            return toy.step(work, wish=Wish(record=True))
        case "step":
            return toy.step(work, wish=Wish(record=False, operator=Operator.CONTINUE))
        case "mutate" | "cross":
            return toy.step(work, wish=Wish(operator=Operator[kind.upper()]))
    return toy.step(work)


def proof_of(stage: Stage) -> LotteryProof:
    """Return the proof of a stage's honest block."""
    return lottery_proof_from_bytes(stage.block.body.proof)
