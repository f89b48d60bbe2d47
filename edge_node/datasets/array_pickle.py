# SPDX-License-Identifier: Apache-2.0
"""A pickle of numpy arrays, read without numpy's unpickling and without running anything.

The three names that such a pickle uses (numpy's `_reconstruct`, `ndarray` and `dtype`, under the
module names of numpy 1 and 2) stand for inert classes here; any other name is refused before
anything of it is looked up. So a pickle can only say: shape, type, bytes.
Law of the file: the only place that reads pickles, and never one that came from a peer.
Read next: wheel.py.
"""

import math
import pickle  # noqa: TID251  # restricted: see above
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from edge_node.datasets.errors import PickleForbidden

Array = npt.NDArray[Any]

_TYPES: Final[dict[object, "np.dtype[Any]"]] = {
    "f4": np.dtype("<f4"),
    "i8": np.dtype("<i8"),
    "u1": np.dtype("u1"),
}
"""All that the pickles of the known wheels use."""

_BYTE_ORDERS = ("<", "|")

_MAX_DEPTH = 3
"""Tuples in tuples."""

_MISUSE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""What unpickling raises where a pickle uses the inert classes as they are not meant."""


class Stream(Protocol):
    """All that unpickling asks of a file."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes."""

    def readline(self) -> bytes:
        """Return the bytes up to the next line feed."""


class PickledType:
    """What the pickle calls `numpy.dtype`."""

    __slots__ = ("code",)

    def __init__(self, code: object, *_: object) -> None:
        self.code = _text(code)

    def __setstate__(self, state: object) -> None:
        """Check the byte order, all that matters of the state of a plain number's type."""
        order = _text(state[1]) if isinstance(state, tuple) and len(state) > 1 else "none"
        if order not in _BYTE_ORDERS:
            raise PickleForbidden(what=f"numbers of byte order {order!r}")


class PickledArray:
    """What the pickle calls `numpy.ndarray`."""

    __slots__ = ("array",)

    def __setstate__(self, state: object) -> None:
        """Take shape, type and bytes."""
        match state:
            case (int(), tuple(shape), PickledType(code=code), fortran, bytes(data)) if (
                code in _TYPES and not fortran and all(isinstance(n, int) and n > 0 for n in shape)
            ):
                dtype = _TYPES[code]
            case _:
                raise PickleForbidden(what="an array that is not of plain numbers")
        if math.prod(shape) * dtype.itemsize != len(data):
            raise PickleForbidden(what=f"an array of shape {shape} with {len(data)} bytes")
        self.array = np.frombuffer(data, dtype=dtype).reshape(shape)


class _Reconstructed(PickledArray):
    """What the pickle calls as `_reconstruct`; a class, as a pickle could change a function."""

    __slots__ = ()

    def __init__(self, subtype: object, *_: object) -> None:
        if subtype is not PickledArray:
            raise PickleForbidden(what="an array of a type of its own")


def read_arrays(stream: Stream) -> list[Array]:
    """Return the arrays of a pickle that holds nothing but nested tuples and lists of arrays.

    Parameters
    ----------
    stream : Stream
        The pickle; the caller bounds its length.

    Raises
    ------
    PickleForbidden
    """
    try:
        value = _ArrayUnpickler(stream, encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, MemoryError, *_MISUSE) as error:
        raise PickleForbidden(what=f"something malformed ({error})") from error
    return _flat(value, _MAX_DEPTH)


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> object:
        match module_name, global_name:
            case "numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct":
                return _Reconstructed
            case "numpy", "ndarray":
                return PickledArray
            case "numpy", "dtype":
                return PickledType
            case _:
                raise PickleForbidden(what=f"the name {module_name}.{global_name}")


def _flat(value: object, depth: int) -> list[Array]:
    match value:
        case PickledArray(array=np.ndarray() as array):
            return [array]
        case tuple() | list() if depth:
            return [array for item in value for array in _flat(item, depth - 1)]
        case _:
            raise PickleForbidden(what=f"a {type(value).__name__}")


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
