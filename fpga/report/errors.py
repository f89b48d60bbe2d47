# SPDX-License-Identifier: Apache-2.0
"""What can go wrong while a report is made.

Law of the file: one class per cause; a message is one sentence that says what to do.
Read next: __main__.py.
"""


class ReportError(Exception):
    """No report, or not all of it."""


class UnknownBuild(ReportError, ValueError):
    """There is no such engine."""

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"There is no build {actual!r}; choose of {expected}.")


class SynthesisFailed(ReportError):
    """Yosys ended without a netlist."""

    def __init__(self, *, build: str, status: int, output: str) -> None:
        super().__init__(
            f"The synthesis of {build} ended with status {status}; see what yosys said last:\n"
            f"{output}"
        )


class SynthesisTooLong(ReportError, TimeoutError):
    """Yosys was stopped."""

    def __init__(self, *, build: str, limit_s: float) -> None:
        super().__init__(
            f"The synthesis of {build} took more than {limit_s:g} s; give it more by"
            " --synthesis-limit, or leave the build out of --sizes."
        )


class ReportUnreadable(ReportError, ValueError):
    """A file is not what this program writes, or what it takes."""

    def __init__(self, *, path: str, expected: str, actual: str) -> None:
        super().__init__(f"{path} wants {expected}, has {actual}; write it anew.")
