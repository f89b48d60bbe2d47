# SPDX-License-Identifier: Apache-2.0
"""Word programs: which bits of which rows of a map make the words of a window.

The rows of a window are joined to one string of bits and cut into words, so kernels of any shape
are one mechanism. Rows of a map lie in two memories by their parity, read at once: an entry has up
to two pieces.
Law of the file: geometry of bits only; the layout of an entry is that of fpga/README.md.
Read next: fpga/rtl/window_control.sv, folding.py.
"""

from dataclasses import dataclass

WORD = 64
"""Bits of a word, and of a beat."""
_PIECE_BITS = 35


@dataclass(frozen=True, slots=True)
class Piece:
    """Bits of one row of the map that stand together in a word."""

    row: int
    """Below the window's top."""
    offset: int
    """Of the first bit in the window's part of that row, less its place in the word."""
    first: int
    """Where in the word it begins."""
    end: int
    """The bit after its last."""

    @property
    def bits(self) -> int:
        """It as the engine reads it."""
        return self.row << 29 | (self.offset & 0xFFFF) << 13 | self.first << 7 | self.end


@dataclass(frozen=True, slots=True)
class Entry:
    """What is read in one clock."""

    pieces: tuple[Piece, ...]
    """Two at most, the second from a row of the other parity."""
    begins: bool
    """A word begins with it."""
    ends: bool
    """A word is done with it."""

    @property
    def beats(self) -> list[int]:
        """It as the engine loads it: two beats, low bits first."""
        value = self.begins << 2 * _PIECE_BITS | self.ends << 2 * _PIECE_BITS + 1
        for i, piece in enumerate(self.pieces):
            value |= piece.bits << _PIECE_BITS * i
        return [value & (1 << WORD) - 1, value >> WORD]


def word_program(rows: int, run: int) -> list[Entry]:
    """Return the entries for a window of `rows` rows, each with `run` bits in the map's row."""
    words: list[list[Piece]] = [[] for _ in range(-(-rows * run // WORD))]
    for row in range(rows):
        done = 0
        while done < run:
            at = row * run + done
            start = at % WORD
            length = min(WORD - start, run - done)
            words[at // WORD].append(Piece(row, done - start, start, start + length))
            done += length
    entries = []
    for pieces in words:
        pairs = [tuple(pieces[i : i + 2]) for i in range(0, len(pieces), 2)]
        for i, pair in enumerate(pairs):
            entries.append(Entry(pair, begins=i == 0, ends=i == len(pairs) - 1))
    return entries
