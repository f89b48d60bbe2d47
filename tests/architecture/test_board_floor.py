# SPDX-License-Identifier: Apache-2.0
"""What a 32-bit ARM board with PYNQ's image can install: no wheel that armv7l lacks, its own numpy.

The facts about wheels were looked up once; this test sees to it that a new dependency is looked up
too, and that no floor rises above what the board can have.
"""

import ast
import re
import sys

import pytest

from tests.architecture.sources import ROOT, python_sources

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WITHOUT_A_COMPILER = {
    "cbor2": "5.9",  # pure Python; 6 wants Rust
    "click": "8.1",
    "marshmallow": "3.26",  # 4 wants a package in C on Python 3.10
    "numpy": "1.21.5",  # the image's own
    "paho-mqtt": "2.0",
    "rich": "13.0",
    "tomli": "2.0",
}
"""Base dependency -> a version that the board has, or gets as a pure wheel, on Python 3.10."""

NEWER_THAN_NUMPY_1_21 = {
    "acos", "acosh", "asin", "asinh", "astype", "atan", "atan2", "atanh", "bitwise_count",
    "bitwise_invert", "bitwise_left_shift", "bitwise_right_shift", "bool", "concat",
    "cumulative_prod", "cumulative_sum", "exceptions", "from_dlpack", "isdtype", "long",
    "matrix_transpose", "matvec", "permute_dims", "pow", "strings", "trapezoid", "ulong", "unstack",
    "unique_all", "unique_counts", "unique_inverse", "unique_values", "vecdot", "vecmat",
}  # fmt: skip


def base_dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [str(each) for each in project["dependencies"]]


def test_every_base_dependency_is_to_be_had_on_the_board() -> None:
    unmarked = {
        re.split(r"[<>=~!;\s\[]", each)[0]: each
        for each in base_dependencies()
        if "platform_machine != 'armv7l'" not in each
    }
    assert set(unmarked) == set(WITHOUT_A_COMPILER)
    for name, requirement in unmarked.items():
        floor = re.search(r">=([0-9.]+)", requirement)
        assert floor is not None
        assert numbers(floor[1]) <= numbers(WITHOUT_A_COMPILER[name]), requirement
        assert "<" not in requirement.replace("python_version <", ""), requirement


def test_library_without_a_wheel_is_left_to_the_system() -> None:
    (pynacl,) = [each for each in base_dependencies() if each.startswith("pynacl")]
    assert "platform_machine != 'armv7l'" in pynacl


def test_nothing_is_asked_of_numpy_that_the_board_lacks() -> None:
    found = [
        f"{source.name}:{line} np.{name}"
        for source in python_sources("edge_node", "fpga")
        for line, name in numpy_names(source.tree)
        if name in NEWER_THAN_NUMPY_1_21
    ]
    assert found == []


@pytest.mark.parametrize("text", ["np.bitwise_count(a)", "numpy.bitwise_count", "x = np.bool"])
def test_newer_name_is_seen(text: str) -> None:
    ((_, name),) = numpy_names(ast.parse(text))
    assert name in NEWER_THAN_NUMPY_1_21


def numpy_names(tree: ast.AST) -> list[tuple[int, str]]:
    return [
        (node.lineno, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"np", "numpy"}
    ]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
