# SPDX-License-Identifier: Apache-2.0
"""Make tests/vectors/training.json: `python tools/make_training_vectors.py`.

Hashes of latent states after a few steps of spec/training.py on images drawn by SHAKE-128, for the
reference families and for small odd networks. Kernels, firmware and other implementations of the
law check themselves against them; the law itself takes some seconds for all.
Law of the file: only the spec computes; a vector holds all that is needed to compute it again.
Read next: edge_node/spec/training.py.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge_node.spec.architecture import (  # noqa: E402 - the script runs from anywhere
    BINARY_4K,
    DENSE_256,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    architecture_from_value,
    conv,
    dense,
)
from edge_node.spec.training import (  # noqa: E402 - the script runs from anywhere
    LatentState,
    batch_indices,
    initial_state,
    train,
)

VECTORS = ROOT / "tests/vectors/training.json"

COLOUR = Architecture(
    height=11,
    width=13,
    input_channels=3,
    input_bits=8,
    layers=(conv(7, kernel=2, pool=True), conv(5), dense(3)),
)
ODD_BITS = Architecture(
    height=12,
    width=11,
    input_channels=2,
    input_bits=1,
    layers=(conv(9, kernel=5), conv(33, kernel=2, pool=True), conv(4, kernel=1), dense(5)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One run of the law."""

    name: str
    """For messages."""
    genome: list[object]
    """Architecture.value()."""
    seed: str
    """Seeds the start state, the images and labels (`samples`) and the batches, in ASCII."""
    sample_count: int
    """Images to draw from."""
    batch: int
    """S."""
    steps: int
    """T."""
    schedule: list[list[int]]
    """[samples, u] pairs."""
    state_sha256: str = ""
    """SHA-256 of LatentState.packed() after the last step."""

    def architecture(self) -> Architecture:
        """Return the architecture that the genome names."""
        return architecture_from_value(self.genome)  # type: ignore[arg-type]  # JSON is untyped

    def start(self) -> LatentState:
        """Return the state before the first step."""
        return initial_state(self.architecture(), self.seed.encode())

    def samples(self) -> tuple[bytes, bytes]:
        """Return images, SHAKE-128(seed || "images"), and labels, SHAKE-128(seed || "labels").

        A label is its byte modulo the number of classes.
        """
        architecture, seed = self.architecture(), self.seed.encode()
        size = self.sample_count * architecture.image_bytes
        images = hashlib.shake_128(seed + b"images").digest(size)
        labels = hashlib.shake_128(seed + b"labels").digest(self.sample_count)
        return images, bytes(label % architecture.classes for label in labels)

    def indices(self) -> list[int]:
        """Return the samples of all batches."""
        return batch_indices(self.seed.encode(), self.batch * self.steps, self.sample_count)

    def pairs(self) -> list[tuple[int, int]]:
        """Return the schedule as the law takes it."""
        return [(samples, exponent) for samples, exponent in self.schedule]


def state_sha256(state: LatentState) -> str:
    """Return the hash that a vector holds."""
    return hashlib.sha256(state.packed()).hexdigest()


def law_sha256(vector: Vector) -> str:
    """Return what the vector's hash must be."""
    images, labels = vector.samples()
    state = train(
        vector.architecture(),
        vector.start(),
        images,
        labels,
        vector.indices(),
        vector.batch,
        vector.pairs(),
    )
    return state_sha256(state)


def read_vectors(path: Path = VECTORS) -> list[Vector]:
    """Return the stored vectors."""
    return [Vector(**entry) for entry in json.loads(path.read_text())]


def _plans() -> list[Vector]:
    families = (
        ("BINARY_4K", BINARY_4K, 16, 4),
        ("UINT8_4K", UINT8_4K, 8, 3),
        ("UINT8_94K", UINT8_94K, 4, 2),
        ("DENSE_256", DENSE_256, 16, 4),
        ("colour", COLOUR, 7, 5),
        ("odd bits", ODD_BITS, 5, 6),
    )
    return [
        Vector(
            name=name,
            genome=architecture.value(),  # type: ignore[arg-type]  # a genome is a list
            seed=f"training {name}",
            sample_count=40,
            batch=batch,
            steps=steps,
            # The second step is the first with a smaller exponent.
            schedule=[[batch, 8], [batch + 1, 6]],
        )
        for name, architecture, batch, steps in families
    ]


def main() -> None:
    """Write the file."""
    vectors = []
    for plan in _plans():
        entry = asdict(plan) | {"state_sha256": law_sha256(plan)}
        print(f"{plan.name}: {entry['state_sha256']}")
        vectors.append(entry)
    lines = ",\n".join(json.dumps(vector) for vector in vectors)
    VECTORS.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
