# SPDX-License-Identifier: Apache-2.0
"""Why a service or a card's files can not be made, each in one sentence that says what to do.

Law of the file: names and sentences only.
Read next: installation.py.
"""

from pathlib import Path

from edge_node.node.errors import NodeError


class DeploymentError(NodeError):
    """The machine can not be given a node as was asked."""


class NotRoot(DeploymentError):
    """The system can be changed by root alone."""

    reason = "not-root"

    def __init__(self, line: str) -> None:
        super().__init__(
            f"this changes the system, which is root's alone; run `sudo {line}` with these options"
        )


class UserUnknown(DeploymentError):
    """There is no such account."""

    reason = "user-unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no user {name!r} here; make one with `sudo useradd --system {name}`, or"
            " leave --user out: systemd then makes one for the node alone"
        )


class SerialGroupMissing(DeploymentError):
    """No group opens serial ports there."""

    reason = "serial-group-missing"

    def __init__(self, groups: Path, names: tuple[str, ...]) -> None:
        super().__init__(
            f"{groups} has no group {' or '.join(names)} that opens serial ports; make one with"
            f" `sudo groupadd --system {names[0]}`, or take the serial ports out of [bridge] in the"
            " configuration"
        )


class ProgramHidden(DeploymentError):
    """The program lies where the service's user can not read."""

    reason = "program-hidden"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is in somebody's home, where a user of the service's own can not read; install"
            " edge-node into a venv that the system's Python made (`sudo /usr/bin/python3 -m venv"
            " /opt/edge-node`), or name that somebody with --user"
        )


class DataDirectoryNeedsUser(DeploymentError):
    """A data directory of the user's own was named, and no user."""

    reason = "data-directory-needs-user"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} belongs to somebody: name its owner with --user, or leave --data-dir out for"
            " /var/lib/edge-node"
        )


class OverlayNeedsRoot(DeploymentError):
    """An overlay was adopted, and the service is not root's."""

    reason = "overlay-needs-root"

    def __init__(self) -> None:
        super().__init__(
            "an overlay was adopted, and pynq loads one for root alone: add --user root, or remove"
            " overlay.toml from the data directory to do without it"
        )


class PathUnfit(DeploymentError):
    """A path has letters that mean something else in a unit file."""

    reason = "path-unfit"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{str(path)!r} can not stand in a unit file; choose an absolute path of letters,"
            " digits and any of /._+-"
        )


class UnitForeign(DeploymentError):
    """A unit of this name was written by somebody else."""

    reason = "unit-foreign"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was not written by `edge-node install-service`; move it away first"
        )


class NotInstalled(DeploymentError):
    """There is no service to remove."""

    reason = "not-installed"

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no {path}: `edge-node install-service` was not run here")


class StepFailed(DeploymentError):
    """A program of the system did not do what it was asked."""

    reason = "step-failed"

    def __init__(self, *, command: str, why: str) -> None:
        super().__init__(f"`{command}` failed ({why}); mend that, and run the same command again")


class NoSystemd(DeploymentError):
    """There is no journal on this machine."""

    reason = "no-systemd"

    def __init__(self) -> None:
        super().__init__(
            "no journalctl here, so this machine keeps no journal; `edge-node run` tells its log on"
            " standard error"
        )


class CardRefused(DeploymentError):
    """Something of what a card is to become can not be."""

    reason = "card-refused"

    def __init__(self, *, what: str, expected: str, actual: str) -> None:
        super().__init__(f"{what} must be {expected}, not {actual}; name another")
        self.expected = expected
        self.actual = actual
