# SPDX-License-Identifier: Apache-2.0
"""Registers as values: fields taken out of words, words made of fields, access, resets."""

import pytest

from edge_node_fpga.regs.register import Field, Register


def field(name: str, low: int, bits: int, access: str = "read-only", reset: int = 0) -> Field:
    return Field(name=name, text="", low=low, bits=bits, access=access, reset=reset)


PAIR = Register(
    name="PAIR",
    text="",
    offset=8,
    fields=(field("low", 0, 16, reset=7), field("high", 16, 16, "write-only", 2)),
)


def test_field_is_taken_out_of_a_word() -> None:
    assert PAIR.field("low").of(0x1234_5678) == 0x5678
    assert PAIR.field("high").of(0x1234_5678) == 0x1234


def test_field_goes_where_it_stands() -> None:
    assert PAIR.field("high").at(0xFFFF) == PAIR.field("high").mask == 0xFFFF_0000


@pytest.mark.parametrize("value", [-1, 1 << 16])
def test_value_that_has_no_room_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="high has 16 bits"):
        PAIR.field("high").at(value)


def test_unknown_field_is_refused() -> None:
    with pytest.raises(KeyError):
        PAIR.field("middle")


def test_register_may_do_what_any_of_its_fields_may() -> None:
    assert PAIR.access == "read-write"
    one = Register(name="ONE", text="", offset=0, fields=(field("all", 0, 32),))
    assert one.access == "read-only"


def test_reset_of_a_register_is_that_of_its_fields() -> None:
    assert PAIR.reset == 0x0002_0007
