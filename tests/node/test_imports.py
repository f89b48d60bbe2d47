# SPDX-License-Identifier: Apache-2.0
"""A node commits to a model that was made elsewhere, waits, and founds its family with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.block_kind import kind_of
from edge_node.node.errors import DirectoryDamaged, ImportRefused
from edge_node.node.imports import SUFFIX, save_import
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.block import body_from_bytes, header_from_bytes
from edge_node.spec.genesis import EVOLUTION, RECIPE
from edge_node.spec.model import Model
from edge_node.spec.proof.evolution_proof import ImportProof, proof_from_bytes
from edge_node.spec.transaction import ModelCommit
from tests.chain.workshop import ANN, EASY, Tree
from tests.node.rig import Rig, World, sent, world
from tests.spec import toy_chain as toy
from tests.spec.samples import random_model
from tests.spec.toy_lottery import LOTTERY

SALT = bytes(range(32))
LOTTERY_HERE = replace(LOTTERY, min_evaluation_images=20)
RULES = replace(EASY, commit_delay_blocks=2, min_family_acc_ppm=0)


def elsewhere(made: World) -> Model:
    """Return a model that another network's miner trained."""
    tip = toy.ToyChain(made.network).tip
    model = toy.founder(toy.Work(tip=tip, miner=toy.miner("far"))).model
    assert model is not None
    return model


def fallbacks(made: World, rig: Rig, count: int) -> None:
    """Let time pass until blocks without a model have come: each confirms what waits."""
    height = rig.height + count
    made.run_until(lambda: rig.height >= height, limit_ms=count * 60_000)


def pay(rig: Rig) -> None:
    """Give the miner a reason for a fallback block."""
    to = toy.miner("carol").address
    key = rig.miner
    nonce = rig.mempool.next_nonce(rig.importer.head, key.key)
    rig.node.submit(toy.transfer(key, to, 1, network=rig.world.network, nonce=nonce))


def shown(rig: Rig) -> list[ImportProof]:
    blocks = rig.importer.blocks.main_blocks(1, rig.height)
    proofs = [proof_from_bytes(body_from_bytes(each.body).proof) for each in blocks]
    return [each for each in proofs if isinstance(each, ImportProof)]


def commits(rig: Rig) -> list[ModelCommit]:
    blocks = rig.importer.blocks.main_blocks(1, rig.height)
    found = rig.importer.transactions_of(each.block_hash for each in blocks)
    return [each for each in found if isinstance(each, ModelCommit)]


def test_model_made_elsewhere_founds_a_family(tmp_path: Path) -> None:
    with world(tmp_path, RULES) as made:
        ann, bob = made.add("ann", mines=True), made.add("bob")
        made.run()
        model = elsewhere(made)
        save_import(ann.directory.imports, made.data.dataset_id, model, SALT)
        ann.node.imports.look()
        fallbacks(made, ann, 1)
        assert not shown(ann), "nothing is shown with the commitment"
        while ann.height < 3:
            pay(ann)
            fallbacks(made, ann, 1)
        made.run_until(lambda: bool(shown(ann)), limit_ms=120_000)
        assert len(commits(ann)) == 1
        blocks = ann.importer.blocks.main_blocks(1, ann.height)
        headers = [header_from_bytes(each.header) for each in blocks]
        kinds = [kind_of(each, EVOLUTION, ann.importer.head) for each in headers]
        assert kinds.count("import") == 1
        made.run()
        assert bob.importer.head.head == ann.importer.head.head
        assert model.model_hash() in bob.importer.head.models.hashes
        made.run()
        assert ann.node.imports.count == 0
        assert not list(ann.directory.imports.glob(f"*{SUFFIX}"))


def test_lottery_takes_no_model_from_elsewhere(tmp_path: Path) -> None:
    with world(tmp_path, LOTTERY_HERE, proof=RECIPE) as made:
        ann = made.add("ann", mines=True)
        made.run()
        model = random_model(toy.ARCHITECTURE, "from elsewhere")
        folder = ann.directory.imports
        save_import(folder, made.data.dataset_id, model, SALT)
        with pytest.raises(ImportRefused, match="by recipe families are founded by training"):
            ann.node.imports.admit(model.model_hash(), ann.node.parts.engine)
        assert not list(folder.glob(f"*{SUFFIX}"))


