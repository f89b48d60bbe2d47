# SPDX-License-Identifier: Apache-2.0
"""What every miner is, whatever the proof rule: a head, the trainer's task on it, and refusals.

Law of the file: nothing is worked for, taken or due but on the head that is followed.
Read next: slot.py; evolution.py, guiding.py and lottery.py, the miners.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from edge_node.chain.block_builder import NOTHING_FOUND, Finding
from edge_node.node.mining.slot import Trainer, TrainerSlot
from edge_node.primitives.types import PublicKey, TimestampMs
from edge_node.spec import scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.dataset import Manifest
from edge_node.spec.errors import InvalidInput
from edge_node.spec.state import State
from edge_node.spec.validation import Rules
from edge_node.trainer.search import AnyTask, Found
from edge_node.trainer.task import Progress

_LOG = logging.getLogger(__name__)

MAX_REFUSALS = 3
"""Blocks of our own that may turn out invalid on one head: more would fail for the same reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerIdentity:
    """Who mines what."""

    rules: Rules
    """Of the network."""
    public_key: PublicKey
    """Key that blocks are mined under."""
    new_family: Callable[[Manifest], Architecture]
    """What to found on a dataset when a founder is due, or nothing else gives a block."""
    check: Callable[[AnyTask], None] = lambda _: None
    """Raises BeyondLimits for a task that this machine is not to take on."""


class Miner(ABC):
    """Between a head and the trainer.

    Parameters
    ----------
    identity : MinerIdentity
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    """

    def __init__(self, identity: MinerIdentity, start_trainer: Callable[[], Trainer]) -> None:
        self._identity = identity
        self._parameters = identity.rules.parameters
        self._trainer = TrainerSlot(start_trainer, identity.check)
        self._head: State | None = None
        self._refusals = 0
        self._fallback_refused = False
        self.progress: Progress | None = None
        """How the trainer is doing, in its own words; None until it has said so."""

    @property
    def given_up(self) -> bool:
        """True once the trainer has died too often to be started again."""
        return self._trainer.given_up

    @property
    def hindrance(self) -> str:
        """Why there is no work within this node's limits; empty if there is."""
        return self._trainer.hindrance

    @property
    def needs_trainer(self) -> bool:
        """True if the trainer has died and `collect` will start another."""
        return self._trainer.needs_trainer

    def follow(self, head: State) -> None:
        """Work on top of `head` from now on; what was found under another stays if it holds."""
        self._head, self._refusals, self._fallback_refused = head, 0, False
        self._begin(head)
        self._assign(head)

    def pause(self) -> None:
        """Stop working until the next head is followed."""
        if self._head is not None:
            self._head = None
            self._trainer.assign(None)

    def collect(self) -> None:
        """Take in what the trainer has sent; start another one if it has died."""
        for message in self._trainer.poll():
            if isinstance(message, Progress):
                self._note(message)
            elif self._head is not None:
                self._take(message, self._head)

    def due(self, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:
        """Return what a block of this moment would carry, or None if none is due."""
        head = self._head
        if head is None or self._refusals >= MAX_REFUSALS:
            return None
        return self._due(head, now_ms, transactions_wait=transactions_wait)

    def refuse(self, finding: Finding) -> None:
        """Forget a finding whose block was refused."""
        self._refusals += 1
        if finding is NOTHING_FOUND:
            self._fallback_refused = True
        else:
            self._forget(finding)
        if self._refusals == MAX_REFUSALS:
            _LOG.error("%d own blocks refused: mining waits for another head", MAX_REFUSALS)

    def stop(self) -> None:
        """End the trainer."""
        self._trainer.stop()

    def _note(self, progress: Progress) -> None:
        """Take in how the trainer is doing."""
        self.progress = progress

    def _assign(self, head: State) -> None:
        """Give the trainer what there is to do on a head."""
        try:
            task = self._task(head)
        except InvalidInput as error:
            _LOG.error("no family is founded: %s; choose another trainer.architecture", error)
            task = None
        self._trainer.assign(task)

    def _rung(self, head: State, now_ms: TimestampMs) -> int:
        return scheduling.rung_at(self._parameters, head.timestamp, now_ms)

    def _too_early(self, head: State, now_ms: TimestampMs) -> bool:
        return now_ms < head.timestamp + max(1, self._parameters.min_interval_ms)

    def _fallback(self, rung: int, *, transactions_wait: bool) -> Finding | None:
        """Return what ends a stall, where a block without a model may confirm transactions."""
        wanted = rung == MAX_RUNG and transactions_wait and not self._fallback_refused
        return NOTHING_FOUND if wanted else None

    @abstractmethod
    def _begin(self, head: State) -> None:
        """Keep of what is known what holds on another head."""

    @abstractmethod
    def _task(self, head: State) -> AnyTask | None:
        """Return what there is to do.

        Raises
        ------
        InvalidInput
            A founder is due, and the miner's choice can not be founded.
        """

    @abstractmethod
    def _take(self, found: Found, head: State) -> None:
        """Keep what the trainer has found, if it is of use."""

    @abstractmethod
    def _due(self, head: State, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:
        """Return what a block of this moment would carry, or None if none is due."""

    @abstractmethod
    def _forget(self, finding: Finding) -> None:
        """Do not return a finding again, whose block was refused on this head."""
