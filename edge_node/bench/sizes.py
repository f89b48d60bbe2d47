# SPDX-License-Identifier: Apache-2.0
"""How many bytes a model's weights take on their way: full, and as a delta of 1.3 % flips.

Law of the file: the bytes of spec/transport.py, flips at places drawn from a fixed seed.
Read next: spec/transport.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge_node.bench.rows import Row
from edge_node.bench.workload import Workload, base_model, beginner_model
from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import UINT8_1M, UINT8_94K, Architecture
from edge_node.spec.constants import PPM
from edge_node.spec.model import Model
from edge_node.spec.transport import encode_delta, encode_full

FLIPS_PPM = 13_000
"""1.3 %: the difference that paper A's level High wants."""
PAPER = "paper A, Table 1, published"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A family and what its transports may weigh."""

    name: str
    """The family."""
    architecture: Architecture | None
    """Its architecture; None for the 4,440 family of the other sections."""
    full_bytes: float
    """Goal of the full transport."""
    delta_bytes: float
    """Goal of the delta."""
    published_kb: float
    """What the paper has, in units of 1,000 bytes."""


SIZES = (
    Size(name="binary-4k", architecture=None, full_bytes=800, delta_bytes=100, published_kb=1.41),
    Size(
        name="uint8-94k",
        architecture=UINT8_94K,
        full_bytes=12_700,
        delta_bytes=1_350,
        published_kb=26.38,
    ),
    Size(
        name="uint8-1m",
        architecture=UINT8_1M,
        full_bytes=149_000,
        delta_bytes=16_000,
        published_kb=304.26,
    ),
)


def transport_rows(workload: Workload) -> Iterator[Row]:
    """Yield the bytes of both transports for the three sizes of paper A."""
    for size in SIZES:
        if size.architecture is None:
            parent = base_model(workload)
        else:
            parent = beginner_model(workload, size.architecture)
        child = with_flips(parent, parent.architecture.weight_count * FLIPS_PPM // PPM)
        for kind, data, goal in (
            ("full", encode_full(parent), size.full_bytes),
            ("delta", encode_delta(parent, child), size.delta_bytes),
        ):
            yield Row(
                name=f"transport/{size.name}/{kind}",
                value=len(data),
                unit="bytes",
                baseline=PAPER,
                baseline_value=size.published_kb * 1_000,
                goal=goal,
            )


def with_flips(model: Model, count: int) -> Model:
    """Return the model with `count` different weights flipped."""
    stream = Prf("bench-flips", model.model_hash())
    places = stream.distinct(model.architecture.weight_count, count)
    weights = []
    first = 0
    for shape, layer in zip(model.architecture.shapes, model.weights, strict=True):
        channels = list(layer)
        for place in places:
            channel, weight = divmod(place - first, shape.fan_in)
            if 0 <= channel < shape.channels:
                channels[channel] ^= 1 << weight
        first += shape.weight_count
        weights.append(tuple(channels))
    return replace(model, weights=tuple(weights))
