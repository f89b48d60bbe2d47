# SPDX-License-Identifier: Apache-2.0
"""Runs the measuring process and reads its rows.

Law of the file: nothing is measured in this process; whatever the child prints is checked.
Read next: child.py.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import edge_node
from edge_node.bench.child import QUICK, SECTIONS
from edge_node.bench.rows import Row, RowMalformed, row_from_fields
from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import DatasetId

ONE_THREAD = dict.fromkeys(
    (
        "BLIS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)
"""Each of numpy's possible libraries reads its own."""
MAX_ERROR_LINES = 1
"""Of the child's complaint: the last line of a traceback says what happened."""


class BenchFailed(EdgeNodeError):
    """The measuring process ended with an error."""

    reason = "bench-failed"

    def __init__(self, *, code: int, why: str) -> None:
        super().__init__(
            f"the bench's process ended with code {code} ({why}): "
            "try again with `--only` for the other sections"
        )
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What to measure."""

    datasets: Path
    """Folder of the dataset store."""
    dataset: DatasetId
    """MNIST."""
    sections: Sequence[str] = ()
    """Names of child.SECTIONS; all if empty."""
    quick: bool = False
    """Whether to leave out what takes long."""


def run_bench(options: BenchOptions) -> Iterator[Row]:
    """Yield the rows as they are measured.

    Raises
    ------
    BenchFailed, RowMalformed
    """
    wanted = [name for name in SECTIONS if not options.sections or name in options.sections]
    command = [sys.executable, "-m", "edge_node.bench.child"]
    command += [str(options.datasets), options.dataset.hex(), *([QUICK] * options.quick), *wanted]
    yield from read_rows(command, one_thread_environment())


def one_thread_environment() -> dict[str, str]:
    """Return the environment of a process that measures: this package, one thread."""
    package = Path(edge_node.__file__).parents[1]
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": path}


def read_rows(command: Sequence[str], environment: dict[str, str]) -> Iterator[Row]:
    """Yield the rows that a command prints.

    Raises
    ------
    BenchFailed, RowMalformed
    """
    # A file never fills up and stops the child, as a pipe that nobody reads would.
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield _row(line)
            code = process.wait()
        finally:
            process.kill()  # where the reader gave up, nobody wants the rest
        errors.seek(0)
        complaint = errors.read().splitlines()[-MAX_ERROR_LINES:]
    if code != 0:
        raise BenchFailed(code=code, why=" ".join(complaint) or "it says nothing")


def _row(line: str) -> Row:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError:
        raise RowMalformed(line) from None
    return row_from_fields(fields)
