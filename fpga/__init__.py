# SPDX-License-Identifier: Apache-2.0
"""The FPGA overlay: RTL, registers, driver, and a board made of the RTL by simulation.

Law of the file: nothing here imports the node; the node takes `driver.overlay.Overlay` as it is.
Read next: driver/overlay.py, sim/device.py.
"""
