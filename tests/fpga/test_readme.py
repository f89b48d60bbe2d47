# SPDX-License-Identifier: Apache-2.0
"""The README's tables of bits are those that the RTL takes apart."""

import re
from pathlib import Path

import pytest

FPGA = Path(__file__).resolve().parents[2] / "fpga"
README = (FPGA / "README.md").read_text()
ROW = re.compile(r"^\| (\d+)(?::(\d+))? \| (\w+) \|", re.MULTILINE)
SLICE = re.compile(r"\[(\d+)(?:(?::(\d+))|(?: \+: [\w-]+))?\]")


def table(title: str) -> dict[str, tuple[int, int]]:
    """Return name -> (high, low) of the table below a title."""
    text = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = ROW.findall(text)
    return {name: (int(high), int(low or high)) for high, low, name in rows}


def lowest_bits(vector: str, *files: str) -> set[int]:
    """Return the lowest bit of every constant slice of a vector in the RTL."""
    found = set()
    for name in files:
        text = (FPGA / "rtl" / name).read_text()
        for match in re.finditer(rf"\b{vector}(\[[^\]]*\])", text):
            if taken := SLICE.fullmatch(match.group(1)):
                found.add(int(taken.group(2) or taken.group(1)))
    return found


@pytest.mark.parametrize(("title", "vector"), [("A descriptor", "current"), ("The model", "model")])
def test_fields_begin_where_the_rtl_takes_them(title: str, vector: str) -> None:
    # `descriptor` is the next layer's in engine.sv, and the checked one in descriptor_check.sv.
    taken = lowest_bits(vector, "engine.sv", "descriptor_check.sv")
    if vector == "current":
        taken |= lowest_bits("descriptor", "engine.sv", "descriptor_check.sv")
    assert {low for _, low in table(title).values()} == taken


@pytest.mark.parametrize(("title", "width"), [("A descriptor", 256), ("The model", 128)])
def test_fields_do_not_overlap(title: str, width: int) -> None:
    bits = [bit for high, low in table(title).values() for bit in range(low, high + 1)]
    assert len(bits) == len(set(bits))
    assert max(bits) < width


def test_checked_fields_have_the_names_of_the_table() -> None:
    text = (FPGA / "rtl" / "descriptor_check.sv").read_text()
    fields = table("A descriptor")
    checked = re.findall(r"(\w+) = descriptor\[(\d+)(?::(\d+))?\]", text)
    assert len(checked) >= 10
    assert {name: (int(high), int(low or high)) for name, high, low in checked}.items() <= (
        fields.items()
    )


def test_every_module_in_the_picture_exists() -> None:
    picture = (FPGA / "engine.svg").read_text()
    names = re.findall(r'class="n"[^>]*>(\w+_\w+)<', picture)
    assert len(names) >= 10
    modules = {path.stem for path in (FPGA / "rtl").rglob("*.sv")}
    assert set(names) <= modules


def test_links_lead_somewhere() -> None:
    for page in (FPGA / "README.md", FPGA / "vivado" / "README.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), link
