# SPDX-License-Identifier: Apache-2.0
"""The command `edge-node`: what people and scripts type.

Law of the floor: it parses, calls and prints; whatever could be wanted without a terminal is below.
Read next: app.py.
"""

import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    if not sys.platform.startswith("linux"):
        sys.stderr.write("edge-node: this runs on Linux only; use a Linux machine or WSL\n")
        sys.exit(3)  # ExitCode.NODE: its module needs what only Linux has
    # Until the command can answer Ctrl-C by its exit status, it just ends, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from edge_node.cli.app import app  # noqa: PLC0415 - what it imports is there on Linux only

    signal.signal(signal.SIGINT, signal.default_int_handler)
    app(prog_name="edge-node")
