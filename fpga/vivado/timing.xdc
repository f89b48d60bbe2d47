# SPDX-License-Identifier: Apache-2.0
# One clock, clk_fpga_0 of 10 ns, which the processing system's own constraints make.
#
# Law of the file: no exceptions: every path of the engine is one clock long.
#
# Margin for what the tool does not know of the board's clock; a bitstream that needs it is none.
set_clock_uncertainty -setup 0.100 [get_clocks clk_fpga_0]