def test_model_whose_dataset_is_not_there_holds_no_other_up(tmp_path: Path) -> None:
    with world(tmp_path, RULES) as made:
        ann = made.add("ann", mines=True)
        made.run()
        wanted, folder = elsewhere(made), ann.directory.imports
        seeds = (f"stray {number}" for number in range(100))
        strays = (random_model(wanted.architecture, seed) for seed in seeds)
        stray = next(each for each in strays if each.model_hash() < wanted.model_hash())
        save_import(folder, DatasetId(Hash32(b"?" * 32)), stray, SALT)
        save_import(folder, made.data.dataset_id, wanted, SALT)
        ann.node.imports.look()
        fallbacks(made, ann, 1)
        assert len(commits(ann)) == 1
        assert ann.node.imports.count == 2
        while ann.height < 3:
            pay(ann)
            fallbacks(made, ann, 1)
        made.run_until(lambda: bool(shown(ann)), limit_ms=120_000)
        assert shown(ann)[0].blob == wanted.blob()


def test_model_that_can_found_no_family_is_refused_at_once_and_put_away(tmp_path: Path) -> None:
    with world(tmp_path, replace(RULES, min_family_acc_ppm=1_000_000)) as made:
        ann = made.add("ann")
        model, folder = random_model(toy.ARCHITECTURE, "poor"), ann.directory.imports
        for dataset, why in (
            (DatasetId(Hash32(b"?" * 32)), "the chain has no dataset 3f3f3f"),
            (made.data.dataset_id, "20 must be"),
        ):
            save_import(folder, dataset, model, SALT)
            with pytest.raises(ImportRefused, match=why):
                ann.node.imports.admit(model.model_hash(), ann.node.parts.engine)
            assert ann.node.imports.count == 0
            assert not list(folder.glob(f"*{SUFFIX}"))


def test_model_in_a_block_is_not_committed_to_again(tmp_path: Path) -> None:
    with world(tmp_path, RULES) as made:
        ann = made.add("ann")
        made.run()
        block = Tree(made.network).grow(who=ANN)
        ann.node.do([sent(block)])
        model = block.mined.model
        assert model is not None
        save_import(ann.directory.imports, made.data.dataset_id, model, SALT)
        with pytest.raises(ImportRefused, match="it is in a block"):
            ann.node.imports.admit(model.model_hash(), ann.node.parts.engine)


def test_commitment_survives_a_restart_with_its_salt(tmp_path: Path) -> None:
    with world(tmp_path, RULES) as made:
        ann = made.add("ann", mines=True)
        made.run()
        save_import(ann.directory.imports, made.data.dataset_id, elsewhere(made), SALT)
        ann.node.imports.look()
        fallbacks(made, ann, 1)
        ann.close()
        again = made.add("ann", mines=True)
        assert again.node.imports.count == 1
        while again.height < 3:
            pay(again)
            fallbacks(made, again, 1)
        made.run_until(lambda: bool(shown(again)), limit_ms=120_000)
        assert [each.salt for each in shown(again)] == [SALT]
        assert len(commits(again)) == 1


def test_model_that_waits_is_not_salted_anew(tmp_path: Path) -> None:
    with world(tmp_path, RULES) as made:
        ann = made.add("ann")
        model = elsewhere(made)
        path = save_import(ann.directory.imports, made.data.dataset_id, model, SALT)
        before = path.read_bytes()
        save_import(ann.directory.imports, made.data.dataset_id, model, bytes(32))
        assert path.read_bytes() == before
        assert path.stat().st_mode & 0o777 & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0


def test_damaged_file_is_named(tmp_path: Path) -> None:
    with world(tmp_path, RULES) as made:
        ann = made.add("ann")
        ann.directory.imports.mkdir()
        path = ann.directory.imports / f"x{SUFFIX}"
        for wrong in (b"", b"\x80", b"\x83"):
            path.write_bytes(wrong)
            with pytest.raises(DirectoryDamaged):
                ann.node.imports.look()
        path.unlink()
