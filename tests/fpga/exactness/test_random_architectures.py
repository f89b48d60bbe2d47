# SPDX-License-Identifier: Apache-2.0
"""Networks that hypothesis draws, through the real pynq and the driver: every logit is the law's.

A share of what `python -m tools.fpga_exactness --architectures 500` compares. Models are loaded one
after the other into one engine, so each runs beside, or in the place of, another one. The widest
build, which runs small images side by side, has its share too.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from edge_node.inference.overlay import layers_of
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels.arrays import model_from_arrays
from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import (
    BINARY_4K,
    UINT8_94K,
    Architecture,
    Layer,
    LayerKind,
    conv,
    dense,
)
from edge_node_fpga.driver.folding import DoesNotFit
from edge_node_fpga.driver.overlay import Overlay
from edge_node_fpga.vivado.design import BUILDS
from tests.fpga.conftest import SMALLEST, plug
from tests.inference.models import random_images, random_model
from tools.fpga_architectures import draw_images, draw_model
from tools.fpga_exactness import Engine, compare_drawn, compare_random, main

pytestmark = [pytest.mark.fpga, pytest.mark.slow]

EXAMPLES = 60
SEEDED = 8
WIDEST = max(BUILDS, key=lambda build: build.elements)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    plugged = plug(SMALLEST, tmp_path_factory.mktemp("board"))
    overlay = Overlay(plugged.bitfile)
    yield Engine(board=plugged.device.board, overlay=overlay)
    overlay.close()
    plugged.device.board.close()


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(data=st.data())
def test_every_logit_is_the_laws(engine: Engine, data: st.DataObject) -> None:
    try:
        compared = compare_drawn(engine, lambda n: data.draw(st.integers(0, n - 1)))
    except DoesNotFit:
        assume(False)
    assert (compared.differing, compared.miscounted) == (0, False), compared.architecture


@pytest.mark.parametrize(("rows", "channels"), [(7, (1, 7)), (5, (2, 1, 3)), (9, (8, 65, 8))])
def test_rows_of_one_place_end_while_the_next_layer_begins(
    engine: Engine, rows: int, channels: tuple[int, ...]
) -> None:
    one_place = [
        Layer(kind=LayerKind.CONV, channels=n, kernel=1, same_padding=False, pool=False)
        for n in channels
    ]
    architecture = Architecture(
        height=rows, width=1, input_channels=3, input_bits=1, layers=(*one_place, dense(8))
    )
    below = Prf("rows of one place", b"").below
    model = draw_model(below, architecture)
    images = draw_images(below, architecture, 4)
    engine.overlay.load(layers_of(model))
    assert np.array_equal(
        engine.overlay.logits(images), ReferenceBackend().logits(model, images)
    ), architecture


@pytest.mark.parametrize("minus", [0, 1])
def test_greatest_sums_of_the_widest_window_of_bytes_do_not_wrap(
    engine: Engine, minus: int
) -> None:
    # 13x13x12 bytes fill 254 words; with the last layer's one that is all but one of the entries.
    architecture = Architecture(
        height=14, width=13, input_channels=12, input_bits=8, layers=(conv(8, kernel=13), dense(2))
    )
    first, last = architecture.shapes
    least, most = first.threshold_range
    model = model_from_arrays(
        architecture,
        [
            np.full((8, first.fan_in), minus, np.uint8),
            np.random.default_rng(1).integers(0, 2, (2, last.fan_in), dtype=np.uint8),
        ],
        [
            np.array([least, least + 1, least + 127, -1, 0, most - 128, most - 1, most], np.int32),
            np.zeros(2, np.int32),
        ],
    )
    pixels = np.array([0, 1, 127, 128, 254, 255], np.uint8)
    images = np.repeat(pixels[:, np.newaxis], architecture.image_bytes, axis=1)
    engine.overlay.load(layers_of(model))
    assert np.array_equal(engine.overlay.logits(images), ReferenceBackend().logits(model, images))


def test_a_seed_repeats_its_networks(engine: Engine) -> None:
    result = compare_random(engine, SEEDED, seed=7)
    assert (result.architectures, result.differing, result.counts_differing) == (SEEDED, 0, 0)
    assert result.wrong == ()
    assert result == compare_random(engine, SEEDED, seed=7)


@pytest.mark.timeout(900)  # a compiler's time is the machine's
def test_widest_build_gives_the_laws_logits(tmp_path: Path) -> None:
    plugged = plug(WIDEST, tmp_path)
    overlay = Overlay(plugged.bitfile)
    assert overlay.caps.lanes > 1
    result = compare_random(Engine(board=plugged.device.board, overlay=overlay), 3 * SEEDED, seed=2)
    assert (result.differing, result.counts_differing, result.wrong) == (0, 0, ())
    for architecture in (BINARY_4K, UINT8_94K):
        model, images = random_model(architecture, 3), random_images(architecture, 6, 4)
        overlay.load(layers_of(model))
        assert np.array_equal(overlay.logits(images), ReferenceBackend().logits(model, images))
    overlay.close()
    plugged.device.board.close()


class OneOff(Overlay):
    """An engine whose very first logit is wrong by one."""

    def logits(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        out = super().logits(images)
        out[0, 0] += 1
        return out


def test_one_wrong_logit_is_counted_and_named(tmp_path: Path) -> None:
    plugged = plug(SMALLEST, tmp_path)
    overlay = OneOff(plugged.bitfile)
    engine = Engine(board=plugged.device.board, overlay=overlay)
    result = compare_random(engine, 3, seed=1)
    overlay.close()
    plugged.device.board.close()
    assert (result.differing, result.counts_differing, len(result.wrong)) == (3, 0, 3)
    assert result.wrong[0].startswith("Architecture(height=")


def test_the_command_says_what_it_compared(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--size", SMALLEST.name, "--architectures", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["size"], said["differing"], said["random"]["architectures"]) == ("8x64", 0, 2)
    assert said["logits"] == said["random"]["logits"] > 0
    assert said["families"] == []
