# SPDX-License-Identifier: Apache-2.0
"""Train, evaluation and reserve accuracy of a family's best model, side by side.

Design, section 6. Evaluation accuracy is what blocks are judged by, so it is selected for; the
reserve shows how much of it is real, once it is revealed.
Law of the file: counted here, on the splits that are here; a sealed reserve is left alone.
Read next: market_commands.py.
"""

from edge_node.cli.chain_access import ReadChain
from edge_node.datasets.store import WHOLE, DatasetStore
from edge_node.kernels.evaluation import count_correct, slice_images
from edge_node.node.reserves import is_sealed
from edge_node.primitives.types import DatasetId, Hash32, ModelHash
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName


def accuracy_ppm(
    chain: ReadChain, store: DatasetStore, dataset: DatasetId, model: str
) -> tuple[int | None, int | None, int | None]:
    """Return a model's accuracy on train, evaluation and reserve; None for what is not here.

    Raises
    ------
    StoreCorrupt, ContentMismatch
    """
    name = ModelHash(Hash32(bytes.fromhex(model)))
    if chain.blocks.model_blob(name) is None:
        return None, None, None
    found = chain.blocks.model(name)

    def on(split: SplitName) -> int | None:
        sealed = split is SplitName.RESERVE and is_sealed(chain.state, dataset)
        if sealed or not store.has(dataset, (split,)):
            return None
        samples = store.split(dataset, split)
        images = slice_images(found.architecture, samples.images)
        return count_correct(found, images, samples.labels.tobytes()) * PPM // len(samples)

    train, evaluation, reserve = (on(split) for split in WHOLE)
    return train, evaluation, reserve
