# SPDX-License-Identifier: Apache-2.0
"""Registers and error codes of the engine.

Made by fpga/regs/generate.py from bnn_regs.rdl; change that, not this.
Law of the file: generated, and equal to the source: a test says so.
Read next: register.py.
"""

from enum import IntEnum

from edge_node_fpga.regs.register import Field, Register


class ErrorCode(IntEnum):
    """Values of ERROR.code."""

    NONE = 0
    """All is well."""
    BAD_MAGIC = 1
    """A packet does not begin with BNN1."""
    BAD_KIND = 2
    """A packet is neither a model nor images."""
    BAD_LENGTH = 3
    """A packet ends before or after what its header says."""
    BAD_CRC = 4
    """A packet's CRC-32 is another one."""
    BAD_TARGET = 5
    """A command of a model is for no known memory."""
    BAD_ADDRESS = 6
    """A command of a model goes beyond its memory."""
    ROWS_TAKEN = 7
    """Rows of weights are in use by the model of the other slot."""
    SLOT_RUNNING = 8
    """A model is for the slot that a batch is running on."""
    NO_MODEL = 9
    """Images came for a slot without a model."""
    NO_LAST = 10
    """The last beat of a packet came without TLAST."""
    BAD_MODEL = 16
    """Layers, first layer or images of a model are out of bounds."""
    BAD_GRID = 17
    """A layer's output has no rows or columns, or too many."""
    BAD_MAP = 18
    """A layer's input does not fit its memory."""
    BAD_WINDOW = 19
    """A layer's window has no words, or too many."""
    BAD_PROGRAM = 20
    """A layer's word program is too short or leaves its memory."""
    BAD_TILES = 21
    """A layer has no tiles of channels, or too many."""
    BAD_ROWS = 22
    """A layer's weights leave their memory."""
    BAD_LIMITS = 23
    """A layer's limits leave their memory."""
    BAD_END = 24
    """Logits, and only they, end a model."""
    WATCHDOG = 32
    """A group of images took longer than WATCHDOG says."""


