# SPDX-License-Identifier: Apache-2.0
"""Registers of the engine: bnn_regs.rdl is the one source, all else here is made from it.

`python -m edge_node_fpga.regs.generate` makes RTL, C header, Python constants and the list of
registers for a .hwh anew; a test says when they are not what the source says.
Law of the file: declares a package.
Read next: bnn_regs.rdl, register.py.
"""
