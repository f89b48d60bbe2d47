# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge flash-help`: which file a board is flashed with, by which command, which wires.

Law of the file: words only; no step of these was run on a board, and each answer says so.
Read next: firmware_bridge/README.md, firmware_bridge/firmware/README.md.
"""

import shlex
import sys
from dataclasses import asdict, dataclass

import click

from edge_node.cli.output import emit, json_option
from edge_node_bridge.firmware.build import BOARDS

OUTPUT = "build/firmware"
NOT_RUN = "not yet run on a board"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashAdvice:
    """How firmware gets onto a board, and a line to it."""

    board: str
    """As the firmware's builder names it."""
    title: str
    """What its vendor calls it."""
    file: str
    """What it is flashed with."""
    before: str
    """What to do first."""
    command: str
    """What to type."""
    wires: str
    """Where the line is; empty if its own USB plug is it."""
    port: str
    """What PORT is then."""
    checked: str
    """Who has done that."""


ADVICE = (
    FlashAdvice(
        board="rp2040",
        title="Raspberry Pi Pico",
        file="rp2040.uf2",
        before="hold BOOTSEL while plugging it in: a drive RPI-RP2 appears",
        command=f"cp {OUTPUT}/rp2040.uf2 /media/$USER/RPI-RP2/",
        wires="GP0 (pin 1) to the adapter's input, GP1 (pin 2) to its output, GND (pin 3) to GND",
        port="/dev/serial/by-id/ of the USB adapter, 3.3 V; on a Raspberry Pi /dev/serial0",
        checked=NOT_RUN,
    ),
    FlashAdvice(
        board="stm32f405",
        title="STM32F405 (Netduino Plus 2, Feather)",
        file="stm32f405.bin",
        before="connect an ST-Link to SWDIO, SWCLK, GND and 3.3 V; `sudo apt install stlink-tools`",
        command=f"st-flash --reset write {OUTPUT}/stm32f405.bin 0x8000000",
        wires="PA9 to the adapter's input, PA10 to its output, GND to GND",
        port="/dev/serial/by-id/ of the USB adapter, 3.3 V",
        checked=NOT_RUN,
    ),
    FlashAdvice(
        board="microbit",
        title="BBC micro:bit v1",
        file="microbit.hex",
        before="plug it in: a drive MICROBIT appears",
        command=f"cp {OUTPUT}/microbit.hex /media/$USER/MICROBIT/",
        wires="",
        port="/dev/serial/by-id/ of the board itself",
        checked=NOT_RUN,
    ),
    FlashAdvice(
        board="mps2_an385",
        title="Arm MPS2+ AN385, emulated",
        file="mps2_an385.elf",
        before="`sudo apt install qemu-system-arm`",
        command="qemu-system-arm -M mps2-an385 -display none -monitor none "
        f"-serial tcp:127.0.0.1:5555,server=on,wait=off -kernel {OUTPUT}/mps2_an385.elf",
        wires="",
        port="socket://127.0.0.1:5555",
        checked="run in QEMU by the project's tests; " + NOT_RUN,
    ),
)
"""In the order in which people have these boards."""


@click.command("flash-help")
@click.argument("board", type=click.Choice([each.name for each in BOARDS]), required=False)
@json_option
def flash_help(*, board: str | None, as_json: bool) -> None:
    """Say how firmware gets onto a board, and which wires make a line.

    Without BOARD, of all of them.
    """
    chosen = [each for each in ADVICE if board in (None, each.board)]
    facts = [{**asdict(each), "build": _build(each)} for each in chosen]
    emit(
        {"boards": facts},
        as_json=as_json,
        show=lambda: click.echo("\n\n".join(map(_words, chosen))),
    )


def _build(advice: FlashAdvice) -> str:
    python = shlex.quote(sys.executable)  # another one does not have the bridge
    program = f"{python} -m edge_node_bridge.firmware.build"
    return f"{program} --board {advice.board} --output {OUTPUT}"


def _words(advice: FlashAdvice) -> str:
    wires = advice.wires or "none: the line is in its own plug"
    if advice.port.startswith("socket"):
        wires = "none: the line is a socket"
    lines = [
        f"{advice.title} ({advice.checked})",
        f"  build   {_build(advice)}",
        "          (compiler: `sudo apt install gcc-arm-none-eabi libnewlib-arm-none-eabi`)",
        f"  first   {advice.before}",
        f"  flash   {advice.command}",
        f"  wires   {wires}",
        f"  PORT    {advice.port}",
        "  then    edge-node bridge list",
    ]
    return "\n".join(lines)
