# SPDX-License-Identifier: Apache-2.0
"""A host and a device in one process, with models and images for them."""

from edge_node.spec import bnn
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node_bridge.device import Device, SensorSample
from edge_node_bridge.link import LinkLimits
from tests.firmware_bridge.lines import DeviceEnd, Fault, VirtualLine, clean
from tests.spec.samples import random_model, stream

SMALL = Architecture(
    height=8, width=9, input_channels=1, input_bits=8, layers=(conv(5), conv(6), dense(10))
)
WIDE = Architecture(
    height=40, width=36, input_channels=1, input_bits=1, layers=(conv(3, pool=True), dense(4))
)
IMAGES_USED = 20
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


def use(host: Device, seed: str) -> list[SensorSample]:
    """Greet a device, see that it runs a model by the law, and return 25 samples of class 7."""
    model = random_model(SMALL, seed)
    host.greet()
    ready = host.push_model(model.blob(), model.model_hash())
    assert (ready.image_bytes, ready.classes) == (72, 10)
    for image in images(SMALL, IMAGES_USED):
        assert host.infer(image).logits == tuple(bnn.logits(model, image))
    host.set_label(7)
    samples = list(host.samples(25, interval_ms=20))
    assert [each.index for each in samples] == list(range(25))
    assert {each.label for each in samples} == {7}
    return samples
