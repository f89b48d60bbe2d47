# SPDX-License-Identifier: Apache-2.0
"""tests/ mirrors the source: edge_node/<folder>/<module>.py has tests/<folder>/test_<module>.py.

And fpga/<folder>/<module>.py has tests/fpga/<folder>/test_<module>.py, firmware_bridge/ likewise.
"""

from pathlib import Path

from tests.architecture.sources import ROOT, python_sources

NOTHING_RUNS = ("__init__", "__main__", "errors", "limits", "ports")
"""Names of modules that only declare: what is declared is tested where it is used."""

TESTED_ELSEWHERE = {
    # Values that travel: test_codec.py.
    "edge_node/gossip/messages.py",
    "edge_node/node/parts.py",  # values that a node is made of: test_node.py
    "edge_node/primitives/clock.py",  # a Protocol, nothing runs
    "edge_node/primitives/randomness.py",  # a Protocol
    "edge_node/kernels/walker.py",  # a Protocol
    "edge_node/primitives/types.py",  # names only
    "edge_node/spec/constants.py",  # numbers only
}


def test_every_module_has_its_test_file() -> None:
    missing = []
    for source in python_sources("edge_node", "fpga", "firmware_bridge"):
        if source.stem.endswith(NOTHING_RUNS) or source.name in TESTED_ELSEWHERE:
            continue
        path = Path(source.name.removeprefix("edge_node/"))
        mirror = Path("tests", path.parent, f"test_{path.name}")
        if not (ROOT / mirror).exists():
            missing.append(f"{source.name} wants {mirror}")
    assert missing == []


def test_exceptions_are_files_that_exist() -> None:
    assert {name for name in TESTED_ELSEWHERE if not (ROOT / name).exists()} == set()
