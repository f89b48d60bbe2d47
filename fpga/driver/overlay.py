# SPDX-License-Identifier: Apache-2.0
"""The engine through pynq: the same bytes of Python on a board and on the simulated device.

Everything goes by two buffers: one DMA a batch out, results back; nothing is moved pixel by pixel.
The model is folded for a slot that is free, so one can be loaded while another runs.
Law of the file: identity and version are looked at before anything else is touched; no wait without
an end, and each end has a name.
Read next: folding.py, packets.py, fpga/rtl/bnn_engine.sv.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_node_fpga.driver.errors import (
    DmaNotReset,
    EngineStuck,
    ImagesNotTaken,
    ModelNotTaken,
    NoModel,
    NoResults,
    NotOurEngine,
    TransferFailed,
    WrongImages,
    engine_error,
)
from edge_node_fpga.driver.folding import Caps, DoesNotFit, Folded, Layer, fold
from edge_node_fpga.driver.packets import BEAT_BYTES, Images, Labels, image_packet
from edge_node_fpga.driver.pynq_library import FromPynq, load_pynq
from edge_node_fpga.regs.constants import (
    CAPS_ARRAY,
    CAPS_MAP,
    CAPS_MODEL,
    CAPS_WINDOW,
    CTRL,
    ID,
    STATUS,
    VERSION,
)
from edge_node_fpga.regs.register import Register
from edge_node_fpga.vivado.design import CLOCK_HZ, DMA, DMA_PARAMETERS, ENGINE

MAJOR_VERSION = VERSION.field("major").of(VERSION.reset)
DEFAULT_TIMEOUT_S = 10.0
MAX_RESIDENT_SETS = 256
"""Image sets that are looked through; a node counts 10,000 images of a large net in a hundred."""
MAX_RESIDENT_BYTES = 1 << 26
"""Of all that are kept in contiguous memory; a board's CMA has 128 MiB."""
MAX_PACKET_BYTES = (1 << int(dict(DMA_PARAMETERS)["c_sg_length_width"])) - BEAT_BYTES
"""What the DMA's length register holds, in whole beats; larger batches go in parts."""
MAX_RESET_POLLS = 10_000
MAX_RESULT_POLLS = 1_000
"""Looks at STATUS until what an ended batch left is taken; it is taken within some clocks."""
LEFT_BEATS = 16
"""The most that an ended batch leaves in the engine."""
PACKET_OVERHEAD_BYTES = 3 * BEAT_BYTES
"""Two beats before the images, one after."""

_SEND, _RECEIVE = 0x00, 0x30
_STATUS = 0x04
_DMA_RUN, _DMA_RESET = 0x1, 0x4
_DMA_HALTED, _DMA_IDLE, _DMA_ERRORS = 0x1, 0x2, 0x70


@dataclass(frozen=True)
class Stats:
    """Of the last batch."""

    images: int
    clocks: int
    stall_in: int
    """Clocks in which the engine waited for images."""
    stall_out: int
    """Clocks in which results were not taken."""
    clock_hz: int

    @property
    def images_per_s(self) -> float:
        """Rate of the batch, without what the processor did."""
        return self.images * self.clock_hz / self.clocks if self.clocks else 0.0


@dataclass
class _Resident:
    images: Images
    labels: Labels | None
    buffer: Any


