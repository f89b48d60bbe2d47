# SPDX-License-Identifier: Apache-2.0
"""Heat: limits with hysteresis, kernel files in a folder of the test's own, nodes that mine."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.node.answers import status
from edge_node.node.health import health_of
from edge_node.node.thermal import (
    LOOK_MS,
    Heat,
    HeatLimits,
    Thermometer,
    next_heat,
    read_temperature_c,
)
from tests.node.rig import Rig, World, mine, world

LIMITS = HeatLimits(resume_c=70, warn_c=75, pause_c=80)
ZONE = "/sys/class/thermal/thermal_zone0/temp"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "world") as made:
        yield made


def set_temperature(root: Path, millidegrees: str) -> None:
    path = root / ZONE.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{millidegrees}\n")


def heated(rig: Rig, root: Path) -> Thermometer:
    thermometer = Thermometer(ZONE, LIMITS, rig.world.clock, root)
    object.__setattr__(rig.node.parts, "thermometer", thermometer)
    return thermometer


def test_what_is_between_the_limits_stays_as_it_was() -> None:
    heat, seen = Heat.COOL, []
    for temperature_c in (20.0, 74.9, 75.0, 79.9, 80.0, 75.0, 70.1, 70.0, 79.0, 81.0, 60.0):
        heat = next_heat(heat, temperature_c, LIMITS)
        seen.append(heat.value)
    assert seen == [
        *("cool", "cool", "warm", "warm"),
        *("paused", "paused", "paused", "cool", "warm", "paused", "cool"),
    ]


def test_board_about_the_warning_is_warned_of_once(
    room: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    thermometer = heated(room.add("ann"), tmp_path)
    for temperature in ("75000", "74900", "75100", "65000", "76000", "64900", "75000"):
        set_temperature(tmp_path, temperature)
        room.clock.ms += LOOK_MS
        thermometer.tick()
    assert [each.getMessage() for each in caplog.records if "hot" in each.getMessage()] == [
        "it gets hot: 75.0 C; mining pauses at 80 C",
        "it gets hot: 75.0 C; mining pauses at 80 C",
    ]


def test_temperature_is_read_from_the_kernel_s_file(tmp_path: Path) -> None:
    set_temperature(tmp_path, "48312")
    assert read_temperature_c(ZONE, tmp_path) == 48.312
    set_temperature(tmp_path, "-5000")
    assert read_temperature_c(ZONE, tmp_path) == -5.0


def test_raw_number_of_a_converter_has_an_offset_and_a_scale(tmp_path: Path) -> None:
    folder = tmp_path / "sys/bus/iio/devices/iio:device1"
    folder.mkdir(parents=True)
    # As the Zynq's driver has them: (2600 - 2219) * 123.040771484 = 46.878 C.
    for name, text in (("raw", "2600"), ("offset", "-2219"), ("scale", "123.040771484")):
        (folder / f"in_temp0_{name}").write_text(f"{text}\n")
    found = read_temperature_c("/sys/bus/iio/devices/iio:device*/in_temp0_raw", tmp_path)
    assert found == pytest.approx(46.8785, abs=0.001)
    (folder / "in_temp0_scale").unlink()
    assert read_temperature_c("/sys/bus/iio/devices/iio:device*/in_temp0_raw", tmp_path) is None


@pytest.mark.parametrize("text", ["", "hot", "12\n13", "\u00e9"])
def test_what_is_no_temperature_is_none(tmp_path: Path, text: str) -> None:
    assert read_temperature_c(ZONE, tmp_path) is None
    set_temperature(tmp_path, text)
    assert read_temperature_c(ZONE, tmp_path) is None


def test_hot_node_stops_mining_goes_on_judging_and_mines_again_when_cool(
    room: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    hot, other = room.add("ann", mines=True), room.add("bob", mines=True)
    thermometer = heated(hot, tmp_path)
    set_temperature(tmp_path, "60000")
    mine(hot)
    assert (hot.node.mined, status(hot.node).temperature) == (1, "60.0 C")
    set_temperature(tmp_path, "80000")
    room.run(2 * LOOK_MS)
    assert thermometer.paused
    assert hot.mines_on is None, "the trainer has nothing to do"
    mine(other)
    room.run_until(lambda: hot.height == 2)
    assert (hot.height, hot.node.mined) == (2, 1), "it judges what others mine"
    set_temperature(tmp_path, "75000")
    room.run(5 * LOOK_MS)
    assert hot.mines_on is None, "it has not cooled down enough"
    shown = status(hot.node)
    assert shown.trainer == "paused by heat"
    assert shown.temperature == "75.0 C; mining is paused until it is 70 C"
    assert (health_of(hot.node).trainer, health_of(hot.node).temperature_c) == ("paused", 75.0)
    set_temperature(tmp_path, "70000")
    mine(hot)
    assert hot.node.mined == 2
    assert [each.getMessage() for each in caplog.records if "mining" in each.getMessage()] == [
        "mining is paused: 80.0 C; mining is paused until it is 70 C",
        "mining goes on: the temperature is 70.0 C",
    ]


def test_log_warns_once_before_it_is_too_hot(
    room: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = room.add("ann", mines=True)
    heated(rig, tmp_path)
    set_temperature(tmp_path, "76000")
    room.run(5 * LOOK_MS)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == [
        "it gets hot: 76.0 C; mining pauses at 80 C"
    ]


def test_node_whose_temperature_nobody_tells_says_so_once_and_mines(
    room: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = room.add("ann", mines=True)
    heated(rig, tmp_path)
    mine(rig)
    room.run(5 * LOOK_MS)
    (line,) = [each.getMessage() for each in caplog.records if "temperature" in each.getMessage()]
    assert (
        line == f"the temperature can not be read from {ZONE}; name another thermal.source, or none"
    )
    assert status(rig.node).temperature == f"unknown: {ZONE} can not be read"


def test_node_that_is_paused_stays_so_while_nobody_tells_the_temperature(
    room: World, tmp_path: Path
) -> None:
    rig = room.add("ann", mines=True)
    heated(rig, tmp_path)
    set_temperature(tmp_path, "90000")
    room.run(2 * LOOK_MS)
    (tmp_path / ZONE.lstrip("/")).unlink()
    room.run(2 * LOOK_MS)
    assert rig.mines_on is None
    assert status(rig.node).temperature.endswith("can not be read, and mining stays paused")
