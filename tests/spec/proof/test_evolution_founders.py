# SPDX-License-Identifier: Apache-2.0
"""What may be founded: a shape that fits its dataset, its network's limits and its siblings."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.block import Block
from edge_node.spec.dataset import SplitName
from edge_node.spec.proof.errors import ArchitectureNotAllowed, FamilyTooSimilar
from edge_node.spec.proof.evolution_proof import FounderProof
from edge_node.spec.proof.founding import family_id
from edge_node.spec.training_bounds import NotTrainable
from tests.spec.stages import Stage, refused, stages, validate_with, with_proof
from tests.spec.toy_chain import ARCHITECTURE

ONE = Hash32(tagged_hash("test", b"one"))


def found(architecture: Architecture, dataset: DatasetId | None = None) -> tuple[Stage, Block]:
    stage = stages()["founder"]
    chosen = dataset or next(iter(stage.tip.state.datasets))
    proof = FounderProof(architecture=architecture, dataset=chosen, steps=4)
    return stage, with_proof(stage, proof, family=family_id(chosen, architecture))


@pytest.mark.parametrize(
    "architecture",
    [
        replace(ARCHITECTURE, height=9),
        replace(ARCHITECTURE, width=7),
        replace(ARCHITECTURE, input_channels=2),
        replace(ARCHITECTURE, layers=(conv(4, pool=True), dense(2))),
        replace(ARCHITECTURE, layers=(conv(4, pool=True), dense(4))),
    ],
)
def test_r_37_founder_that_does_not_fit_its_dataset_is_refused(architecture: Architecture) -> None:
    stage, block = found(architecture)
    refused(stage.tip, block, ArchitectureNotAllowed, r"\(8, 8, 1, 3\) rows")


def test_r_37_founder_above_the_networks_connections_is_refused() -> None:
    stage = stages()["founder"]
    validate_with(stage.tip, stage.block, max_connection_count=144)
    with pytest.raises(ArchitectureNotAllowed, match=r"R-37: .* at most 143 connections, not 144"):
        validate_with(stage.tip, stage.block, max_connection_count=143)


def test_r_37_founder_that_takes_too_long_to_count_with_is_refused() -> None:
    stage = stages()["founder"]
    (entry,) = stage.tip.state.datasets.values()
    macs = ARCHITECTURE.macs * entry.manifest.splits[SplitName.EVALUATION].count
    validate_with(stage.tip, stage.block, max_evaluation_macs=macs)
    with pytest.raises(ArchitectureNotAllowed, match=rf"multiplications .* not {macs}"):
        validate_with(stage.tip, stage.block, max_evaluation_macs=macs - 1)


def test_r_37_founder_for_an_unknown_dataset_is_refused() -> None:
    stage = stages()["fallback"]  # on the last rung, anyone may found
    proof = FounderProof(architecture=ARCHITECTURE, dataset=DatasetId(ONE), steps=4)
    refused(stage.tip, with_proof(stage, proof), ArchitectureNotAllowed, "a known dataset")


def test_r_9_founder_that_can_not_be_trained_is_refused() -> None:
    padded = replace(ARCHITECTURE, layers=(conv(4, same=True, pool=True), dense(3)))
    stage, block = found(padded)
    refused(stage.tip, block, NotTrainable, "VALID padding")


@pytest.mark.parametrize(
    "architecture",
    [
        ARCHITECTURE,
        replace(ARCHITECTURE, input_bits=8),
        replace(ARCHITECTURE, layers=(conv(4, pool=True), dense(3), dense(3))),
    ],
)
def test_r_38_founder_close_to_a_family_is_refused(architecture: Architecture) -> None:
    stage = stages()["fallback"]
    (dataset,) = stage.tip.state.datasets
    proof = FounderProof(architecture=architecture, dataset=dataset, steps=4)
    wide = {"min_family_diff_ppm": 100_000}
    with pytest.raises(FamilyTooSimilar, match="R-38: the shape distance in ppm must be"):
        validate_with(stage.tip, with_proof(stage, proof), **wide)


def test_r_38_same_shape_is_refused_even_where_the_network_asks_no_distance() -> None:
    stage = stages()["fallback"]
    (dataset,) = stage.tip.state.datasets
    proof = FounderProof(architecture=ARCHITECTURE, dataset=dataset, steps=4)
    with pytest.raises(FamilyTooSimilar, match="at least 1, not 0"):
        validate_with(stage.tip, with_proof(stage, proof), min_family_diff_ppm=0)
