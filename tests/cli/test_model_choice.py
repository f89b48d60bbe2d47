# SPDX-License-Identifier: Apache-2.0
"""A model of the chain by how its hash begins: one model, or one sentence."""

from pathlib import Path

import pytest

from edge_node.cli.model_choice import ModelAmbiguous, ModelNotFound, choose_model
from edge_node.cli.session import Session
from tests.cli.typing_in import typed


def test_begin_of_a_hash_in_either_case_or_the_best(toy_node: Path) -> None:
    session = Session(flags={"node.data_dir": str(toy_node)}, file=None)
    models = typed(toy_node, "model", "list", "--json").json()["models"]
    for entry in models:
        found = choose_model(session, entry["model"][:16].upper(), None)
        assert found.model_hash().hex() == entry["model"]
    best = choose_model(session, "best", None).model_hash().hex()
    (entry,) = [each for each in models if each["model"] == best]
    assert entry["correct"] == max(each["correct"] for each in models)


def test_what_is_not_one_model_is_told(toy_node: Path) -> None:
    session = Session(flags={"node.data_dir": str(toy_node)}, file=None)
    with pytest.raises(ModelNotFound, match="edge-node model list"):
        choose_model(session, "xyz", None)
    with pytest.raises(ModelAmbiguous, match="give more digits"):
        choose_model(session, "", None)
