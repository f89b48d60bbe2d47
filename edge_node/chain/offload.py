# SPDX-License-Identifier: Apache-2.0
"""Offload: judging the blocks of a lottery by evaluation, where bursts can not be replayed.

Design, section 7. A small board checks all that a block shows by itself: form, place, signature,
turn, cost, ticket, operator, claims, the count of correct images on the whole evaluation split,
records' differences, transactions. What only a replay shows is what q full nodes vouch for: that
training has led to latent_root (R-43), that the requirements are met (R-71), and that the model is
the one that the latents stand for (R-44).
Law of the file: a block that passes here is no valid block yet; nobody mines or relays on its word.
Read next: attestation.py, edge_node/spec/proof/recipe.py.
"""

from collections import OrderedDict

from edge_node.chain.errors import ModelMissing
from edge_node.primitives.types import ModelHash
from edge_node.spec.model import Model
from edge_node.spec.proof.errors import ModelHashMismatch
from edge_node.spec.proof.recipe import ClaimedBurst, RecipeRule, Trained
from edge_node.spec.proof.rule import ProofContext
from edge_node.spec.state import Family

MAX_FETCHED_MODELS = 128
"""Models that wait for their blocks to be judged."""
MAX_FETCHED_BYTES = 1 << 24
"""Bytes of these: of the largest models there is room for few."""
MAX_WANTED_MODELS = 256
"""Models that are asked for; the oldest wishes go first."""


class FetchedModels:
    """Models that full nodes gave, and those that are to be asked for."""

    def __init__(self) -> None:
        self._models: OrderedDict[ModelHash, tuple[Model, int]] = OrderedDict()
        self._bytes = 0
        self._wanted: OrderedDict[ModelHash, None] = OrderedDict()

    def __len__(self) -> int:
        """Return how many models are here."""
        return len(self._models)

    def want(self, model_hash: ModelHash) -> None:
        """Wish for a model, unless it is here."""
        if model_hash in self._models:
            return
        self._wanted.setdefault(model_hash)
        while len(self._wanted) > MAX_WANTED_MODELS:
            self._wanted.popitem(last=False)

    def wanted(self, most: int) -> list[ModelHash]:
        """Return models that are wished for, at most so many, the oldest wishes first."""
        return [each for each, _ in zip(self._wanted, range(most), strict=False)]

    def put(self, blob: bytes, model: Model) -> bool:
        """Keep a model whose hash is that of its blob; return False if nobody wished for it."""
        model_hash = model.model_hash()
        if model_hash not in self._wanted:
            return False
        del self._wanted[model_hash]
        self._models[model_hash] = model, len(blob)
        self._bytes += len(blob)
        while len(self._models) > MAX_FETCHED_MODELS or self._bytes > MAX_FETCHED_BYTES:
            _, (_, size_bytes) = self._models.popitem(last=False)
            self._bytes -= size_bytes
        return True

    def forget(self, model_hash: ModelHash) -> None:
        """Give a wish up."""
        self._wanted.pop(model_hash, None)

    def get(self, model_hash: ModelHash) -> Model:
        """Return a model.

        Raises
        ------
        ModelMissing
            It is not here; from here on it is wished for.
        """
        found = self._models.get(model_hash)
        if found is None:
            self.want(model_hash)
            raise ModelMissing(model_hash)
        return found[0]


class NoLatents:
    """The law's LatentSource of a node that keeps none: nothing is trained from them here."""

    def latents(self, family: Family) -> bytes:  # noqa: ARG002 - the port's
        """See LatentSource."""
        return b""


class EvaluatingRule(RecipeRule):
    """The rule `recipe` without the replay: models are taken from who gave them.

    Parameters
    ----------
    fetched : FetchedModels
    """

    def __init__(self, fetched: FetchedModels) -> None:
        self._fetched = fetched

    def trained(
        self,
        claimed: ClaimedBurst,
        context: ProofContext,  # noqa: ARG002 - the law's
    ) -> Trained:
        """Return the model that the header names; its latents stay unknown.

        Raises
        ------
        ModelMissing
            It is not here yet.
        ModelHashMismatch
            R-44: no training of the family leads to a model of that shape.
        """
        model_hash = claimed.header.model_hash
        model = self._fetched.get(model_hash)
        # what can be told without a replay.
        if model.architecture != claimed.family.architecture:
            raise ModelHashMismatch(expected="that of a model of its family", actual=model_hash)
        return Trained(model=model, latents=b"")

    def check_burnt(self, claimed: ClaimedBurst, context: ProofContext) -> None:
        """Let a fallback's burst be: it leaves nothing that could be evaluated."""
