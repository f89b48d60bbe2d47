# SPDX-License-Identifier: Apache-2.0
"""A host and a device in one process, with models and images for them."""

from edge_node.spec.architecture import Architecture, conv, dense
from edge_node_bridge.device import Device
from edge_node_bridge.link import LinkLimits
from tests.firmware_bridge.lines import DeviceEnd, Fault, VirtualLine, clean
from tests.spec.samples import stream

SMALL = Architecture(
    height=8, width=9, input_channels=1, input_bits=8, layers=(conv(5), conv(6), dense(10))
)
WIDE = Architecture(
    height=40, width=36, input_channels=1, input_bits=1, layers=(conv(3, pool=True), dense(4))
)
PATIENT = LinkLimits(attempts=40)
"""With a fifth of all frames lost each way, no request fails by chance."""


def session(
    device: DeviceEnd, fault: Fault = clean, seed: str = "", limits: LinkLimits = PATIENT
) -> tuple[Device, VirtualLine]:
    line = VirtualLine(device, fault, seed)
    return Device(line, line, stream(f"session {seed}").u32, limits), line


def images(architecture: Architecture, count: int) -> list[bytes]:
    prf = stream("images")
    size = architecture.image_bytes
    return [bytes(prf.below(256) for _ in range(size)) for _ in range(count)]
