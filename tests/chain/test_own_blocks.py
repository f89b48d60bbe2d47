# SPDX-License-Identifier: Apache-2.0
"""Blocks of our own: that this node signed one is stored with it, so no offence is committed."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.database import Database
from edge_node.chain.errors import AlreadySigned
from edge_node.chain.importer import Importer
from edge_node.spec.block import Block
from edge_node.spec.proof.errors import CorrectCountWrong
from edge_node.spec.transaction import Transfer
from tests.chain.workshop import ANN, BACKEND, BOB, LATER, Tree, contents, opened, take
from tests.spec.toy_chain import sealed, transfer


def take_own(importer: Importer, block: Block) -> None:
    header, body = block.header.encode(), block.body.encode()
    importer.import_block(header, body, LATER, BACKEND, own=True)


def test_own_block_and_that_it_was_signed_are_stored_together(path: Path, tree: Tree) -> None:
    first = tree.grow()
    late = tree.grow(first.block_hash, rung=7)
    later = tree.grow(first.block_hash, rung=7, transactions=(tree_payment(tree),))
    with opened(path, tree.network) as importer:
        take_own(importer, first.mined.block)
        take_own(importer, late.mined.block)
    with opened(path, tree.network) as importer:
        before = contents(importer._database)
        with pytest.raises(AlreadySigned, match="must not sign"):
            take_own(importer, later.mined.block)
        assert contents(importer._database) == before
        assert importer.head == late.state


def test_own_block_that_is_refused_was_never_signed(path: Path, tree: Tree) -> None:
    honest = tree.grow().mined.block
    wrong = replace(honest.header, correct_count=honest.header.correct_count + 1)
    with opened(path, tree.network) as importer:
        with pytest.raises(CorrectCountWrong):
            take_own(importer, sealed(wrong, honest.body, ANN))
        take_own(importer, honest)
        assert importer.head.head == honest.header.block_hash()


def tree_payment(tree: Tree) -> Transfer:
    return transfer(ANN, BOB.address, 1, network=tree.network, nonce=0)


def test_own_block_is_on_the_disk_at_once_where_others_may_wait(path: Path, tree: Tree) -> None:
    grown = tree.branch(None, 5)
    with closing(Database(path, tree.network.rules.network, sync_every=3)) as database:
        importer = Importer(database, tree.network.genesis, tree.network.engine)
        synced = []
        for place, each in enumerate(grown):
            bring = take_own if place == 3 else take
            bring(importer, each.mined.block)
            synced.append(database.row("PRAGMA synchronous") == (2,))  # of the last transaction
    assert synced == [False, False, True, True, False]
    with opened(path, tree.network) as importer:
        assert importer.head.height == 5
