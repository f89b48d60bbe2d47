# SPDX-License-Identifier: Apache-2.0
"""Each module of the engine by itself, and the engine as an IP, in a simulator, under cocotb.

A test builds a module with Verilator and runs the cocotb module beside this file that is named
after it (bench_<module>.py); what that compares with is written there, in Python.
"""

import pytest

from tests.fpga.units.building import Unit, run

pytestmark = [pytest.mark.fpga, pytest.mark.timeout(1200)]  # a compiler's time is the machine's

WINDOW_PARTS = ("map_bank", "map_memory", "piece_address", "window_control", "window_lane")
ENGINE_BENCHES = "bench_bnn_engine,bench_engine_reset"
TREES = ("first_row", "first_tree", "first_trees")
ELEMENTS = ("popcount64", "pe")
SIMULATED = ("FAST_COUNT",)
"""As fpga/sim builds what has a second form."""
UNITS = [
    Unit("result_unit", "bench_result_unit", {"P": 8, "LANES": 1}, ("fifo",)),
    Unit("result_unit", "bench_result_unit", {"P": 32, "LANES": 4}, ("fifo",)),
    Unit("map_writer", "bench_map_writer", {"WIDTH": 8}),
    Unit("map_writer", "bench_map_writer", {"WIDTH": 64}),
    Unit("first_layer", "bench_first_layer", {"T": 8}, TREES),
    Unit("first_layer", "bench_first_layer", {"T": 8}, TREES, defines=SIMULATED),
    Unit("first_layer", "bench_first_layer", {"T": 32}, TREES, defines=SIMULATED),
    Unit("first_tree", "bench_first_tree"),
    Unit("model_store", "bench_model_store", {"P": 8, "T": 8, "ROW_BITS": 3}),
    Unit("model_store", "bench_model_store", {"P": 8, "T": 8, "ROW_BITS": 3}, defines=SIMULATED),
    Unit("batch_control", "bench_batch_control", {"LANES": 1, "LANE_BITS": 1}),
    Unit("batch_control", "bench_batch_control", {"LANES": 4, "LANE_BITS": 2}),
    Unit("stream_input", "bench_stream_input", {"P": 8, "T": 8, "ROW_BITS": 4}, ("crc32",)),
    Unit("popcount64", "bench_popcount64"),
    Unit("pe_array", "bench_pe_array", {"P": 8, "LANES": 2}, ELEMENTS),
    Unit("pe_array", "bench_pe_array", {"P": 8, "LANES": 2}, ELEMENTS, defines=SIMULATED),
    Unit("pe_array", "bench_pe_array", {"P": 32, "LANES": 1}, ELEMENTS, defines=SIMULATED),
    Unit("map_memory", "bench_map_memory", {"INDEX_BITS": 10}, ("map_bank",)),
    Unit("map_memory", "bench_map_memory", {"INDEX_BITS": 6}, ("map_bank",)),
    Unit("piece_address", "bench_piece_address"),
    Unit("piece_address", "bench_piece_address", defines=SIMULATED),
    Unit("window_path", "bench_window_path", {}, WINDOW_PARTS),
    Unit("tile_sequencer", "bench_tile_sequencer", {"TILE_BITS": 5, "LIMIT_BITS": 5}),
    Unit("descriptor_check", "bench_descriptor_check"),
    Unit("crc32", "bench_crc32"),
    Unit("fifo", "bench_fifo"),
    Unit("bnn_engine", ENGINE_BENCHES, {"P": 8, "T": 8, "LANES": 1, "ROW_BITS": 10}, ("*",)),
    Unit("bnn_engine", ENGINE_BENCHES, {"P": 16, "T": 8, "LANES": 2, "ROW_BITS": 10}, ("*",)),
    Unit("bnn_engine", ENGINE_BENCHES, {"P": 32, "T": 32, "LANES": 1, "ROW_BITS": 10}, ("*",)),
]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit(unit: Unit) -> None:
    assert run(unit) == []
