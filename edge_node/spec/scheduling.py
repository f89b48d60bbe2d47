# SPDX-License-Identifier: Apache-2.0
"""Turns and the time ladder: who may make the next block, and what it must gain.

Rules R-21 (ladder), R-31 (turns) and R-32 (needed gain); paper A, sections 4.3 and 4.4. All of it
follows from the state and two timestamps.
Law of the file: no block is looked at here, only what would be allowed.
Read next: proof/evolution.py.
"""

from collections import Counter
from dataclasses import dataclass

from edge_node.primitives.types import DatasetId, FamilyId, TimestampMs
from edge_node.spec import constants as limits
from edge_node.spec.constants import PPM
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import Family, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What the next block may be, at one rung."""

    due_dataset: DatasetId | None
    """A founder for this dataset is due; None if a family is."""
    due_family: FamilyId | None
    """The family whose turn it is; None if a founder is due or no family is open."""
    families: tuple[FamilyId, ...]
    """Families that may have a block."""
    any_founder: bool
    """Anyone may found a family on any dataset."""
    fallback: bool
    """A block without a model is allowed."""


def rung_at(parameters: Parameters, parent: TimestampMs, timestamp: TimestampMs) -> int:
    """Return the rung of a block by its timestamp and its parent's (R-21)."""
    return min(limits.MAX_RUNG, (timestamp - parent) // parameters.rung_ms)


def turns(state: State, parameters: Parameters, rung: int) -> Turns:
    """Return what the next block may be (R-21, R-31)."""
    order = _turn_order(state)
    due_dataset = _dataset_without_families(state, parameters)
    allowed = order[:1] if due_dataset is None else ()
    if rung >= limits.NEXT_FAMILY_RUNG:
        allowed = order[:2] if due_dataset is None else order[:1]
    return Turns(
        due_dataset=due_dataset,
        due_family=order[0] if order and due_dataset is None else None,
        families=allowed,
        any_founder=rung >= limits.FOUNDER_RUNG,
        fallback=rung >= limits.MAX_RUNG,
    )


def _turn_order(state: State) -> tuple[FamilyId, ...]:
    families = [family for family in state.families.values() if not family.closed]
    siblings = Counter(family.dataset for family in state.families.values())

    def key(family: Family) -> tuple[int, int, int, FamilyId]:
        height = state.datasets[family.dataset].height
        return (family.turn, siblings[family.dataset], height, family.family_id)

    return tuple(family.family_id for family in sorted(families, key=key))


def _dataset_without_families(state: State, parameters: Parameters) -> DatasetId | None:
    wanting: list[tuple[int, int, DatasetId]] = []
    for dataset, entry in state.datasets.items():
        if not entry.is_open:
            continue
        opened = sum(
            not family.closed for family in state.families.values() if family.dataset == dataset
        )
        if opened < parameters.min_families:
            wanting.append((families_of(state, dataset), entry.height, dataset))
    return min(wanting)[2] if wanting else None


def families_of(state: State, dataset: DatasetId) -> int:
    """Return how many families a dataset has had, closed ones included."""
    return sum(family.dataset == dataset for family in state.families.values())


def join_turn(state: State) -> int:
    """Return the turn at which a family founded now joins: the lowest open one (R-31)."""
    return min((family.turn for family in state.families.values() if not family.closed), default=0)


def share_of(images: int, share_ppm: int) -> int:
    """Return a share of a whole, rounded up: every minimum of the law."""
    return -(-images * share_ppm // PPM)


def first_needed_gain(parameters: Parameters, evaluation_images: int) -> int:
    """Return the images by which a family's first child must beat its record (R-32)."""
    return max(1, share_of(evaluation_images, parameters.min_population_acc_ppm))


def needed_gain_at(family: Family, rung: int) -> int:
    """Return the images by which a child must beat the record at `rung` (R-21, R-32)."""
    return max(1, family.needed_gain >> min(rung, limits.GAIN_RUNGS))


def next_needed_gain(parameters: Parameters, needed_gain: int, interval_ms: int) -> int:
    """Return a family's needed gain after a record that took `interval_ms` (R-32)."""
    if parameters.target_ms == 0:
        return needed_gain
    if interval_ms < parameters.target_ms:
        return needed_gain + 1
    return max(1, needed_gain - 1)
