# SPDX-License-Identifier: Apache-2.0
"""The reference families with trained weights on MNIST: all logits of the 32x64 engine.

The 4,440 family on all 10,000 evaluation images, the one of 93,600 parameters on 1,000; the whole
is `python -m tools.fpga_exactness --families`.
"""

import os
from collections.abc import Iterator

import pytest

from edge_node.datasets.content import Samples
from edge_node.datasets.sources import EDITIONS, FetchRequest, cache_folder, fetch_edition
from edge_node.spec.dataset import SplitName
from edge_node_fpga.driver.overlay import Overlay
from edge_node_fpga.vivado.design import BUILDS, DEFAULT_BUILD
from tests.fpga.conftest import plug
from tools.fpga_exactness import FAMILIES, Engine, compare_model, trained

pytestmark = [pytest.mark.fpga, pytest.mark.slow, pytest.mark.timeout(900)]

COMPARED = {"binary-4k": 10_000, "uint8-94k": 1_000}
LEAST_ACCURACY = 0.8
"""Of trained weights: what is compared has learned."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    build = next(each for each in BUILDS if each.name == DEFAULT_BUILD)
    plugged = plug(build, tmp_path_factory.mktemp("board"))
    overlay = Overlay(plugged.bitfile)
    yield Engine(board=plugged.device.board, overlay=overlay)
    overlay.close()
    plugged.device.board.close()


@pytest.fixture(scope="module")
def mnist() -> dict[SplitName, Samples]:
    request = FetchRequest(cache=cache_folder(os.environ))
    opened = fetch_edition(EDITIONS["mnist"], request, print)
    return {split: opened[split] for split in (SplitName.TRAIN, SplitName.EVALUATION)}


@pytest.mark.parametrize("name", COMPARED)
def test_every_logit_is_the_laws(
    engine: Engine, mnist: dict[SplitName, Samples], name: str
) -> None:
    family = next(each for each in FAMILIES if each.name == name)
    evaluation = mnist[SplitName.EVALUATION]
    some = Samples(
        images=evaluation.images[: COMPARED[name]], labels=evaluation.labels[: COMPARED[name]]
    )
    model = trained(family, mnist[SplitName.TRAIN])
    result = compare_model(engine, name, model, some)
    assert (result.differing, result.logits) == (0, 10 * COMPARED[name])
    assert result.digest == result.law_digest
    assert result.correct > LEAST_ACCURACY * COMPARED[name]
