# SPDX-License-Identifier: Apache-2.0
"""Generated files are what the source says now, byte for byte; Verilator accepts them."""

import importlib
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from edge_node_fpga.regs import constants
from edge_node_fpga.sim.build import find_tools

pytestmark = pytest.mark.fpga

FPGA = Path(__file__).resolve().parents[3] / "fpga"
A_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b|\d\d:\d\d:\d\d")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """Import the module, for which PeakRDL must be there."""
    return importlib.import_module("edge_node_fpga.regs.generate")


@pytest.fixture(scope="module")
def made(
    generator: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, tuple[Path, ...]]:
    folder = tmp_path_factory.mktemp("made")
    return folder, generator.generate(folder)


def test_committed_files_are_what_the_source_says(made: tuple[Path, tuple[Path, ...]]) -> None:
    folder, names = made
    stale = [str(n) for n in names if (FPGA / n).read_bytes() != (folder / n).read_bytes()]
    assert stale == [], "run python -m edge_node_fpga.regs.generate"


def test_nothing_else_is_kept_beside_generated_rtl(made: tuple[Path, tuple[Path, ...]]) -> None:
    _, names = made
    kept = {path.relative_to(FPGA) for path in (FPGA / "rtl" / "generated").iterdir()}
    assert kept == {name for name in names if name.parent == Path("rtl/generated")}


def test_generated_files_carry_no_dates_or_paths(made: tuple[Path, tuple[Path, ...]]) -> None:
    folder, names = made
    for name in names:
        text = (folder / name).read_text()
        assert str(folder) not in text
        assert str(FPGA) not in text
        assert not A_DATE.search(text), name


def test_constants_say_what_the_source_says(generator: ModuleType) -> None:
    top = generator.compiled()
    assert generator.registers_of(top) == constants.REGISTERS
    assert {e.name: e.code for e in generator.errors_of(top)} == {
        e.name: e for e in constants.ErrorCode
    }


def test_c_header_has_every_register(made: tuple[Path, tuple[Path, ...]]) -> None:
    folder, _ = made
    header = (folder / "regs/bnn_regs.h").read_text()
    for register in constants.REGISTERS:
        for field in register.fields:
            name = f"BNN_REGS__{register.name}__{field.name.upper()}"
            assert f"#define {name}_bm {field.mask:#x}\n" in header
            assert f"#define {name}_bp {field.low}\n" in header


def test_pages_are_made_on_demand(generator: ModuleType, tmp_path: Path) -> None:
    generator.generate_html(tmp_path)
    assert (tmp_path / "index.html").exists()


def test_registers_pass_verilator_without_a_warning() -> None:
    folder = FPGA / "rtl" / "generated"
    done = subprocess.run(
        [
            find_tools().verilator,
            "--lint-only",
            folder / "bnn_regs_pkg.sv",
            folder / "bnn_regs.sv",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr
