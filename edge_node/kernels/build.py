# SPDX-License-Identifier: Apache-2.0
"""Compile the C kernels: `python -m edge_node.kernels.build`.

One plain shared library without Python.h, for ctypes. The end of a file's name chooses its
instruction set (`SETS`), and the CPU chooses between the paths at run time, so one library serves
every machine of its kind. With `--test` it links a static test program instead, with `--cross` for
another machine: that is how CI runs the ARM kernels under an emulator.
Law of the file: standard library only, no import of edge_node: the build backend runs it alone.
Read next: csrc/, then the ctypes bindings beside this file.
"""

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

KERNELS = Path(__file__).resolve().parent
LIBRARY = KERNELS / "libedge_kernels.so"
PARALLEL_COMPILERS = 2

COMMON_FLAGS = ("-O3", "-std=c11", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra")
SANITIZE_FLAGS = (
    "-O1",
    "-g",
    "-fsanitize=undefined,address",
    "-fno-sanitize-recover=all",
)
AVX2_FLAGS = ("-mavx2", "-mbmi2", "-mpopcnt")
AVX512_FLAGS = (
    *AVX2_FLAGS,
    "-mavx512f",
    "-mavx512bw",
    "-mavx512vl",
    "-mavx512dq",
    "-mavx512vpopcntdq",
    "-mavx512bitalg",
    "-mprefer-vector-width=512",
)
SHANI_FLAGS = ("-msha", "-msse4.1")
SHA2_FLAGS = ("-march=armv8-a+crypto",)
ARMV7_NEON_FLAGS = ("-march=armv7-a", "-mfpu=neon", "-mfloat-abi=hard")

SETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "avx2": {"x86_64": AVX2_FLAGS},
    "avx512": {"x86_64": AVX512_FLAGS},
    "neon": {"aarch64": (), "arm": ARMV7_NEON_FLAGS},
    "shani": {"x86_64": SHANI_FLAGS},
    "sha2": {"aarch64": SHA2_FLAGS},
}
"""End of a file's name -> processor -> flags. Files for other processors are left out."""

NO_COMPILER = (
    "No C compiler found: edge-node will use its numpy kernels, which give the same results many "
    "times slower. `sudo apt install gcc libc6-dev`, then `make kernels` (or "
    "`python -m edge_node.kernels.build`), cures it."
)


class NoCompiler(Exception):
    """No C compiler is on this machine."""

    def __init__(self) -> None:
        super().__init__(NO_COMPILER)


