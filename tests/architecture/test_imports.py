# SPDX-License-Identifier: Apache-2.0
"""The house stands: import contracts, one module per third-party package, packages that ship."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, Source, python_sources

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OURS = {"edge_node", "edge_node_bridge", "edge_node_fpga"}
EVERYWHERE = {"numpy", "tomli", "tomllib"}  # Python 3.10 has no tomllib, tomli is the same


def test_import_contracts_of_pyproject_hold() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_third_party_package_is_imported_in_one_module() -> None:
    importers = defaultdict(set)
    for source in python_sources("edge_node", "fpga", "firmware_bridge"):
        for package in third_party_imports(source):
            importers[package].add(importing_unit(source))
    shared = {package: units for package, units in importers.items() if len(units) > 1}
    assert shared == {}


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        ("fpga", {"edge_node", "edge_node_bridge"}),
        ("firmware_bridge", {"edge_node", "edge_node_fpga"}),
    ],
)
def test_what_stands_alone_imports_nothing_of_the_others(folder: str, others: set[str]) -> None:
    imports = {source.name: source.imports & others for source in python_sources(folder)}
    assert imports
    assert {name: found for name, found in imports.items() if found} == {}


def test_every_package_ships() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {folder: package for package, folder in settings["package-dir"].items()}
    found = set()
    for source in python_sources("edge_node", "fpga", "firmware_bridge"):
        if source.stem == "__init__":
            first, *rest = Path(source.name).parent.parts
            found.add(".".join([folders.get(first, first), *rest]))
    assert set(settings["packages"]) == found


def test_third_party_import_is_seen_wherever_it_stands() -> None:
    text = "import os, nacl.signing\nfrom . import paho\ndef f():\n    from cbor2 import loads\n"
    source = Source(name="edge_node/sample.py", text=text)
    assert third_party_imports(source) == {"nacl", "cbor2"}


def third_party_imports(source: Source) -> set[str]:
    return set(source.imports - OURS - EVERYWHERE - sys.stdlib_module_names)


def importing_unit(source: Source) -> str:
    # The command line is one thing, in however many files it is written.
    return "edge_node/cli" if source.name.startswith("edge_node/cli") else source.name
