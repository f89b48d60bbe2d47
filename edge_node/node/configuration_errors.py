# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a configuration, each with the file or variable that is to be corrected.

Law of the file: classes only; the guards stand where values are read.
Read next: configuration_schema.py.
"""

from collections.abc import Sequence
from pathlib import Path

from edge_node.node.errors import NodeError


class ConfigurationError(NodeError):
    """The configuration can not be used; nothing was started."""


class ConfigurationUnreadable(ConfigurationError):
    """A file is not there, or may not be read."""

    reason = "configuration-unreadable"

    def __init__(self, *, path: Path, why: str) -> None:
        super().__init__(f"{path} can not be read ({why}); check the path and its permissions")
        self.path = path
        self.why = why


class ConfigurationMalformed(ConfigurationError):
    """A file is not TOML."""

    reason = "configuration-malformed"

    def __init__(self, *, path: Path, why: str) -> None:
        super().__init__(f"{path} is not TOML ({why}); correct that line")
        self.path = path
        self.why = why


class UnknownSetting(ConfigurationError):
    """There is no such section, key or variable."""

    reason = "configuration-unknown-setting"

    def __init__(self, *, source: str, name: str, near: Sequence[str]) -> None:
        cure = f"did you mean {near[0]}?" if near else "remove it"
        super().__init__(f"{source}: there is no setting {name}; {cure}")
        self.source = source
        self.name = name


class SettingInvalid(ConfigurationError):
    """A value has another type, or lies outside what is allowed."""

    reason = "configuration-setting-invalid"

    def __init__(self, *, source: str, name: str, expected: str, actual: object) -> None:
        super().__init__(f"{source}: {name} must be {expected}, not {actual!r}; correct it")
        self.source = source
        self.name = name
        self.expected = expected
        self.actual = actual


class SettingsContradict(ConfigurationError):
    """Two settings can not both be meant."""

    reason = "configuration-settings-contradict"

    def __init__(self, *, one: str, other: str, cure: str) -> None:
        super().__init__(f"{one} contradicts {other}; {cure}")
        self.one = one
        self.other = other


class UnknownBoard(ConfigurationError):
    """There is no file for a board of this name."""

    reason = "configuration-unknown-board"

    def __init__(self, *, expected: Sequence[str], actual: str) -> None:
        super().__init__(
            f"there is no board {actual!r}; choose one of {', '.join(expected)}, or give the path"
            " of a .toml file of your own"
        )
        self.expected = tuple(expected)
        self.actual = actual


class BoardSchemaUnknown(ConfigurationError):
    """A board's file is of another schema, or does not say of which."""

    reason = "configuration-board-schema"

    def __init__(self, *, path: Path, expected: int, actual: object) -> None:
        said = "no schema" if actual is None else f"schema = {actual!r}"
        super().__init__(
            f"{path} says {said}, and this program reads schema = {expected}; write that on its"
            " first line, or install the edge-node that the file was made for"
        )
        self.path = path
        self.expected = expected
        self.actual = actual


class BoardExtendsTwice(ConfigurationError):
    """A board's file extends one that extends another, or itself."""

    reason = "configuration-board-extends"

    def __init__(self, *, path: Path, base: Path, further: str) -> None:
        super().__init__(
            f"{path} extends {base.name}, which extends {further} itself, and one level is the"
            " most; extend a file that stands alone"
        )
        self.path = path
        self.base = base
        self.further = further


class ArchitectureTextInvalid(ConfigurationError):
    """An architecture's text can not be read."""

    reason = "architecture-text-invalid"

    def __init__(self, *, actual: str, names: Sequence[str]) -> None:
        super().__init__(
            f"{actual!r} is no architecture; give one of {', '.join(names)}, or layers such as"
            " 1bit:conv8p-conv10p-conv20-dense10"
        )
        self.actual = actual
