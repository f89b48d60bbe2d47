# SPDX-License-Identifier: Apache-2.0
"""Transfers of a load are signed and in order at each node; percentiles are those of the values."""

from edge_node.bench.paper.traffic import (
    batch_text,
    batches_in_turn,
    percentile,
    signed_transfers,
    spenders,
)
from edge_node.kernels.libsodium import load_ed25519
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import NetworkId
from edge_node.spec.encoding import decode
from edge_node.spec.transaction import transaction_from_value

NETWORK = NetworkId(ZERO_HASH)


def test_transfers_are_signed_and_numbered_by_sender() -> None:
    ed25519 = load_ed25519()
    transfers = signed_transfers(spenders(3, ed25519), 7, NETWORK, ed25519)
    assert [each.nonce for each in transfers] == [0, 0, 0, 1, 1, 1, 2]
    assert len({each.sender for each in transfers}) == 3
    for each in transfers:
        assert ed25519.verify(each.sender, each.signing_hash(NETWORK), each.signature)


def test_sender_stays_at_its_node_and_nothing_is_lost() -> None:
    ed25519 = load_ed25519()
    transfers = signed_transfers(spenders(6, ed25519), 25, NETWORK, ed25519)
    batches = batches_in_turn(transfers, 3, 4)
    assert sorted(each.signature for batch in batches for each in batch) == sorted(
        each.signature for each in transfers
    )
    at_node = [{each.sender for batch in batches[node::3] for each in batch} for node in range(3)]
    assert sum(map(len, at_node)) == len(set.union(*at_node)) == 6
    for node in range(3):
        sent = [each for batch in batches[node::3] for each in batch]
        assert [each.nonce for each in sent] == sorted(each.nonce for each in sent)


def test_batch_is_read_as_it_was_written() -> None:
    ed25519 = load_ed25519()
    transfers = signed_transfers(spenders(2, ed25519), 4, NETWORK, ed25519)
    values = decode(bytes.fromhex(batch_text(transfers)), max_bytes=10_000)
    assert isinstance(values, list)
    assert [transaction_from_value(value) for value in values] == transfers


def test_percentiles() -> None:
    values = [float(each) for each in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99)) == (50, 99)
    assert (percentile([7.0], 50), percentile([7.0], 99), percentile([], 50)) == (7, 7, None)
