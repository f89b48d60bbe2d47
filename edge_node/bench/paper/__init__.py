# SPDX-License-Identifier: Apache-2.0
"""Paper A's section 5 measured here: its three tables, side by side, and what it only announces.

Every figure of the paper stands beside ours of the same run, with the machine that it ran on.
Law of the folder: the product is measured as it is (real brokers, real nodes, real stores); a level
that is not reached is told as a bound.
Read next: run.py, then wire_bytes.py, mining.py, throughput.py.
"""
