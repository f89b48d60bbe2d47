# SPDX-License-Identifier: Apache-2.0
"""`edge-node demo` around a report that is given: the contract's keys, the tables, the exit status.

The network itself runs in tests/demo and tests/acceptance/test_demo.py.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.cli import demo as demo_module
from edge_node.datasets.store import DatasetStore
from edge_node.demo.generations import Exports, GenerationReport
from edge_node.demo.network import NodeGlimpse
from edge_node.demo.report import DemoReport, NodeReport
from edge_node.demo.run import DemoOptions, Watch
from edge_node.inference.backend import Backend
from edge_node.inference.select import BackendStatus
from edge_node.primitives.clock import Clock
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import PROOF_RULES
from tests.cli.typing_in import typed
from tests.datasets.samples import random_dataset
from tests.demo.market_chain import stopped

KEYS = {"height", "duration_ms", "nodes", "generations", "exports"}
MARKET_KEYS = {"families", "turns", "uploads", "bounties", "reveals", "settlements", "models"}
NODE = NodeReport(id="node-1", head="ab" * 32, backend="native", validated=2, mined=2)
FIRST = GenerationReport(
    height=1,
    family="cd" * 32,
    generation=1,
    miner="node-1",
    train_ppm=800_000,
    evaluation_ppm=810_000,
    reserve_ppm=790_000,
    block_bytes=12_345,
    model_bytes=6_789,
    payload="population + full",
    interval_ms=12_345,
)
ROSE = replace(
    FIRST, height=2, evaluation_ppm=990_000, reserve_ppm=1_000_000, payload="200 steps + delta"
)
REPORT = DemoReport(
    height=2,
    duration_ms=61_000,
    nodes=(NODE, replace(NODE, id="node-2", mined=0)),
    generations=(FIRST, ROSE),
    exports=Exports(tflite="o/best.tflite", c_header="o/best.h", blob="o/best", plot="o/p.png"),
)
GLIMPSE = NodeGlimpse(
    name="node-1",
    height=1,
    head="ab" * 32,
    synced=True,
    mined=1,
    imported=1,
    evaluation_ppm=810_000,
    trainer="waiting",
)


@pytest.fixture
def ending_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[DemoReport], list[DemoOptions]]:
    """Give the function that sets what the demonstration reports; its list fills with options."""

    def set_report(report: DemoReport) -> list[DemoOptions]:
        asked: list[DemoOptions] = []

        def run(
            options: DemoOptions,
            datasets: DatasetStore,
            backend: Backend,
            clock: Clock,
            watch: Watch,
        ) -> DemoReport:
            asked.append(options)
            watch([GLIMPSE])
            return report

        monkeypatch.setattr(demo_module, "run_demo", run)
        monkeypatch.setattr(
            demo_module,
            "stored_edition",
            lambda edition, root, *, offline: (DatasetStore(root), edition.dataset_id),
        )
        return asked

    return set_report


def demo(tmp_path: Path, *words: str) -> tuple[str, ...]:
    return ("demo", "--output", str(tmp_path / "out"), *words)


def test_json_is_one_object_with_the_contracts_keys(
    tmp_path: Path, ending_with: Callable[[DemoReport], list[DemoOptions]]
) -> None:
    asked = ending_with(REPORT)
    told = typed(tmp_path, *demo(tmp_path, "--json", "--blocks", "4")).json()
    assert set(told) == KEYS
    assert told["generations"][1]["reserve_ppm"] == 1_000_000
    (options,) = asked
    assert (options.blocks, options.output, len(options.backends)) == (4, tmp_path / "out", 3)


@pytest.mark.parametrize("proof", PROOF_RULES)
def test_every_proof_rule_can_be_shown(
    tmp_path: Path, ending_with: Callable[[DemoReport], list[DemoOptions]], proof: str
) -> None:
    asked = ending_with(REPORT)
    assert typed(tmp_path, *demo(tmp_path, "--proof", proof)).code == 0
    assert [options.proof for options in asked] == [proof]


def test_tables_are_whole_in_80_columns(
    tmp_path: Path, ending_with: Callable[[DemoReport], list[DemoOptions]]
) -> None:
    ending_with(REPORT)
    seen = typed(tmp_path, *demo(tmp_path))
    assert seen.code == 0, seen.err
    assert max(map(len, seen.out.splitlines())) <= 80
    assert "…" not in seen.out
    for wanted in ("height 1 of 20", "all nodes agree", "79.00 % -> 100.00 %", "o/best.tflite"):
        assert wanted in seen.out


def test_market_has_more_keys_and_tables_and_its_own_verdict(
    tmp_path: Path, ending_with: Callable[[DemoReport], list[DemoOptions]]
) -> None:
    seen = stopped(tmp_path)
    report = replace(REPORT, generations=tuple(seen.generations), market=seen.market())
    asked = ending_with(report)
    words = demo(tmp_path, "--datasets", "2", "--families", "3")
    told = typed(tmp_path, *words, "--json")
    assert told.code == bool(report.failures)
    assert set(json.loads(told.out)) == KEYS | MARKET_KEYS
    assert [len(options.datasets) for options in asked] == [2]
    assert asked[0].families == 3
    shown = typed(tmp_path, *words).out
    assert max(map(len, shown.splitlines())) <= 80
    for wanted in ("F1 x F1", "at most 1 apart", "2 closed", "o/a.bnn", "o/p.png"):
        assert wanted in shown


def test_more_datasets_than_are_published_are_refused(tmp_path: Path) -> None:
    assert typed(tmp_path, *demo(tmp_path, "--datasets", "3")).code == 2
    assert typed(tmp_path, *demo(tmp_path, "--families", "0")).code == 2


@pytest.mark.parametrize(
    "report",
    [
        replace(REPORT, nodes=(NODE, replace(NODE, id="node-2", head="ff" * 32))),
        replace(REPORT, nodes=(NODE, replace(NODE, id="node-2", validated=1))),
        replace(REPORT, generations=(FIRST, replace(ROSE, reserve_ppm=790_000))),
    ],
    ids=["two heads", "a block not judged", "no gain"],
)
def test_what_was_not_shown_is_a_no_and_said(
    tmp_path: Path, ending_with: Callable[[DemoReport], list[DemoOptions]], report: DemoReport
) -> None:
    ending_with(report)
    seen = typed(tmp_path, *demo(tmp_path, "--json"))
    assert seen.code == 1
    assert set(json.loads(seen.out)) == KEYS
    assert "edge-node: " in seen.err
    words = ("--log-format", "json", *demo(tmp_path, "--json"))
    told = [json.loads(line) for line in typed(tmp_path, *words).err.splitlines()]
    assert told[-1]["level"] == "error"


def test_missing_back_ends_are_told_as_the_logs_are(
    tmp_path: Path,
    ending_with: Callable[[DemoReport], list[DemoOptions]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ending_with(REPORT)
    here = BackendStatus(name="reference", why_unavailable=None)
    gone = BackendStatus(name="lce", why_unavailable="install it")
    monkeypatch.setattr(demo_module, "available_backends", lambda: (here, gone))
    words = ("--log-format", "json", *demo(tmp_path, "--json"))
    told = [json.loads(line) for line in typed(tmp_path, *words).err.splitlines()]
    assert "back end lce is missing: install it" in [line["message"] for line in told]


def test_named_back_ends_are_taken_and_must_be_here(
    tmp_path: Path, ending_with: Callable[[DemoReport], list[DemoOptions]]
) -> None:
    asked = ending_with(REPORT)
    unknown = typed(tmp_path, *demo(tmp_path, "--backends", "numpy,gpu"))
    assert "not 'gpu'" in unknown.sentence(9)
    assert "2 to 8 back ends" in typed(tmp_path, *demo(tmp_path, "--backends", "numpy")).sentence(3)
    assert not (tmp_path / "out").exists(), "nothing was fetched for it"
    assert typed(tmp_path, *demo(tmp_path, "--backends", "numpy,reference", "--json")).code == 0
    assert (asked[-1].backends, asked[-1].named) == (("numpy", "reference"), True)
    assert typed(tmp_path, *demo(tmp_path, "--json")).code == 0
    assert not asked[-1].named


def test_blocks_are_judged_by_so_many_images_as_are_asked_for(
    tmp_path: Path,
    ending_with: Callable[[DemoReport], list[DemoOptions]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = ending_with(REPORT)
    store = DatasetStore(tmp_path / "out" / "datasets")
    known = store.add(random_dataset(counts=(5, 200, 5), side=4))
    monkeypatch.setattr(demo_module, "stored_edition", lambda *_, **__: (store, known))
    for words in ((), ("--images", "150")):
        assert typed(tmp_path, *demo(tmp_path, *words, "--json")).code == 0
    whole, short = (options.datasets[0] for options in asked)
    assert whole == known
    assert len(store.open(short)[SplitName.EVALUATION]) == 150
    assert typed(tmp_path, *demo(tmp_path, "--images", "99")).code == 2
