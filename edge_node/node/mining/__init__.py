# SPDX-License-Identifier: Apache-2.0
"""Mining: what the trainer is given to do, what it finds, and the blocks that come of it.

One miner for each proof rule, all of one frame: evolution.py, guiding.py and lottery.py.
Law of the folder: a miner proposes; a block of our own is judged like anybody's.
Read next: miner.py, then making.py, which asks it for blocks.
"""
