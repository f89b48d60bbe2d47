# SPDX-License-Identifier: Apache-2.0
"""Nodes that train binary neural networks, put them in blocks and gossip the blocks over MQTT.

Floors, from the ground up; an import only ever goes down:
primitives, spec (the law), kernels, inference, chain | datasets | gossip |
trainer, node, bench | demo, cli.
Law of the file: names only, no import, so that every floor can stand on it.
Read next: spec/__init__.py, which tells in what order to read the law.

Glossary
--------
BNN
    Binary neural network: weights and activations are +1 or -1, one bit each.
block
    A verifiable step towards a better BNN: a header, transactions and a proof.
proof rule
    What makes a block valid: `evolution`, `guiding_gradient` or `recipe`; the genesis names one.
architecture, genome
    The list of layers of a BNN; the genome is the same list where it evolves.
blob
    The canonical bytes of a model: architecture and weights. Its hash is the model's name.
family
    All models of one architecture that learn one dataset.
founder
    The first model of a family, trained from latents that follow from the family's name.
population
    The models of a family before its generations begin.
record
    A model that beat its family's best; it starts the next generation.
recipe
    The steps (mutations, crossovers) that make a child from its parents; anyone can replay it.
latent
    The integer behind a weight while it is trained; the weight is its sign.
transport
    How the weights travel: `full` (packed bits), `delta` (flipped positions), or not at all.
train, evaluation, reserve
    The three splits of a dataset: to select on, to be judged on, and never seen before it closes.
rung
    A step of the time ladder: the longer no block comes, the easier (or the more open) it gets.
turn
    Whose family may bring the next block.
fallback
    A block of the last rung: transactions confirm though nobody learned anything.
back end
    Something that evaluates a BNN exactly: `reference`, `native`, `lce` or `tflite`.
ppm
    Parts per million; the law knows no fractions.
"""

__version__ = "0.1.0"
