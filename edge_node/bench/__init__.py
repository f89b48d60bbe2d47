# SPDX-License-Identifier: Apache-2.0
"""Floor 6, beside the demonstration: the speeds that edge-node promises, measured on this machine.

Every figure stands beside what a user would have instead, measured in the same run or published.
Law of the floor: it measures the product as it is, through the functions that the product calls.
Read next: run.py (the parent), child.py (where the measuring is done), rows.py.
"""
