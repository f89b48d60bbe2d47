# SPDX-License-Identifier: Apache-2.0
"""All figures of a report, and report.json, which holds them.

Keys: schema 1; command; commit; rtl_sha256; versions {tool: version}; machine {cpu, cores, system,
python, load}; clock_hz; resources {build: fields of Resources, bram36, luts}; runs [fields of Run,
images_per_s, latency_us, batch_ms, simulated_per_s]; exactness [fields of Exactness] or null;
goals [fields of Judged]; anchors [fields of Anchor]. Units are last in a name; null: not measured.
Law of the file: what can be computed of other figures is written, and computed again when read.
Read next: resources.py, clocks.py, goals.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edge_node_fpga.report import resources as netlist
from edge_node_fpga.report.errors import ReportUnreadable
from edge_node_fpga.report.networks import BATCH_IMAGES
from edge_node_fpga.report.resources import Resources
from edge_node_fpga.vivado.design import CLOCK_HZ

SCHEMA = 1
RANDOM = "random"
"""Subject of an Exactness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A network on a build."""

    build: str
    """Its name, such as 32x64."""
    network: str
    """Its name, as in networks.py."""
    weights: int
    """Of the network."""
    macs: int
    """Multiplications an image."""
    weight_rows: int
    """Rows of the weights' memory that it takes."""
    double_banked: bool
    """A second model of its size has room beside it."""
    image_beats: int
    """Clocks in which the stream brings one image."""
    load_clocks: int
    """From the driver's first register to the model being valid, registers read and written too."""
    one_clocks: int
    """Of a batch of one image, its latency: the most of what the seeds gave."""
    spread_clocks: int
    """By how much clocks differ between seeds."""
    images: int
    """Of the batch."""
    clocks: int
    """Of the batch."""
    stall_in: int
    """Of these, without input."""
    stall_out: int
    """Of these, with an output that was not taken."""
    wall_s: float
    """In which the batch was simulated."""
    processor_s: float
    """All threads together."""

    @property
    def images_per_s(self) -> float:
        """At the nominal clock."""
        return self.images * CLOCK_HZ / self.clocks

    @property
    def latency_us(self) -> float:
        """Of one image alone, at the nominal clock."""
        return self.one_clocks * 1e6 / CLOCK_HZ

    @property
    def batch_ms(self) -> float | None:
        """Of ten thousand images, if that many were simulated; at the nominal clock."""
        return self.clocks * 1e3 / CLOCK_HZ if self.images == BATCH_IMAGES else None

    @property
    def operations_per_s(self) -> float:
        """Two for each multiplication, as the literature counts; at the nominal clock."""
        return 2 * self.macs * self.images_per_s

    @property
    def simulated_per_s(self) -> float:
        """Images that the simulation does in a second of this machine."""
        return self.images / self.wall_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Exactness:
    """Logits of the simulated engine beside those of the law."""

    build: str
    """Name of the build."""
    subject: str
    """`binary-4k`, `uint8-94k`, `uint8-1m`, ...; RANDOM for architectures drawn at random."""
    count: int
    """Images; architectures of RANDOM."""
    logits: int
    """So many were compared."""
    differing: int
    """Logits, and counts of correct images, that were not equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What simulated."""

    cpu: str
    cores: int
    """That this process may use."""
    system: str
    python: str
    load: float
    """Mean number of running processes in the minute before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the figures are of."""

    command: str
    """That made them."""
    commit: str
    """Checked out; `-dirty` where files differ."""
    rtl_sha256: str
    """Of all sources of the RTL."""
    versions: Mapping[str, str]
    """Of the tools."""
    machine: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that was measured."""

    origin: Origin
    resources: Mapping[str, Resources]
    """By name of the build."""
    runs: tuple[Run, ...]
    exactness: tuple[Exactness, ...] | None
    """None: not measured in this run."""

    def run(self, build: str, network: str) -> Run | None:
        """Return a network's run on a build, if it was measured."""
        for each in self.runs:
            if (each.build, each.network) == (build, network):
                return each
        return None


def to_json(figures: Figures) -> dict[str, Any]:
    """Return the document without goals and anchors, which page.py adds."""
    return {
        "schema": SCHEMA,
        **asdict(figures.origin),
        "clock_hz": CLOCK_HZ,
        "resources": {
            name: {**asdict(each), "bram36": each.bram36, "luts": each.luts}
            for name, each in figures.resources.items()
        },
        "runs": [
            {
                **asdict(each),
                "images_per_s": each.images_per_s,
                "latency_us": each.latency_us,
                "batch_ms": each.batch_ms,
                "simulated_per_s": each.simulated_per_s,
            }
            for each in figures.runs
        ],
        "exactness": None
        if figures.exactness is None
        else [asdict(each) for each in figures.exactness],
    }


def from_json(document: Mapping[str, Any], path: Path) -> Figures:
    """Return the figures of a document.

    Parameters
    ----------
    document : mapping
        Of report.json.
    path : Path
        Where it was read, for a message.

    Raises
    ------
    ReportUnreadable
    """
    if document.get("schema") != SCHEMA:
        raise ReportUnreadable(
            path=str(path), expected=f"schema {SCHEMA}", actual=f"schema {document.get('schema')}"
        )
    try:
        return Figures(
            origin=Origin(
                machine=Machine(**document["machine"]),
                **{key: document[key] for key in ("command", "commit", "rtl_sha256", "versions")},
            ),
            resources={
                name: netlist.from_json(_only(Resources, each))
                for name, each in document["resources"].items()
            },
            runs=tuple(Run(**_only(Run, each)) for each in document["runs"]),
            exactness=None
            if document["exactness"] is None
            else tuple(Exactness(**_only(Exactness, each)) for each in document["exactness"]),
        )
    except (KeyError, TypeError, AttributeError) as wrong:
        raise ReportUnreadable(path=str(path), expected="all fields", actual=repr(wrong)) from wrong


def _only(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is computed."""
    return {each.name: values[each.name] for each in fields(kind)}
