# SPDX-License-Identifier: Apache-2.0
"""Writes .tflite files: the few tables of TensorFlow Lite's schema that our networks need.

Field numbers are those of TensorFlow's schema.fbs, version 3; they never change there. Every
quantised tensor has scale 1, so every integer operation has an effective multiplier of exactly 1:
that is what makes all interpreters agree (design, section 3).
Law of the file: the only importer of `flatbuffers`; it knows tables, not networks.
Read next: tflite_export.py.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_node.inference.backend import BackendUnavailable

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
ABSENT = -1
"""Stands for an optional input that an operator does not get."""

_INITIAL_BYTES = 1 << 16
"""The builder doubles its memory from here."""
_BUFFER_ALIGNMENT = 16
"""Interpreters map weights in place, and their vector loads want this."""
_MAX_DEPRECATED_CODE = 127
"""Operator codes from here up live only in the field that replaced the signed byte."""


class ElementType(IntEnum):
    """TensorType of the schema."""

    FLOAT32 = 0
    INT32 = 2
    UINT8 = 3
    INT8 = 9


class Activation(IntEnum):
    """ActivationFunctionType of the schema."""

    NONE = 0
    CLAMP_ONE = 2
    """RELU_N1_TO_1: no less than -1, no more than 1."""


class Padding(IntEnum):
    """Padding of the schema, and of LCE's options."""

    SAME = 0
    VALID = 1


class _Operator(IntEnum):
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    DEQUANTIZE = 6
    FULLY_CONNECTED = 9
    MAX_POOL_2D = 17
    CUSTOM = 32
    QUANTIZE = 114


_OPERATOR_VERSION = {
    # The versions that brought int8 with a scale for each channel.
    _Operator.CONV_2D: 3,
    _Operator.DEPTHWISE_CONV_2D: 3,
    _Operator.DEQUANTIZE: 2,
    _Operator.FULLY_CONNECTED: 1,
    _Operator.MAX_POOL_2D: 2,
    _Operator.CUSTOM: 1,
    _Operator.QUANTIZE: 2,
}


class _OptionsKind(IntEnum):
    """BuiltinOptions of the schema."""

    NONE = 0
    CONV_2D = 1
    DEPTHWISE_CONV_2D = 2
    POOL_2D = 5
    FULLY_CONNECTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    slot: int
    method: str
    """The builder's method that writes it."""
    value: int


def _byte(slot: int, value: int) -> _Field:
    return _Field(slot=slot, method="PrependInt8Slot", value=value)


def _int(slot: int, value: int) -> _Field:
    return _Field(slot=slot, method="PrependInt32Slot", value=value)


def _offset(slot: int, value: int) -> _Field:
    return _Field(slot=slot, method="PrependUOffsetTRelativeSlot", value=value)


def why_unavailable() -> str | None:
    """Return what is missing to write files here, or None."""
    if importlib.util.find_spec("flatbuffers") is None:
        return "install edge-node[export] to write .tflite files"
    return None


