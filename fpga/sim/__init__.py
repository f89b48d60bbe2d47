# SPDX-License-Identifier: Apache-2.0
"""A board by simulation: the verilated engine behind a pynq device.

Law of the file: empty.
Read next: device.py, build.py.
"""
