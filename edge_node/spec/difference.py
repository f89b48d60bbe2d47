# SPDX-License-Identifier: Apache-2.0
"""How much two models, or two shapes, differ (paper A, section 4.1).

Rules R-13 (Hamming distance over weight bits), R-14 (shape distance) and R-15 (the record of both
values used). Thresholds count in the shape and in the hash, not in the distance.
Law of the file: pure functions of their arguments.
Read next: proof/evolution.py, which says how much is enough.
"""

from dataclasses import dataclass

from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import PPM
from edge_node.spec.model import Model, pack_weights

COVERAGE_EPOCH_PPM = 900_000
"""Once this share of the weights has held both values, the record starts anew."""


def weight_bits(model: Model) -> int:
    """Return all weights as one integer: the blob's bit string, whose pad bits are 0 (R-5)."""
    return int.from_bytes(pack_weights(model.architecture, model.weights), "little")


def hamming(left: Model, right: Model) -> int:
    """Return the number of weights that differ between two models of one architecture (R-13)."""
    return sum(
        (a ^ b).bit_count()
        for mine, theirs in zip(left.weights, right.weights, strict=True)
        for a, b in zip(mine, theirs, strict=True)
    )


def shape_distance_ppm(left: Architecture, right: Architecture) -> int:
    """Return the shape distance of two architectures, in ppm of the larger one (R-14).

    Layer by layer from the input: the difference in weights, or all weights of both layers where
    their kinds differ or one is missing.
    """
    depth = max(len(left.shapes), len(right.shapes))
    difference = 0
    for index in range(depth):
        mine = left.shapes[index] if index < len(left.shapes) else None
        theirs = right.shapes[index] if index < len(right.shapes) else None
        if mine and theirs and mine.layer.kind is theirs.layer.kind:
            difference += abs(mine.weight_count - theirs.weight_count)
        else:
            difference += sum(shape.weight_count for shape in (mine, theirs) if shape)
    return difference * PPM // max(left.weight_count, right.weight_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRecord:
    """Two bits per weight: has it been +1, has it been -1, in this epoch (R-15)."""

    weight_count: int
    """Weights of the family's network."""
    seen_plus: int = 0
    """Bit string like weight_bits: 1 where the weight has been +1."""
    seen_minus: int = 0
    """Bit string like weight_bits: 1 where the weight has been -1."""
    epoch: int = 0
    """How often the record has started anew."""

    @property
    def covered(self) -> int:
        """Weights that have held both values in this epoch."""
        return (self.seen_plus & self.seen_minus).bit_count()

    @property
    def coverage_ppm(self) -> int:
        """Share of the weights that have held both values in this epoch."""
        return self.covered * PPM // self.weight_count

    def noted(self, model: Model) -> "WeightRecord":
        """Return the record after a record block's model."""
        bits = weight_bits(model)
        plus = bits ^ weight_mask(model.architecture)
        grown = WeightRecord(
            weight_count=self.weight_count,
            seen_plus=self.seen_plus | plus,
            seen_minus=self.seen_minus | bits,
            epoch=self.epoch,
        )
        if grown.coverage_ppm < COVERAGE_EPOCH_PPM:
            return grown
        return WeightRecord(
            weight_count=self.weight_count,
            seen_plus=plus,
            seen_minus=bits,
            epoch=self.epoch + 1,
        )


def weight_mask(architecture: Architecture) -> int:
    """Return weight_bits with every weight 1 and every pad bit 0."""
    every = [[(1 << shape.fan_in) - 1] * shape.channels for shape in architecture.shapes]
    return int.from_bytes(pack_weights(architecture, every), "little")
