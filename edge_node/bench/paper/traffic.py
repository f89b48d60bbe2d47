# SPDX-License-Identifier: Apache-2.0
"""Signed transfers for a load, and when each of them was in a block that a node has judged.

Law of the file: every transfer is signed by its sender's own key; a transfer counts as included at
a node when that node says of itself that it is at the block's height, no sooner.
Read next: throughput.py.
"""

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from edge_node.bench.paper.cluster import Member
from edge_node.chain.block_store import BlockStore
from edge_node.chain.database import Database
from edge_node.kernels.libsodium import Ed25519
from edge_node.node.errors import NodeError
from edge_node.primitives.clock import Clock
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Amount, Hash32, Height, NetworkId, PublicKey, Signature
from edge_node.spec.block import body_from_bytes
from edge_node.spec.encoding import encode
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.transaction import Transfer, address_of

POLL_S = 0.05
"""How often each node is asked for its height: the grain of every time to inclusion."""
PAGE_BLOCKS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Spender:
    """An account that sends."""

    seed: bytes
    """Its secret key."""
    key: PublicKey
    """Its public key."""


def spenders(count: int, ed25519: Ed25519) -> tuple[Spender, ...]:
    """Return accounts from fixed seeds."""
    seeds = [
        bytes(tagged_hash("bench-spender", index.to_bytes(4, "big"))) for index in range(count)
    ]
    return tuple(Spender(seed=seed, key=ed25519.public_key(seed)) for seed in seeds)


def signed_transfers(
    senders: Sequence[Spender], count: int, network: NetworkId, ed25519: Ed25519
) -> list[Transfer]:
    """Return transfers that the senders make in turn, each with its next nonce."""
    transfers: list[Transfer] = []
    for index in range(count):
        place = index % len(senders)
        unsigned = Transfer(
            sender=senders[place].key,
            nonce=index // len(senders),
            recipient=address_of(senders[(place + 1) % len(senders)].key),
            amount=Amount(1),
            fee=Amount(1),
            signature=Signature(bytes(SIGNATURE_BYTES)),
        )
        signature = ed25519.sign(senders[place].seed, unsigned.signing_hash(network))
        transfers.append(replace(unsigned, signature=signature))
    return transfers


def batch_text(transfers: Sequence[Transfer]) -> str:
    """Return transfers as the control socket takes them."""
    return encode([each.value() for each in transfers]).hex()


class HeightWatch:
    """Notes when each node was first seen at each height, on a thread of its own.

    Parameters
    ----------
    members : sequence of Member
    clock : Clock
    """

    def __init__(self, members: Sequence[Member], clock: Clock) -> None:
        self._members = tuple(members)
        self._clock = clock
        self._stop = threading.Event()
        self._seen: dict[str, dict[int, int]] = {member.name: {} for member in members}
        self._thread = threading.Thread(target=self._watch, name="heights", daemon=True)
        self._thread.start()

    @property
    def heights(self) -> Mapping[str, int]:
        """The height of each node when it was last seen; -1 if it never was."""
        return {name: max(list(seen), default=-1) for name, seen in self._seen.items()}

    def seen_ms(self, name: str, height: int) -> int | None:
        """Return when a node was first seen at a height or above it."""
        times = [at for at_height, at in list(self._seen[name].items()) if at_height >= height]
        return min(times, default=None)

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(POLL_S):
            for member in self._members:
                with contextlib.suppress(NodeError):
                    height = int(str(member.ask("head", {})["height"]))
                    self._seen[member.name].setdefault(height, self._clock.monotonic_ms())


def submit_at_rate(
    members: Sequence[Member], batches: Sequence[Sequence[Transfer]], *, per_s: float, clock: Clock
) -> tuple[list[int], list[str]]:
    """Give batches to the nodes in turn, at a steady rate.

    Parameters
    ----------
    members : sequence of Member
    batches : sequence of sequence of Transfer
        For the first node, the second, and so on in turn.
    per_s : float
        Batches a second; 0 for one after the other without a pause.
    clock : Clock

    Returns
    -------
    (list of int, list of str)
        When each batch was handed in, in ms of the monotonic clock, and what was refused.
    """
    texts = [batch_text(batch) for batch in batches]
    submitted = [0] * len(texts)
    refused: list[str] = []
    start_ms = clock.monotonic_ms()

    def hand_in(share: int) -> None:
        for index in range(share, len(texts), len(members)):
            if per_s:
                due_ms = start_ms + index * 1_000 / per_s
                time.sleep(max(0.0, (due_ms - clock.monotonic_ms()) / 1_000))
            submitted[index] = clock.monotonic_ms()
            answer = members[share].ask("submit_all", {"transactions": texts[index]})
            if answer["refused"]:
                refused.append(str(answer["refused"]))

    # A client for each node: one alone would wait for one node while the others have nothing to do.
    with ThreadPoolExecutor(len(members)) as clients:
        list(clients.map(hand_in, range(len(members))))
    return submitted, refused


def batches_in_turn(
    transfers: Sequence[Transfer], nodes: int, size: int
) -> list[Sequence[Transfer]]:
    """Return batches for the nodes in turn; all transfers of a sender go to the same node.

    Parameters
    ----------
    transfers : sequence of Transfer
        Of a number of senders that `nodes` divides, in turn.
    nodes : int
    size : int
        Transfers in a batch.
    """
    shares = [transfers[first::nodes] for first in range(nodes)]
    return [
        share[start : start + size] for start in range(0, len(shares[0]), size) for share in shares
    ]


def heights_of(member: Member, network: NetworkId) -> dict[Hash32, Height]:
    """Return the block height of every transfer in the main chain of a node that has stopped."""
    database = Database(member.directory.chain, network)
    found: dict[Hash32, Height] = {}
    try:
        blocks = BlockStore(database)
        height = 1
        while page := blocks.main_blocks(Height(height), PAGE_BLOCKS):
            for stored in page:
                for transaction in body_from_bytes(stored.body).transactions:
                    found[transaction.signing_hash(network)] = stored.height
            height += len(page)
    finally:
        database.close()
    return found


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the value that so many percent of the values do not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
