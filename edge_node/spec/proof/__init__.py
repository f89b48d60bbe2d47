# SPDX-License-Identifier: Apache-2.0
"""The proof rules: what a block must show to be a step towards a better model.

Each rule is one module behind one small Protocol; the genesis names the one that a network runs.
Law of the folder: as for all of spec.
Read next: evolution.py.
"""
