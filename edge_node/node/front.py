# SPDX-License-Identifier: Apache-2.0
"""What a service does beside its node's turns: it reports, answers, and waits for the time.

Law of the file: the node is looked at and asked, never driven.
Read next: service.py, time_wait.py.
"""

import logging
import threading
from dataclasses import dataclass
from typing import Final

from edge_node.node.answers import answer
from edge_node.node.control import ControlServer
from edge_node.node.health import HealthReports
from edge_node.node.node import Node
from edge_node.node.supervisor import Supervisor
from edge_node.node.time_wait import why_no_time

_LOG = logging.getLogger(__name__)

TIME_LOOK_S: Final = 0.2
"""How often a node that waits for the time looks at the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Those who hear of a node."""

    control: ControlServer
    """Who asks."""
    health: HealthReports
    """Who watches."""
    supervisor: Supervisor
    """Who started it."""

    def report(self, node: Node) -> None:
        """Tell how the node is, and answer what was asked."""
        self.health.tick(node)
        self.supervisor.tick()
        for request in self.control.waiting():
            request.answer.put(answer(node, request))

    def await_time(self, node: Node, stop: threading.Event) -> bool:
        """Wait until the clock can be right, and report meanwhile.

        Returns
        -------
        bool
            False if the order to stop has come.
        """
        told = False
        while why := why_no_time(node.parts.clock.now_ms(), node.founded_ms):
            if not told:
                _LOG.warning("%s", why)
                self.supervisor.ready(why)  # up it is, and answers
                told = True
            self.report(node)
            if stop.wait(TIME_LOOK_S):
                return False
        if told:
            _LOG.info("the clock was set")
        return True
