# SPDX-License-Identifier: Apache-2.0
"""The restricted unpickler: arrays of numbers, from any numpy, and nothing else whatever."""

import io
import os
import pickle  # noqa: TID251  # writes what the restricted reader is tested on
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.datasets.array_pickle import Array, read_arrays
from edge_node.datasets.errors import PickleForbidden

FLOATS = np.arange(6, dtype=np.float32).reshape(2, 3) / 256
INTEGERS = np.arange(5, dtype=np.int64)
BYTES = np.arange(4, dtype=np.uint8)


def read(data: bytes) -> list[Array]:
    return read_arrays(io.BytesIO(data))


def old_pickle(module: str = "numpy.core.multiarray", order: bytes = b"<") -> bytes:
    """As Python 2 wrote FLOATS in mnist.pkl: protocol 2, byte strings, a memo."""
    data = FLOATS.tobytes()
    return b"".join(
        [
            b"\x80\x02c" + module.encode() + b"\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02",
            b"K\x00\x85U\x01b\x87Rq\x03(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x04U\x02f4K\x00K\x01",
            b"\x87Rq\x05(K\x03U\x01" + order + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
            b"T" + struct.pack("<i", len(data)) + data + b"tb.",
        ]
    )


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_of_this_numpy_come_back(protocol: int) -> None:
    value = ((FLOATS, INTEGERS), [BYTES, BYTES])
    arrays = read(pickle.dumps(value, protocol=protocol))
    originals: list[Array] = [FLOATS, INTEGERS, BYTES, BYTES]
    for array, original in zip(arrays, originals, strict=True):
        assert array.dtype == original.dtype
        assert np.array_equal(array, original)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_pickle_of_python_2_comes_back(module: str) -> None:
    assert np.array_equal(read(old_pickle(module))[0], FLOATS)


class Runs:
    """Unpickles by calling a function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Runs(os.system, "false"), "posix.system"),
        (Runs(eval, "1"), "__builtin__.eval"),
        (Runs(getattr, BYTES, "tofile"), "__builtin__.getattr"),
        (Runs(np.load, "x"), "numpy"),
        (np.float32(1), "numpy.scalar"),
        (os.system, "posix.system"),
        (np.ndarray.tofile, "getattr"),
    ],
)
def test_every_other_name_is_refused(value: object, name: str) -> None:
    for protocol in (2, 4):
        text = name.replace("__builtin__", "builtins") if protocol == 4 else name
        with pytest.raises(PickleForbidden, match=rf"the name .*{text.split('.')[-1]}"):
            read(pickle.dumps(value, protocol=protocol))


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.array([object()], dtype=object), "the name builtins.object"),
        (np.array([None], dtype=object), "an array that is not of plain numbers"),
        (np.array(["text"]), "an array that is not of plain numbers"),
        (np.array([1], dtype=">i8"), "numbers of byte order '>'"),
        (np.array([(1, 2)], dtype="i4,i4"), "byte order|plain numbers"),
        (np.asfortranarray(np.ones((2, 3), dtype=np.float32)), "plain numbers"),
        (FLOATS[:0], "plain numbers"),
        ({"train": FLOATS}, "a dict"),
        (b"bytes", "a bytes"),
        (None, "a NoneType"),
        ((FLOATS, "label"), "a str"),
    ],
)
def test_other_values_are_refused(value: object, what: str) -> None:
    with pytest.raises(PickleForbidden, match=what):
        read(pickle.dumps(value, protocol=3))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no pickle",
        old_pickle()[:-1],
        old_pickle().replace(b"K\x02K\x03\x86", b"K\x02K\x04\x86"),  # a shape that does not fit
        old_pickle().replace(b"f4", b"O8"),
        b"cnumpy\nndarray\n.",  # the class, not an array
        b"cnumpy\nndarray\n)\x81.",  # an array without a state
        b"cnumpy\nndarray\n}U\x05arrayK\x01sb.",  # writes on the class
        b"cnumpy.core.multiarray\n_reconstruct\n}U\x0b__globals__}sb.",
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\n\x85R.",
        b"\x80\x02cnumpy\ndtype\nU\x02f4\x85R.",  # a type, not an array
        b"]q\x01h\x01a.",  # a list that holds itself
    ],
)
def test_misuse_is_refused(data: bytes) -> None:
    with pytest.raises(PickleForbidden):
        read(data)
    assert np.array_equal(read(old_pickle())[0], FLOATS)  # and leaves nothing behind


@given(st.integers(0, len(old_pickle()) - 1), st.integers(1, 255))
def test_changed_pickle_gives_arrays_or_is_refused(position: int, change: int) -> None:
    data = bytearray(old_pickle())
    data[position] ^= change
    try:
        arrays = read(bytes(data))
    except PickleForbidden:
        return
    assert all(isinstance(array, np.ndarray) for array in arrays)