class CompilationFailed(Exception):
    """The compiler refused a file."""

    def __init__(self, *, command: Sequence[str], output: str) -> None:
        super().__init__(f"The C compiler failed on `{shlex.join(command)}`:\n{output.rstrip()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """A C compiler and what it compiles for."""

    command: tuple[str, ...]
    """The words to start it with."""

    target: str
    """What `-dumpmachine` says, such as `x86_64-linux-gnu`."""

    version: str
    """First line of `--version`; another compiler means other objects."""

    @property
    def processor(self) -> str:
        """`x86_64`, `aarch64`, `arm` or another first word of the target."""
        first = self.target.partition("-")[0]
        return "arm" if first.startswith("arm") else first


def find_compiler(environment: Mapping[str, str]) -> Compiler:
    """Return the compiler that `CC` names, else gcc, cc or clang.

    Raises
    ------
    NoCompiler
        `CC` is not set and none of the others is on the PATH.
    CompilationFailed
        There is one, and it does not run.
    """
    if named := shlex.split(environment.get("CC", "")):
        return describe_compiler(named)
    for name in ("gcc", "cc", "clang"):
        if shutil.which(name, path=environment.get("PATH")) is not None:
            return describe_compiler([name])
    raise NoCompiler


def describe_compiler(command: Sequence[str]) -> Compiler:
    """Ask a compiler what it is.

    Raises
    ------
    CompilationFailed
        It can not be started or does not answer like gcc or clang.
    """
    return Compiler(
        command=tuple(command),
        target=_run([*command, "-dumpmachine"]).strip(),
        version=_run([*command, "--version"]).partition("\n")[0],
    )


def set_flags(stem: str, processor: str) -> tuple[str, ...] | None:
    """Return the flags that a file's name asks for, or None if it is for another processor."""
    for ending, flags in SETS.items():
        if stem.endswith(f"_{ending}"):
            return flags.get(processor)
    return ()


def build_library(
    compiler: Compiler, *, kernels: Path = KERNELS, warnings_are_errors: bool = False
) -> bool:
    """Bring the shared library up to date.

    Parameters
    ----------
    compiler : Compiler
        Must compile for this machine.
    kernels : Path
        Folder that holds `csrc` and gets the library.
    warnings_are_errors : bool
        For us; where a stranger installs, a compiler newer than ours may warn of more.

    Returns
    -------
    bool
        Whether anything had to be compiled or linked.

    Raises
    ------
    CompilationFailed
        The compiler refused a file, or there is no source.
    """
    sources = sorted((kernels / "csrc").glob("*.c"))
    objects = _compile(
        compiler, kernels, sources, COMMON_FLAGS, warnings_are_errors=warnings_are_errors
    )
    command = [*compiler.command, "-shared", *objects]
    library = kernels / LIBRARY.name
    made_by = kernels / ".build/made-by"
    if library.exists() and made_by.exists() and made_by.read_text() == shlex.join(command):
        return False
    _replace(library, command, kernels)
    made_by.write_text(shlex.join(command))
    return True


def build_test(
    compiler: Compiler,
    output: Path,
    *,
    kernels: Path = KERNELS,
    tests: Sequence[Path] = (),
    sanitize: bool = False,
) -> None:
    """Link the kernels and their C tests to one program.

    Parameters
    ----------
    compiler : Compiler
        May compile for another machine.
    output : Path
        The program.
    kernels : Path
        Folder that holds `csrc`.
    tests : sequence of Path
        The C tests, absolute or relative to `kernels`; by default all of `csrc/test`.
    sanitize : bool
        Stop at undefined behaviour and bad addresses; else the program is static, so that an
        emulator runs it without the other machine's libraries.

    Raises
    ------
    CompilationFailed
        The compiler refused a file, or there is no source.
    """
    sources = sorted((kernels / "csrc").glob("*.c"))
    sources += [kernels / test for test in tests] or sorted((kernels / "csrc/test").glob("*.c"))
    flags = (*COMMON_FLAGS, *SANITIZE_FLAGS) if sanitize else COMMON_FLAGS
    objects = _compile(compiler, kernels, sources, flags, warnings_are_errors=True)
    link_flags = SANITIZE_FLAGS if sanitize else ("-static",)
    _replace(output, [*compiler.command, *link_flags, *objects], kernels)


def _compile(
    compiler: Compiler,
    kernels: Path,
    sources: Sequence[Path],
    flags: tuple[str, ...],
    *,
    warnings_are_errors: bool,
) -> list[str]:
    """Return one object file for each source that is for this processor, relative to `kernels`.

    An object's name is a digest of all that went into it, so what is there is up to date.
    """
    headers = sorted((kernels / "csrc").rglob("*.h"))
    context = f"{compiler.target} {compiler.version}".encode()
    context += b"".join(header.read_bytes() for header in headers)

    def make_object(source: Path, command: Sequence[str]) -> str:
        digest = hashlib.sha256(f"{command}".encode() + context + source.read_bytes())
        made = f".build/{source.stem}-{digest.hexdigest()[:16]}.o"
        if not (kernels / made).exists():
            _replace(kernels / made, command, kernels)
        return made

    def compile_one(source: Path) -> str | None:
        own_flags = set_flags(source.stem, compiler.processor)
        if own_flags is None:
            return None
        name = os.path.relpath(source, kernels)
        command = [*compiler.command, *flags, *own_flags, "-Icsrc", "-c", name]
        try:
            return make_object(source, [*command, "-Werror"])
        except CompilationFailed:
            if warnings_are_errors:
                raise
            return make_object(source, command)

    with ThreadPoolExecutor(PARALLEL_COMPILERS) as pool:
        return [made for made in pool.map(compile_one, sources) if made is not None]


def _replace(target: Path, command: Sequence[str], folder: Path) -> None:
    """Run a command that writes `target`, which appears only when whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        _run([*command, "-o", str(part)], folder)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _run(command: Sequence[str], folder: Path | None = None) -> str:
    """Return what a command prints; show its warnings."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompilationFailed(command=command, output=str(error)) from error
    if done.returncode != 0:
        raise CompilationFailed(command=command, output=done.stderr)
    if done.stderr:
        print(done.stderr, file=sys.stderr, end="")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 also without a compiler, 1 on an error."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_node.kernels.build",
        description="Compile the C kernels to one shared library ($CC names the compiler).",
    )
    parser.add_argument("--werror", action="store_true", help="take warnings for errors")
    parser.add_argument(
        "--test",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="link a test program instead; by default with all of csrc/test",
    )
    parser.add_argument("--cross", metavar="CC", help="compiler for another machine (with --test)")
    parser.add_argument(
        "--sanitize", action="store_true", help="with run-time checks (with --test)"
    )
    parser.add_argument("-o", "--output", type=Path, help="the test program (with --test)")
    options = parser.parse_args(arguments)
    testing = options.test is not None
    if testing != (options.output is not None):
        parser.error("--test and --output go together")
    if (options.cross or options.sanitize) and not testing:
        parser.error("--cross and --sanitize are for --test")
    try:
        if options.cross:
            compiler = describe_compiler(shlex.split(options.cross))
        else:
            compiler = find_compiler(os.environ)
        if testing:
            output, made = options.output.resolve(), True
            build_test(compiler, output, tests=options.test, sanitize=options.sanitize)
        else:
            output, made = LIBRARY, build_library(compiler, warnings_are_errors=options.werror)
    except NoCompiler as error:
        print(error, file=sys.stderr)
        return 1 if testing else 0
    except CompilationFailed as error:
        print(error, file=sys.stderr)
        return 1
    verb = "compiled" if made else "is up to date"
    print(f"{output.name} {verb} ({compiler.version}, {compiler.target})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
