# SPDX-License-Identifier: Apache-2.0
"""A model in a file of the user's: read whole, or refused in one sentence.

Law of the file: only what `edge-node model export --format blob` writes is a model; R-2 to R-6 say
what that is.
Read next: verify_command.py.
"""

from pathlib import Path

from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.errors import InvalidInput
from edge_node.spec.model import Model, model_from_blob


class ModelFileUnreadable(EdgeNodeError):
    """A file is no model."""

    reason = "model-file"

    def __init__(self, path: Path, broken: InvalidInput) -> None:
        why = str(broken).removeprefix(f"{broken.reason}: ")
        super().__init__(
            f"{broken.reason}: {path} is not a model blob ({why}); "
            "make one with `edge-node model export best --format blob`"
        )
        self.path = path
        self.broken = broken


def read_model(path: Path) -> Model:
    """Return the model in a file.

    Raises
    ------
    ModelFileUnreadable
        The file breaks one of the rules R-2 to R-6.
    OSError
        It can not be read at all.
    """
    try:
        return model_from_blob(path.read_bytes())
    except InvalidInput as error:
        raise ModelFileUnreadable(path, error) from None
