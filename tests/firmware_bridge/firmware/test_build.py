# SPDX-License-Identifier: Apache-2.0
"""What compiles the firmware: limits that hold, a hash of its sources, advice when tools lack."""

import shutil
import subprocess
from pathlib import Path

import pytest

from edge_node_bridge.firmware import images
from edge_node_bridge.firmware.build import (
    BOARDS,
    CORTEX_M,
    FIRMWARE,
    FLASH_BYTES_MAX,
    MEMORY_BYTES_MAX,
    BuildFailed,
    Sizes,
    build_board,
    build_native,
    check_sizes,
    firmware_hash,
    main,
)


@pytest.mark.firmware
def test_every_board_is_within_the_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--all", "--output", str(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == [board.name for board in BOARDS]
    for board in BOARDS:
        for suffix in (".elf", ".bin", ".hex", *((".uf2",) if board.family_id else ())):
            assert (tmp_path / board.name).with_suffix(suffix).stat().st_size > 0


@pytest.mark.firmware
def test_readme_tells_what_each_board_takes(tmp_path: Path) -> None:
    command = ["arm-none-eabi-gcc", "-dumpversion"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    readme = (FIRMWARE / "README.md").read_text()
    for board in BOARDS:
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{board.name}`"))
        told = [int(cell.replace(",", "")) for cell in row.split(" | ")[2:5]]
        sizes = build_board(board, tmp_path)
        # Another compiler makes other code, but not other buffers.
        if f"gcc {version} " in readme:
            assert told[0] == sizes.flash
        assert told[2] == sizes.model
        assert told[1] == sizes.memory


@pytest.mark.firmware
def test_uf2_begins_with_a_boot_stage_that_the_boot_rom_takes(tmp_path: Path) -> None:
    board = next(each for each in BOARDS if each.family_id)
    build_board(board, tmp_path)
    file = (tmp_path / f"{board.name}.uf2").read_bytes()
    stage = file[32 : 32 + images.BOOT_BYTES]
    assert int.from_bytes(stage[-4:], "little") == images.boot_crc(stage[:-4])
    binary = (tmp_path / f"{board.name}.bin").read_bytes()
    assert file[512 + 32 : 512 + 32 + 256] == binary[:256]


@pytest.mark.parametrize(
    ("code", "zeros", "said"),
    [
        (FLASH_BYTES_MAX - 7, 0, f"{FLASH_BYTES_MAX + 1} bytes of flash"),
        (0, MEMORY_BYTES_MAX - 107, f"{MEMORY_BYTES_MAX + 1} bytes of memory besides the model"),
    ],
)
def test_program_above_a_limit_is_refused(code: int, zeros: int, said: str) -> None:
    sizes = Sizes(code=code, data=8, zeros=zeros, stack=100, model=1 << 20)
    with pytest.raises(BuildFailed, match=said):
        check_sizes("board", sizes)


def test_program_at_its_limits_is_taken() -> None:
    check_sizes(
        "board",
        Sizes(
            code=FLASH_BYTES_MAX - 8,
            data=8,
            zeros=MEMORY_BYTES_MAX - 108,
            stack=100,
            model=1 << 20,
        ),
    )


def test_boards_have_different_hashes() -> None:
    assert len({firmware_hash((CORTEX_M, board.folder)) for board in BOARDS}) == len(BOARDS)


def test_missing_compilers_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed, match="apt install gcc-arm-none-eabi"):
        build_board(BOARDS[0], tmp_path)
    for compiler, package in (("cc", "gcc"), ("clang", "clang")):
        with pytest.raises(BuildFailed, match=f"apt install {package}"):
            build_native(tmp_path / "core.so", environment={"CC": compiler})


def test_command_says_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    monkeypatch.setenv("CC", "cc -Dreturn=x")
    assert main(["--native", "--output", str(tmp_path / "core.so")]) == 1
    assert "failed:" in capsys.readouterr().err
    assert not (tmp_path / "core.so").exists()


@pytest.mark.firmware
def test_folder_that_can_not_be_made_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "firmware"
    assert main(["--board", BOARDS[0].name, "--output", str(output)]) == 1
    told = f"{output}: Not a directory; make room, or name another --output\n"
    assert capsys.readouterr().err == told
