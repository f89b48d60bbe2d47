# SPDX-License-Identifier: Apache-2.0
"""Word programs, carried out here on bit strings: they give the window's bits, once, in order."""

import numpy as np
import pytest

from edge_node_fpga.driver.word_program import WORD, Entry, Piece, word_program


def carried_out(entries: list[Entry], rows: list[int]) -> list[int]:
    """Return the words that a program makes of the window's rows."""
    words: list[int] = []
    for entry in entries:
        if entry.begins:
            words.append(0)
        for piece in entry.pieces:
            mask = (1 << piece.end) - (1 << piece.first)
            row = rows[piece.row]
            words[-1] |= (row >> piece.offset if piece.offset >= 0 else row << -piece.offset) & mask
    return words


@pytest.mark.parametrize("seed", range(30))
def test_words_are_the_rows_of_the_window_joined(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, run = int(rng.integers(1, 9)), int(rng.integers(1, 200))
    rows = [int.from_bytes(rng.bytes(25), "little") & (1 << run) - 1 for _ in range(height)]
    joined = sum(row << run * y for y, row in enumerate(rows))
    entries = word_program(height, run)
    expected = [joined >> WORD * w & (1 << WORD) - 1 for w in range(-(-height * run // WORD))]
    assert carried_out(entries, rows) == expected
    assert [entry.begins for entry in entries].count(True) == len(expected)
    assert [entry.ends for entry in entries].count(True) == len(expected)


@pytest.mark.parametrize(("rows", "run"), [(3, 3), (64, 1), (7, 20), (3, 96), (1, 640)])
def test_pieces_of_an_entry_are_of_rows_of_either_parity(rows: int, run: int) -> None:
    for entry in word_program(rows, run):
        assert 1 <= len(entry.pieces) <= 2
        assert len({piece.row % 2 for piece in entry.pieces}) == len(entry.pieces)


def test_beats_are_laid_out_as_the_readme_says() -> None:
    pieces = (Piece(row=5, offset=-3, first=1, end=64), Piece(row=6, offset=9, first=0, end=2))
    low, high = Entry(pieces, begins=False, ends=True).beats
    value = low | high << WORD
    assert value & 0x7F == 64
    assert value >> 7 & 0x3F == 1
    assert value >> 13 & 0xFFFF == 0x10000 - 3
    assert value >> 29 & 0x3F == 5
    assert value >> 35 & 0x7F == 2
    assert value >> 64 == 6 | 1 << 7
