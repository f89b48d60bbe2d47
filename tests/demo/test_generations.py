# SPDX-License-Identifier: Apache-2.0
"""The lines of a chain's models: each is counted on the dataset that its family learns."""

from pathlib import Path

import pytest

from edge_node.spec.block import header_from_bytes
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from tests.chain.workshop import ANN
from tests.demo.market_chain import BLOCKS, grown, stopped
from tests.spec import toy_walks as walks
from tests.spec.toy_chain import ToyChain
from tests.spec.toy_data import toy_dataset

pytestmark = pytest.mark.slow


def test_every_line_says_what_its_block_and_the_law_say(tmp_path: Path) -> None:
    seen = stopped(tmp_path)
    families = grown().state.families
    before = grown().network.genesis.timestamp
    assert len(seen.generations) == BLOCKS
    for stored, line in zip(seen.chain, seen.generations, strict=True):
        header = header_from_bytes(stored.header)
        dataset = families[header.family].dataset
        (name,) = (n for n in ("letters", "numbers") if toy_dataset(n).dataset_id == dataset)
        images = len(toy_dataset(name).splits[SplitName.EVALUATION].labels)
        assert line.evaluation_ppm == header.correct_count * PPM // images
        assert (line.height, line.family) == (header.height, header.family.hex())
        assert line.interval_ms == header.timestamp - before
        assert line.miner == ("node-2", "node-1")[header.height % 2]
        before = header.timestamp
    kinds = [line.payload.partition(" +")[0] for line in seen.generations]
    assert kinds[:3] == ["founder", "founder", "population"]
    assert kinds[4:6] == ["founder", "population"]
    assert all(kinds[number].endswith("steps") for number in (3, 6))


def test_walks_are_told_by_their_batches(tmp_path: Path) -> None:
    chain = ToyChain(walks.walks_network())
    walks.grow(chain, ANN, 3)
    seen = stopped(tmp_path, chain, [toy_dataset()])
    lines = seen.generations
    assert [line.generation for line in lines] == [1, 1, 2]
    assert lines[0].payload.startswith("founder, ")
    assert all(line.payload.endswith((" batch", " batches")) for line in lines)
    assert [line.evaluation_ppm for line in lines] == [
        mined.block.header.correct_count * PPM // 100 for mined in chain.mined
    ]
    assert [line.model_bytes for line in lines] == [
        len(mined.block.body.proof) for mined in chain.mined
    ]
