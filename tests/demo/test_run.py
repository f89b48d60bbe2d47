# SPDX-License-Identifier: Apache-2.0
"""A short demonstration as a whole on made-up images; every figure is checked against the law."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_node.datasets.store import DatasetStore
from edge_node.demo.network import NodeGlimpse
from edge_node.demo.report import stopped_chain
from edge_node.demo.run import (
    BOUNTY,
    LEAST_BLOCKS_OF_AN_OFFER,
    SPARE_BLOCKS,
    DemoOptions,
    DemoTimedOut,
    run_demo,
)
from edge_node.inference.select import open_backend
from edge_node.node.data_directory import DataDirectory
from edge_node.node.system import SystemClock
from edge_node.spec.block import header_from_bytes
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.evaluation import count_correct, slice_images
from edge_node.spec.genesis import EVOLUTION
from tests.demo.pictures import SIZES, patterns, stored_patterns
from tests.demo.processes import processes_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BLOCKS = 4
MARKET_BLOCKS = 5
CLOCK = SystemClock()


def test_nodes_on_three_back_ends_agree_and_the_report_is_what_the_law_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    datasets, dataset = stored_patterns(tmp_path / "datasets")
    backends = ("native", "reference", "numpy")
    options = DemoOptions(
        output=tmp_path,
        blocks=BLOCKS,
        backends=backends,
        datasets=(dataset,),
        proof=EVOLUTION,
    )
    seen: list[Sequence[NodeGlimpse]] = []
    report = run_demo(options, datasets, open_backend("native"), CLOCK, seen.append)

    assert report.height >= BLOCKS
    # So few blocks on so few images prove no progress; that is for MNIST, in tests/acceptance.
    assert [failure for failure in report.failures if "untouched" not in failure] == []
    assert tuple(node.backend for node in report.nodes) == backends
    assert sum(node.mined for node in report.nodes) == report.height
    assert max(glimpse.height for glimpse in seen[-1]) == report.height

    directory = DataDirectory(tmp_path / "nodes" / "node-2")
    genesis = directory.genesis()
    before = genesis.timestamp
    with stopped_chain(directory.chain, genesis.network_id()) as (chain, blocks):
        for stored, line in zip(chain, report.generations, strict=True):
            header = header_from_bytes(stored.header)
            model = blocks.model(header.model_hash)
            accuracies = []
            for name, size in zip(SplitName, SIZES, strict=True):
                samples = patterns()[name]
                images = slice_images(model.architecture, samples.images.tobytes())
                correct = count_correct(model, images, samples.labels.tobytes())
                accuracies.append(correct * PPM // size)
            assert [line.train_ppm, line.evaluation_ppm, line.reserve_ppm] == accuracies
            assert (line.height, line.generation) == (header.height, header.generation)
            assert line.family == header.family.hex()
            size = len(stored.header) + len(stored.body) + len(stored.transport)
            assert line.block_bytes == size
            assert 0 < line.model_bytes < size
            assert line.interval_ms == header.timestamp - before
            before = header.timestamp
        best = max(
            (header_from_bytes(stored.header) for stored in chain),
            key=lambda header: header.correct_count,
        )
        assert Path(report.exports.blob).read_bytes() == blocks.model(best.model_hash).blob()
    assert [line.payload for line in report.generations[:3]] == [
        "founder + full",
        "population + full",
        "population + full",
    ]
    # On images this easy a family may have learned all before its first step, and another begins.
    for line in report.generations[3:]:
        whole = line.payload.startswith(("founder", "population"))
        assert line.payload.endswith("full" if whole else "delta")
    assert Path(report.exports.tflite).read_bytes()[4:8] == b"TFL3"
    assert (
        "#ifndef" in Path(report.exports.c_header).read_text()
        or "#pragma once" in Path(report.exports.c_header).read_text()
    )
    assert Path(report.exports.plot).read_bytes().startswith(b"\x89PNG")
    assert processes_of(tmp_path) == []
    assert list(scratch.iterdir()) == []


def test_two_datasets_with_two_families_each_take_turns(tmp_path: Path) -> None:
    datasets, first = stored_patterns(tmp_path / "datasets")
    second = datasets.add(patterns(seed=2, name="more-patterns"))
    options = DemoOptions(
        proof=EVOLUTION,
        output=tmp_path,
        blocks=MARKET_BLOCKS,
        backends=("native", "numpy"),
        datasets=(first, second),
        families=2,
    )
    report = run_demo(options, datasets, open_backend("native"), CLOCK, lambda _: None)
    assert len({node.head for node in report.nodes}) == 1
    market = report.market
    assert market is not None
    assert sorted(family.dataset for family in market.families) == sorted(
        ["patterns", "more-patterns"] * 2
    )
    founders, evolved = market.families[:2], market.families[2:]
    assert all(family.architecture == "binary-4k" for family in founders)
    for family in evolved:
        (parent,) = (each for each in founders if each.dataset == family.dataset)
        assert family.origin == (parent.label, parent.label)
        assert family.architecture != parent.architecture
    assert max(turn.spread for turn in market.turns) <= 1
    assert [turn.height for turn in market.turns] == list(range(1, report.height + 1))
    assert len(market.models) == 2
    for exports in market.models:
        assert Path(exports.blob).stat().st_size > 0
    assert Path(report.exports.plot).read_bytes().startswith(b"\x89PNG")
    assert processes_of(tmp_path) == []


def test_an_upload_is_mined_on_paid_for_revealed_and_settled(tmp_path: Path) -> None:
    datasets, first = stored_patterns(tmp_path / "datasets")
    second = datasets.add(patterns(seed=2, name="more-patterns"))
    options = DemoOptions(
        proof=EVOLUTION,
        output=tmp_path,
        blocks=LEAST_BLOCKS_OF_AN_OFFER,
        backends=("native", "native", "numpy"),
        datasets=(first, second),
        families=3,  # most blocks found or train: so few images soon teach a climb no more
    )
    assert options.offered == (second,)
    report = run_demo(options, datasets, open_backend("native"), CLOCK, lambda _: None)
    market = report.market
    assert market is not None
    # So few images may prove no gain, and a family of 16 blocks need not have closed.
    assert [failure for failure in market.failures if "more-patterns, " in failure] == []
    genesis = DataDirectory(tmp_path / "nodes" / "node-2").genesis()
    assert [manifest.name for manifest in genesis.datasets] == ["patterns"]
    (offer,), (reveal,), (settled,) = market.uploads, market.reveals, market.settlements
    assert (offer.dataset, offer.uploader, offer.bounty) == ("more-patterns", "node-1", BOUNTY)
    assert offer.scheduled is not None
    assert offer.ended is not None
    assert offer.height < offer.scheduled < offer.ended < reveal.height < settled.height
    assert settled.height == offer.closing <= report.height
    # Whatever was mined before all nodes were there: its terms are for the blocks that are left.
    assert offer.closing == LEAST_BLOCKS_OF_AN_OFFER + 1 - SPARE_BLOCKS
    assert reveal.images == SIZES[SplitName.RESERVE]
    assert {each.dataset for each in market.bounties} == {"more-patterns"}
    at_once = sum(each.amount - each.amount // 2 for each in market.bounties)
    paid = sum(share.paid for share in settled.shares)
    assert at_once + paid + settled.returned == offer.bounty + offer.bond
    assert {family.dataset for family in market.families} == {"patterns", "more-patterns"}
    # Who judged the settlement by the reserve has fetched it from its uploader.
    others = DatasetStore(tmp_path / "nodes" / "node-2" / "datasets")
    assert others.has(second)
    assert processes_of(tmp_path) == []


def test_blocks_that_do_not_come_in_time_are_told_and_nothing_stays_behind(tmp_path: Path) -> None:
    datasets, dataset = stored_patterns(tmp_path / "datasets")
    options = DemoOptions(
        proof=EVOLUTION,
        output=tmp_path,
        blocks=1_000,
        backends=("native", "native"),
        datasets=(dataset,),
        time_limit_ms=8_000,
    )
    with pytest.raises(DemoTimedOut) as failed:
        run_demo(options, datasets, open_backend("native"), CLOCK, lambda _: None)
    message = str(failed.value)
    assert message.startswith("1000 blocks did not come in 8 s: ")
    assert "--blocks" in message
    assert processes_of(tmp_path) == []
