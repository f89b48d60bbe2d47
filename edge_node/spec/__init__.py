# SPDX-License-Identifier: Apache-2.0
"""Floor 1, the law: what every node must agree on, executable and written to be read.

Everything faster in this project is measured against these definitions, bit by bit.
Law of the floor: pure functions of their arguments in plain Python; no float, no `/`, no clock,
no I/O, no third-party package. Every rule has a number, and one error class that carries it.
Read in this order: constants.py, encoding.py, model.py, bnn.py, block.py, validation.py, proof/.
"""
