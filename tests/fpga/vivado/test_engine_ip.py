# SPDX-License-Identifier: Apache-2.0
"""The plain Verilog around the engine has the engine's ports, and names an interface for each."""

import re

from edge_node_fpga.vivado import design
from tests.fpga.vivado.recorded import BUILD

WRAPPER = BUILD.with_name("bnn_engine_ip.v").read_text()
ENGINE = (BUILD.parents[1] / "rtl" / "bnn_engine.sv").read_text()
PORT = re.compile(r"^\s+(input|output) +wire +(?:\[(\d+):0\] +)?(\w+),?$", re.MULTILINE)
PARAMETER = re.compile(r"parameter integer (\w+) = (\d+)")


def test_ports_are_those_of_the_engine_but_for_the_width_of_addresses() -> None:
    wrapper, engine = PORT.findall(WRAPPER), PORT.findall(ENGINE)
    address = str(design.ENGINE_ADDRESS_BITS - 1)
    wider = [(way, address if n.endswith("addr") else width, n) for way, width, n in engine]
    assert wrapper == wider
    assert len(wrapper) > 20


def test_parameters_are_those_of_the_engine() -> None:
    assert PARAMETER.findall(WRAPPER) == PARAMETER.findall(ENGINE)
    names = {name for name, _ in PARAMETER.findall(WRAPPER)}
    assert all({name for name, _ in build.parameters} == names for build in design.BUILDS)


def test_every_port_is_passed_on() -> None:
    instance = WRAPPER.partition("bnn_engine #(")[2]
    for _, _, name in PORT.findall(WRAPPER):
        bits = "[6:0]" if name.endswith("addr") else ""
        assert f".{name}({name}{bits})" in instance


def test_every_port_is_named_for_the_block_design() -> None:
    lines = WRAPPER.splitlines()
    for way, _, name in PORT.findall(WRAPPER):
        (at,) = [i for i, line in enumerate(lines) if re.search(rf"{way} .*\b{name},?$", line)]
        above = " ".join(lines[at - 2 : at])
        kind = name.rpartition("_")[2].upper()
        words = {"aclk": "aclk CLK", "aresetn": "aresetn RST", "irq": "irq INTERRUPT"}
        assert words.get(name, f"{name.rpartition('_')[0]} {kind}") in above, name
