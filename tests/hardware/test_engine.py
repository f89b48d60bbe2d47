# SPDX-License-Identifier: Apache-2.0
"""What an owner of a board may rely on, asked of the engine itself.

It is the one that was adopted, says what it is, computes the families of the protocol as the law
does, counts, measures itself, is loaded again and again, and survives damaged packets. Models and
images are random but the same each time. Never yet run on a board; the simulated engine passes.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.inference.backend import count_of_logits
from edge_node.inference.overlay import layers_of
from edge_node.inference.reference import ReferenceBackend
from edge_node.inference.select import select_backend
from edge_node.node.architecture_text import REFERENCE_FAMILIES
from edge_node.node.overlay_adoption import hwh_differences
from edge_node.node.overlay_check import check_overlay
from edge_node.spec.model import Model
from edge_node_fpga.driver.errors import PacketRefused
from edge_node_fpga.driver.folding import DoesNotFit, fold
from edge_node_fpga.regs.constants import ErrorCode
from edge_node_fpga.vivado.design import BUILDS
from tests.cli.typing_in import typed
from tests.hardware.conftest import Engine
from tests.inference.models import random_model

pytestmark = pytest.mark.slow

BY_THE_LAW = 16
"""Images on which the law itself is asked, in pure Python; the others are asked of a back end that
has passed the known-answer test."""


def family(name: str) -> Model:
    return random_model(REFERENCE_FAMILIES[name], seed=5)


def images_of(model: Model, count: int) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(7)
    return rng.integers(0, 256, (count, model.architecture.image_bytes), dtype=np.uint8)


def labels_of(model: Model, count: int) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(8)
    return rng.integers(0, model.architecture.classes, count, dtype=np.uint8)


def expected_logits(model: Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    backend = select_backend()
    logits = backend.logits(model, images)
    backend.close()
    law = ReferenceBackend().logits(model, images[:BY_THE_LAW])
    assert np.array_equal(logits[:BY_THE_LAW], law)
    return logits


def test_overlay_is_accepted_step_by_step(engine: Engine) -> None:
    findings = check_overlay(engine.adopted)
    assert [(each.name, each.works) for each in findings] == [
        ("overlay files", True),
        ("overlay hwh", True),
        ("overlay engine", True),
    ]


def test_command_line_adopts_and_accepts_it(engine: Engine, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert typed(data, "hw", "adopt-overlay", str(engine.adopted.bitfile)).code == 0
    seen = typed(data, "hw", "check", "--json").json()
    found = {each["name"]: each for each in seen["findings"]}
    assert found["overlay engine"]["works"], found
    assert f"{engine.driver.caps.elements} elements" in found["overlay engine"]["detail"]


def test_hwh_is_that_of_the_design(engine: Engine) -> None:
    assert hwh_differences(engine.adopted.hwh) == ()


def test_engine_is_one_of_our_builds(engine: Engine) -> None:
    caps = engine.driver.caps
    known = {(each.elements, each.trees, each.images, 1 << each.row_bits) for each in BUILDS}
    assert (caps.elements, caps.trees, caps.lanes, caps.weight_rows) in known


@pytest.mark.parametrize("name", sorted(REFERENCE_FAMILIES))
def test_logits_are_those_of_the_law(engine: Engine, name: str) -> None:
    model = family(name)
    images = images_of(model, engine.images)
    try:
        engine.driver.load(layers_of(model))
    except DoesNotFit:
        assert engine.driver.caps.elements < 32, "the builds for boards take every family"
        return
    assert np.array_equal(engine.driver.logits(images), expected_logits(model, images))


def test_count_is_that_of_the_logits_and_the_batch_is_measured(engine: Engine) -> None:
    model = family("binary-4k")
    images, labels = images_of(model, engine.images), labels_of(model, engine.images)
    engine.driver.load(layers_of(model))
    counted = engine.driver.count_correct(images, labels)
    assert counted == count_of_logits(expected_logits(model, images), labels)
    stats = engine.driver.stats()
    assert stats.images == engine.images
    assert 0 < stats.clocks < engine.images * 20_000
    assert stats.stall_in < stats.clocks


def test_models_change_places_without_a_trace(engine: Engine) -> None:
    models = [family("binary-4k"), family("uint8-4k")]
    sets = [images_of(each, BY_THE_LAW) for each in models]
    expected = [expected_logits(*each) for each in zip(models, sets, strict=True)]
    for turn in range(4):
        engine.driver.load(layers_of(models[turn % 2]))
        for _ in range(2):  # the second time the images are resident
            found = engine.driver.logits(sets[turn % 2])
            assert np.array_equal(found, expected[turn % 2])


@pytest.mark.parametrize(
    ("code", "at"), [(ErrorCode.BAD_MAGIC, 0), (ErrorCode.BAD_CRC, -8), (ErrorCode.BAD_CRC, -20)]
)
def test_damaged_model_is_refused_and_the_running_one_goes_on(
    engine: Engine, code: ErrorCode, at: int
) -> None:
    model, driver = family("binary-4k"), engine.driver
    images = images_of(model, BY_THE_LAW)
    driver.load(layers_of(model))
    before = driver.logits(images)
    good = fold(layers_of(model), driver.caps, slot=1, weight_base=driver._rows[0]).packet
    packet = bytearray(good)
    packet[at] ^= 0xFF
    with pytest.raises(PacketRefused) as caught:
        driver._send(bytes(packet), 1)
    assert caught.value.code == code
    assert np.array_equal(driver.logits(images), before)
    driver.load(layers_of(model))
    assert np.array_equal(driver.logits(images), before)


def test_bitstream_is_a_whole_one(engine: Engine) -> None:
    # An empty one is the simulation's; the chip's has four megabytes, and less if compressed.
    assert engine.simulated or engine.adopted.bitfile.stat().st_size > 1 << 17
