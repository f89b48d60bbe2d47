# SPDX-License-Identifier: Apache-2.0
"""The node's trainer: started, given its task, and started again if it dies.

Law of the file: a trainer that dies too often is left dead; the node goes on validating.
Read next: miner.py.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from edge_node.node.errors import BeyondLimits
from edge_node.trainer.search import AnyTask, Message

_LOG = logging.getLogger(__name__)

MAX_TRAINER_RESTARTS = 5
"""A trainer that dies more often will die again: the node goes on validating without one."""


class Trainer(Protocol):
    """Port: the trainer's process."""

    @property
    def alive(self) -> bool:
        """True while it runs."""

    @property
    def ending(self) -> str:
        """How it ended, in words; empty while it runs."""

    def assign(self, task: AnyTask | None) -> None:
        """Give it another task, or none."""

    def poll(self) -> list[Message]:
        """Return what it has sent."""

    def stop(self) -> None:
        """End it."""


class TrainerSlot:
    """Where the trainer sits.

    Parameters
    ----------
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    check : callable, optional
        Raises BeyondLimits for a task that this machine is not to take on.
    """

    def __init__(
        self,
        start_trainer: Callable[[], Trainer],
        check: Callable[[AnyTask], None] = lambda _: None,
    ) -> None:
        self._start_trainer = start_trainer
        self._check = check
        self.hindrance = ""
        """Why there is no work: what was last asked for goes beyond this node's limits."""
        self._trainer = start_trainer()
        self._restarts = 0
        self._told = False
        self._task: AnyTask | None = None

    @property
    def given_up(self) -> bool:
        """True once the trainer has died too often to be started again."""
        return self._restarts >= MAX_TRAINER_RESTARTS and not self._trainer.alive

    @property
    def needs_trainer(self) -> bool:
        """True if the trainer has died and `poll` will start another."""
        return not self._trainer.alive and self._restarts < MAX_TRAINER_RESTARTS

    def assign(self, task: AnyTask | None) -> None:
        """Give the trainer another task, or none."""
        if task is not None and not self._may_take(task):
            task = None
        self._task = task
        self._trainer.assign(task)

    def poll(self) -> list[Message]:
        """Return what the trainer has sent; start another one, on the same task, if it has died."""
        messages = self._trainer.poll()
        if self.needs_trainer:
            self._restart()
        elif self.given_up and not self._told:
            self._told = True
            _LOG.error(
                "the trainer has died once more (%s): this node only validates; cure that, and"
                " start it again",
                self._trainer.ending,
            )
        return messages

    def stop(self) -> None:
        """End the trainer."""
        self._trainer.stop()

    def _may_take(self, task: AnyTask) -> bool:
        try:
            self._check(task)
        except BeyondLimits as error:
            if str(error) != self.hindrance:
                _LOG.warning("nothing is mined: %s", error)
            self.hindrance = str(error)
            return False
        self.hindrance = ""
        return True

    def _restart(self) -> None:
        self._restarts += 1
        _LOG.error(
            "the trainer has died (%s); start %d of another", self._trainer.ending, self._restarts
        )
        self._trainer.stop()
        self._trainer = self._start_trainer()
        if self._restarts == MAX_TRAINER_RESTARTS:
            _LOG.error("it is the last one: should it die, the node only validates")
        if self._task is not None:
            self._trainer.assign(self._task)
