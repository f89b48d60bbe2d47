# SPDX-License-Identifier: Apache-2.0
"""What the global options say, for every command: configuration and data directory.

Law of the file: read once, at the first question.
Read next: edge_node/node/configuration.py.
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from edge_node.node.config import Config
from edge_node.node.configuration import ConfigRequest, LoadedConfig, load_config
from edge_node.node.data_directory import DataDirectory
from edge_node.node.hardware import detect


class Session:
    """One run of the command.

    Parameters
    ----------
    flags : mapping
        `section.key` -> text, from the command line.
    file : Path or None
        The user's configuration file, if named.
    """

    def __init__(self, flags: Mapping[str, str], file: Path | None) -> None:
        self._flags = dict(flags)
        self._file = file

    @cached_property
    def loaded(self) -> LoadedConfig:
        """The configuration, with the origin of each setting.

        Raises
        ------
        ConfigurationError
        """
        return load_config(
            ConfigRequest(
                environment=os.environ,
                flags=self._flags,
                file=self._file,
                board_of=lambda root: detect(root).board,
            )
        )

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.loaded.config

    @property
    def data_dir(self) -> Path:
        """The node's data directory."""
        return self.config.node.data_dir

    @property
    def named_data_dir(self) -> Path | None:
        """The data directory if somebody named it, absolute; None for the default."""
        (origin,) = [o for o in self.loaded.origins if (o.section, o.key) == ("node", "data_dir")]
        return None if origin.source == "default" else self.data_dir.resolve()

    @property
    def directory(self) -> DataDirectory:
        """The data directory."""
        return DataDirectory(self.data_dir)

    def line(self, words: str) -> str:
        """Return a command line for the user to type, about the same data directory."""
        named = self._flags.get("node.data_dir")
        return f"edge-node {words}" if named is None else f"edge-node --data-dir {named} {words}"

    def with_flags(self, flags: Mapping[str, str]) -> "Session":
        """Return the session with a command's own options, which come first."""
        return Session(flags={**self._flags, **flags}, file=self._file)
