# SPDX-License-Identifier: Apache-2.0
"""Tests of edge_node, fpga and tools; a package, for pynq installs one of the same name."""
