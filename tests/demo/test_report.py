# SPDX-License-Identifier: Apache-2.0
"""The report: its keys are a contract, and each thing that a demonstration must show can fail."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.demo.generations import Exports
from edge_node.demo.report import (
    DemoReport,
    NodeReport,
    node_report,
    stopped_chain,
)
from tests.chain.workshop import ANN, Tree, easy_network, opened, take
from tests.demo.pictures import generation

NODES = tuple(
    NodeReport(id=f"node-{number}", head="ab" * 32, backend="native", validated=12, mined=4)
    for number in (1, 2, 3)
)
GOOD = DemoReport(
    height=12,
    duration_ms=60_000,
    nodes=NODES,
    generations=(generation(1, 850_000), generation(12, 880_000)),
    exports=Exports(tflite="a.tflite", c_header="a.h", blob="a.bnn", plot="chain.png"),
)


def test_json_has_exactly_the_keys_of_the_contract() -> None:
    value = json.loads(json.dumps(GOOD.as_json()))
    assert set(value) == {"height", "duration_ms", "nodes", "generations", "exports"}
    assert all(
        set(node) == {"id", "head", "backend", "validated", "mined"} for node in value["nodes"]
    )
    names = "height family generation miner train_ppm evaluation_ppm reserve_ppm block_bytes"
    names += " model_bytes payload interval_ms"
    assert all(set(line) == set(names.split()) for line in value["generations"])
    assert set(value["exports"]) == {"tflite", "c_header", "blob", "plot"}


def test_nothing_failed() -> None:
    assert GOOD.failures == ()


def test_nodes_that_disagree_are_named_with_their_heads() -> None:
    stray = replace(NODES[2], head="cd" * 32)
    (failure,) = replace(GOOD, nodes=(*NODES[:2], stray)).failures
    assert failure.startswith("the nodes do not agree on the head")
    assert "node-3 is at cdcdcdcdcdcdcdcd" in failure


def test_node_that_has_not_judged_every_block_is_named() -> None:
    lazy = replace(NODES[1], validated=11)
    (failure,) = replace(GOOD, nodes=(NODES[0], lazy, NODES[2])).failures
    assert failure == "node-2 has judged 11 of 12 blocks"


def test_accuracy_that_did_not_rise_is_told_with_both_figures() -> None:
    for untouched in (850_000, 849_000):
        best = replace(generation(12, 860_000), reserve_ppm=untouched)
        (failure,) = replace(GOOD, generations=(generation(1, 850_000), best)).failures
        assert "accuracy on untouched images did not rise" in failure
        assert "850000 ppm at height 1" in failure
        assert f"{untouched} ppm at height 12" in failure


def test_last_block_may_be_the_first_of_a_new_family() -> None:
    founder, best, new = generation(1, 850_000), generation(2, 860_000), generation(3, 700_000)
    grown = replace(GOOD, generations=(founder, best, new))
    assert grown.failures == ()
    assert grown.best is best


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (("lce", "lce", "lce"), "lce"),
        (("native", "numpy", "native"), "native+numpy"),
        (("lce", "native", "reference"), "lce+native+reference"),
        (("lce", "lce+native", "lce"), "lce+native"),
    ],
)
def test_every_back_end_that_judged_a_block_is_told(
    tmp_path: Path, used: tuple[str, ...], told: str
) -> None:
    network = easy_network()
    with opened(tmp_path / "chain", network) as importer:
        for grown in Tree(network).branch(None, len(used)):
            take(importer, grown.mined)
    with stopped_chain(tmp_path / "chain", network.rules.network) as (chain, _):
        judged = [replace(block, backend=name) for block, name in zip(chain, used, strict=True)]
        report = node_report("node-1", judged, {ANN.key: "node-1"})
    assert report.backend == told
    assert (report.validated, report.head) == (3, judged[-1].block_hash.hex())


def test_back_end_that_was_named_must_have_judged_all() -> None:
    named = tuple(node.backend for node in NODES)
    assert replace(GOOD, named=named).failures == ()
    assert replace(GOOD, named=named).as_json() == GOOD.as_json()
    helped = replace(NODES[1], backend=f"{named[1]}+native")
    (failure,) = replace(GOOD, nodes=(NODES[0], helped, NODES[2]), named=named).failures
    assert failure.startswith(
        f"node-2 was to judge by {named[1]} alone, and used {named[1]}+native"
    )
