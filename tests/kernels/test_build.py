# SPDX-License-Identifier: Apache-2.0
"""The build of the C kernels, on small sources in a folder of their own, with a real compiler."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_node.kernels import build

needs_compiler = pytest.mark.skipif(
    not os.environ.get("CC") and not any(map(shutil.which, ("gcc", "cc", "clang"))),
    reason="no C compiler on this machine",
)
CROSS = "aarch64-linux-gnu-gcc"


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    """Make a kernels folder: one plain file, one for each instruction set, one C test."""
    sources = {
        "sum.c": '#include "sum.h"\nint edge_sum(int a, int b) { return a + b + OFFSET; }\n',
        "sum.h": "#define OFFSET 0\nPUBLIC int edge_sum(int a, int b);\n",
        "which_avx2.c": "#ifndef __AVX2__\n#error\n#endif\nint which_avx2(void) { return 2; }\n",
        "which_neon.c": "#ifndef __ARM_NEON\n#error\n#endif\nint which_neon(void) { return 3; }\n",
        "test/main.c": '#include "sum.h"\nint main(void) { return edge_sum(40, 2) != 42; }\n',
    }
    for name, text in sources.items():
        write(tmp_path / "csrc" / name, text)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace("PUBLIC", '__attribute__((visibility("default")))'))


def compiler() -> build.Compiler:
    return build.find_compiler(os.environ)


@needs_compiler
def test_library_loads_and_shows_only_what_is_public(kernels: Path) -> None:
    assert build.build_library(compiler(), kernels=kernels)
    library = ctypes.CDLL(str(kernels / build.LIBRARY.name))
    assert library.edge_sum(40, 2) == 42
    assert not hasattr(library, "which_avx2")
    assert not hasattr(library, "main")


@needs_compiler
def test_nothing_is_done_twice(kernels: Path) -> None:
    assert build.build_library(compiler(), kernels=kernels)
    before = {path: path.stat().st_mtime_ns for path in kernels.rglob("*")}
    assert not build.build_library(compiler(), kernels=kernels)
    assert {path: path.stat().st_mtime_ns for path in kernels.rglob("*")} == before


@needs_compiler
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sum.h", "#define OFFSET 1\nPUBLIC int edge_sum(int a, int b);\n"),
        ("sum.c", '#include "sum.h"\nint edge_sum(int a, int b) { return 43 + 0 * (a + b); }\n'),
    ],
)
def test_changed_source_or_header_is_compiled_again(kernels: Path, name: str, text: str) -> None:
    build.build_library(compiler(), kernels=kernels)
    write(kernels / "csrc" / name, text)
    assert build.build_library(compiler(), kernels=kernels)
    # A process keeps the library that it loaded first, so another one looks.
    code = f"import ctypes; print(ctypes.CDLL('{kernels / build.LIBRARY.name}').edge_sum(40, 2))"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"43\n"


@needs_compiler
def test_lost_library_is_linked_again(kernels: Path) -> None:
    build.build_library(compiler(), kernels=kernels)
    (kernels / build.LIBRARY.name).unlink()
    assert build.build_library(compiler(), kernels=kernels)
    assert (kernels / build.LIBRARY.name).exists()


@needs_compiler
def test_refused_source_leaves_the_old_library_and_no_part_of_a_new_one(kernels: Path) -> None:
    build.build_library(compiler(), kernels=kernels)
    old = (kernels / build.LIBRARY.name).read_bytes()
    write(kernels / "csrc/sum.c", "int edge_sum(\n")
    with pytest.raises(build.CompilationFailed, match=r"csrc/sum\.c"):
        build.build_library(compiler(), kernels=kernels)
    assert (kernels / build.LIBRARY.name).read_bytes() == old
    assert list(kernels.rglob("*.part")) == []


@needs_compiler
def test_warning_stops_us_and_not_the_stranger_who_installs(kernels: Path) -> None:
    write(kernels / "csrc/warn.c", "int edge_warn(void) { int unused; return 0; }\n")
    build.build_library(compiler(), kernels=kernels)
    assert (kernels / build.LIBRARY.name).exists()
    with pytest.raises(build.CompilationFailed, match="unused"):
        build.build_library(compiler(), kernels=kernels, warnings_are_errors=True)


@needs_compiler
@pytest.mark.parametrize("sanitize", [False, True])
def test_c_test_is_linked_with_the_kernels_and_runs(kernels: Path, sanitize: bool) -> None:
    program = kernels / "out/program"
    build.build_test(compiler(), program, kernels=kernels, sanitize=sanitize)
    assert subprocess.run([program], check=False).returncode == 0


@needs_compiler
def test_c_test_can_be_chosen(kernels: Path) -> None:
    write(kernels / "csrc/test/other.c", "int main(void) { return 7; }\n")
    program = kernels / "program"
    build.build_test(compiler(), program, kernels=kernels, tests=[Path("csrc/test/other.c")])
    assert subprocess.run([program], check=False).returncode == 7


@needs_compiler
def test_sanitizers_stop_at_undefined_behaviour(kernels: Path) -> None:
    overflow = '#include "sum.h"\nint main(void) { return edge_sum(2147483647, 1) == 3; }\n'
    write(kernels / "csrc/test/main.c", overflow)
    program = kernels / "program"
    build.build_test(compiler(), program, kernels=kernels, sanitize=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "signed integer overflow" in done.stderr


@pytest.mark.skipif(shutil.which(CROSS) is None, reason=f"no C compiler {CROSS}")
def test_cross_compiler_chooses_the_other_machines_files(kernels: Path) -> None:
    compiler = build.describe_compiler([CROSS])
    assert compiler.processor == "aarch64"
    program = kernels / "program"
    build.build_test(compiler, program, kernels=kernels)
    elf_machine = int.from_bytes(program.read_bytes()[18:20], "little")
    assert elf_machine == 183
    stems = {path.name.rpartition("-")[0] for path in (kernels / ".build").glob("*.o")}
    assert stems == {"sum", "which_neon", "main"}


@pytest.mark.parametrize(
    ("stem", "processor", "expected"),
    [
        ("evaluate", "x86_64", ()),
        ("evaluate", "riscv64", ()),
        ("evaluate_avx2", "x86_64", build.AVX2_FLAGS),
        ("evaluate_avx2", "aarch64", None),
        ("evaluate_avx512", "x86_64", build.AVX512_FLAGS),
        ("evaluate_avx512", "i686", None),
        ("evaluate_neon", "aarch64", ()),
        ("evaluate_neon", "arm", build.ARMV7_NEON_FLAGS),
        ("evaluate_neon", "x86_64", None),
        ("hash_shani", "x86_64", build.SHANI_FLAGS),
        ("hash_shani", "aarch64", None),
        ("hash_sha2", "aarch64", build.SHA2_FLAGS),
        ("hash_sha2", "arm", None),
    ],
)
def test_file_name_chooses_flags(
    stem: str, processor: str, expected: tuple[str, ...] | None
) -> None:
    assert build.set_flags(stem, processor) == expected


def test_32_bit_arm_has_one_name() -> None:
    armhf = build.Compiler(command=("cc",), target="armv7l-linux-gnueabihf", version="")
    assert armhf.processor == "arm"


def test_no_compiler_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(build.NoCompiler, match=r"numpy kernels.*apt install gcc"):
        build.find_compiler({"PATH": str(tmp_path)})


def test_no_compiler_is_no_failure_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert build.main([]) == 0
    assert "No C compiler found" in capsys.readouterr().err
    assert build.main(["--test", "--output", str(tmp_path / "program")]) == 1


def test_compiler_that_is_named_and_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-cc --fast")
    assert build.main([]) == 1
    assert "no-such-cc --fast -dumpmachine" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--test"], ["--output", "x"], ["--sanitize"]])
def test_options_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        build.main(arguments)
