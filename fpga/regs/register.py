# SPDX-License-Identifier: Apache-2.0
"""What a register is: its place, its fields, and who may read or write them.

constants.py is a table of these; the driver takes fields out of words with them, and a .hwh lists
them for pynq.
Law of the file: values only, no access to hardware.
Read next: constants.py.
"""

from dataclasses import dataclass

REGISTER_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Field:
    """Neighbouring bits of a register."""

    name: str
    """As in bnn_regs.rdl."""
    text: str
    """What it means, a sentence or nothing."""
    low: int
    """Its lowest bit."""
    bits: int
    """How many."""
    access: str
    """read-only, write-only or read-write."""
    reset: int | None
    """After a reset; None if hardware says."""

    @property
    def mask(self) -> int:
        """Its bits, where they stand."""
        return (1 << self.bits) - 1 << self.low

    def of(self, word: int) -> int:
        """Return the field's value in a register's word."""
        return (word & self.mask) >> self.low

    def at(self, value: int) -> int:
        """Return a word that has the field's value and is 0 elsewhere.

        Raises
        ------
        ValueError
            The value has more bits than the field.
        """
        if not 0 <= value < 1 << self.bits:
            raise ValueError(f"{self.name} has {self.bits} bits, {value} needs more")
        return value << self.low


@dataclass(frozen=True, kw_only=True)
class Register:
    """32 bits at an address."""

    name: str
    """As in bnn_regs.rdl."""
    text: str
    """What it means."""
    offset: int
    """Bytes from the first register."""
    fields: tuple[Field, ...]
    """From the lowest bit up."""

    @property
    def access(self) -> str:
        """read-only, write-only or read-write, as any of its fields asks."""
        ways = {field.access for field in self.fields}
        return ways.pop() if len(ways) == 1 else "read-write"

    @property
    def reset(self) -> int:
        """The word after a reset; what hardware says counts as 0."""
        return sum(field.at(field.reset or 0) for field in self.fields)

    def field(self, name: str) -> Field:
        """Return a field by its name.

        Raises
        ------
        KeyError
            There is none.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)
