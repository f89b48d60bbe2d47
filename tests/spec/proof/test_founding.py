# SPDX-License-Identifier: Apache-2.0
"""Founders whose shape evolved from two families: what they say of it is replayed."""

import functools
from dataclasses import replace

import pytest

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import DatasetId, FamilyId, Hash32
from edge_node.spec.architecture import Architecture
from edge_node.spec.proof import founding
from edge_node.spec.proof.errors import UnknownParent
from edge_node.spec.proof.evolution_proof import FounderProof, proof_from_bytes
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.shapes import ShapeNotEvolved
from tests.spec.evolved_shapes import evolved, evolved_founder
from tests.spec.stages import ALICE, BOB, FALLBACK_MS, Stage, refused, stages, with_proof
from tests.spec.toy_chain import (
    ARCHITECTURE,
    PARAMETERS,
    SECOND_ARCHITECTURE,
    Work,
    founder,
)


@functools.cache
def stage() -> Stage:
    """Return a parent on whose last rung anyone founds, and a founder of an evolved shape."""
    tip = stages()["fallback"].tip
    work = Work(tip=tip, miner=ALICE, after_ms=FALLBACK_MS)
    return Stage(tip=tip, mined=evolved_founder(work, family(), dataset()))


def family() -> FamilyId:
    (only,) = stages()["fallback"].tip.state.families
    return only


def dataset() -> DatasetId:
    (only,) = stages()["fallback"].tip.state.datasets
    return only


def honest() -> FounderProof:
    proof = proof_from_bytes(stage().block.body.proof)
    assert isinstance(proof, FounderProof)
    return proof


def origin() -> ShapeOrigin:
    claimed = honest().origin
    assert claimed is not None
    return claimed


def test_r_52_founder_of_an_evolved_shape_founds_its_family() -> None:
    verdict = stage().tip.validate(stage().block)
    grown = verdict.state.families[stage().header.family]
    assert grown.architecture == honest().architecture != ARCHITECTURE


def test_r_52_shape_of_another_nonce_is_refused() -> None:
    def shape(nonce: int) -> Architecture:
        return evolved(stage().tip, ALICE, replace(origin(), nonce=nonce), dataset())

    other = next(nonce for nonce in range(10_000) if shape(nonce) != honest().architecture)
    proof = replace(honest(), origin=replace(origin(), nonce=other))
    refused(stage().tip, with_proof(stage(), proof), ShapeNotEvolved, "R-52: the evolved shape")


def test_r_52_shape_that_somebody_chose_is_no_childs() -> None:
    work = Work(tip=stage().tip, miner=ALICE, after_ms=FALLBACK_MS)
    mined = founder(work, SECOND_ARCHITECTURE, dataset())
    work.tip.validate(mined.block)
    claim = replace(honest(), architecture=SECOND_ARCHITECTURE)
    refused(work.tip, with_proof(Stage(tip=work.tip, mined=mined), claim), ShapeNotEvolved)


def test_r_40_parent_that_is_no_family_is_refused() -> None:
    stranger = FamilyId(Hash32(tagged_hash("test", b"stranger")))
    for lost in (replace(origin(), first=stranger), replace(origin(), second=stranger)):
        block = with_proof(stage(), replace(honest(), origin=lost))
        refused(stage().tip, block, UnknownParent, "a family")


def test_r_52_draws_depend_on_everything_that_names_the_block() -> None:
    network, head = stage().tip.network.rules.network, stage().tip.state.head
    other = stage().block.header.block_hash()
    seeds = {
        founding.shape_seed(network, head, ALICE.key, 1),
        founding.shape_seed(network, head, ALICE.key, 2),
        founding.shape_seed(network, head, BOB.key, 1),
        founding.shape_seed(network, other, ALICE.key, 1),
    }
    assert len(seeds) == 4


def test_r_52_parents_without_an_allowed_child_are_named() -> None:
    tip = stage().tip
    with pytest.raises(ShapeNotEvolved, match="none allowed"):
        founding.evolved_shape(
            ARCHITECTURE,
            ARCHITECTURE,
            b"seed",
            manifest=tip.state.datasets[dataset()].manifest,
            siblings=(),
            parameters=replace(PARAMETERS, max_connection_count=1),
        )
