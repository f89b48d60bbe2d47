# SPDX-License-Identifier: Apache-2.0
"""`edge-node model import`: +-1 kernels and thresholds of any trainer become a model blob.

Law of the file: what it writes is a model by R-2 to R-6, or it writes nothing.
Read next: ../node/model_archive.py for the form of the file; made_model.py.
"""

from pathlib import Path

import click

from edge_node.cli.dataset_opening import classified_option, offline_option, opened_dataset
from edge_node.cli.made_model import output_option, tell_made
from edge_node.cli.output import json_option
from edge_node.cli.session import Session
from edge_node.node.model_archive import read_model_archive


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@classified_option
@output_option
@offline_option
@json_option
@click.pass_obj
def import_model(
    session: Session, /, *, file: Path, dataset: str, output: Path, offline: bool, as_json: bool
) -> None:
    """Turn a model of any trainer into a blob, and count it on its dataset.

    FILE is an archive of numpy.savez with exactly these arrays (no pickles):

    \b
    architecture   a text, such as 8bit:conv8p-conv14p-conv16-dense8-dense10:
                   bits of the input, then the layers; k5 a 5x5 kernel, s SAME
                   padding with +1, p 2x2 maximum pooling
    kernel_0 ...   one for each layer, +1 or -1, of shape (rows, columns,
                   input channels, channels) or (fan in, channels)
    threshold_0 ...  one for each layer, integers of shape (channels,)

    A hidden channel is +1 where the sum of its products is at least its threshold, else -1; then
    comes the pooling. Inputs are +-1 (a pixel is +1 from 128 up), or pixel - 128 in the first
    layer of an 8bit network. The last layer's thresholds are added to the sums, and the greatest
    wins, the lowest class on a tie.

    A batch norm g * (sum - m) / sqrt(v + e) + b before the sign is such a threshold: the lowest
    sum at which it is not below 0. If g is negative, negate the channel's kernel and begin again.
    """  # noqa: D301  # \b is click's mark of lines that are kept as they are
    found = opened_dataset(session, dataset, offline=offline)
    made = read_model_archive(file, found.manifest)
    tell_made(made, found, output, as_json=as_json)
