# SPDX-License-Identifier: Apache-2.0
"""Every code that the engine knows becomes an error with its name; unknown ones too."""

import pytest

from edge_node_fpga.driver import errors
from edge_node_fpga.regs.constants import ErrorCode


@pytest.mark.parametrize("code", [code for code in ErrorCode if code])
def test_code_has_a_class_and_its_name(code: ErrorCode) -> None:
    error = errors.engine_error(code)
    assert type(error) is not errors.EngineError
    assert error.code == code
    assert code.name in str(error)


def test_unknown_code_is_kept() -> None:
    error = errors.engine_error(200)
    assert error.code == 200
    assert "unknown" in str(error)
