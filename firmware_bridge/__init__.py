# SPDX-License-Identifier: Apache-2.0
"""The bridge to microcontrollers: one protocol, its host side, and the firmware in C.

Law of the file: nothing here imports the node; the node takes `device.Device` as it is.
Read next: PROTOCOL.md, device.py.
"""