class TfliteWriter:
    """A network with one subgraph, written operator by operator.

    Raises
    ------
    BackendUnavailable
        The package `flatbuffers` is not installed.
    """

    def __init__(self) -> None:
        if why := why_unavailable():
            raise BackendUnavailable(backend="tflite", why=why)
        import flatbuffers  # noqa: PLC0415 - an extra, needed only to write files
        from flatbuffers import flexbuffers  # noqa: PLC0415 - the same

        self._encode_options: Any = flexbuffers.Dumps
        self._builder: Any = flatbuffers.Builder(_INITIAL_BYTES)
        self._buffers: list[int] = [self._table()]  # the schema wants buffer 0 to be empty
        self._tensors: list[int] = []
        self._operators: list[int] = []
        self._codes: dict[tuple[_Operator, str], int] = {}

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        element: ElementType,
        *,
        zero_point: int | None = None,
    ) -> int:
        """Add a tensor that is computed, and return its number.

        Parameters
        ----------
        name : str
        shape : sequence of int
        element : ElementType
        zero_point : int, optional
            For a quantised tensor, the integer that stands for 0; the scale is 1.
        """
        return self._tensor(name, shape, element, 0, zero_point=zero_point, channel_axis=None)

    def constant(
        self, name: str, values: npt.NDArray[Any], *, channel_axis: int | None = None
    ) -> int:
        """Add a tensor of fixed values, and return its number.

        Parameters
        ----------
        name : str
        values : array
            int8, int32 or float32; written little-endian.
        channel_axis : int, optional
            Of quantised weights or biases: the axis that has one scale, of 1, for each index.
        """
        little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
        data = little.tobytes()
        self._builder.Prep(_BUFFER_ALIGNMENT, len(data))
        self._buffers.append(self._table(_offset(0, self._builder.CreateByteVector(data))))
        return self._tensor(
            name,
            values.shape,
            ElementType[values.dtype.name.upper()],
            len(self._buffers) - 1,
            zero_point=None if channel_axis is None else 0,
            channel_axis=channel_axis,
        )

    def quantize(self, source: int, target: int) -> None:
        """Add QUANTIZE: from one zero point or type to another."""
        self._operator(_Operator.QUANTIZE, [source], [target])

    def dequantize(self, source: int, target: int) -> None:
        """Add DEQUANTIZE: from integers to floats."""
        self._operator(_Operator.DEQUANTIZE, [source], [target])

    def conv(
        self,
        source: int,
        target: int,
        *,
        weights: int,
        bias: int,
        padding: Padding = Padding.VALID,
        activation: Activation = Activation.NONE,
    ) -> None:
        """Add CONV_2D of stride 1; weights (channels, rows, columns, input channels)."""
        fields = (_byte(0, padding), _int(1, 1), _int(2, 1), _byte(3, activation))
        options = self._table(*fields, _int(4, 1), _int(5, 1))
        self._operator(
            _Operator.CONV_2D, [source, weights, bias], [target], _OptionsKind.CONV_2D, options
        )

    def depthwise_conv(
        self, source: int, target: int, *, weights: int, bias: int, activation: Activation
    ) -> None:
        """Add DEPTHWISE_CONV_2D of stride 1, VALID; weights (1, rows, columns, channels)."""
        fields = (_byte(0, Padding.VALID), _int(1, 1), _int(2, 1), _int(3, 1), _byte(4, activation))
        options = self._table(*fields, _int(5, 1), _int(6, 1))
        self._operator(
            _Operator.DEPTHWISE_CONV_2D,
            [source, weights, bias],
            [target],
            _OptionsKind.DEPTHWISE_CONV_2D,
            options,
        )

    def max_pool(self, source: int, target: int) -> None:
        """Add MAX_POOL_2D, 2x2 of stride 2; an odd last row or column is dropped."""
        fields = (_byte(0, Padding.VALID), _int(1, 2), _int(2, 2), _int(3, 2), _int(4, 2))
        options = self._table(*fields)
        self._operator(_Operator.MAX_POOL_2D, [source], [target], _OptionsKind.POOL_2D, options)

    def fully_connected(self, source: int, target: int, *, weights: int, bias: int) -> None:
        """Add FULLY_CONNECTED; weights (outputs, inputs), the source flattened per image."""
        self._operator(
            _Operator.FULLY_CONNECTED,
            [source, weights, bias],
            [target],
            _OptionsKind.FULLY_CONNECTED,
            self._table(),
        )

    def custom(
        self, name: str, sources: Sequence[int], target: int, options: Mapping[str, int]
    ) -> None:
        """Add an operator that only some interpreters know; its options become a flexbuffer."""
        data = bytes(self._encode_options(dict(options))) if options else b""
        self._operator(_Operator.CUSTOM, sources, [target], name=name, custom_options=data)

    def finish(self, *, sources: Sequence[int], targets: Sequence[int], description: str) -> bytes:
        """Return the file.

        Parameters
        ----------
        sources, targets : sequence of int
            Tensors that the user fills and reads.
        description : str
            Shown by model viewers.
        """
        codes = [self._operator_code(code, name) for code, name in self._codes]
        subgraph = self._table(
            _offset(0, self._offsets(self._tensors)),
            _offset(1, self._ints(sources)),
            _offset(2, self._ints(targets)),
            _offset(3, self._offsets(self._operators)),
            _offset(4, self._builder.CreateString("main")),
        )
        root = self._table(
            _int(0, SCHEMA_VERSION),
            _offset(1, self._offsets(codes)),
            _offset(2, self._offsets([subgraph])),
            _offset(3, self._builder.CreateString(description)),
            _offset(4, self._offsets(self._buffers)),
        )
        self._builder.Finish(root, FILE_IDENTIFIER)
        return bytes(self._builder.Output())

    def _tensor(
        self,
        name: str,
        shape: Sequence[int],
        element: ElementType,
        buffer: int,
        *,
        zero_point: int | None,
        channel_axis: int | None,
    ) -> int:
        fields = [
            _offset(0, self._ints(shape)),
            _byte(1, element),
            _Field(slot=2, method="PrependUint32Slot", value=buffer),
            _offset(3, self._builder.CreateString(name)),
        ]
        if zero_point is not None:
            count = 1 if channel_axis is None else shape[channel_axis]
            scales = self._builder.CreateNumpyVector(np.ones(count, dtype=np.float32))
            zeros = self._builder.CreateNumpyVector(np.full(count, zero_point, dtype=np.int64))
            axis = _int(6, channel_axis or 0)
            fields.append(_offset(4, self._table(_offset(2, scales), _offset(3, zeros), axis)))
        self._tensors.append(self._table(*fields))
        return len(self._tensors) - 1

    def _operator(
        self,
        code: _Operator,
        sources: Sequence[int],
        targets: Sequence[int],
        options_kind: _OptionsKind = _OptionsKind.NONE,
        options: int = 0,
        *,
        name: str = "",
        custom_options: bytes = b"",
    ) -> None:
        fields = [
            _Field(
                slot=0,
                method="PrependUint32Slot",
                value=self._codes.setdefault((code, name), len(self._codes)),
            ),
            _offset(1, self._ints(sources)),
            _offset(2, self._ints(targets)),
        ]
        if options_kind is not _OptionsKind.NONE:
            fields.append(_Field(slot=3, method="PrependUint8Slot", value=options_kind))
            fields.append(_offset(4, options))
        if custom_options:
            fields.append(_offset(5, self._builder.CreateByteVector(custom_options)))
        self._operators.append(self._table(*fields))

    def _operator_code(self, code: _Operator, name: str) -> int:
        fields = [
            _byte(0, min(code, _MAX_DEPRECATED_CODE)),
            _int(2, _OPERATOR_VERSION[code]),
            _int(3, code),
        ]
        if name:
            fields.append(_offset(1, self._builder.CreateString(name)))
        return self._table(*fields)

    def _table(self, *fields: _Field) -> int:
        """Write a table; zeros are the schema's defaults and are left out."""
        self._builder.StartObject(1 + max((field.slot for field in fields), default=-1))
        for field in fields:
            getattr(self._builder, field.method)(field.slot, int(field.value), 0)
        return int(self._builder.EndObject())

    def _ints(self, values: Sequence[int]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, dtype=np.int32)))

    def _offsets(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())
