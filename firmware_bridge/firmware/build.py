# SPDX-License-Identifier: Apache-2.0
"""Compile the firmware: `python -m edge_node_bridge.firmware.build --all --output DIR`.

For boards with Debian's arm-none-eabi-gcc, for this machine with its C compiler. Prints what each
board's program takes of flash and memory, and fails if it is more than the limits.
Law of the file: standard library only; the firmware's hash is that of every source that a board's
program is made of.
Read next: port.h, images.py.
"""

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_node_bridge.firmware import images

FIRMWARE = Path(__file__).resolve().parent
CORTEX_M = FIRMWARE / "ports" / "cortex_m"
NATIVE = FIRMWARE / "ports" / "native"

FLASH_BYTES_MAX = 16 * 1024
"""Of code and constants."""
MEMORY_BYTES_MAX = 8 * 1024
"""Of data, buffers and stack; the model is besides."""

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion")
ARM = "arm-none-eabi-"
ARM_ADVICE = (
    "No arm-none-eabi-gcc with newlib here: "
    "`sudo apt install gcc-arm-none-eabi libnewlib-arm-none-eabi` cures it."
)
NATIVE_ADVICE = "No C compiler here: `sudo apt install gcc libc6-dev` cures it."
FUZZ_ADVICE = "No clang with libFuzzer here: `sudo apt install clang` cures it."
ARM_FLAGS = (
    *WARNINGS,
    "-O2",
    "-mthumb",
    "-Wstack-usage=1024",
    "-ffunction-sections",
    "-fdata-sections",
    "--specs=nano.specs",
    "-nostartfiles",
    "-Wl,--gc-sections",
)
SANITIZE_FLAGS = (
    "-g",
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)


class BuildFailed(Exception):
    """The firmware could not be built, or breaks a limit; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board that the firmware is built for."""

    name: str
    """Of its folder in ports/."""
    processor: str
    """What the compiler calls it."""
    machine: str
    """QEMU's name for it; empty if it knows none."""
    systick: bool = True
    """Its clock is the processor's own timer, not one of the board."""
    family_id: int = 0
    """Of its UF2 files; 0 if it takes none."""

    @property
    def folder(self) -> Path:
        """Where its sources are."""
        return FIRMWARE / "ports" / self.name


