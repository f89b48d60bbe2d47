# SPDX-License-Identifier: Apache-2.0
"""The limits fit each other: what one part may send, the next may take."""

from edge_node.datasets.chunk_table import MAX_TABLE_BYTES
from edge_node.gossip import limits
from edge_node.gossip.envelope import MAX_BODY_BYTES, max_payload_bytes
from edge_node.gossip.protocol import Gossip, Profile
from edge_node.gossip.topics import Kind
from edge_node.spec.constants import (
    CHUNK_BYTES,
    MAX_DATASET_BYTES,
    MAX_GENESIS_BYTES,
    MAX_HEADER_BYTES,
    MAX_TRANSPORT_BYTES,
)
from edge_node.spec.constants import MAX_BODY_BYTES as MAX_BLOCK_BODY_BYTES
from edge_node.spec.dataset import SplitName
from tests.gossip.simulation import FakeChain, SeededRandom, identity_of


def test_every_message_fits_a_packet_of_our_brokers() -> None:
    overhead = limits.MAX_TOPIC_BYTES + 16
    assert max(map(max_payload_bytes, Kind)) + overhead <= limits.MAX_PACKET_BYTES


def test_what_a_kind_carries_fits_its_body() -> None:
    assert MAX_BODY_BYTES[Kind.TIP] >= MAX_HEADER_BYTES + 32 + limits.MAX_WORK_BYTES + 32
    assert MAX_BODY_BYTES[Kind.RESPONSE] >= limits.MAX_HEADERS_PAGE_BYTES + 64
    assert MAX_BODY_BYTES[Kind.RESPONSE] >= limits.PIECE_BYTES + 40 * limits.MAX_PARCEL_PIECES
    presence = limits.MAX_SOFTWARE_BYTES + 34 * limits.MAX_CAPABILITIES + 32
    assert MAX_BODY_BYTES[Kind.PRESENCE] >= presence
    assert MAX_BODY_BYTES[Kind.REQUEST] >= 34 * limits.PARCELS_PER_REQUEST + 32


def test_any_block_of_the_law_fits_a_parcel() -> None:
    largest = MAX_HEADER_BYTES + MAX_BLOCK_BODY_BYTES + MAX_TRANSPORT_BYTES
    assert largest <= limits.MAX_PARCEL_BYTES
    assert limits.MAX_PARCEL_PIECES * limits.PIECE_BYTES >= limits.MAX_PARCEL_BYTES


def test_we_ask_for_less_than_a_peer_would_refuse() -> None:
    assert limits.PACED_REQUESTS_PER_S < limits.REQUESTS_PER_S
    assert limits.PACED_REQUESTS_BURST < limits.REQUESTS_BURST
    assert limits.PACED_BYTES_PER_S < limits.ANSWERED_BYTES_PER_S
    assert limits.PACED_BYTES_BURST < limits.ANSWERED_BYTES_BURST


def test_what_we_ask_of_a_peer_does_not_cost_more_than_its_budget() -> None:
    per_s, burst = limits.ANSWERED_BYTES_PER_S, limits.ANSWERED_BYTES_BURST
    for requests, paced, budget in (
        (limits.PACED_REQUESTS_PER_S, limits.PACED_BYTES_PER_S, per_s),
        (limits.PACED_REQUESTS_BURST, limits.PACED_BYTES_BURST, burst),
    ):
        parcels = requests * limits.PARCELS_PER_REQUEST * limits.PARCEL_COST_BYTES
        assert paced + parcels + requests * limits.HEADERS_COST_BYTES <= budget
        pieces = -(-paced // limits.PIECE_BYTES) * limits.PIECE_COST_BYTES
        assert paced + paced // limits.READ_PER_COST + pieces <= budget


def test_largest_requests_fit_the_pace() -> None:
    assert limits.PARCELS_PER_REQUEST * limits.PIECE_BYTES <= limits.PACED_BYTES_BURST
    assert limits.MAX_HEADERS_PAGE_BYTES <= limits.PACED_BYTES_BURST


def test_windows_hold_whole_requests() -> None:
    assert limits.PIECE_WINDOW % limits.PIECES_PER_REQUEST == 0
    assert limits.BODY_WINDOW % limits.PARCELS_PER_REQUEST == 0
    assert limits.BODY_WINDOW <= limits.MAX_PARCEL_JOBS


def test_a_node_that_announces_all_it_may_is_not_over_its_rate() -> None:
    tips_per_s = 1_000 // limits.TIP_INTERVAL_MS
    assert tips_per_s <= limits.ANNOUNCES_PER_S
    assert 1_000 // limits.BATCH_DELAY_MS <= limits.BATCHES_PER_S
    assert limits.PEER_SILENCE_MS > 3 * limits.REFRESH_MS


def test_largest_genesis_and_table_of_the_law_travel() -> None:
    assert MAX_BODY_BYTES[Kind.GENESIS] >= MAX_GENESIS_BYTES + 16
    profile = Profile(software="x", genesis=bytes(MAX_GENESIS_BYTES))
    Gossip(identity=identity_of("a"), port=FakeChain(), random=SeededRandom("a"), profile=profile)
    chunks = MAX_DATASET_BYTES // CHUNK_BYTES + len(SplitName)
    assert chunks <= limits.MAX_DATASET_CHUNKS
    assert 32 * chunks + 1_024 <= min(MAX_TABLE_BYTES, limits.MAX_PARCEL_BYTES)
