# SPDX-License-Identifier: Apache-2.0
"""`edge-node model train`: a model of any shape, trained in floats, folded and proven equal.

Law of the file: it writes a model only if that decides all images as the float network did.
Read next: ../trainer/backprop.py, made_model.py.
"""

import logging
from pathlib import Path

import click

from edge_node.cli.dataset_opening import offline_option, opened_dataset
from edge_node.cli.made_model import output_option, tell_made
from edge_node.cli.output import json_option
from edge_node.cli.session import Session
from edge_node.node.architecture_text import family_for
from edge_node.node.system import SystemClock
from edge_node.spec.dataset import SplitName
from edge_node.trainer.backprop import (
    ADAM,
    OPTIMIZERS,
    BackpropOptions,
    TrainingSplits,
    train_with_larq,
)
from edge_node.trainer.larq_layers import check_larq

_LOG = logging.getLogger(__name__)

TRAINERS = ("larq",)
MAX_EPOCHS = 10_000
MAX_SEED = (1 << 32) - 1


@click.command("train")
@click.option(
    "--with",
    "trainer",
    type=click.Choice(TRAINERS),
    default=TRAINERS[0],
    show_default=True,
    help="What trains: Larq on TensorFlow (extra train-larq).",
)
@click.option(
    "--architecture",
    default="uint8-94k",
    show_default=True,
    help="A name, or layers such as 8bit:conv8p-conv14p-conv16-dense8-dense10.",
)
@click.option(
    "--dataset",
    default="mnist",
    show_default=True,
    help="What to learn: a published dataset, or another one's name or id.",
)
@output_option
@click.option(
    "--epochs",
    type=click.IntRange(1, MAX_EPOCHS),
    default=10,
    show_default=True,
    help="How often to go through the train split.",
)
@click.option(
    "--optimizer",
    type=click.Choice(OPTIMIZERS),
    default=ADAM,
    show_default=True,
    help="adam moves latent weights; bop flips signs, without any.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, MAX_SEED),
    default=1,
    show_default=True,
    help="Of the first weights, and of the order of images.",
)
@offline_option
@json_option
@click.pass_obj
def train_model(  # noqa: PLR0913 - one per option
    session: Session,
    /,
    *,
    trainer: str,
    architecture: str,
    dataset: str,
    output: Path,
    epochs: int,
    optimizer: str,
    seed: int,
    offline: bool,
    as_json: bool,
) -> None:
    """Train a model in floats, and fold it into the format.

    The model decides every image of the train and the evaluation split as the float network does,
    or nothing is written. It is not made by the chain's rules: a network takes it as a founder
    that was committed to before it was revealed.
    """
    assert trainer in TRAINERS
    check_larq()
    found = opened_dataset(session, dataset, offline=offline)
    clock = SystemClock()
    began_ms = clock.monotonic_ms()
    made = train_with_larq(
        family_for(architecture, found.manifest),
        TrainingSplits(
            train_images=found[SplitName.TRAIN].images,
            train_labels=found[SplitName.TRAIN].labels,
            evaluation_images=found[SplitName.EVALUATION].images,
        ),
        BackpropOptions(epochs=epochs, optimizer=optimizer, seed=seed),
        lambda line: _LOG.info("%s", line),
    )
    seconds = (clock.monotonic_ms() - began_ms) // 1_000
    facts = {"epochs": epochs, "optimizer": optimizer, "seed": seed, "training_s": seconds}
    tell_made(made, found, output, as_json=as_json, extra=facts)