BOARDS = (
    Board(name="mps2_an385", processor="cortex-m3", machine="mps2-an385"),
    Board(name="stm32f405", processor="cortex-m4", machine="netduinoplus2"),
    Board(name="microbit", processor="cortex-m0", machine="microbit", systick=False),
    Board(
        name="rp2040",
        processor="cortex-m0plus",
        machine="",
        systick=False,
        family_id=images.RP2040_FAMILY_ID,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes that a board's program takes."""

    code: int
    """Of flash: code and constants."""
    data: int
    """Of both: variables that begin with a value."""
    zeros: int
    """Of memory: variables and buffers."""
    stack: int
    """Of memory, reserved."""
    model: int
    """Of memory, for a model: outside the limit."""

    @property
    def flash(self) -> int:
        """All that lies in flash."""
        return self.code + self.data

    @property
    def memory(self) -> int:
        """All that lies in memory but the model."""
        return self.data + self.zeros + self.stack


def board_sources(board: Board) -> tuple[Path, ...]:
    """Return the C files of a board's program."""
    names = ("main.c", "startup.c", "systick.c") if board.systick else ("main.c", "startup.c")
    return (*core_sources(), *(CORTEX_M / name for name in names), board.folder / "board.c")


def core_sources() -> tuple[Path, ...]:
    """Return the C files of the core."""
    return tuple(sorted(FIRMWARE.glob("*.c")))


def firmware_hash(folders: Sequence[Path]) -> bytes:
    """Return SHA-256 over the sources of the core and of folders, each with its name."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in (FIRMWARE, *folders) for path in folder.glob("*.[chl]*")):
        name, text = path.relative_to(FIRMWARE).as_posix().encode(), path.read_bytes()
        digest.update(b"%d %s %d " % (len(name), name, len(text)) + text)
    return digest.digest()


def build_board(board: Board, output: Path) -> Sizes:
    """Build BOARD.elf and what its board is flashed with.

    Raises
    ------
    BuildFailed
        No compiler, an error in the sources, or a program that is too big.
    """
    _want(f"{ARM}gcc", ARM_ADVICE)
    output.mkdir(parents=True, exist_ok=True)
    elf = output / f"{board.name}.elf"
    with tempfile.TemporaryDirectory() as made:
        include = _hash_header(Path(made), (CORTEX_M, board.folder))
        _run(
            [
                f"{ARM}gcc",
                f"-mcpu={board.processor}",
                *ARM_FLAGS,
                *_include(FIRMWARE, CORTEX_M, board.folder, include),
                *map(str, board_sources(board)),
                f"-L{CORTEX_M}",
                f"-T{board.folder / 'board.ld'}",
                f"-o{elf}",
            ]
        )
        binary = elf.with_suffix(".bin")
        _run([f"{ARM}objcopy", "-Obinary", str(elf), str(binary)])
        _run([f"{ARM}objcopy", "-Oihex", str(elf), str(elf.with_suffix(".hex"))])
        if board.family_id:
            boot = images.with_crc(_boot_stage(board, Path(made)))
            flashed = images.uf2(boot + binary.read_bytes(), family_id=board.family_id)
            elf.with_suffix(".uf2").write_bytes(flashed)
    sizes = board_sizes(elf)
    check_sizes(board.name, sizes)
    return sizes


def _boot_stage(board: Board, made: Path) -> bytes:
    elf, binary = made / "boot2.elf", made / "boot2.bin"
    _run(
        [
            f"{ARM}gcc",
            f"-mcpu={board.processor}",
            *ARM_FLAGS,
            "-nostdlib",
            str(board.folder / "boot2.c"),
            f"-T{board.folder / 'boot2.ld'}",
            f"-o{elf}",
        ]
    )
    _run([f"{ARM}objcopy", "-Obinary", str(elf), str(binary)])
    return binary.read_bytes()


def board_sizes(elf: Path) -> Sizes:
    """Return what a program takes."""
    found = dict.fromkeys((".text", ".ARM.exidx", ".data", ".bss", ".stack", ".model"), 0)
    for line in _run([f"{ARM}size", "-A", str(elf)]).splitlines():
        words = line.split()
        if words and words[0] in found:
            found[words[0]] = int(words[1])
    return Sizes(
        code=found[".text"] + found[".ARM.exidx"],
        data=found[".data"],
        zeros=found[".bss"],
        stack=found[".stack"],
        model=found[".model"],
    )


def check_sizes(name: str, sizes: Sizes) -> None:
    """Raise BuildFailed if a program takes more than the limits."""
    for what, most, actual in (
        ("flash", FLASH_BYTES_MAX, sizes.flash),
        ("memory besides the model", MEMORY_BYTES_MAX, sizes.memory),
    ):
        if actual > most:
            raise BuildFailed(f"{name} takes {actual} bytes of {what}: make it {most} or less.")


def build_native(
    output: Path,
    *,
    sanitize: bool = False,
    fuzz: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Build the core for this machine.

    Parameters
    ----------
    output : Path
        A name that ends in .so becomes a shared library (ports/native/library.h), another one a
        program that is a device on its standard input and output.
    sanitize : bool
        With the address and undefined-behaviour sanitizers.
    fuzz : bool
        A fuzzer in the program's place: libFuzzer's if CC is clang, else one that takes a corpus.
    environment : mapping
        CC in it names the compiler.

    Raises
    ------
    BuildFailed
    """
    compiler = shlex.split(environment.get("CC", "cc"))
    clang = "clang" in Path(compiler[0]).name
    _want(compiler[0], FUZZ_ADVICE if clang else NATIVE_ADVICE)
    flags = [*WARNINGS, *(SANITIZE_FLAGS if sanitize else ("-O2",))]
    sources = [*core_sources(), NATIVE / "library.c"]
    if output.suffix == ".so":
        flags += ["-shared", "-fPIC", "-fvisibility=hidden"]
    elif fuzz:
        sources.append(NATIVE / "fuzz.c")
        if clang:
            flags.append("-fsanitize=fuzzer")
        else:
            sources.append(NATIVE / "fuzz_main.c")
    else:
        sources.append(NATIVE / "program.c")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        include = _hash_header(Path(made), (NATIVE,))
        whole = Path(made) / output.name
        _run(
            [
                *compiler,
                *flags,
                *_include(FIRMWARE, NATIVE, include),
                *map(str, sources),
                f"-o{whole}",
            ]
        )
        shutil.move(whole, output)


def _hash_header(made: Path, folders: Sequence[Path]) -> Path:
    numbers = ", ".join(map(str, firmware_hash(folders)))
    text = f"#include <stdint.h>\n\nstatic const uint8_t FIRMWARE_HASH[32] = {{{numbers}}};\n"
    (made / "firmware_hash.h").write_text(text, encoding="ascii")
    return made


def _include(*folders: Path) -> list[str]:
    return [f"-I{folder}" for folder in folders]


def _want(program: str, advice: str) -> None:
    if shutil.which(program) is None:
        raise BuildFailed(advice)


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).rstrip()
        raise BuildFailed(f"`{shlex.join(command)}` failed:\n{said}")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if all was built."""
    parser = argparse.ArgumentParser(description="Compile the firmware of the bridge's boards.")
    what = parser.add_mutually_exclusive_group(required=True)
    names = [board.name for board in BOARDS]
    what.add_argument("--board", choices=names, help="one board")
    what.add_argument("--all", action="store_true", help="every board")
    what.add_argument("--native", action="store_true", help="this machine: X.so, or a program")
    what.add_argument("--fuzz", action="store_true", help="a fuzzer for this machine")
    parser.add_argument("--sanitize", action="store_true", help="with gcc's sanitizers (native)")
    parser.add_argument("--output", type=Path, default=Path("build/firmware"), metavar="PATH")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.native or chosen.fuzz:
            build_native(chosen.output, sanitize=chosen.sanitize, fuzz=chosen.fuzz)
            print(chosen.output)
        for board in BOARDS:
            if chosen.all or chosen.board == board.name:
                sizes = build_board(board, chosen.output)
                print(
                    f"{board.name:12} flash {sizes.flash:6} of {FLASH_BYTES_MAX} bytes, memory "
                    f"{sizes.memory:5} of {MEMORY_BYTES_MAX} and {sizes.model} for a model"
                )
    except BuildFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    except OSError as error:
        why = f"{error.filename or chosen.output}: {error.strerror or error}"
        print(f"{why}; make room, or name another --output", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
