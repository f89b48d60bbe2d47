# SPDX-License-Identifier: Apache-2.0
"""What gossip has to tell people: who is here or gone, who is ignored, and that we are in sync.

Law of the file: words for the log only; nothing follows from them.
Read next: node.py.
"""

import logging

from edge_node.gossip.ports import Action, PeerOffline, PeerOnline, PeerWasBanned, SyncFinished

_LOG = logging.getLogger(__name__)


def tell(event: Action) -> None:
    """Put an event in the log, in words; what is no news is passed over."""
    if isinstance(event, PeerOnline):
        _LOG.info("peer %s is here (%s)", event.peer, event.software)
    elif isinstance(event, PeerOffline):
        _LOG.info("peer %s is gone%s", event.peer, ", without a word" if event.silent else "")
    elif isinstance(event, PeerWasBanned):
        _LOG.warning("peer %s is ignored for a while: it broke rules", event.peer)
    elif isinstance(event, SyncFinished):
        _LOG.info("in sync at height %d", event.height)
