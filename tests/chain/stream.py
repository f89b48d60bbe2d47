# SPDX-License-Identifier: Apache-2.0
"""A stream of blocks whose import moves the head to and fro, and a process that imports it.

Run as a module it imports the first blocks of a stream into a file and acknowledges each step on
standard output, so that a test can kill it at any moment and hold it to what it acknowledged. If
there are more, it waits to be killed: a test that is late finds it no further.
"""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_node.spec.encoding import decode, encode
from edge_node.spec.fork_choice import Candidate, better
from tests.chain.workshop import (
    ANN,
    BACKEND,
    BOB,
    DAN,
    LATER,
    Grown,
    Tree,
    easy_network,
    opened,
)
from tests.spec.toy_chain import transfer

_MAX_BYTES = 1 << 24


def leapfrog(tree: Tree, rounds: int) -> list[Grown]:
    """Return two branches that overtake each other in every round, and one block more."""
    trunk = tree.branch(None, 2)
    branches = [[tree.grow(trunk[-1].block_hash, ANN)], [trunk[-1]]]
    stream = [*trunk, branches[0][-1]]
    for number in range(rounds):
        branch = branches[(number + 1) % 2]
        payment = transfer(
            (ANN, BOB)[(number + 1) % 2],
            DAN.address,
            5 + number,
            network=tree.network,
            nonce=number // 2,
        )
        for transactions in ((payment,), ()):
            branch.append(
                tree.grow(
                    branch[-1].block_hash,
                    (ANN, BOB)[(number + 1) % 2],
                    transactions=transactions,
                )
            )
            stream.append(branch[-1])
    stream.append(tree.grow(stream[-1].block_hash, BOB))
    return stream


def head_after(tree: Tree, imported: Sequence[Grown]) -> Grown | None:
    """Return the block that the law's fork choice names; None for the genesis."""
    tip, best = None, Candidate(head=tree.start.head, height=tree.start.height, work=0, arrival=-1)
    for arrival, grown in enumerate(imported):
        state = grown.state
        candidate = Candidate(
            head=state.head, height=state.height, work=state.work, arrival=arrival
        )
        if better(candidate, best):
            tip, best = grown, candidate
    return tip


def write_stream(file: Path, stream: Sequence[Grown]) -> None:
    """Write the blocks for the process to read."""
    blocks = [grown.mined.block for grown in stream]
    file.write_bytes(encode([[block.header.encode(), block.body.encode()] for block in blocks]))


def import_stream(chain: Path, file: Path, most: int) -> None:
    """Import `most` blocks of what `write_stream` wrote, telling when each block is stored."""
    blocks = decode(file.read_bytes(), max_bytes=_MAX_BYTES)
    assert isinstance(blocks, list)
    with opened(chain, easy_network()) as importer:
        for number, block in enumerate(blocks[:most]):
            assert isinstance(block, list)
            header, body = block
            assert isinstance(header, bytes)
            assert isinstance(body, bytes)
            importer.import_block(header, body, LATER, BACKEND, own=True)
            print(number, flush=True)  # noqa: T201 - what it is for
        if most < len(blocks):
            signal.pause()


if __name__ == "__main__":
    import_stream(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
