# SPDX-License-Identifier: Apache-2.0
"""Chains that were mined once are judged the same for ever: each block and state root, by bytes."""

import json
from pathlib import Path
from typing import TypedDict

import pytest

from edge_node.spec.block import Block, body_from_bytes, header_from_bytes
from edge_node.spec.dataset import SplitName, open_split
from edge_node.spec.engine import LabelledImages, ReferenceEngine
from edge_node.spec.genesis import genesis_from_bytes
from edge_node.spec.model import model_from_blob
from edge_node.spec.validation import first_state, rules_of, validate_block
from tests.spec.toy_chain import Models

pytestmark = pytest.mark.arm

FOLDER = Path(__file__).resolve().parents[1] / "vectors"


class GoldenBlock(TypedDict):
    header: str
    body: str
    block_hash: str
    model: str
    state_root: str
    work: int


class Golden(TypedDict):
    genesis: str
    splits: dict[str, str]
    blocks: list[GoldenBlock]


@pytest.mark.parametrize(("name", "count"), [("chain.json", 5), ("lottery_chain.json", 8)])
def test_golden_chain_is_still_valid(name: str, count: int) -> None:
    golden: Golden = json.loads((FOLDER / name).read_text())
    genesis = genesis_from_bytes(bytes.fromhex(golden["genesis"]))
    (manifest,) = genesis.datasets
    splits: list[LabelledImages] = []
    for split in SplitName:
        data = bytes.fromhex(golden["splits"][split.name.lower()])
        images, labels = open_split(manifest, split, data)
        splits.append(LabelledImages(images=images, labels=labels))
    engine = ReferenceEngine(
        splits={manifest.dataset_id(): dict(zip(SplitName, splits, strict=True))}
    )
    state, rules, models = first_state(genesis), rules_of(genesis), Models()
    for expected in golden["blocks"]:
        block = Block(
            header=header_from_bytes(bytes.fromhex(expected["header"])),
            body=body_from_bytes(bytes.fromhex(expected["body"])),
        )
        verdict = validate_block(block, state, rules, engine, models, models)
        state = verdict.state
        assert state.head.hex() == expected["block_hash"]
        assert state.root().hex() == expected["state_root"]
        assert state.work == expected["work"]
        models.keep(verdict)
        if verdict.model is not None:
            assert verdict.model == model_from_blob(bytes.fromhex(expected["model"]))
    assert (state.height, len(golden["blocks"])) == (count, count)
