# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels are found, tell which paths run here, and their absence is no error."""

from pathlib import Path

from edge_node.kernels.shared_object import KernelPath, load_library, supported_paths
from tests.kernels.compiled import need_library


def test_a_missing_library_is_none(tmp_path: Path) -> None:
    assert load_library(tmp_path / "nothing.so") is None


def test_a_file_that_is_no_library_is_none(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("no library", encoding="ascii")
    assert load_library(path) is None


def test_the_scalar_path_always_runs_and_comes_last() -> None:
    library = need_library()
    paths = supported_paths(library)
    assert paths[-1] is KernelPath.SCALAR
    assert len(set(paths)) == len(paths)


def test_every_path_that_the_processor_tells_of_runs() -> None:
    told = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    names = {
        "avx2": KernelPath.AVX2,
        "avx512_bitalg": KernelPath.AVX512,
        "asimd": KernelPath.NEON,
        "neon": KernelPath.NEON,
    }
    expected = {path for flag, path in names.items() if flag in told}
    assert expected | {KernelPath.SCALAR} == set(supported_paths(need_library()))


def test_a_path_that_no_processor_has_is_refused() -> None:
    library = need_library()
    assert library.edge_path_supported(99) == 0
