# SPDX-License-Identifier: Apache-2.0
"""Reorganisations: the better branch is followed, by records, and nothing on the way is lost.

Every state that a head takes is compared with the one that the law gave in memory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.errors import KnownInvalid, ParentUnknown, StoreCorrupt
from edge_node.chain.importer import STATE_CACHE, Importer
from edge_node.chain.ledger_store import LedgerStore
from edge_node.chain.mempool import Mempool
from edge_node.primitives.types import BlockHash, Height, Signature
from edge_node.spec.fork_choice import Candidate, CheckpointInvalid, better
from edge_node.spec.proof.errors import LatentRootMismatch
from tests.chain.workshop import (
    ANN,
    BOB,
    CAT,
    DAN,
    MEMBERS,
    Dice,
    Grown,
    Tree,
    agree,
    checkpoint,
    contents,
    opened,
    supply,
    take,
)
from tests.spec.toy_chain import Network, sealed, transfer


def take_all(importer: Importer, branch: Iterable[Grown]) -> None:
    for grown in branch:
        take(importer, grown.mined)


def hashes(branch: Iterable[Grown]) -> list[BlockHash]:
    return [grown.block_hash for grown in branch]


def main_chain(importer: Importer) -> list[BlockHash]:
    return [block.block_hash for block in importer.blocks.main_blocks(1, 1_000)]


def test_branch_of_one_block_with_more_work_takes_over(path: Path, tree: Tree) -> None:
    trunk = tree.branch(None, 2)
    slow = tree.grow(trunk[-1].block_hash, rung=1)
    fast = tree.grow(trunk[-1].block_hash, BOB)
    with opened(path, tree.network) as importer:
        take_all(importer, [*trunk, slow])
        result = take(importer, fast.mined)
        assert (result.head_changed, result.disconnected) == (True, (slow.block_hash,))
        assert importer.head == fast.state
        assert main_chain(importer) == hashes([*trunk, fast])
    with opened(path, tree.network) as importer:
        assert importer.head == fast.state


@pytest.mark.slow
def test_deep_branch_beyond_the_cache_takes_over_and_every_state_is_right(
    path: Path, tree: Tree
) -> None:
    trunk = tree.branch(None, 2)
    old = tree.branch(trunk[-1].block_hash, 20)
    other = tree.branch(trunk[0].block_hash, STATE_CACHE - 10, CAT, rung=1)
    new = tree.branch(trunk[-1].block_hash, 21, BOB)
    with opened(path, tree.network) as importer:
        take_all(importer, [*trunk, *old])
        take_all(importer, new[:10])
        take_all(importer, other)  # pushes the fork's states out of memory
        take_all(importer, new[10:20])
        assert importer.head == old[-1].state
        result = take(importer, new[20].mined)
        assert result.head_changed
        assert result.disconnected == tuple(reversed(hashes(old)))
        assert importer.head == new[-1].state
    with opened(path, tree.network) as importer:
        assert importer.head == new[-1].state
        assert main_chain(importer) == hashes([*trunk, *new])
        for grown in (*trunk, *old[::3], *other[::4], *new[::4]):
            assert importer.state_at(grown.block_hash) == grown.state


def test_head_that_goes_to_and_fro_writes_only_what_the_branches_change(
    path: Path, tree: Tree
) -> None:
    trunk = tree.branch(None, 10)
    left = tree.branch(trunk[-1].block_hash, 4)
    right = tree.branch(trunk[-1].block_hash, 4, BOB)
    with opened(path, tree.network) as importer:
        take_all(importer, [*trunk, left[0]])
        take(importer, right[0].mined)
        for step in range(1, 4):
            winner, loser = (right, left) if step % 2 else (left, right)
            connection = importer._database.connection
            before = connection.total_changes
            assert take(importer, winner[step].mined).head_changed
            assert importer.head == winner[step].state
            # A family and rest, models, records, main chain: a few for each block on the way.
            assert connection.total_changes - before <= 8 + 4 * 2 * (step + 1)
            assert not take(importer, loser[step].mined).head_changed


def test_first_seen_of_equals_stays_whatever_the_order(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    twins = [tree.grow(trunk.block_hash, who) for who in (ANN, BOB, CAT)]
    for turn in range(3):
        order = twins[turn:] + twins[:turn]
        file = path.with_name(f"{turn}.sqlite3")
        with opened(file, tree.network) as importer:
            take_all(importer, [trunk, *order])
            assert importer.head == order[0].state
        with opened(file, tree.network) as importer:
            assert importer.head == order[0].state


def test_greater_height_wins_among_equal_work(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    low = tree.grow(trunk.block_hash, rung=1)
    high = tree.branch(trunk.block_hash, 2, BOB, rung=2)
    assert low.state.work == high[-1].state.work
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, low, high[0]])
        assert importer.head == low.state
        assert take(importer, high[1].mined).disconnected == (low.block_hash,)


def test_many_fallbacks_do_not_outweigh_one_model(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    idle = tree.branch(trunk.block_hash, 3, rung=7)
    model = tree.grow(trunk.block_hash, BOB, rung=6)
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, *idle])
        assert take(importer, model.mined).disconnected == tuple(reversed(hashes(idle)))


def test_branch_that_turns_invalid_half_way_leaves_the_head_where_it_is(
    path: Path, tree: Tree
) -> None:
    trunk = tree.grow()
    main = tree.branch(trunk.block_hash, 3)
    side = tree.branch(trunk.block_hash, 2, BOB)
    honest = tree.grow(side[-1].block_hash, BOB).mined.block
    broken = sealed(replace(honest.header, latent_root=trunk.block_hash), honest.body, BOB)
    after = replace(honest.header, previous_hash=broken.header.block_hash(), height=Height(5))
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, *main, *side])
        before = contents(importer._database)
        with pytest.raises(LatentRootMismatch):
            take(importer, broken)
        with pytest.raises(KnownInvalid):
            take(importer, sealed(after, honest.body, BOB))
        assert importer.head == main[-1].state
        assert contents(importer._database) == before
    with opened(path, tree.network) as importer:
        assert importer.head == main[-1].state
        with pytest.raises(ParentUnknown):
            take(importer, sealed(after, honest.body, BOB))


def test_transactions_of_a_left_branch_wait_again(path: Path, tree: Tree) -> None:
    network = tree.network
    trunk = tree.grow()
    both, left_only, waiting = (
        transfer(ANN, BOB.address, 10 + n, network=network, nonce=n) for n in range(3)
    )
    of_bob = transfer(BOB, ANN.address, 1, network=network)
    other_of_bob = transfer(BOB, CAT.address, 2, network=network)
    left = [tree.grow(trunk.block_hash, CAT, transactions=(both, of_bob))]
    left.append(tree.grow(left[-1].block_hash, CAT, transactions=(left_only,), rung=7))
    right = tree.grow(trunk.block_hash, DAN, transactions=(both, other_of_bob))
    right = tree.grow(right.block_hash, DAN)
    with opened(path, network) as importer:
        take_all(importer, [trunk, *left])
        pool = Mempool(importer.rules, network.engine.verify)
        pool.add(waiting, importer.head)
        parent = importer.blocks
        take(importer, tree.grown[right.parent].mined)
        result = take(importer, right.mined)
        returned = importer.transactions_of(result.disconnected)
        assert returned == [left_only, both, of_bob]
        pool.refresh(importer.head, returned)
        # What both branches confirm is done, what the other one overtook is void.
        assert pool.select() == (left_only, waiting)
        child = tree.grow(right.block_hash, DAN, transactions=pool.select())
        assert take(importer, child.mined).head_changed
        assert parent is importer.blocks


def test_quorum_overrides_work(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    heavy = tree.branch(trunk.block_hash, 3)
    light = tree.branch(trunk.block_hash, 2, BOB, rung=5)
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, *heavy, *light])
        assert importer.head == heavy[-1].state
        left = tuple(reversed(hashes(heavy)))
        assert agree(importer, light[0], tree.network) == [None, None, left]
        assert importer.head == light[-1].state
        more = tree.branch(heavy[-1].block_hash, 2)
        for grown in more:
            assert not take(importer, grown.mined).head_changed
        longer = tree.grow(light[-1].block_hash)
        assert take(importer, longer.mined).disconnected == ()
        assert importer.head == longer.state
    with opened(path, tree.network) as importer:
        assert importer.head == longer.state


def test_two_of_three_are_no_quorum(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    heavy, light = tree.grow(trunk.block_hash), tree.grow(trunk.block_hash, BOB, rung=5)
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, heavy, light])
        for member in (ANN, BOB, ANN, BOB):
            signed = checkpoint(light, member, tree.network)
            assert importer.add_checkpoint(signed) is None
        assert importer.head == heavy.state


def test_checkpoints_of_a_block_that_is_not_here_wait_for_it(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    heavy = tree.branch(trunk.block_hash, 3)
    light = tree.branch(trunk.block_hash, 2, BOB, rung=5)
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, *heavy])
        assert agree(importer, light[1], tree.network) == [None, None, None]
    with opened(path, tree.network) as importer:
        assert importer.head == heavy[-1].state
        assert not take(importer, light[0].mined).head_changed
        result = take(importer, light[1].mined)
        assert result.disconnected == tuple(reversed(hashes(heavy)))
        assert importer.head == light[1].state


def test_what_a_quorum_agreed_on_outlives_what_its_members_sign_later(
    path: Path, tree: Tree
) -> None:
    trunk = tree.grow()
    heavy = tree.branch(trunk.block_hash, 3)
    light = tree.branch(trunk.block_hash, 2, BOB, rung=5)
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, *heavy, *light])
        agree(importer, light[0], tree.network)
        # One goes on, one falls back to an older block, one changes its mind.
        for grown, member in ((light[1], ANN), (trunk, BOB), (heavy[2], CAT)):
            assert importer.add_checkpoint(checkpoint(grown, member, tree.network)) is None
        assert importer.head == light[-1].state
    for _ in range(2):
        with opened(path, tree.network) as importer:
            assert importer.head == light[-1].state
            further = tree.grow(heavy[-1].block_hash)
            assert not take(importer, further.mined).head_changed
    with opened(path, tree.network) as importer:
        for member in (BOB, CAT):
            importer.add_checkpoint(checkpoint(light[1], member, tree.network))
        kept = importer.blocks.checkpoints()
        assert {one.height for one in kept} == {light[1].state.height, heavy[2].state.height}


def test_quorum_is_passed_on_in_as_few_checkpoints_as_convince(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    heavy, light = tree.grow(trunk.block_hash), tree.grow(trunk.block_hash, BOB, rung=5)
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, heavy, light])
        assert (importer.final, importer.quorum()) == (None, ())
        importer.add_checkpoint(checkpoint(heavy, BOB, tree.network))
        agree(importer, light, tree.network)
        quorum = importer.quorum()
        assert {each.member for each in quorum} == {member.key for member in MEMBERS}
        assert {each.block for each in quorum} == {light.block_hash}
        last = importer.blocks.last_checkpoint(ANN.key)
        assert last == checkpoint(light, ANN, tree.network)
        assert importer.blocks.has_checkpoint(last)
        assert not importer.blocks.has_checkpoint(checkpoint(heavy, ANN, tree.network))
        assert importer.blocks.last_checkpoint(DAN.key) is None
        assert importer.descends(light.block_hash, trunk.block_hash)
        assert not importer.descends(light.block_hash, heavy.block_hash)
    with opened(path.with_name("other.sqlite3"), tree.network) as other:
        take_all(other, [trunk, heavy])
        for each in quorum:
            other.add_checkpoint(each)
        # The block itself may come later.
        assert other.final is not None
        assert not other.descends(trunk.block_hash, light.block_hash)
        take(other, light.mined)
        assert other.head == light.state


def test_stranger_and_forger_sign_no_checkpoint(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    honest = checkpoint(trunk, ANN, tree.network)
    huge = replace(honest, height=Height((1 << 64) - 1))
    huge = replace(huge, signature=ANN.sign(huge.signing_hash(tree.network.rules.network)))
    bad = [
        checkpoint(trunk, DAN, tree.network),
        replace(honest, height=Height(9)),
        replace(honest, member=BOB.key),
        replace(honest, signature=Signature(bytes(64))),
        huge,
    ]
    with opened(path, tree.network) as importer:
        take(importer, trunk.mined)
        before = contents(importer._database)
        for one in bad:
            with pytest.raises(CheckpointInvalid, match="R-51"):
                importer.add_checkpoint(one)
        assert contents(importer._database) == before


class Crash(Exception):
    """The power goes off."""


def crash(*_: object) -> None:
    raise Crash


def at_the_switch(patch: pytest.MonkeyPatch, importer: Importer) -> None:
    patch.setattr(importer, "_switch_to", crash)


def at_the_first_write(patch: pytest.MonkeyPatch, importer: Importer) -> None:
    patch.setattr(importer.blocks, "cut_main", crash)


def before_the_state(patch: pytest.MonkeyPatch, importer: Importer) -> None:
    patch.setattr(LedgerStore, "move", crash)


def in_the_state(patch: pytest.MonkeyPatch, importer: Importer) -> None:
    patch.setattr(LedgerStore, "_write", crash)


Moment = Callable[[pytest.MonkeyPatch, Importer], None]


@pytest.mark.parametrize(
    "moment", [at_the_switch, at_the_first_write, before_the_state, in_the_state]
)
def test_crash_between_storing_a_better_branch_and_following_it_is_made_good(
    path: Path, tree: Tree, moment: Moment
) -> None:
    trunk = tree.grow()
    old = tree.branch(trunk.block_hash, 2)
    new = tree.branch(trunk.block_hash, 3, BOB)
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, *old, *new[:2]])
        with pytest.MonkeyPatch.context() as patch:
            moment(patch, importer)
            with pytest.raises(Crash):
                take(importer, new[2].mined)
        assert importer.head == old[-1].state
        assert main_chain(importer) == hashes([trunk, *old])
        assert importer.blocks.has(new[2].block_hash)
    with opened(path, tree.network) as importer:
        assert importer.head == new[-1].state
        assert main_chain(importer) == hashes([trunk, *new])
        for grown in (trunk, *old, *new):
            assert importer.state_at(grown.block_hash) == grown.state


def test_switch_that_would_lead_elsewhere_is_not_made(path: Path, tree: Tree) -> None:
    trunk = tree.grow()
    old = tree.branch(trunk.block_hash, 2)
    new = tree.branch(trunk.block_hash, 3, BOB)
    with opened(path, tree.network) as importer:
        take_all(importer, [trunk, *old, *new[:2]])
        with importer._database.transaction() as connection:
            connection.execute(
                "UPDATE block SET previous_hash = ? WHERE hash = ?",
                (old[0].block_hash, new[1].block_hash),
            )
        with pytest.raises(StoreCorrupt):
            take(importer, new[2].mined)
        assert main_chain(importer) == hashes([trunk, *old])


def chosen(seen: Sequence[Grown], start: Candidate) -> Candidate:
    """Return the tip that the law's fork choice names, of blocks in the order of their import."""
    best = start
    for arrival, grown in enumerate(seen):
        state = grown.state
        candidate = Candidate(
            head=state.head, height=state.height, work=state.work, arrival=arrival
        )
        best = candidate if better(candidate, best) else best
    return best


