# SPDX-License-Identifier: Apache-2.0
"""Who wants a block without its burst: everything is to be had in paper B's rule, nothing in ours.

Toy blocks, real in every byte; each that the attacker makes is signed and judged by the law.
"""

from pathlib import Path

import pytest

from edge_node.chain.errors import KnownInvalid
from edge_node.spec.proof.errors import LatentRootMismatch
from tests.adversaries import on_blocks as attacks
from tests.adversaries import red_team
from tests.adversaries.published import stands_in_the_table
from tests.chain.workshop import opened, take
from tests.spec.stages import ALICE


@pytest.mark.slow
def test_header_is_rolled_again_for_nothing_as_published_and_never_in_ours() -> None:
    valid, tried = attacks.header_rerolls(paper=True)
    assert valid * 6 == tried, "every time that it may say"
    assert attacks.bodies_changed(paper=True) == (6, 6)
    assert attacks.header_rerolls(paper=False)[0] == attacks.bodies_changed(paper=False)[0] == 0
    stands_in_the_table(red_team.header_rerolls())


def test_no_field_of_a_header_of_ours_is_free() -> None:
    broken = attacks.every_field_changed(attacks.published(paper=False)[3])
    assert all(broken.values()), broken
    as_published = attacks.every_field_changed(attacks.published(paper=True)[3])
    assert [name for name, rule in as_published.items() if not rule] == ["timestamp"]


@pytest.mark.slow
def test_hashes_of_one_piece_of_work() -> None:
    found = attacks.twins()
    assert found.paper == 24_000
    assert found.step == found.last_rung == found.founder == 1
    stands_in_the_table(red_team.other_hashes())


@pytest.mark.slow
def test_every_block_is_stolen_as_published_and_none_of_ours() -> None:
    stolen, tried = attacks.copies(paper=True)
    assert stolen == tried
    assert attacks.copies(paper=False)[0] == 0
    stands_in_the_table(red_team.copies())


@pytest.mark.slow
def test_model_of_another_is_used_again_as_published_and_never_in_ours() -> None:
    assert attacks.look_alikes_of_walks()[0] >= 5
    assert attacks.look_alikes_of_bursts()[0] == 0
    stands_in_the_table(red_team.look_alikes())


def test_fake_root_costs_the_hashes_of_its_target_and_one_replay() -> None:
    found = attacks.fake_roots()
    assert found.verdicts == {LatentRootMismatch.reason}
    assert found.hashes > found.expected / 2
    stands_in_the_table(red_team.fake_roots())


def test_fake_root_is_replayed_once_and_then_known(tmp_path: Path) -> None:
    stage = attacks.hard_stage(64)
    fake, _ = attacks.ground(stage, stage.header, ALICE, attacks.by_root)
    with opened(tmp_path / "chain.db", stage.tip.network) as importer:
        with pytest.raises(LatentRootMismatch):
            take(importer, fake)
        for _ in range(3):
            with pytest.raises(KnownInvalid):
                take(importer, fake)
