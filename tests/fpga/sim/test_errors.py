# SPDX-License-Identifier: Apache-2.0
"""Messages of the simulation say what to do."""

from edge_node_fpga.sim import errors


def test_messages_name_the_cause_and_the_cure() -> None:
    assert "install" in str(errors.ToolMissing(tool="g++", install="a compiler"))
    assert "status 3" in str(errors.BuildFailed(tool="g++", status=3, output="no"))
    assert "0x10" in str(errors.NothingThere(address=16))
    assert isinstance(errors.OutOfMemory(wanted_bytes=2, memory_bytes=1), MemoryError)