@pytest.fixture(scope="module")
def forest(network: Network) -> Tree:
    """Return a tree of sixty blocks on each other at random, with transfers in some."""
    tree = Tree(network)
    dice = Dice("forest")
    for _ in range(60):
        parent = dice.pick([tree.start.head, *list(tree.grown)[-12:]])
        state = tree.state(parent)
        payer = dice.pick(MEMBERS)
        payment = transfer(
            payer,
            dice.pick(MEMBERS).address,
            1 + dice.below(500),
            network=network,
            nonce=state.accounts.get(payer.address).nonce,
            fee=dice.below(10),
        )
        tree.grow(
            parent,
            dice.pick(MEMBERS),
            rung=dice.pick((0, 0, 1, 2, 7)) if state.families else dice.below(3),
            transactions=(payment,) if dice.below(2) else (),
            nonce=dice.below(5_000),
        )
    return tree


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_random_tree_in_random_order_with_restarts_ends_at_the_chosen_tip(
    path: Path, forest: Tree, seed: int
) -> None:
    dice = Dice(f"order {seed}")
    waiting = dice.shuffled(list(forest.grown.values()))
    seen: list[Grown] = []
    start = Candidate(head=forest.start.head, height=Height(0), work=0, arrival=-1)
    while waiting:
        with opened(path, forest.network) as importer:
            assert importer.head == forest.state(chosen(seen, start).head)
            for _ in range(min(len(waiting), 1 + dice.below(60))):
                grown, *waiting = waiting
                try:
                    take(importer, grown.mined)
                    seen.append(grown)
                except ParentUnknown:
                    waiting.append(grown)
                assert importer.head == forest.state(chosen(seen, start).head)
                assert supply(importer.head) == importer.head.minted
            for grown in dice.shuffled(seen)[:4]:
                assert importer.state_at(grown.block_hash) == grown.state
    assert len(seen) == len(forest.grown)
    with opened(path, forest.network) as importer:
        assert importer.head == forest.state(chosen(seen, start).head)
