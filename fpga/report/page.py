# SPDX-License-Identifier: Apache-2.0
"""REPORT.md and report.json out of figures.

Law of the file: it shows, it measures nothing; the same figures, the same bytes.
Read next: figures.py, goals.py, anchors.py.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from edge_node_fpga.report.anchors import ANCHORS, XC7Z020
from edge_node_fpga.report.figures import RANDOM, Figures, Run, to_json
from edge_node_fpga.report.goals import Judged, judge
from edge_node_fpga.report.networks import NETWORKS
from edge_node_fpga.report.resources import SYNTHESIS, TOP, Resources
from edge_node_fpga.vivado.design import CLOCK_HZ, CLOCK_MHZ, PART

NOT_MEASURED = "not measured in this run"


def document(figures: Figures) -> str:
    """Return the text of report.json."""
    whole = {
        **to_json(figures),
        "goals": [asdict(each) for each in judge(figures)],
        "anchors": [asdict(each) for each in ANCHORS],
    }
    return json.dumps(whole, indent=2) + "\n"


def page(figures: Figures, diagram: str) -> str:
    """Return the text of REPORT.md.

    Parameters
    ----------
    figures : Figures
    diagram : str
        Where the block diagram lies, seen from the page.
    """
    parts = [
        _opening(figures, diagram),
        _goals(judge(figures)),
        _resources(figures),
        _clocks(figures.runs),
        _simulation(figures),
        _exactness(figures),
        _anchors(figures),
        _limits(figures),
    ]
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; columns that begin with `#` are right-aligned."""
    names = [name.lstrip("#") for name in head]
    marks = ["--:" if name.startswith("#") else "---" for name in head]
    lines = [names, marks, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def number(value: float | None) -> str:
    """Return a number for a reader: whole from a hundred up, else two decimals at most."""
    if value is None:
        return NOT_MEASURED
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}"


def _opening(figures: Figures, diagram: str) -> str:
    origin, machine = figures.origin, figures.origin.machine
    rows = [
        ("command", f"`{origin.command}`"),
        ("commit", origin.commit),
        ("SHA-256 of the RTL", origin.rtl_sha256),
        *((name, version) for name, version in origin.versions.items()),
        (
            "machine",
            f"{machine.cpu}, {machine.cores} cores, {machine.system}, Python {machine.python}",
        ),
    ]
    return (
        "# The engine in figures\n\n"
        "Written by a program; do not edit. **Nothing here was measured on a board.** Clocks are"
        " counted by the engine's own register in the simulated RTL, behind the real pynq; LUT, FF"
        " and memories are counted by yosys before any placement. Rates are clocks at the nominal"
        f" {CLOCK_MHZ} MHz of the block design: no tool has said that the fabric reaches it.\n\n"
        f"![Block diagram]({diagram})\n\n" + table(("", ""), rows)
    )


def _goals(judged: Sequence[Judged]) -> str:
    words = {True: "yes", False: "**no**", None: NOT_MEASURED}
    rows = [
        (
            each.subject,
            each.what,
            f"{'<=' if each.most else '>='} {number(each.bound)}",
            "" if each.reached is None else number(each.reached),
            words[each.met],
        )
        for each in judged
    ]
    said = [each for each in judged if each.met is not None]
    return (
        "## Goals\n\n"
        + table(("what", "quantity", "#goal", "#reached", "met"), rows)
        + f"\n{sum(bool(each.met) for each in said)} of {len(said)} measured goals are met;"
        f" {len(judged) - len(said)} were not measured.\n"
    )


def _share(count: int, of: int) -> str:
    return f"{count:,} ({100 * count / of:.0f} %)"


def _resources(figures: Figures) -> str:
    chip = XC7Z020
    rows = [
        (
            name,
            _share(each.luts, chip.luts),
            f"{each.memory_luts:,}",
            f"{each.lut_cells:,}",
            _share(each.flip_flops, chip.flip_flops),
            f"{each.carry4:,}",
            _share(each.bram36, chip.bram36),
            _share(each.dsp, chip.dsp),
            str(each.lut_levels),
        )
        for name, each in figures.resources.items()
    ]
    text = (
        f"## Resources, counted by yosys\n\nOf `{TOP}`: registers, engine, all that is ours; the"
        f" DMA and the interconnect are Vivado's and are not in it. `{SYNTHESIS}`; shares are of"
        f" the {PART}. LUT is yosys' estimate of logic cells, in which small tables share a place"
        " in pairs, and the tables used as memories, which that estimate leaves out; beside it"
        " stand the netlist's logic tables, none packed. Levels are tables between two registers,"
        " carry chains and wide multiplexers not counted.\n\n"
    )
    if not rows:
        return text + f"Resources were {NOT_MEASURED}.\n"
    head = ("P x S", "#LUT", "#of them memories", "#unpacked tables", "#FF", "#CARRY4", "#BRAM36")
    return text + table((*head, "#DSP", "#LUT levels"), rows) + "\n" + _paths(figures.resources)


def _paths(resources: Mapping[str, Resources]) -> str:
    lines = []
    for name, each in resources.items():
        if each.paths:
            longest = each.paths[0]
            lines.append(
                f"- {name}: the longest path, {longest.levels} levels, goes from"
                f" `{longest.start}` to `{longest.end}`."
            )
    return "\n".join(lines) + "\n"


