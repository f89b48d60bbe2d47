# SPDX-License-Identifier: Apache-2.0
"""The emulated ARM machines: which programs an emulator runs, and which tests are theirs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import arm_test
from tools.arm_test import MACHINES, MASK, Machine, binfmt_line, main, marked

PROGRAM_HEAD = {
    # magic, class, order, version, ABI, padding; type DYN; machine
    "arm64": b"\x7fELF\x02\x01\x01\x00" + bytes(8) + b"\x03\x00\xb7\x00",
    "armhf": b"\x7fELF\x01\x01\x01\x00" + bytes(8) + b"\x03\x00\x28\x00",
}


def matches(machine: Machine, head: bytes) -> bool:
    """Compare as the kernel does, with what stands in the line."""
    _, _, kind, offset, magic, mask, _, flags = binfmt_line(machine).split(":")
    assert (kind, offset, flags) == ("M", "", "OCF")
    values, bits = (
        bytes(int(digits, 16) for digits in re.findall(r"\\x(..)", text)) for text in (magic, mask)
    )
    return all((a ^ b) & m == 0 for a, b, m in zip(values, head, bits, strict=True))


@pytest.mark.parametrize("name", MACHINES)
def test_its_own_programs_are_emulated_and_no_others(name: str) -> None:
    assert len(MASK) == len(PROGRAM_HEAD[name])
    for other, head in PROGRAM_HEAD.items():
        assert matches(MACHINES[name], head) == (other == name)
    executable = PROGRAM_HEAD[name][:16] + b"\x02" + PROGRAM_HEAD[name][17:]
    assert matches(MACHINES[name], executable)
    assert not matches(MACHINES[name], Path("/bin/sh").resolve().read_bytes()[:20])


def test_what_the_cross_compiler_makes_is_emulated(tmp_path: Path) -> None:
    for machine in MACHINES.values():
        if shutil.which(machine.compiler) is None:
            pytest.skip(f"no {machine.compiler} here")
        program = tmp_path / machine.architecture
        words = ["-nostdlib", "-shared", "-x", "c", "/dev/null", "-o", str(program)]
        subprocess.run([machine.compiler, *words], check=True)
        assert matches(machine, program.read_bytes()[:20])


def test_32_bits_get_no_wheel_that_is_not_there() -> None:
    assert not {"cbor2", "numpy", "pynacl", "amqtt"} & set(MACHINES["armhf"].wheels)


def test_encodings_kernels_and_a_node_are_among_the_tests() -> None:
    assert {
        "tests/spec/test_encoding.py",
        "tests/kernels/test_evaluation.py",
        "tests/acceptance/test_round_trip.py",
    } <= set(marked())


@pytest.mark.parametrize("statuses", [(-11, 0), (0, -11), (1, 0), (-11, 1)])
def test_machine_that_fails_fails_the_run_even_by_a_signal(
    statuses: tuple[int, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = list(statuses)
    monkeypatch.setattr(arm_test, "_missing", lambda _: [])
    monkeypatch.setattr(arm_test, "make_machine", lambda *_: tmp_path)
    monkeypatch.setattr(arm_test, "copy_checkout", lambda *_: None)
    monkeypatch.setattr(arm_test, "run_inside", lambda *_: left.pop(0))
    assert main(["--mirror", "file:///nonexistent"]) == next(each for each in statuses if each)
    assert left == [], "the other machine has its turn"