class Overlay:
    """An engine that is loaded with a model and asked for logits or counts.

    Parameters
    ----------
    bitfile : Path
        The bitstream; its .hwh stands beside it.
    timeout_s : float
        The longest that nothing may come of a transfer: no end, and no further image.
    clock : callable
        Seconds, for time-outs.
    device : pynq.Device, optional
        What the bitstream is loaded into; the one that is active if none is named.

    Raises
    ------
    PynqMissing
        pynq is not installed.
    NotOurEngine
        What the bitstream has is no engine, or one of another version.
    """

    def __init__(
        self,
        bitfile: Path,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        device: FromPynq = None,
    ) -> None:
        self._pynq = load_pynq()
        self._timeout_s = timeout_s
        self._clock = clock
        overlay = self._pynq.Overlay(str(bitfile), device=device)
        self._device = overlay.device
        if not {ENGINE, DMA} <= set(overlay.ip_dict):
            raise NotOurEngine(
                expected=f"{ENGINE} and {DMA}", actual=", ".join(sorted(overlay.ip_dict))
            )
        self._registers = getattr(overlay, ENGINE).register_map
        self.caps = self._look()
        """What the engine is."""
        self._dma = getattr(overlay, DMA)
        self._slot = 0
        self._bases = [0, 0]
        self._rows = [0, 0]
        self._image_bytes = 0
        self._folded: Folded | None = None
        self._stats = Stats(images=0, clocks=0, stall_in=0, stall_out=0, clock_hz=CLOCK_HZ)
        self._resident: dict[tuple[Any, ...], _Resident] = {}

    def load(self, layers: Sequence[Layer]) -> None:
        """Fold a network, load it into the other slot, and make that the one that runs.

        Raises
        ------
        DoesNotFit
            It is beyond the engine's limits; what was loaded before stays.
        EngineError
            The engine refused it; what was loaded before stays, if both had room.
        EngineStuck, TransferFailed
            The engine was reset; no model is loaded.
        """
        slot = 1 - self._slot if self._folded is not None else 0
        folded = fold(layers, self.caps, slot=slot, weight_base=0)
        where = self._place(folded.rows)
        if where:
            folded = fold(layers, self.caps, slot=slot, weight_base=where)
        if where is None:
            # Not beside the other: that one makes way.
            self._control(drop=self._slot)
            self._folded = None
        self._send(folded.packet, slot)
        self._slot, self._folded = slot, folded
        self._bases[slot], self._rows[slot] = where or 0, folded.rows
        first = layers[0]
        self._image_bytes = first.in_rows * first.in_columns * first.in_channels

    def logits(self, images: Images) -> npt.NDArray[np.int32]:
        """Return int32 (N, classes).

        An array that was sent before is not read again: change none that has been given.

        Raises
        ------
        NoModel, WrongImages
            Nothing was sent.
        EngineError, EngineStuck, TransferFailed
            The engine was reset; no model is loaded.
        """
        folded = self._model(images, None)
        parts = [np.zeros((0, folded.classes), np.int32)]
        for some, _ in self._parts(images, None):
            words = (len(some) * folded.classes + 1) // 2
            out = self._run(some, None, words, count_only=False).view(np.int32)
            parts.append(out[: len(some) * folded.classes].reshape(len(some), -1))
        return np.concatenate(parts)

    def count_correct(self, images: Images, labels: Labels) -> int:
        """Return the number of images whose class is their label; eight bytes come back.

        An array that was sent before is not read again: change none that has been given.

        Raises
        ------
        NoModel, WrongImages
            Nothing was sent.
        EngineError, EngineStuck, TransferFailed
            The engine was reset; no model is loaded.
        """
        self._model(images, labels)
        return sum(
            int(self._run(some, marks, 1, count_only=True)[0])
            for some, marks in self._parts(images, labels)
        )

    def stats(self) -> Stats:
        """Return what the last batch took."""
        return self._stats

    def close(self) -> None:
        """Give the buffers back; may be called more than once."""
        while self._resident:
            _, kept = self._resident.popitem()
            kept.buffer.freebuffer()

    def _look(self) -> Caps:
        found = int(self._registers.ID)
        if found != ID.reset:
            raise NotOurEngine(expected=f"{ID.reset:#x}", actual=f"{found:#x}")
        version = self._field(VERSION, "major")
        if version != MAJOR_VERSION:
            raise NotOurEngine(expected=f"version {MAJOR_VERSION}", actual=f"version {version}")
        return Caps(
            elements=self._field(CAPS_ARRAY, "elements"),
            trees=self._field(CAPS_ARRAY, "trees"),
            lanes=self._field(CAPS_ARRAY, "images"),
            weight_rows=self._field(CAPS_MODEL, "weight_rows"),
            limit_rows=self._field(CAPS_MODEL, "limit_rows"),
            layers=self._field(CAPS_MODEL, "layers"),
            window_words=self._field(CAPS_WINDOW, "window_words"),
            program_words=self._field(CAPS_WINDOW, "program_entries"),
            bank_words=self._field(CAPS_MAP, "bank_words"),
            lane_bank_words=self._field(CAPS_MAP, "lane_bank_words"),
        )

    def _field(self, register: Register, name: str) -> int:
        """Return a field of a register, which is read as a whole."""
        return register.field(name).of(int(getattr(self._registers, register.name)))

    def _place(self, rows: int) -> int | None:
        """Return the first row of weights for the next model, or None if the other must go."""
        if self._folded is None:
            return 0
        base, taken = self._bases[self._slot], self._rows[self._slot]
        if rows <= base:
            return 0
        return base + taken if base + taken + rows <= self.caps.weight_rows else None

    def _model(self, images: Images, labels: Labels | None) -> Folded:
        if self._folded is None:
            raise NoModel
        if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != self._image_bytes:
            raise WrongImages(
                expected=f"uint8 images of {self._image_bytes} bytes",
                actual=f"{images.dtype} of shape {images.shape}",
            )
        if labels is not None and (labels.dtype != np.uint8 or labels.shape != (len(images),)):
            raise WrongImages(
                expected=f"{len(images)} uint8 labels",
                actual=f"{labels.dtype} of shape {labels.shape}",
            )
        self._stats = Stats(images=0, clocks=0, stall_in=0, stall_out=0, clock_hz=CLOCK_HZ)
        return self._folded

    def _parts(
        self, images: Images, labels: Labels | None
    ) -> Iterator[tuple[Images, Labels | None]]:
        """Yield a batch in parts that one transfer can take; most are one part, as they are."""
        assert self._folded is not None
        each = self._folded.image_rows * self._folded.row_beats * BEAT_BYTES + BEAT_BYTES
        most = (MAX_PACKET_BYTES - PACKET_OVERHEAD_BYTES) // each
        if 0 < len(images) <= most:
            yield images, labels
            return
        for i in range(0, len(images), most):
            yield images[i : i + most], None if labels is None else labels[i : i + most]

    def _control(
        self, *, labels: bool = False, count_only: bool = False, drop: int | None = None
    ) -> None:
        value = CTRL.field("slot").at(self._slot)
        value |= CTRL.field("labels").at(labels) | CTRL.field("count_only").at(count_only)
        if drop is not None:
            value |= CTRL.field(f"drop_{drop}").mask
        self._registers.CTRL = value

    def _send(self, data: bytes, slot: int) -> None:
        """Send a model, and see that it has become valid."""
        buffer = self._buffer(data)
        try:
            self._registers.ERROR = 0
            self._dma.sendchannel.transfer(buffer)
            # A packet that is refused is still taken to its end.
            self._wait(_SEND, ModelNotTaken, until_error=False)
            self._dma.sendchannel.wait()
            self._settle(slot)
        finally:
            buffer.freebuffer()

    def _settle(self, slot: int) -> None:
        """Wait until a model that is in has been checked."""
        end_s = self._clock() + self._timeout_s
        while True:
            late = self._clock() > end_s  # before the look, as in _wait
            code = int(self._registers.ERROR)
            if code:
                raise engine_error(code)
            if self._field(STATUS, f"model_{slot}"):
                return
            if late:
                self._recover()
                raise ModelNotTaken(timeout_s=self._timeout_s)

    def _run(
        self, images: Images, labels: Labels | None, words: int, *, count_only: bool
    ) -> npt.NDArray[np.uint64]:
        self._take_what_is_left()
        buffer = self._images(images, labels)
        out = self._allocate(words)
        try:
            self._control(labels=labels is not None, count_only=count_only)
            self._registers.ERROR = 0
            # Receiving first: an engine that has no place for results takes no images.
            self._dma.recvchannel.transfer(out)
            self._dma.sendchannel.transfer(buffer)
            self._wait(_SEND, ImagesNotTaken)
            self._wait(_RECEIVE, NoResults)
            self._check()
            self._dma.sendchannel.wait()
            self._dma.recvchannel.wait()
            self._measure()
            return np.array(out)
        except BaseException:  # an interrupt too: the DMA must not write into memory that is freed
            if self._folded is not None:
                self._recover()
            raise
        finally:
            out.freebuffer()

    def _measure(self) -> None:
        read, before = self._registers, self._stats
        self._stats = Stats(
            images=before.images + int(read.IMAGES),
            clocks=before.clocks + int(read.CLOCKS),
            stall_in=before.stall_in + int(read.STALL_IN),
            stall_out=before.stall_out + int(read.STALL_OUT),
            clock_hz=CLOCK_HZ,
        )

    def _allocate(self, words: int) -> FromPynq:
        # Not of whichever device is active by now.
        return self._pynq.allocate((words,), np.uint64, target=self._device)

    def _buffer(self, data: bytes) -> FromPynq:
        buffer = self._allocate(len(data) // BEAT_BYTES)
        buffer[:] = np.frombuffer(data, np.uint64)
        buffer.flush()
        return buffer

    def _images(self, images: Images, labels: Labels | None) -> FromPynq:
        """Return the buffer of a batch, kept if it was sent before in the same form."""
        folded = self._folded
        assert folded is not None
        form = (folded.bytes, folded.image_rows, folded.row_beats, labels is not None)
        # A part of an array is another object each time; memory that is held is not used again.
        key = (_memory(images), None if labels is None else _memory(labels), *form)
        kept = self._resident.pop(key, None)
        if kept is None:
            data = image_packet(folded, images, labels)
            self._make_room(len(data))
            kept = _Resident(images=images, labels=labels, buffer=self._buffer(data))
        self._resident[key] = kept  # the newest is last
        return kept.buffer

    def _make_room(self, wanted_bytes: int) -> None:
        """Give back the oldest sets before another one is allocated: memory holds few."""
        while self._resident and (
            len(self._resident) >= MAX_RESIDENT_SETS
            or sum(each.buffer.nbytes for each in self._resident.values()) + wanted_bytes
            > MAX_RESIDENT_BYTES
        ):
            oldest = next(iter(self._resident))
            self._resident.pop(oldest).buffer.freebuffer()

    def _wait(self, channel: int, stuck: type[EngineStuck], *, until_error: bool = True) -> None:
        end_s, images = self._clock() + self._timeout_s, 0
        while True:
            # Before the look: a process that stood still in between finds what was done meanwhile.
            late = self._clock() > end_s
            status = self._dma.read(channel + _STATUS)
            if until_error:  # more results than were asked for also keep images from being taken
                status |= self._dma.read(_RECEIVE + _STATUS) & _DMA_ERRORS
            if status & _DMA_ERRORS:
                self._check()
                self._recover()
                raise TransferFailed(status=status)
            if status & _DMA_IDLE:
                return
            if until_error:
                self._check()
            if late:
                if until_error and int(self._registers.IMAGES) != images:
                    end_s, images = self._clock() + self._timeout_s, int(self._registers.IMAGES)
                    continue
                self._check()
                self._recover()
                raise stuck(timeout_s=self._timeout_s)

    def _check(self) -> None:
        code = int(self._registers.ERROR)
        if code:
            self._recover()
            raise engine_error(code)

    def _recover(self) -> None:
        """Leave the engine and both channels as after a start; models are gone.

        The engine goes first, while the DMA still receives: it ends its stream, so no beat is left
        for the next batch. A channel that is stopped halts only when its transfer ends, so both
        are reset then, with what they took early. The engine takes the rest of a packet that was
        cut off for a new one: it is reset again.
        """
        self._folded = None
        self._slot = 0
        self._end_batch()
        self._reset_dma()
        if self._field(STATUS, "busy"):  # the DMA was not receiving
            left = self._allocate(LEFT_BEATS)
            self._dma.recvchannel.transfer(left)
            self._end_batch()
            self._reset_dma()
            left.freebuffer()
        self._registers.CTRL = CTRL.field("reset").mask
        self._registers.ERROR = 0

    def _end_batch(self) -> None:
        """Reset the engine, and give the DMA time to take the end of its results."""
        self._registers.CTRL = CTRL.field("reset").mask
        for _ in range(MAX_RESULT_POLLS):
            if not self._field(STATUS, "busy"):
                return

    def _take_what_is_left(self) -> None:
        """Take an ended batch's results that nobody took: the next one's stand behind them."""
        while self._field(STATUS, "busy"):
            left = self._allocate(LEFT_BEATS)
            try:
                self._dma.recvchannel.transfer(left)
                self._wait(_RECEIVE, NoResults, until_error=False)
                self._dma.recvchannel.wait()
            finally:
                left.freebuffer()

    def _reset_dma(self) -> None:
        self._dma.write(_SEND, _DMA_RESET)
        self._poll(_SEND, _DMA_RESET)
        self._dma.write(_RECEIVE, _DMA_RESET)
        self._poll(_RECEIVE, _DMA_RESET)
        for offset, channel in (
            (_SEND, self._dma.sendchannel),
            (_RECEIVE, self._dma.recvchannel),
        ):
            self._dma.write(offset, _DMA_RUN)
            self._poll(offset + _STATUS, _DMA_HALTED)
            channel.start()  # it waits without an end, but runs by now

    def _poll(self, register: int, bit: int) -> None:
        for _ in range(MAX_RESET_POLLS):
            if not self._dma.read(register) & bit:
                return
        raise DmaNotReset(timeout_s=self._timeout_s)


def _memory(array: npt.NDArray[np.uint8]) -> tuple[object, ...]:
    """Return what tells one view of memory from others."""
    return array.__array_interface__["data"][0], array.shape, array.strides


__all__ = ["Caps", "DoesNotFit", "Layer", "Overlay", "Stats"]
