# SPDX-License-Identifier: Apache-2.0
"""Model files: what was exported is read back; anything else is refused with its rule's number."""

from pathlib import Path

import pytest

from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.failures import exit_code_of
from edge_node.cli.model_file import ModelFileUnreadable, read_model
from edge_node.spec.architecture import BINARY_4K
from tests.inference.models import random_model

MODEL = random_model(BINARY_4K, 1)


def test_model_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(MODEL.blob())
    assert read_model(tmp_path / "m") == MODEL


@pytest.mark.parametrize("content", [b"", b"abc", b"\x84\x01", MODEL.blob()[:-1], b"\x80" * 9])
def test_anything_else_breaks_a_rule_and_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ModelFileUnreadable, match=r"^R-\d+: .*/m is not a model blob") as caught:
        read_model(tmp_path / "m")
    assert "edge-node model export" in str(caught.value)
    assert exit_code_of(caught.value) is ExitCode.INVALID
