# SPDX-License-Identifier: Apache-2.0
"""Which of the chain's models a user means: by how its hash begins, or the best.

Law of the file: one model or one sentence; it never guesses.
Read next: model_commands.py.
"""

from edge_node.cli.chain_access import open_chain
from edge_node.cli.dataset_choice import choose_on_chain
from edge_node.cli.session import Session
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model
from edge_node.spec.state import Family, FamilyModel, State

BEST = "best"
"""What stands for the most accurate."""


class ModelNotFound(EdgeNodeError):
    """No model of the chain has this hash."""

    reason = "model-not-found"

    def __init__(self, prefix: str) -> None:
        super().__init__(f"the chain has no model {prefix!r}; see `edge-node model list`")
        self.prefix = prefix


class ModelAmbiguous(EdgeNodeError):
    """Several models of the chain have hashes that begin so."""

    reason = "model-ambiguous"

    def __init__(self, prefix: str, count: int) -> None:
        super().__init__(f"{count} models of the chain begin with {prefix!r}; give more digits")
        self.prefix = prefix
        self.count = count


def choose_model(session: Session, prefix: str, dataset: str | None) -> Model:
    """Return the one model of the chain whose hash begins so, or the best.

    Parameters
    ----------
    session : Session
    prefix : str
        Hex digits, or `best`.
    dataset : str or None
        Among the models of one of the chain's datasets.

    Raises
    ------
    ModelNotFound, ModelAmbiguous, DatasetNotOnChain
    """
    with open_chain(session) as chain:
        only = None if dataset is None else choose_on_chain(chain.state, dataset)
        entries = [
            (_share(chain.state, family, entry), entry.model_hash)
            for family in chain.state.families.values()
            if only is None or family.dataset == only
            for entry in family.models
            # A pruned chain has the best of a closed family only.
            if chain.blocks.model_blob(entry.model_hash) is not None
        ]
        if prefix == BEST:
            entries = sorted(entries, key=lambda entry: -entry[0])[:1]
        else:
            digits = prefix.lower()
            entries = [entry for entry in entries if entry[1].hex().startswith(digits)]
        if not entries:
            raise ModelNotFound(prefix)
        if len(entries) > 1:
            raise ModelAmbiguous(prefix, len(entries))
        return chain.blocks.model(entries[0][1])


def _share(state: State, family: Family, entry: FamilyModel) -> int:
    """Return a model's accuracy in ppm: datasets have evaluation splits of different sizes."""
    splits = state.datasets[family.dataset].manifest.splits
    return entry.correct_count * PPM // splits[SplitName.EVALUATION].count
