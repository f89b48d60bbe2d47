# SPDX-License-Identifier: Apache-2.0
"""Ports that a test names before somebody listens there, and that nobody else comes upon meanwhile.

Who asks the system for any free port gets one of its own range. These lie below that range, and
each worker of a run has a share of them.
"""

import itertools
import os
from pathlib import Path

from edge_node.gossip.embedded_broker import free_port

HOST = "127.0.0.1"
FIRST, SHARES, LEAST = 10_000, 16, 100
SYSTEMS_OWN = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOOKS = itertools.count(os.getpid())


def quiet_port() -> int:
    """Return a port of this machine on which nobody listens."""
    share = (int(SYSTEMS_OWN.read_text().split()[0]) - FIRST) // SHARES
    if share < LEAST:  # the system gives nearly all ports away
        return free_port(HOST)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for _ in range(share):
        port = FIRST + worker % SHARES * share + next(_LOOKS) % share
        try:
            return free_port(HOST, port)
        except OSError:
            continue
    raise AssertionError(f"no free port from {FIRST} on")
