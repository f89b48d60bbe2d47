# SPDX-License-Identifier: Apache-2.0
"""Bursts in numpy: the twin of spec/burst.py (rules R-69 to R-72) where no compiler is.

Draws are the law's own; numpy changes the signs and trains.
Law of the file: equal to the law in every bit.
Read next: burst.py, the same in C and many times faster.
"""

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import packed_latents, split_latents, weight_bits
from edge_node.kernels.burst_data import FamilyInBursts, Trial
from edge_node.kernels.numpy_training import NumpyTrainer
from edge_node.kernels.training_data import Samples
from edge_node.primitives.hashing import Prf, tagged_hash
from edge_node.spec import burst as law
from edge_node.spec.burst import BurstRules, BurstStart, Operator
from edge_node.spec.constants import PPM
from edge_node.spec.recipe import cross_count


class NumpyBurstRunner(FamilyInBursts):
    """A family under trial after trial; the interface of burst.BurstRunner.

    Parameters
    ----------
    rules : BurstRules
    images : bytes or uint8 array
        (N, rows, columns, channels), the train split. A contiguous array is not copied and must not
        change.
    labels : bytes or uint8 array
        (N,).

    Raises
    ------
    NotTrainable, TooManyRequirements, SamplesDoNotFit, NoSamples
        See burst.BurstRunner.
    """

    def __init__(self, rules: BurstRules, images: Samples, labels: Samples) -> None:
        super().__init__(rules, images, labels)
        architecture = rules.architecture
        self._trainer = NumpyTrainer(architecture, images, labels)
        self._owners = np.repeat(  # the neuron of each weight
            np.arange(architecture.channel_count),
            [shape.fan_in for shape in architecture.shapes for _ in range(shape.channels)],
        )

    def _begin(
        self,
        start: BurstStart,
        latents: npt.NDArray[np.int16],
        biases: npt.NDArray[np.int32],
        exponents: npt.NDArray[np.int32],  # noqa: ARG002 - the trainer finds them by itself
    ) -> None:
        self._start = start
        self._head, self._head_biases = latents, biases

    def _trial(self, seed: bytes, below: bytes | None) -> Trial:
        rules, start, trainer = self.rules, self._start, self._trainer
        drawn = law.draw_operator(seed, rules, start)
        trainer.set_packed(packed_latents([self._varied(seed, drawn)], [self._head_biases]))
        indices = law.batch_indices(seed, rules, len(self._samples.labels))
        sums = trainer.run_summed(indices, rules.batch, rules.schedule, start.samples_seen)
        root = tagged_hash("latents", trainer.packed())
        ticket = law.ticket(seed, root)
        lost = below is not None and ticket >= int.from_bytes(below, "big")
        return Trial(
            drawn=drawn,
            latent_root=root,
            ticket=ticket,
            met=not lost and self._met(seed, root, sums),
        )

    def _latents(self) -> bytes:
        return self._trainer.packed()

    def _varied(self, seed: bytes, drawn: law.Drawn) -> npt.NDArray[np.int16]:
        """Return the latents from which a seed's training begins."""
        rules, architecture = self.rules, self.rules.architecture
        turned = self._head.copy()
        if drawn.operator is Operator.MUTATE:
            stream = Prf("burst-mutate", seed)
            count = architecture.weight_count
            _turn(turned, np.array(stream.distinct(count, count * rules.mutate_ppm // PPM), int))
        elif drawn.operator is Operator.CROSS:
            stream = Prf("burst-cross", seed)
            partner = weight_bits(self._start.relatives[drawn.partner])
            layers, _ = split_latents(architecture, turned, self._head_biases)
            for shape, latents, bits in zip(architecture.shapes, layers, partner, strict=True):
                count = cross_count(shape.weight_count, rules.cross_ppm)
                places = np.array(stream.distinct(shape.weight_count, count), int)
                differ = bits.reshape(-1)[places] != (latents[places] < 0)
                _turn(latents, places[differ])
        return turned

    def _met(self, seed: bytes, root: bytes, sums: npt.NDArray[np.int64]) -> bool:
        stream = Prf("burst-requirements", seed + root)
        taken: set[int] = set()
        while len(taken) < self.rules.requirements:
            weight, odd = divmod(stream.below(2 * len(sums)), 2)
            owner = int(self._owners[weight])
            if owner in taken:
                continue
            taken.add(owner)
            if int(sums[weight]) * (-1 if odd else 1) <= 0:
                return False
        return True


def _turn(latents: npt.NDArray[np.int16], places: npt.NDArray[np.int64]) -> None:
    """Change the sign of some latents in place; 0, which counts as +, becomes -1."""
    struck = latents[places]
    latents[places] = np.where(struck == 0, np.int16(-1), -struck)
