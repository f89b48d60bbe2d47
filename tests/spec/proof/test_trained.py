# SPDX-License-Identifier: Apache-2.0
"""What families that are trained block after block keep: start, records, what is forgotten.

The walks of paper B are the example: every block after the first is better than the one before.
"""

from dataclasses import replace

import pytest

from edge_node.primitives.types import Height
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import MAX_RELATIVES
from edge_node.spec.proof import trained
from edge_node.spec.proof.errors import LatentRootMismatch
from edge_node.spec.training import root_of
from tests.spec import toy_walks as walks
from tests.spec.stages import ALICE
from tests.spec.toy_chain import ARCHITECTURE, SECOND_ARCHITECTURE, Mined, ToyChain, Work


@pytest.mark.parametrize("architecture", [ARCHITECTURE, SECOND_ARCHITECTURE])
def test_family_starts_from_what_its_name_gives(architecture: Architecture) -> None:
    chain = ToyChain(walks.walks_network())
    work = Work(tip=chain.tip, miner=ALICE)
    family = walks.founded(work, architecture)
    network = chain.network.rules.network
    first = trained.first_latents(network, family.dataset, architecture)
    assert trained.head_latents(family, chain.tip.context()) == first
    assert len(first) == 2 * architecture.weight_count + 4 * architecture.channel_count


def test_family_goes_on_from_its_heads_latents() -> None:
    chain = ToyChain(walks.walks_network())
    walks.grow(chain, ALICE, 2)
    (family,) = chain.state.families.values()
    latents = trained.head_latents(family, chain.tip.context())
    assert root_of(latents) == family.models[-1].latent_root


def test_r_43_root_is_of_the_latents() -> None:
    chain = ToyChain(walks.walks_network())
    (mined,) = walks.grow(chain, ALICE)
    (family,) = chain.state.families.values()
    latents = trained.head_latents(family, chain.tip.context())
    trained.check_root(mined.block.header, latents)
    with pytest.raises(LatentRootMismatch):
        trained.check_root(mined.block.header, latents[:-1] + b"7")


def test_what_is_neither_record_nor_recent_is_forgotten() -> None:
    chain = ToyChain(walks.walks_network())
    mined = walks.grow(chain, ALICE, 2)
    (family,) = chain.state.families.values()
    context = chain.tip.context()

    def after(block: Mined, count: int, *, record: bool) -> int:
        grown = family
        for number in range(count):
            assert block.model is not None
            header = replace(block.block.header, height=Height(number))
            grown = trained.grown(header, block.model, grown, context, may_be_record=record)
            assert grown.model_count == 3 + number
        assert [entry.record for entry in grown.models].count(True) == 1, "equal to the record"
        return grown.forgotten

    assert after(mined[-1], MAX_RELATIVES - 2, record=True) == 0
    assert after(mined[-1], MAX_RELATIVES - 1, record=False) == 1, "the founder was none"
    assert after(mined[-1], MAX_RELATIVES + 9, record=False) == 10, "the record stays"
