# SPDX-License-Identifier: Apache-2.0
"""A report says what it is of, or that it can not tell."""

from pathlib import Path

from edge_node_fpga.report import origin
from edge_node_fpga.sim.build import rtl_sources


def test_folder_without_a_checkout_has_no_commit(tmp_path: Path) -> None:
    assert origin.commit(tmp_path) == origin.UNKNOWN


def test_package_that_is_not_installed_has_no_version() -> None:
    assert origin.version("edge-node-of-nobody") == origin.UNKNOWN
    assert origin.version("numpy")[0].isdigit()


def test_hash_is_of_the_rtl() -> None:
    assert len(origin.rtl_sha256()) == 64
    assert {path.name for path in rtl_sources()} >= {
        "bnn_engine.sv",
        "engine.sv",
        "bnn_regs_pkg.sv",
    }


def test_machine_is_told() -> None:
    machine = origin.machine()
    assert machine.cores >= 1
    assert machine.cpu
    assert machine.load >= 0
