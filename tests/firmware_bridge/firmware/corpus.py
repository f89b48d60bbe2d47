# SPDX-License-Identifier: Apache-2.0
"""What fuzzers of the firmware begin with: the vectors of the law, and a session's every message.

The first byte chooses the part that gets the rest, as in firmware/ports/native/fuzz.c. The same
bytes are given to Python's side.
"""

import json
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from edge_node.spec.architecture import BINARY_4K, Architecture, conv, dense
from edge_node.spec.model import hash_of_blob
from edge_node_bridge import messages as m
from edge_node_bridge.frame import Frame
from edge_node_bridge.message import Message
from tests.spec.samples import random_model

VECTORS = Path(__file__).parents[2] / "vectors"
CHUNK_BYTES = 200

SMALL = Architecture(
    height=6, width=5, input_channels=1, input_bits=8, layers=(conv(3, pool=True), dense(4))
)
PADDED = Architecture(
    height=5, width=4, input_channels=2, input_bits=1, layers=(conv(2, same=True), dense(3))
)


class Part(IntEnum):
    """Of the core."""

    CBOR = 0
    FRAME = 1
    MODEL = 2
    LINE = 3
    REQUESTS = 4


def seeds() -> list[tuple[Part, bytes]]:
    """Return what each part begins with."""
    encoding = json.loads((VECTORS / "encoding.json").read_text())
    models = json.loads((VECTORS / "models.json").read_text())["models"]
    found = [
        (Part.CBOR, bytes.fromhex(each["hex"])) for each in encoding["valid"] + encoding["invalid"]
    ]
    blobs = [bytes.fromhex(each["blob"]) for each in models]
    blobs += [random_model(each, "corpus").blob() for each in (SMALL, PADDED, BINARY_4K)]
    found += [(Part.MODEL, blob) for blob in blobs if len(blob) < 4_000]
    asked = list(requests())
    for message in asked:
        found.append((Part.CBOR, message.payload()))
        found.append((Part.FRAME, message.payload()))
    found.append((Part.REQUESTS, b"".join(_wrapped(each) for each in asked)))
    found += [(Part.REQUESTS, _wrapped(each)) for each in asked]
    lines = [m.Hello(version=1, session=5, max_frame_bytes=4096), *asked]
    found.append((Part.LINE, b"".join(_line(each, place) for place, each in enumerate(lines))))
    return [each for each in found if each[1]]


def requests() -> Iterator[Message]:
    """Yield a session in which every request has its place."""
    for architecture in (SMALL, PADDED):
        blob = random_model(architecture, "corpus").blob()
        yield m.ModelBegin(model_bytes=len(blob), model_hash=hash_of_blob(blob))
        for offset in range(0, len(blob), CHUNK_BYTES):
            yield m.ModelChunk(offset=offset, data=blob[offset : offset + CHUNK_BYTES])
        yield m.ModelEnd()
        pixels = bytes(range(architecture.image_bytes))
        yield m.Infer(pixels=pixels)
        yield m.ImageChunk(offset=0, data=pixels)
        yield m.Infer(pixels=b"")
    yield m.SelfTest()
    yield m.SetLabel(label=3)
    yield m.SampleStart(count=2, interval_ms=10)
    yield m.Ack()
    yield m.Status()
    yield m.SampleStop()


def write(folder: Path) -> list[Path]:
    """Write the seeds as files, and return them."""
    paths: list[Path] = []
    for number, (part, data) in enumerate(seeds()):
        path = folder / f"{number:03}-{part.name.lower()}"
        path.write_bytes(bytes((part,)) + data)
        paths.append(path)
    return paths


def _wrapped(message: Message) -> bytes:
    payload = message.payload()
    return bytes((message.TYPE, len(payload))) + payload


def _line(message: Message, sequence: int) -> bytes:
    return Frame(type=message.TYPE, sequence=sequence, payload=message.payload()).line()
