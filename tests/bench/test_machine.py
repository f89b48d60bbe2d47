# SPDX-License-Identifier: Apache-2.0
"""What the bench says of the machine: one thread, known paths, the commit of a checkout only."""

import subprocess
from pathlib import Path

import numpy as np

from edge_node import __version__
from edge_node.bench.machine import describe_machine, git_commit


def test_names_versions() -> None:
    machine = describe_machine()
    assert machine.cpu
    assert (machine.threads, machine.edge_node) == (1, __version__)
    assert machine.numpy == np.__version__
    assert set(machine.kernel_paths) <= {"scalar", "avx2", "avx512", "neon"}


def test_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    (tmp_path / ".git").mkdir()
    assert git_commit(tmp_path) is None


def test_commit_of_a_checkout(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = [
            "git",
            "-C",
            str(tmp_path),
            "-c",
            "user.name=n",
            "-c",
            "user.email=e",
            *arguments,
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    assert git_commit(tmp_path) == git("rev-parse", "HEAD").strip()
