# SPDX-License-Identifier: Apache-2.0
"""The randomness port: whoever needs chance is given a `RandomSource`.

Nothing that decides validity uses it; the law draws from `hashing.Prf` alone.
Law of the file: the Protocol only, so that a simulation can replay from a seed.
Read next: hashing.py.
"""

from typing import Protocol


class RandomSource(Protocol):
    """A source of chance."""

    def bytes(self, count: int) -> bytes:
        """Return `count` random bytes."""

    def below(self, limit: int) -> int:
        """Return an integer in 0..limit-1."""
