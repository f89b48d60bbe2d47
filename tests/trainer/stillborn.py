# SPDX-License-Identifier: Apache-2.0
"""Trainers that are killed before they have read anything, as by a machine out of memory."""

import os
from multiprocessing import resource_tracker, spawn
from pathlib import Path

import pytest

from tests.spec.toy_data import ToyDataset
from tests.trainer.toy_tasks import Splits

UNREAD_BYTES = 1 << 20
"""More than fits into any pipe that nobody reads."""


class LargeSplits(Splits):
    """The toy dataset, and so much beside it that its way to another process has to be read."""

    def __init__(self, dataset: ToyDataset) -> None:
        super().__init__(dataset)
        self._unread = bytes(UNREAD_BYTES)


def kill_at_birth(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process that Python starts from now on be killed at once."""
    killed = folder / "python"
    killed.write_text("#!/bin/sh\nkill -KILL $$\n")
    killed.chmod(0o755)
    resource_tracker.ensure_running()  # by the true Python
    monkeypatch.setattr(spawn, "_python_exe", os.fsencode(killed))
