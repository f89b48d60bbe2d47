# SPDX-License-Identifier: Apache-2.0
"""The newest accepted models of a chain, read beside whoever writes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.chain.importer import Importer
from edge_node.node.bridge.accepted import AcceptedModels
from edge_node.node.bridge.errors import FamilyAmbiguous
from edge_node.spec.model import hash_of_blob
from tests.chain.workshop import Tree, easy_network, opened, take
from tests.spec.toy_network import Network

HEIGHT = 3


@pytest.fixture
def network() -> Network:
    return easy_network()


@pytest.fixture
def importer(network: Network, tmp_path: Path) -> Iterator[Importer]:
    with opened(tmp_path / "chain", network) as made:
        yield made


def test_newest_is_that_of_the_head_and_moves_with_it(
    network: Network, importer: Importer, tmp_path: Path
) -> None:
    models = AcceptedModels(tmp_path / "chain", network.genesis)
    assert not models.look()
    assert models.newest() is None
    for height, grown in enumerate(Tree(network).branch(None, HEIGHT), start=1):
        take(importer, grown.mined)
        assert models.look()
        assert not models.look()
        newest = models.newest()
        assert newest is not None
        header = grown.mined.block.header
        assert (newest.height, newest.model_hash) == (height, header.model_hash)
        assert newest.family == header.family.hex()
        assert hash_of_blob(newest.blob) == newest.model_hash
        assert newest.dataset == network.genesis.datasets[0].name
        assert models.head == importer.head.head
    models.close()


def test_only_what_fits_and_only_the_family_that_is_meant(
    network: Network, importer: Importer, tmp_path: Path
) -> None:
    for grown in Tree(network).branch(None, HEIGHT):
        take(importer, grown.mined)
    (family,) = importer.head.families.values()
    name, path = family.family_id.hex(), tmp_path / "chain"
    for begin, there in ((name[:6].upper(), True), ("0" * 12, False)):
        models = AcceptedModels(path, network.genesis, begin)
        assert models.look()
        assert (models.newest() is not None) == there
        assert models.newest(lambda shape, _: shape.height > 28) is None
        assert models.newest(lambda _, size: size == 0) is None
        models.close()


def test_begin_of_two_ids_is_not_guessed(
    network: Network, importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for grown in Tree(network).branch(None, 1):
        take(importer, grown.mined)
    (family,) = importer.head.families.values()
    models = AcceptedModels(tmp_path / "chain", network.genesis, family.family_id.hex()[:4])
    two = {b"a": family, b"b": family}
    head = importer.head
    monkeypatch.setattr(
        models._ledger, "load", lambda: type("Head", (), {"families": two, "datasets": head})
    )
    with pytest.raises(FamilyAmbiguous, match="give more digits"):
        models.look()
    models.close()
