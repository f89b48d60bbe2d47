# SPDX-License-Identifier: Apache-2.0
"""What a library needs is read as binutils reads it; what is no library is refused."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.elf_versions import MACHINES, NotALibrary, read_library

COMPILERS = {
    "x86_64": "x86_64-linux-gnu-gcc",
    "aarch64": "aarch64-linux-gnu-gcc",
    "armv7l": "arm-linux-gnueabihf-gcc",
}
PROGRAM = """
#include <stdio.h>
#include <string.h>
int edge_print(char *to, const char *text) { memcpy(to, text, 8); return printf("%s", text); }
"""


def compiled(folder: Path, machine: str) -> Path:
    compiler = shutil.which(COMPILERS[machine])
    if compiler is None:
        pytest.skip(f"no cross compiler for {machine}")
    source, library = folder / "a.c", folder / f"{machine}.so"
    source.write_text(PROGRAM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.mark.parametrize("machine", COMPILERS)
def test_library_tells_its_machine_and_the_newest_c_library_it_uses(
    machine: str, tmp_path: Path
) -> None:
    library = compiled(tmp_path, machine)
    shown = subprocess.run(["readelf", "-V", library], check=True, capture_output=True, text=True)
    used = re.findall(r"Name: GLIBC_(\d+)\.(\d+)", shown.stdout)
    assert used
    found = read_library(library)
    assert found.machine == machine
    assert found.glibc == max((int(major), int(minor)) for major, minor in used)


def test_library_that_uses_nothing_asks_for_nothing(tmp_path: Path) -> None:
    compiled(tmp_path, "aarch64")
    (tmp_path / "b.c").write_text("int edge_one(void) { return 1; }\n")
    words = [COMPILERS["aarch64"], "-shared", "-fPIC", "-nostdlib", "-o", "b.so", "b.c"]
    subprocess.run(words, cwd=tmp_path, check=True)
    assert read_library(tmp_path / "b.so").glibc == (0, 0)


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    library = compiled(tmp_path, "aarch64")
    whole, path = library.read_bytes(), tmp_path / "wrong.so"
    cases = {
        b"": "no little-endian ELF",
        b"#!/bin/sh\n": "no little-endian ELF",
        whole[:5] + b"\x02" + whole[6:]: "no little-endian ELF",
        whole[:18] + b"\x08\x00" + whole[20:]: "its processor has number 8",
        whole[:-100]: "buffer",
    }
    for data, why in cases.items():
        path.write_bytes(data)
        with pytest.raises(NotALibrary, match=why):
            read_library(path)


def test_machines_are_called_as_the_kernel_calls_them() -> None:
    assert set(MACHINES.values()) == set(COMPILERS)
