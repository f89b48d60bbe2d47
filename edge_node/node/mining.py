# SPDX-License-Identifier: Apache-2.0
"""Mining: gives the trainer its task, keeps its best offer, and says when a block is due.

Law of the file: an offer becomes a block only if it would be valid now, on this head, at this rung;
until then the trainer goes on improving it.
Read next: edge_node/trainer/process.py, edge_node/chain/block_builder.py.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_node.chain.block_builder import NOTHING_FOUND, Finding
from edge_node.primitives.types import NetworkId, PublicKey, TimestampMs
from edge_node.spec import scheduling
from edge_node.spec.architecture import Architecture, ArchitectureOutOfRange
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.dataset import Manifest
from edge_node.spec.engine import ModelSource
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import State
from edge_node.trainer.task import Offer, Progress, Task, next_task

_LOG = logging.getLogger(__name__)

MAX_TRAINER_RESTARTS = 5
"""A trainer that dies more often will die again: the node goes on validating without one."""


class Trainer(Protocol):
    """Port: the trainer's process."""

    @property
    def alive(self) -> bool:
        """True while it runs."""

    def assign(self, task: Task | None) -> None:
        """Give it another task, or none."""

    def poll(self) -> list[Offer | Progress]:
        """Return what it has sent."""

    def stop(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerIdentity:
    """Who mines what."""

    network: NetworkId
    """The network."""
    parameters: Parameters
    """Its chosen rules."""
    public_key: PublicKey
    """Key that blocks are mined under."""
    new_family: Callable[[Manifest], Architecture]
    """What to found on a dataset when a founder is due."""


class Miner:
    """Between a head and the trainer.

    Parameters
    ----------
    identity : MinerIdentity
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    models : ModelSource
    """

    def __init__(
        self,
        identity: MinerIdentity,
        start_trainer: Callable[[], Trainer],
        models: ModelSource,
    ) -> None:
        self._identity = identity
        self._start_trainer = start_trainer
        self._trainer = start_trainer()
        self._restarts = 0
        self._models = models
        self._head: State | None = None
        self._best: Offer | None = None
        self.progress: Progress | None = None

    def follow(self, head: State) -> None:
        """Work on top of `head` from now on; what was found for it under another stays."""
        self._head = head
        if self._best is not None and not self._fits(self._best, head):
            self._best = None
        self._trainer.assign(self._task(head))

    def pause(self) -> None:
        """Stop working until the next head is followed."""
        if self._head is not None:
            self._head = None
            self._trainer.assign(None)

    def collect(self) -> None:
        """Take in what the trainer has sent; start another one if it has died."""
        if not self._trainer.alive and self._restarts < MAX_TRAINER_RESTARTS:
            self._restarts += 1
            _LOG.error("the trainer has died; start %d of another", self._restarts)
            self._trainer = self._start_trainer()
            if self._head is not None:
                self.follow(self._head)
        for message in self._trainer.poll():
            if isinstance(message, Progress):
                self.progress = message
            elif self._head is not None and self._fits(message, self._head):
                best = self._best
                if best is None or message.correct_count > best.correct_count:
                    self._best = message

    def due(self, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:
        """Return what a block of this moment would carry, or None if none is due."""
        head, parameters = self._head, self._identity.parameters
        if head is None or now_ms < head.timestamp + max(1, parameters.min_interval_ms):
            return None
        rung = scheduling.rung_at(parameters, head.timestamp, now_ms)
        offer = self._best
        if offer is not None and offer.correct_count >= self._needed(offer, head, rung):
            return Finding(
                family=offer.family,
                proof=offer.proof,
                model_hash=offer.model_hash,
                latent_root=offer.latent_root,
                nonce=offer.nonce,
                correct_count=offer.correct_count,
            )
        if rung == MAX_RUNG and transactions_wait:
            return NOTHING_FOUND
        return None

    def discard(self) -> None:
        """Forget the best offer: it made a block, or could not."""
        self._best = None

    def stop(self) -> None:
        """End the trainer."""
        self._trainer.stop()

    def _task(self, head: State) -> Task | None:
        try:
            return next_task(
                head,
                network=self._identity.network,
                parameters=self._identity.parameters,
                miner=self._identity.public_key,
                models=self._models,
                new_family=self._identity.new_family,
            )
        except ArchitectureOutOfRange as error:
            _LOG.error("no family is founded: %s; choose another trainer.architecture", error)
            return None

    def _needed(self, offer: Offer, head: State, rung: int) -> int:
        if not offer.child:
            return 0  # the trainer offers only what reaches min_family_acc
        family = head.families[offer.family]
        return family.records[-1].correct_count + scheduling.needed_gain_at(family, rung)

    def _fits(self, offer: Offer, head: State) -> bool:
        if not offer.child:
            return offer.head == head.head
        family = head.families.get(offer.family)
        if family is None or family.closed or offer.model_hash in head.models.hashes:
            return False
        return offer.correct_count > family.records[-1].correct_count
