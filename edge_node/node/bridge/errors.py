# SPDX-License-Identifier: Apache-2.0
"""What the user of a bridge can be told, each in one sentence that says what to do.

Law of the file: names and sentences only.
Read next: session.py.
"""

from pathlib import Path

from edge_node.node.errors import NodeError


class BridgeFailed(NodeError):
    """Something between this machine and a microcontroller is not as it must be.

    Parameters
    ----------
    port : str
    why : Exception
        In the bridge's own words.
    """

    reason = "bridge"

    def __init__(self, port: str, why: Exception) -> None:
        words = str(why)  # of a port's own errors its name is a part
        super().__init__(words if port in words else f"{port}: {words}")
        self.port = port
        self.why = why


class NoModelYet(NodeError):
    """The chain has no model that is asked for."""

    reason = "no-model-yet"

    def __init__(self, family: str) -> None:
        which = f"no family that begins with {family!r}" if family else "no model"
        super().__init__(
            f"the chain has {which} yet; `edge-node model list` shows what it has, and a node that "
            "runs brings more"
        )
        self.family = family


class FamilyAmbiguous(NodeError):
    """Several families of the chain have ids that begin so."""

    reason = "family-ambiguous"

    def __init__(self, family: str, count: int) -> None:
        super().__init__(f"{count} families begin with {family!r}; give more digits")
        self.family = family
        self.count = count


class NoBrokerForBridge(NodeError):
    """There is nobody to publish predictions at."""

    reason = "bridge-broker"

    def __init__(self, root: Path) -> None:
        super().__init__(
            f"no broker is named for {root}, and neither its node nor `edge-node broker run` runs "
            "one; start the node, or name a broker with --broker"
        )
        self.root = root


class SensorMissing(NodeError):
    """A device has no sensor to take samples of."""

    reason = "bridge-sensor"

    def __init__(self, board: str) -> None:
        super().__init__(f"{board} has no sensor; choose a board whose firmware reads one")
        self.board = board
