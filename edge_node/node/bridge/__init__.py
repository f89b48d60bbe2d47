# SPDX-License-Identifier: Apache-2.0
"""Microcontrollers on the serial ports of a node: they get the chain's models and run them.

Law of the folder: a device signs nothing and holds no keys, and what it says is passed on as such.
Read next: service.py.
"""
