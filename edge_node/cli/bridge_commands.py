# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge list`, `push-model` and `sample`.

Law of the file: from options to edge_node/node/bridge and back to words.
Read next: bridge_predict.py, bridge_flashing.py, edge_node/node/bridge/service.py.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import click

from edge_node.cli.bridge_session import Pushed, at_port, model_to_push, port_argument, speed_option
from edge_node.cli.output import console, emit, json_option, printable, short, table, waiting
from edge_node.cli.session import Session
from edge_node.node.bridge.errors import BridgeFailed, SensorMissing
from edge_node.node.bridge.recording import (
    check_room,
    earlier_recording,
    recording_of,
    write_recording,
)
from edge_node.node.bridge.session import greeted
from edge_node.node.configuration_schema import MAX_INTERVAL_MS
from edge_node.node.system import SystemClock
from edge_node.spec.constants import MAX_CLASSES
from edge_node_bridge.codes import Capability
from edge_node_bridge.device import SensorSample
from edge_node_bridge.link import LinkLimits
from edge_node_bridge.messages import HelloAnswer
from edge_node_bridge.serial_port import ports_present

_LOG = logging.getLogger(__name__)

LIST_ATTEMPTS = 3
"""HELLOs to each port: something else may be plugged in, and would never answer."""
MAX_SAMPLES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What is at a port."""

    port: str
    """Its name."""
    hello: HelloAnswer | None
    """What the device says of itself; None if nothing answered."""
    why: str
    """Why nothing did."""


@click.command("list")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@speed_option
@json_option
@click.pass_obj
def list_devices(
    session: Session, /, *, ports: tuple[str, ...], baud: int | None, as_json: bool
) -> None:
    """Show the serial ports, and what answers at them.

    Without PORT all that are plugged in are asked.
    """
    speed = session.config.bridge.baud if baud is None else baud
    found: list[Answered] = []
    with waiting("asking") as tell:
        for port in ports or ports_present():
            tell(f"asking {port}")
            found.append(_ask(port, speed))
    emit(
        {"devices": [_facts(each) for each in found]},
        as_json=as_json,
        show=lambda: console.print(
            table("serial ports", ("port", "board", "sensor", "model"), [_row(e) for e in found])
            if found
            else "no serial port is here; plug a board in, or see `edge-node bridge flash-help`"
        ),
    )


@click.command("push-model")
@port_argument
@click.argument("model", required=False)
@click.option("--family", help="The newest of a family: how its id begins.  [default: any]")
@click.option(
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A blob of `edge-node model export --format blob`, in the place of the chain's.",
)
@speed_option
@json_option
@click.pass_obj
def push_model(
    session: Session,
    /,
    *,
    port: str,
    model: str | None,
    family: str | None,
    file: Path | None,
    baud: int | None,
    as_json: bool,
) -> None:
    """Give a device a model of the chain; it checks the hash.

    MODEL is the beginning of its hash, or `best`. Without it the device gets the newest model that
    the chain has accepted, of any family or of one.
    """
    if sum(each is not None for each in (model, family, file)) > 1:
        raise click.UsageError("name a MODEL, a --family or a --file, not several")
    chosen: Pushed = model_to_push(session, model=model, family=family or "", file=file)
    with at_port(session, port, baud) as device, waiting(f"pushing to {port}"):
        ready = device.push_model(chosen.blob, chosen.model_hash)
        board = device.greeted.board
    emit(
        {
            "port": port,
            "board": board,
            "model": ready.model_hash.hex(),
            "height": chosen.height,
            "bytes": len(chosen.blob),
            "image_bytes": ready.image_bytes,
            "classes": ready.classes,
        },
        as_json=as_json,
        show=lambda: click.echo(
            f"{printable(board)} runs model {ready.model_hash.hex()} from now on, "
            f"{len(chosen.blob)} bytes"
        ),
    )


@click.command("sample")
@port_argument
@click.option(
    "--label", type=click.IntRange(0, MAX_CLASSES - 1), required=True, help="What the sensor sees."
)
@click.option(
    "--count", type=click.IntRange(1, MAX_SAMPLES), required=True, help="How many samples."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The .npz file to write.",
)
@click.option("--append", is_flag=True, help="Add to a file that is there.")
@click.option(
    "--interval-ms",
    type=click.IntRange(0, MAX_INTERVAL_MS),
    default=100,
    show_default=True,
    help="The least time from one sample to the next.",
)
@speed_option
@json_option
@click.pass_obj
def sample(  # noqa: PLR0913 - one per option
    session: Session,
    /,
    *,
    port: str,
    label: int,
    count: int,
    output: Path,
    append: bool,
    interval_ms: int,
    baud: int | None,
    as_json: bool,
) -> None:
    """Take labelled samples of a device's sensor.

    One run for each class, with --append from the second on; then
    `edge-node dataset import FILE --format npz --name NAME` makes them a dataset, and
    `edge-node dataset publish NAME` lets the network have it. Samples that came before a board was
    unplugged, or before Ctrl-C, are kept.
    """
    earlier = earlier_recording(output, append=append)
    taken: list[SensorSample] = []
    try:
        with (
            at_port(session, port, baud) as device,
            waiting(f"{port}: waiting for samples") as tell,
        ):
            hello = device.greeted
            shape = _sensor_shape(hello)
            check_room(output, earlier, shape, count)
            device.set_label(label)
            for each in device.samples(count, interval_ms=interval_ms):
                taken.append(each)
                tell(f"{port}: {len(taken)} of {count} samples")
    except (BridgeFailed, KeyboardInterrupt):
        if taken:
            write_recording(output, earlier, recording_of(taken, shape, label))
            _LOG.warning(
                "%d of %d samples came, and are in %s; go on with --append",
                len(taken),
                count,
                output,
            )
        raise
    whole = write_recording(output, earlier, recording_of(taken, shape, label))
    emit(
        {
            "file": str(output),
            "sensor": hello.sensor,
            "shape": list(shape),
            "label": label,
            "samples": len(taken),
            "samples_in_file": len(whole),
        },
        as_json=as_json,
        show=lambda: click.echo(
            f"{output}: {len(taken)} samples of class {label}, {len(whole)} in all\n"
            "with one run for each class, make them a dataset:\n\n"
            f"    edge-node dataset import {output} --format npz --name NAME\n"
        ),
    )


def _sensor_shape(hello: HelloAnswer) -> tuple[int, int, int]:
    if not hello.capabilities & Capability.SAMPLE:
        raise SensorMissing(hello.board)
    rows, columns, channels = hello.sensor_shape
    return rows, columns, channels


def _ask(port: str, baud: int) -> Answered:
    limits = LinkLimits(line_bits_per_s=baud, attempts=LIST_ATTEMPTS)
    try:
        with greeted(port, SystemClock(), baud=baud, limits=limits) as device:
            return Answered(port=port, hello=device.greeted, why="")
    except BridgeFailed as error:
        return Answered(port=port, hello=None, why=str(error.why))


def _facts(found: Answered) -> dict[str, object]:
    hello = found.hello
    if hello is None:
        return {"port": found.port, "answers": False, "why": found.why}
    return {
        "port": found.port,
        "answers": True,
        "board": hello.board,
        "firmware": hello.firmware_hash.hex(),
        "model": hello.model_hash.hex() or None,
        "max_model_bytes": hello.max_model_bytes,
        "capabilities": [each.name for each in Capability if each & hello.capabilities],
        "sensor": hello.sensor or None,
        "shape": list(hello.sensor_shape),
    }


def _row(found: Answered) -> tuple[str, ...]:
    hello = found.hello
    if hello is None:
        return found.port, f"no answer: {found.why}", "", ""
    shape = "x".join(map(str, hello.sensor_shape))
    return found.port, hello.board, f"{hello.sensor} {shape}".strip(), short(hello.model_hash.hex())
