# SPDX-License-Identifier: Apache-2.0
"""Importing: what is valid is kept for good, what is not leaves no trace, what is early waits."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.database import Database
from edge_node.chain.errors import (
    KnownInvalid,
    ParentUnknown,
    StoreCorrupt,
    StoreUnavailable,
)
from edge_node.chain.importer import STATE_CACHE
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, Signature, TimestampMs
from edge_node.spec.block import Block, BodyMalformed, HeaderMalformed
from edge_node.spec.constants import MAX_HAVE
from edge_node.spec.dataset import SplitName
from edge_node.spec.encoding import InvalidEncoding, Value, decode, encode
from edge_node.spec.engine import DatasetMissing, LabelledImages, ReferenceEngine
from edge_node.spec.errors import InvalidInput
from edge_node.spec.ledger import FeeTooLow
from edge_node.spec.transaction import TransactionMalformed
from edge_node.spec.transport import decode_transport
from edge_node.spec.validation import BlockFromTheFuture, BlockSignatureInvalid, BodyMismatch
from tests.chain.broken import BROKEN, ORDER, broken_block, chain_before
from tests.chain.workshop import (
    ANN,
    BACKEND,
    BOB,
    EASY,
    LATER,
    Tree,
    contents,
    easy_dataset,
    opened,
    remembering,
    supply,
    take,
)
from tests.spec import stages as spec
from tests.spec.toy_chain import (
    Models,
    Network,
    Tip,
    sealed,
    toy_network,
    transfer,
)


@pytest.fixture(scope="module")
def strict() -> Network:
    """Return the network of the stages, whose rules are worth breaking."""
    return remembering(spec.network())


def file_bytes(path: Path) -> tuple[bytes, bytes]:
    log = path.with_name(f"{path.name}-wal")
    return path.read_bytes(), log.read_bytes() if log.exists() else b""


def honest_chain() -> list[Block]:
    return [spec.stages()[name].block for name in ORDER]


def test_whole_chain_is_imported_and_stays_after_a_restart(path: Path, strict: Network) -> None:
    tip = Tip(network=strict, state=strict.start(), models=Models())
    with opened(path, strict) as importer:
        assert importer.head == strict.start()
        for block in honest_chain():
            verdict = replace(tip, models=importer.blocks).validate(block)
            result = take(importer, block)
            assert (result.known, result.head_changed, result.disconnected) == (False, True, ())
            assert result.block_hash == block.header.block_hash() == importer.head.head
            assert importer.head == verdict.state
            assert supply(importer.head) == importer.head.minted
            tip = replace(tip, state=verdict.state)
    with opened(path, strict) as importer:
        assert importer.head == tip.state
        assert importer.head.root() == tip.state.root()
        assert [importer.blocks.main_hash(h) for h in range(1, 6)] == [
            block.header.block_hash() for block in honest_chain()
        ]


def test_stored_block_keeps_its_bytes_and_where_it_came_from(path: Path, strict: Network) -> None:
    with opened(path, strict) as importer:
        for block in honest_chain():
            take(importer, block)
        for height, block in enumerate(honest_chain(), start=1):
            stored = importer.blocks.get(block.header.block_hash())
            assert stored is not None
            assert (stored.header, stored.body) == (block.header.encode(), block.body.encode())
            assert (stored.height, stored.backend, stored.arrived_ms) == (height, BACKEND, LATER)
            assert importer.transactions_of([stored.block_hash]) == list(block.body.transactions)


def test_shortest_transport_of_each_model_is_kept_to_be_passed_on(
    path: Path, strict: Network
) -> None:
    stages = spec.stages()
    kinds = []
    with opened(path, strict) as importer:
        for name in ORDER:
            take(importer, stages[name].block)
            stored = importer.blocks.get(stages[name].mined.block_hash)
            assert stored is not None
            model = stages[name].mined.model
            if model is None:
                assert stored.transport == b""
                continue
            kinds.append(stored.transport[1])
            families = stages[name].tip.state.families.values()
            parents = [importer.blocks.model(r.model_hash) for f in families for r in f.records]
            decoded = decode_transport(stored.transport, parents[-1] if parents else None)
            assert decoded == model
    assert kinds[:2] == [0, 0]
    assert 1 in kinds[2:]


def rule_of(name: str) -> str:
    return name.split(maxsplit=1)[0]


@pytest.mark.parametrize("name", BROKEN)
def test_invalid_block_is_refused_by_its_rule_and_leaves_no_trace(
    path: Path, strict: Network, name: str
) -> None:
    broken = BROKEN[name]
    block, honest = broken_block(name), spec.stages()[broken.stage].block
    with opened(path, strict) as importer:
        for earlier in chain_before(broken.stage):
            take(importer, earlier)
        head, before = importer.head, file_bytes(path)
        with pytest.raises(InvalidInput) as caught:
            take(importer, block)
        assert type(caught.value) is broken.error, caught.value
        assert caught.value.reason == rule_of(name)
        with pytest.raises(InvalidInput) as again:
            take(importer, block)
        # A bad message says nothing about the hash: the same one may come again, whole.
        bad_message = broken.error in {BlockSignatureInvalid, BodyMismatch}
        assert type(again.value) is (broken.error if bad_message else KnownInvalid)
        assert file_bytes(path) == before
        assert importer.head is head
        assert take(importer, honest).head_changed


def test_every_rule_that_a_block_can_break_is_broken_here() -> None:
    # are about models, transports, datasets, genesis and
    # checkpoints, which are in no block; have tests of their own below.
    broken = set(map(rule_of, BROKEN))
    alone = {"R-19", "R-22", "R-23", "R-28"}
    rules = {2, 3, 4, 9, 10, 19, 20, 22, 23, 26, 27, 28, 30, *range(33, 50)}
    assert broken | alone == {f"R-{number}" for number in rules}


def header_values(block: Block) -> list[Value]:
    return [*block.header.unsigned_value(), block.header.signature]


def body_values(block: Block) -> list[Value]:
    value = decode(block.body.encode(), max_bytes=1 << 20)
    assert isinstance(value, list)
    return list(value)


def malformed_bodies(block: Block) -> list[tuple[bytes, type[InvalidInput]]]:
    whole = block.body.encode()
    transfers, have, proof = body_values(block)
    return [
        (b"", InvalidEncoding),
        (whole[:-1], InvalidEncoding),
        (whole + b"\0", InvalidEncoding),
        (b"\x9f" + whole[1:] + b"\xff", InvalidEncoding),
        (encode(transfers), BodyMalformed),
        (encode([transfers, have]), BodyMalformed),
        (encode([transfers, [b"short"], proof]), BodyMalformed),
        (encode([transfers, [ANN.key] * (MAX_HAVE + 1), proof]), BodyMalformed),
        (encode([[[0]], have, proof]), TransactionMalformed),
        (encode([[], have, proof]), BodyMismatch),
    ]


def test_malformed_bytes_are_refused_and_say_nothing_about_the_block(
    path: Path, strict: Network
) -> None:
    block = spec.stages()["child"].block
    values = header_values(block)
    whole = block.header.encode()
    bad_headers: list[tuple[bytes, type[InvalidInput]]] = [
        (b"", InvalidEncoding),
        (whole[:-1], InvalidEncoding),
        (whole + b"\0", InvalidEncoding),
        (bytes(1_000), InvalidEncoding),
        (encode(values[:-1]), HeaderMalformed),
        (encode(["2", *values[1:]]), HeaderMalformed),
        (encode([*values[:2], -1, *values[3:]]), HeaderMalformed),
        (encode([*values[:-1], b"short"]), HeaderMalformed),
    ]
    with opened(path, strict) as importer:
        for earlier in chain_before("child"):
            take(importer, earlier)
        head, before = importer.head, file_bytes(path)
        for data, error in bad_headers:
            with pytest.raises(error):
                importer.import_block(data, block.body.encode(), LATER, BACKEND)
        for data, error in malformed_bodies(block):
            with pytest.raises(error):
                importer.import_block(whole, data, LATER, BACKEND)
        assert importer.head is head
        assert file_bytes(path) == before
        assert take(importer, block).head_changed


def test_r_28_fee_below_the_networks_least_is_refused(path: Path) -> None:
    rules = replace(EASY, min_fee=3)
    network = remembering(toy_network([easy_dataset()], parameters=rules, rich=[ANN]))
    tree = Tree(network)
    founder = tree.grow()
    enough = transfer(ANN, BOB.address, 5, network=network, fee=3)
    honest = tree.grow(founder.block_hash, transactions=(enough,)).mined.block
    cheap = replace(
        honest.body,
        transactions=(transfer(ANN, BOB.address, 5, network=network, fee=2),),
    )
    block = sealed(replace(honest.header, tx_root=cheap.tx_root()), cheap, ANN)
    with opened(path, network) as importer:
        take(importer, founder.mined)
        before = file_bytes(path)
        with pytest.raises(FeeTooLow, match="R-28"):
            take(importer, block)
        assert file_bytes(path) == before
        assert take(importer, honest).head_changed


def test_known_block_changes_nothing_whatever_its_body(path: Path, tree: Tree) -> None:
    branch = tree.branch(None, 3)
    with opened(path, tree.network) as importer:
        for grown in branch:
            take(importer, grown.mined)
        before = file_bytes(path)
        for grown in branch:
            result = take(importer, grown.mined)
            assert (result.known, result.head_changed, result.disconnected) == (True, False, ())
            header = grown.mined.block.header.encode()
            assert importer.import_block(header, b"junk", LATER, BACKEND).known
        assert file_bytes(path) == before


def test_unknown_parent_is_named_so_that_it_can_be_fetched(path: Path, tree: Tree) -> None:
    first, second, third = tree.branch(None, 3)
    with opened(path, tree.network) as importer:
        before = file_bytes(path)
        with pytest.raises(ParentUnknown, match="fetch it") as caught:
            take(importer, third.mined)
        assert caught.value.parent == second.block_hash
        with pytest.raises(ParentUnknown):
            importer.check_header(third.mined.block.header)
        assert file_bytes(path) == before
        for grown in (first, second, third):
            importer.check_header(grown.mined.block.header)
            take(importer, grown.mined)
        assert importer.head == third.state


def test_unsigned_orphan_is_worth_no_question(path: Path, tree: Tree) -> None:
    orphan = tree.branch(None, 2)[1].mined.block
    unsigned = replace(orphan.header, signature=Signature(bytes(64)))
    with opened(path, tree.network) as importer:
        with pytest.raises(BlockSignatureInvalid):
            take(importer, replace(orphan, header=unsigned))
        with pytest.raises(BlockSignatureInvalid):
            importer.check_header(unsigned)


def test_children_of_an_invalid_block_are_invalid_unjudged(path: Path, strict: Network) -> None:
    invalid = broken_block("R-46 claim")
    child = spec.stages()["fallback"].header
    child = replace(child, previous_hash=invalid.header.block_hash())
    orphan = sealed(child, spec.stages()["fallback"].block.body, spec.ALICE)
    grandchild = sealed(
        replace(child, previous_hash=orphan.header.block_hash()), orphan.body, spec.ALICE
    )
    with opened(path, strict) as importer:
        for earlier in chain_before("child"):
            take(importer, earlier)
        with pytest.raises(InvalidInput):
            take(importer, invalid)
        for header in (invalid.header, orphan.header, grandchild.header):
            with pytest.raises(KnownInvalid, match="found invalid before"):
                importer.check_header(header)
            assert importer.is_refused(header.block_hash())
        assert not importer.is_refused(importer.head.head)


def test_unsigned_child_of_an_invalid_block_takes_no_place_in_the_cache(
    path: Path, strict: Network
) -> None:
    invalid = broken_block("R-46 claim")
    child = replace(spec.stages()["fallback"].header, previous_hash=invalid.header.block_hash())
    with opened(path, strict) as importer:
        for earlier in chain_before("child"):
            take(importer, earlier)
        with pytest.raises(InvalidInput):
            take(importer, invalid)
        for _ in range(2):
            with pytest.raises(BlockSignatureInvalid):
                importer.check_header(child)


def test_block_from_the_future_waits_and_is_accepted_in_its_time(path: Path, tree: Tree) -> None:
    block = tree.grow().mined.block
    limit = tree.network.rules.parameters.max_future_ms
    with opened(path, tree.network) as importer:
        before = file_bytes(path)
        with pytest.raises(BlockFromTheFuture):
            take(importer, block, TimestampMs(block.header.timestamp - limit - 1))
        assert file_bytes(path) == before
        now = TimestampMs(block.header.timestamp - limit)
        assert take(importer, block, now).head_changed


def test_block_on_a_missing_dataset_is_accepted_once_it_is_here(path: Path, tree: Tree) -> None:
    founder, *others = tree.branch(None, 3)
    network = tree.network
    bare = replace(network, engine=ReferenceEngine(splits={}))
    with opened(path, bare) as importer:
        before = file_bytes(path)
        for _ in range(2):
            with pytest.raises(DatasetMissing, match="fetch or import it first"):
                take(importer, founder.mined)
        assert file_bytes(path) == before
    name = easy_dataset().dataset_id
    here: dict[SplitName, LabelledImages] = {}
    fetching = ReferenceEngine(splits={name: here})
    with opened(path, replace(network, engine=fetching)) as importer:
        for arrived in (SplitName.TRAIN, SplitName.EVALUATION):
            with pytest.raises(DatasetMissing):
                take(importer, founder.mined)
            here[arrived] = easy_dataset().splits[arrived]
        for grown in (founder, *others):
            take(importer, grown.mined)
        assert importer.head == others[-1].state


def test_chain_opens_without_its_datasets(path: Path, tree: Tree) -> None:
    branch = tree.branch(None, 3)
    with opened(path, tree.network) as importer:
        for grown in branch:
            take(importer, grown.mined)
    bare = ReferenceEngine(splits={})
    with opened(path, replace(tree.network, engine=bare)) as importer:
        assert importer.head == branch[-1].state
        assert importer.state_at(branch[0].block_hash) == branch[0].state


@pytest.mark.slow
def test_every_earlier_state_is_at_hand_however_old(path: Path, tree: Tree) -> None:
    branch = tree.branch(None, STATE_CACHE + 8)
    with opened(path, tree.network) as importer:
        for grown in branch:
            take(importer, grown.mined)
        for grown in (*branch[:4], *branch[4::6]):
            assert importer.state_at(grown.block_hash) == grown.state
        assert importer.state_at(tree.start.head) == tree.start
        unknown = BlockHash(tagged_hash("test", b"unknown"))
        with pytest.raises(ParentUnknown):
            importer.state_at(unknown)
        with pytest.raises(ParentUnknown):
            importer.transactions_of([unknown])


def rows_of_one_import(path: Path, tree: Tree, others: int) -> int:
    """Return how many rows the import of one block writes, on a chain with so many others."""
    branch = tree.branch(None, others + 1)
    with opened(path, tree.network) as importer:
        for grown in branch[:-1]:
            take(importer, grown.mined)
        connection = importer._database.connection
        before = connection.total_changes
        take(importer, branch[-1].mined)
        return connection.total_changes - before


def test_import_writes_as_many_rows_as_the_block_changes(path: Path, tree: Tree) -> None:
    # Block, model, main chain, record, check; of the state: family, model and rest.
    for others in (1, 15):
        target = path.with_name(f"{others}.sqlite3")
        assert rows_of_one_import(target, tree, others) == 8


@pytest.fixture
def damaged(path: Path, tree: Tree) -> Iterator[Database]:
    branch = tree.branch(None, 3)
    with opened(path, tree.network) as importer:
        for grown in branch:
            take(importer, grown.mined)
        yield importer._database


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM main_chain WHERE height = 3",
        "DELETE FROM main_chain",
        "INSERT INTO main_chain VALUES (4, zeroblob(32))",
        "UPDATE main_chain SET hash = zeroblob(32) WHERE height = 3",
        "DELETE FROM state_row",
    ],
)
def test_store_whose_parts_disagree_is_not_opened(
    path: Path, tree: Tree, damaged: Database, statement: str
) -> None:
    with damaged.transaction() as connection:
        connection.execute(statement)
    before = contents(damaged)
    with pytest.raises(StoreCorrupt), opened(path, tree.network):
        pass
    assert contents(damaged) == before


def test_damaged_block_is_told_and_no_peer_is_blamed(
    path: Path, tree: Tree, damaged: Database
) -> None:
    with damaged.transaction() as connection:
        connection.execute("UPDATE block SET body = x'80', height = 7 WHERE height = 2")
    with opened(path, tree.network) as importer:
        name = importer.blocks.main_hash(2)
        assert name is not None
        with pytest.raises(StoreCorrupt):
            importer.transactions_of([name])
        first = importer.blocks.main_hash(1)
        assert first is not None
        with pytest.raises(StoreCorrupt):
            importer.state_at(first)


def test_damaged_model_condemns_no_block(path: Path, strict: Network) -> None:
    with opened(path, strict) as importer:
        for earlier in chain_before("child"):
            take(importer, earlier)
        with importer._database.transaction() as connection:
            connection.execute("UPDATE model SET blob = x'00'")
    block = spec.stages()["child"].block
    with opened(path, strict) as importer:
        for _ in range(2):
            with pytest.raises(StoreCorrupt):
                take(importer, block)


def test_import_that_a_full_disk_stops_is_made_good_when_there_is_room(
    path: Path, tree: Tree
) -> None:
    branch = tree.branch(None, 12)
    stopped = 0
    with opened(path, tree.network) as importer:
        database = importer._database
        for grown in branch:
            database.row(f"PRAGMA max_page_count = {page_count(database)}")
            head, before = importer.head, contents(database)
            try:
                take(importer, grown.mined)
            except StoreUnavailable:
                stopped += 1
                assert importer.head is head
                assert contents(database) == before
                database.row("PRAGMA max_page_count = 1000000")
                assert take(importer, grown.mined).head_changed
            assert importer.head == grown.state
    assert stopped > 0
    with opened(path, tree.network) as importer:
        assert importer.head == branch[-1].state


def page_count(database: Database) -> int:
    row = database.row("PRAGMA page_count")
    assert row is not None
    return int(row[0])


def test_genesis_and_stored_blocks_are_known(path: Path, tree: Tree) -> None:
    block = tree.grow().mined.block
    with opened(path, tree.network) as importer:
        assert importer.is_known(tree.start.head)
        assert not importer.is_known(block.header.block_hash())
        take(importer, block)
        assert importer.is_known(block.header.block_hash())
