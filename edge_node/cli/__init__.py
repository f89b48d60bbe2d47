# SPDX-License-Identifier: Apache-2.0
"""The command `edge-node`: what people and scripts type.

Law of the floor: it parses, calls and prints; whatever could be wanted without a terminal is below.
Read next: app.py.
"""

from edge_node.cli.app import main

__all__ = ["main"]