ID = Register(
    name="ID",
    text="Reads BNN1; look at it before anything else.",
    offset=0x00,
    fields=(Field(name="value", text="", low=0, bits=32, access="read-only", reset=0x314E4E42),),
)
VERSION = Register(
    name="VERSION",
    text="Of registers, packets and descriptors.",
    offset=0x04,
    fields=(
        Field(name="minor", text="", low=0, bits=16, access="read-only", reset=0x0),
        Field(name="major", text="", low=16, bits=16, access="read-only", reset=0x1),
    ),
)
CAPS_ARRAY = Register(
    name="CAPS_ARRAY",
    text="What the array is.",
    offset=0x08,
    fields=(
        Field(
            name="elements",
            text="Processing elements, P.",
            low=0,
            bits=8,
            access="read-only",
            reset=None,
        ),
        Field(
            name="width",
            text="Lanes of each, S.",
            low=8,
            bits=8,
            access="read-only",
            reset=None,
        ),
        Field(
            name="images",
            text="Images side by side.",
            low=16,
            bits=8,
            access="read-only",
            reset=None,
        ),
        Field(
            name="trees",
            text="Channels of the first-layer unit, T.",
            low=24,
            bits=8,
            access="read-only",
            reset=None,
        ),
    ),
)
CAPS_MODEL = Register(
    name="CAPS_MODEL",
    text="What models may take.",
    offset=0x0C,
    fields=(
        Field(
            name="weight_rows",
            text="Rows of weights, of P words.",
            low=0,
            bits=16,
            access="read-only",
            reset=None,
        ),
        Field(
            name="limit_rows",
            text="Rows of limits of one model.",
            low=16,
            bits=8,
            access="read-only",
            reset=None,
        ),
        Field(
            name="layers",
            text="Layers of the array.",
            low=24,
            bits=8,
            access="read-only",
            reset=None,
        ),
    ),
)
CAPS_WINDOW = Register(
    name="CAPS_WINDOW",
    text="What windows may take.",
    offset=0x10,
    fields=(
        Field(
            name="window_words",
            text="Words of a window.",
            low=0,
            bits=16,
            access="read-only",
            reset=None,
        ),
        Field(
            name="program_entries",
            text="Entries of one model's word programs.",
            low=16,
            bits=16,
            access="read-only",
            reset=None,
        ),
    ),
)
CAPS_MAP = Register(
    name="CAPS_MAP",
    text="What maps may take.",
    offset=0x14,
    fields=(
        Field(
            name="bank_words",
            text="Words of a map's rows of one parity.",
            low=0,
            bits=16,
            access="read-only",
            reset=None,
        ),
        Field(
            name="lane_bank_words",
            text="The same with images side by side.",
            low=16,
            bits=16,
            access="read-only",
            reset=None,
        ),
    ),
)
CTRL = Register(
    name="CTRL",
    text="Control.",
    offset=0x20,
    fields=(
        Field(
            name="reset",
            text="Ends everything and forgets all models; results under way end with TLAST.",
            low=0,
            bits=1,
            access="write-only",
            reset=0x0,
        ),
        Field(
            name="slot",
            text="Slot of the model that images are for.",
            low=1,
            bits=1,
            access="read-write",
            reset=0x0,
        ),
        Field(
            name="labels",
            text="Images come with labels.",
            low=2,
            bits=1,
            access="read-write",
            reset=0x0,
        ),
        Field(
            name="count_only",
            text="Only the number of correct images goes out.",
            low=3,
            bits=1,
            access="read-write",
            reset=0x0,
        ),
        Field(
            name="drop_0",
            text="Forgets the model of slot 0.",
            low=4,
            bits=1,
            access="write-only",
            reset=0x0,
        ),
        Field(
            name="drop_1",
            text="Forgets the model of slot 1.",
            low=5,
            bits=1,
            access="write-only",
            reset=0x0,
        ),
    ),
)
STATUS = Register(
    name="STATUS",
    text="Status.",
    offset=0x24,
    fields=(
        Field(
            name="busy",
            text="A batch is under way, or results of one have not been taken.",
            low=0,
            bits=1,
            access="read-only",
            reset=None,
        ),
        Field(
            name="model_0",
            text="Slot 0 has a model.",
            low=1,
            bits=1,
            access="read-only",
            reset=None,
        ),
        Field(
            name="model_1",
            text="Slot 1 has a model.",
            low=2,
            bits=1,
            access="read-only",
            reset=None,
        ),
    ),
)
ERROR = Register(
    name="ERROR",
    text="The last one; any write clears it.",
    offset=0x28,
    fields=(Field(name="code", text="", low=0, bits=8, access="read-write", reset=0x0),),
)
WATCHDOG = Register(
    name="WATCHDOG",
    text="Clocks that a group of images may take in the array.",
    offset=0x2C,
    fields=(Field(name="clocks", text="", low=0, bits=32, access="read-write", reset=0xFFFFFF),),
)
IMAGES = Register(
    name="IMAGES",
    text="Images done of the batch.",
    offset=0x30,
    fields=(Field(name="count", text="", low=0, bits=32, access="read-only", reset=None),),
)
CORRECT = Register(
    name="CORRECT",
    text="Correct images of the batch.",
    offset=0x34,
    fields=(Field(name="count", text="", low=0, bits=32, access="read-only", reset=None),),
)
CLOCKS = Register(
    name="CLOCKS",
    text="Clocks of the batch.",
    offset=0x38,
    fields=(Field(name="count", text="", low=0, bits=32, access="read-only", reset=None),),
)
STALL_IN = Register(
    name="STALL_IN",
    text="Clocks without input.",
    offset=0x3C,
    fields=(Field(name="count", text="", low=0, bits=32, access="read-only", reset=None),),
)
STALL_OUT = Register(
    name="STALL_OUT",
    text="Clocks in which output was not taken.",
    offset=0x40,
    fields=(Field(name="count", text="", low=0, bits=32, access="read-only", reset=None),),
)
CRC = Register(
    name="CRC",
    text="CRC-32 of the last packet.",
    offset=0x44,
    fields=(Field(name="value", text="", low=0, bits=32, access="read-only", reset=None),),
)
IRQ_ENABLE = Register(
    name="IRQ_ENABLE",
    text="Interrupt enable.",
    offset=0x48,
    fields=(
        Field(
            name="done",
            text="The end of a batch.",
            low=0,
            bits=1,
            access="read-write",
            reset=0x0,
        ),
        Field(name="error", text="An error.", low=1, bits=1, access="read-write", reset=0x0),
    ),
)
IRQ_STATUS = Register(
    name="IRQ_STATUS",
    text="Writing 1 clears.",
    offset=0x4C,
    fields=(
        Field(
            name="done",
            text="The end of a batch.",
            low=0,
            bits=1,
            access="read-write",
            reset=0x0,
        ),
        Field(name="error", text="An error.", low=1, bits=1, access="read-write", reset=0x0),
    ),
)

REGISTERS = (
    ID,
    VERSION,
    CAPS_ARRAY,
    CAPS_MODEL,
    CAPS_WINDOW,
    CAPS_MAP,
    CTRL,
    STATUS,
    ERROR,
    WATCHDOG,
    IMAGES,
    CORRECT,
    CLOCKS,
    STALL_IN,
    STALL_OUT,
    CRC,
    IRQ_ENABLE,
    IRQ_STATUS,
)
"""All, in the order of their addresses."""
