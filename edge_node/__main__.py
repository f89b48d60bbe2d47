# SPDX-License-Identifier: Apache-2.0
"""`python -m edge_node` is the command `edge-node`.

Law of the file: nothing but the call.
Read next: cli.py.
"""

from edge_node.cli import main

if __name__ == "__main__":
    main()
