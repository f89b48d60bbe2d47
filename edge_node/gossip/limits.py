# SPDX-License-Identifier: Apache-2.0
"""Every limit of gossip, with its unit and its reason.

They are relay policy, not validity: two nodes with different limits still agree on the chain.
Law of the file: integers only; sizes are checked against these before anything is decoded.
Read next: topics.py.
"""

from edge_node.spec.constants import (
    CHUNK_BYTES,
    MAX_BODY_BYTES,
    MAX_DATASET_BYTES,
    MAX_HEADER_BYTES,
    MAX_TRANSPORT_BYTES,
)
from edge_node.spec.genesis import MAX_MEMBERS

KIB = 1_024

# Sizes
MAX_TOPIC_BYTES = 160
"""The longest topic, a response's, has about 90."""
PIECE_BYTES = CHUNK_BYTES
"""64 KiB: at 10 Mbit/s the keepalive behind it waits 52 ms; 300 KB would be 240 ms."""
INLINE_BYTES = 16 * KIB
"""A block up to this size rides in its announcement: cheaper than asking when all need it."""
MAX_PARCEL_BYTES = max(2 * KIB * KIB, MAX_HEADER_BYTES + MAX_BODY_BYTES + MAX_TRANSPORT_BYTES)
"""A block, a model blob or a manifest, put together in memory."""
MAX_PARCEL_PIECES = -(-MAX_PARCEL_BYTES // PIECE_BYTES)
MAX_HEADERS_PAGE_BYTES = 256 * KIB
"""Headers in one answer, by bytes."""
MAX_HEADERS_PER_PAGE = 512
"""Headers in one answer, by count; bounds the plan of a sync as well."""
MAX_BATCH_BYTES = 32 * KIB
"""Transactions in one message."""
MAX_BATCH_TRANSACTIONS = 256
"""Checked within 70 ms; at five batches a second, as many as one node can pass on."""
SHORT_ID_BYTES = 6
"""Of a transaction in an inventory: with its salt, enough to tell a million apart."""
SALT_BYTES = 8
MAX_INVENTORY = 1_024
"""Short ids in one inventory."""
MAX_TRANSACTIONS_PER_REQUEST = 200
"""The request stays below the size of a small message; an answer takes one piece at most."""
MAX_SOFTWARE_BYTES = 64
"""The name and version that a node tells of itself."""
MAX_CAPABILITIES = 16
MAX_CAPABILITY_BYTES = 32
MAX_CHECKPOINTS = 2 * MAX_MEMBERS // 3 + 2
"""In one message: the smallest quorum of the largest network, and the sender's own."""
MAX_OFFERS = 64
"""Datasets in one announcement."""
MAX_WORK_BYTES = 40
"""Cumulative work: 2**256 a block for 2**64 blocks."""
ENVELOPE_BYTES = 192
"""Version, kind, key, session, sequence, signature and their CBOR heads; 125 in practice."""
MAX_MESSAGE_BYTES = MAX_HEADERS_PAGE_BYTES + 2 * KIB + ENVELOPE_BYTES
"""The largest message of any kind."""
MAX_PACKET_BYTES = 400_000
"""What our brokers accept: any message, its topic and its MQTT header."""
MAX_ENVELOPE_ITEMS = 16
MAX_MESSAGE_ITEMS = 1_024
MAX_MESSAGE_DEPTH = 3
MAX_ANNOUNCED_HEADER_BYTES = MAX_HEADER_BYTES

# Rates, per peer
ANNOUNCES_PER_S = 4
"""A block a second takes three: its body for the cell, its header for all, the tip."""
ANNOUNCES_BURST = 20
"""A node that reconnects announces all it has at once."""
BATCHES_PER_S = 5
"""Transaction batches: one each BATCH_DELAY_MS."""
BATCHES_BURST = 25
REQUESTS_PER_S = 20
REQUESTS_BURST = 40
ANSWERED_BYTES_PER_S = 5_000_000
ANSWERED_BYTES_BURST = 10_000_000
"""What we answer one peer, with what its requests cost, counted as so many bytes."""
HEADERS_COST_BYTES = 4 * KIB
"""Of a page of headers, whatever it holds: charged before anything is looked up."""
PARCEL_COST_BYTES = 2 * KIB
"""Of each parcel asked for, there or not."""
PIECE_COST_BYTES = 4 * KIB
"""Of each piece asked for, there or not: it may take a read from the disk."""
TRANSACTIONS_COST_BYTES = 256 * KIB
"""Of a look for transactions: a hash of each that waits takes as long as four pieces."""
READ_PER_COST = 4
"""A parcel cut anew was read and hashed whole: so many bytes of it cost as one answered."""
PACED_REQUESTS_PER_S = 16
"""What we ask of one peer: below what it would refuse, so that clocks may differ."""
PACED_REQUESTS_BURST = 32
PACED_BYTES_PER_S = 3_600_000
PACED_BYTES_BURST = 7_000_000

# Tables
MAX_PEERS = 1_024
MAX_RECENT_MESSAGES = 10_000
"""Digests of messages seen; the broker delivers at least once, so duplicates are normal."""
MAX_YOUNG_BLOCKS = 64
"""New blocks of which it is remembered in which cell they were made."""
MAX_JUDGING_BLOCKS = 256
"""New blocks that the node was told of and has not judged."""
MAX_REJECTED_BLOCKS = 4_096
"""Hashes that the node found invalid; a page of headers that holds one is refused."""
REPLAY_WINDOW = 1_024
"""Sequence numbers behind the newest that may still arrive, out of order."""
MAX_SERVED_PARCELS = 4
"""Cut parcels kept for the next request."""

# Requests
REQUEST_TIMEOUT_MS = 2_000
MAX_IN_FLIGHT_PER_PEER = 8
PARCELS_PER_REQUEST = 8
"""Blocks asked for in one request: at 16 requests a second, 128 small blocks from one peer."""
BODY_WINDOW = 2 * PARCELS_PER_REQUEST
"""Blocks of a sync in flight, and delivered without the node's verdict: two requests' worth."""
PIECE_WINDOW = 8
"""Pieces of one dataset or parcel in flight."""
PIECES_PER_REQUEST = 4
"""Half a window: while one request is answered the next is on its way."""
MAX_PARCEL_JOBS = 32
"""Of our own wish, and as many that others' messages began; a sync has its window besides."""
MAX_ANNOUNCED_PER_PEER = 4
"""Bodies being fetched that one peer alone announced, or that its bad copies have us ask for."""
MAX_DATASET_JOBS = 8
MAX_DATASET_CHUNKS = 2 * MAX_DATASET_BYTES // CHUNK_BYTES
"""Twice what a chain's dataset may have; nobody else's table is larger than a parcel either."""
MAX_ROUNDS = 4
"""Times that all holders are asked for a parcel before it is given up."""
RETRY_MS = 1_000
"""Pause before all holders are asked again."""
MAX_QUIET_MS = 16_000
"""A peer that does not answer is left alone for longer and longer, up to this."""
BUSY_MS = 500
"""Pause after a peer said that it is busy."""

# Sync
SETTLE_MS = 300
"""After a connect, the retained tips arrive within this; then the best is known."""
TIP_GRACE_MS = 1_000
"""A tip runs ahead of its block by this much at most before it counts as a lost announcement."""
COMPARE_MS = 10_000
"""Tips are compared this often: the repair of what the broker lost."""
HEADERS_OVERLAP = 8
"""Known headers asked for below our head, to find where a fork began."""
SYNC_BACKOFF_MS = 10_000
"""A peer whose chain led nowhere is left alone for this long, and for twice as long each time."""
MAX_SYNC_BACKOFF_MS = 300_000
"""But no longer than this: the network may have been to blame."""

# Announcing
TIP_INTERVAL_MS = 1_000
"""At most one tip in this time, however fast blocks are imported."""
REFRESH_MS = 30_000
"""Tip and presence are told again this often: a broker that restarts forgets them."""
BATCH_DELAY_MS = 200
"""Transactions wait this long for company."""
MAX_WAITING_TRANSACTIONS = 4_096
"""To be told in batches; what falls out is told by inventory."""
INVENTORY_SPREAD_MS = 1_500
"""Nodes that have cause to tell an inventory do so within this, each at its own time."""
INVENTORY_INTERVAL_MS = 5_000
"""At most one inventory in this time, whatever the cause."""

# Peers
FORGET_MS = 86_400_000
"""A node that is gone for a day is forgotten, and what the broker keeps of it is cleared."""
PEER_SILENCE_MS = 100_000
"""Three refreshes missed: the peer is gone, whatever its presence says."""
BAN_MS = 600_000
BAN_SCORE = -100
SCORE_RECOVERY_MS = 10_000
"""One point is forgiven in this time."""
