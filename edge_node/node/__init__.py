# SPDX-License-Identifier: Apache-2.0
"""Floor 5: the node, where chain, gossip, trainer, back ends, clock and configuration meet.

Law of the floor: parts are constructed in node.py and passed in; no registries.
Read next: node.py.
"""