def _clocks(runs: Sequence[Run]) -> str:
    shapes = "\n".join(f"- {each.name}: {each.what}" for each in NETWORKS)
    rows = [
        (
            run.build,
            run.network,
            f"{run.images:,}",
            f"{run.clocks / run.images:,.1f}",
            number(run.images_per_s),
            f"{run.one_clocks:,} = {number(run.latency_us)} us",
            "" if run.batch_ms is None else number(run.batch_ms),
            number(CLOCK_HZ / run.image_beats),
            number(run.operations_per_s / 1e9),
            f"{number(run.load_clocks * 1e6 / CLOCK_HZ)} us",
            f"{run.weight_rows}, {'double' if run.double_banked else 'single'}-banked",
        )
        for run in runs
    ]
    spread = max((run.spread_clocks for run in runs), default=0)
    text = (
        f"## Speed, simulated\n\nSeconds are clocks at the nominal {CLOCK_MHZ} MHz. An image's"
        " clocks are those of its batch, filling and emptying included, divided. Networks and"
        " images are random: clocks depend on shapes alone (three seeds differ by"
        f" {spread} clocks). The simulated memory answers at once; a board's DMA may not. Giga"
        " operations count two for a multiplication. Double-banked: another model of this size"
        " can be loaded while this one runs.\n\n"
        f"{shapes}\n\n"
    )
    head = ("P x S", "network", "#batch", "#clocks an image", "#images/s", "#one image alone")
    more = ("#10,000 images, ms", "#the stream's limit, images/s", "#Gop/s", "#load of the model")
    return text + table((*head, *more, "rows of weights"), rows)


def _simulation(figures: Figures) -> str:
    rows = [
        (
            run.build,
            run.network,
            f"{run.images:,}",
            f"{run.wall_s:.2f}",
            f"{run.processor_s:.2f}",
            number(run.simulated_per_s),
        )
        for run in figures.runs
    ]
    machine = figures.origin.machine
    return (
        "## The simulation itself\n\nWhat a node has that validates on the simulated overlay. On"
        f" {machine.cpu}, {machine.cores} cores; {machine.load:.1f} processes ran in the minute"
        " before. The wall's clock counts the others too.\n\n"
        + table(
            ("P x S", "network", "#images", "#s", "#s of processors", "#images/s"),
            rows,
        )
    )


def _exactness(figures: Figures) -> str:
    rows = [
        (
            each.build,
            each.subject,
            f"{each.count:,} {'architectures' if each.subject == RANDOM else 'images'}",
            f"{each.logits:,}",
            f"{each.differing:,}",
        )
        for each in figures.exactness or ()
    ]
    text = (
        "## Exactness\n\nLogits of the simulated engine beside those of the chain's own definition,"
        " compared by `python -m tools.fpga_exactness`; families have trained weights and MNIST's"
        " images. Counts of correct images are compared for random architectures too.\n\n"
    )
    if not rows:
        return text + f"This was {NOT_MEASURED}.\n"
    return text + table(("P x S", "what", "#compared", "#logits", "#differing"), rows)


def _anchors(figures: Figures) -> str:
    ours = [
        (
            f"this engine, {run.build}",
            f"xc7z020, {CLOCK_MHZ} MHz nominal, **simulated**",
            run.network,
            number(run.images_per_s),
            f"{number(run.latency_us)} us",
            number(found.luts) if (found := figures.resources.get(run.build)) else "",
            number(found.bram36) if found else "",
            "weights and shape, with each block",
            "this page",
        )
        for run in figures.runs
    ]
    others = [
        (
            each.design,
            each.device,
            each.network,
            each.images_per_s,
            each.latency,
            each.luts,
            each.bram36,
            each.loads,
            each.source,
        )
        for each in ANCHORS
    ]
    head = ("design", "device", "network", "#images/s", "#one image", "#LUT", "#BRAM36")
    return (
        "## Beside others\n\nOther networks and other accuracies: rates are no race between equals."
        " A chain whose model changes with each block can only use what loads at run time.\n\n"
        + table((*head, "changes at run time", "source"), [*ours, *others])
    )


def _limits(figures: Figures) -> str:
    chip = XC7Z020
    stream_mb = chip.stream_bits * CLOCK_MHZ // 8
    rows = [
        (
            "tables, FF, BRAM36, DSP",
            f"{chip.luts:,}, {chip.flip_flops:,}, {chip.bram36}, {chip.dsp}",
        ),
        (
            "1-bit weights that block memories bring a clock",
            f"{chip.bram36 * chip.bram_bits:,} ({chip.bram36} x {chip.bram_bits}): as many lanes",
        ),
        (
            f"one 64-bit stream at {CLOCK_MHZ} MHz",
            f"{stream_mb} MB/s: {stream_mb * 10**6 // 784:,} images/s of 784 bytes",
        ),
        *_peaks(figures),
    ]
    return "## Limits of the chip, computed\n\n" + table(("what", "limit"), rows)


def _peaks(figures: Figures) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(run.build for run in figures.runs):
        lanes = int(name.partition("x")[0]) * int(name.partition("x")[2])
        yield (
            f"{name}, every lane of the array busy, first-layer unit left out",
            f"{lanes:,} lanes x 2 x {CLOCK_MHZ} MHz = {lanes * 2 * CLOCK_MHZ / 1000:,.0f} Gop/s",
        )
