# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels are found, tell which paths run here, and their absence is no error."""

from pathlib import Path

import pytest

from edge_node.kernels.shared_object import KernelPath, load_library, supported_paths


def test_a_missing_library_is_none(tmp_path: Path) -> None:
    assert load_library(tmp_path / "nothing.so") is None


def test_a_file_that_is_no_library_is_none(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("no library", encoding="ascii")
    assert load_library(path) is None


def test_the_scalar_path_always_runs_and_comes_last() -> None:
    library = load_library()
    if library is None:
        pytest.skip("no C compiler: the kernels were not built")
    paths = supported_paths(library)
    assert paths[-1] is KernelPath.SCALAR
    assert len(set(paths)) == len(paths)


def test_a_path_that_no_processor_has_is_refused() -> None:
    library = load_library()
    if library is None:
        pytest.skip("no C compiler: the kernels were not built")
    assert library.edge_path_supported(99) == 0
