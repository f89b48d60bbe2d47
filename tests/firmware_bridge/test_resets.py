# SPDX-License-Identifier: Apache-2.0
"""A board that resets at any moment, on a bad line: it is named, and nothing wrong comes of it."""

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.spec import bnn
from edge_node.spec.model import hash_of_blob
from edge_node_bridge.device import Device
from edge_node_bridge.errors import LinkError, NoModelOnDevice
from tests.firmware_bridge.lines import Fault, all_at_once, clean
from tests.firmware_bridge.native import NativeDevice, bars
from tests.firmware_bridge.sessions import SMALL, images, session
from tests.spec.samples import random_model

SIDE = 6
MODEL = random_model(SMALL, "resets")
BLOB = MODEL.blob()
SHOWN = images(SMALL, 4)
LOGITS = [tuple(bnn.logits(MODEL, image)) for image in SHOWN]
ROUNDS_MAX = 200


moments = st.lists(st.integers(0, 200) | st.integers(0, 1_000) | st.integers(0, 20_000), max_size=8)
"""Milliseconds: all of it takes 200 on a clean line, up to a minute on the other."""


class Resetting(NativeDevice):
    """Starts anew at given moments."""

    def __init__(self, core: ctypes.CDLL, moments_ms: list[int]) -> None:
        super().__init__(core, SIDE)
        self.moments_ms = sorted(moments_ms)

    def poll(self, now_ms: int) -> None:
        while self.moments_ms and now_ms >= self.moments_ms[0]:
            self.moments_ms.pop(0)
            self.start()
        super().poll(now_ms)


def all_done(host: Device) -> tuple[list[tuple[int, ...]], list[bytes]]:
    """Do everything in one session."""
    if host.greet().model_hash != hash_of_blob(BLOB):
        host.push_model(BLOB, hash_of_blob(BLOB))
    answers = [host.infer(image).logits for image in SHOWN]
    return answers, [each.pixels for each in host.samples(4, interval_ms=30)]


@settings(max_examples=60)
@given(moments, st.sampled_from([clean, all_at_once]))
def test_reset_at_any_moment_is_named_and_all_is_done_in_the_end(
    core: ctypes.CDLL, moments_ms: list[int], fault: Fault
) -> None:
    board = Resetting(core, [1_000 + moment for moment in moments_ms])
    host, _ = session(board, fault, str(moments_ms))
    for _ in range(ROUNDS_MAX):
        try:
            answers, samples = all_done(host)
        except (LinkError, NoModelOnDevice):
            continue
        assert answers == LOGITS
        first = next(n for n in range(16) if samples[0] == bars(SIDE, n))
        assert samples == [bars(SIDE, first + index) for index in range(4)]
        return
    pytest.fail("it never came to an end")
