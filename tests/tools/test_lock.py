# SPDX-License-Identifier: Apache-2.0
"""The locked versions: one file per Python, names and versions only, nothing we need left out."""

import re
import sys

import pytest

from tests.architecture.sources import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSIONS = ("3.10", "3.11", "3.12", "3.13")
PIN = re.compile(r"([A-Za-z0-9._-]+)==[0-9][0-9A-Za-z.+-]*")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def pinned(version: str) -> set[str]:
    head, *lines = (ROOT / f"tools/constraints/python{version}.txt").read_text().splitlines()
    assert head.startswith("#")
    pins = [PIN.fullmatch(line) for line in lines]
    assert all(pins), "a line that is no pin: a host, a path or a marker"
    return {normal(pin[1]) for pin in pins if pin}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_requirement_for_all_machines_is_pinned(version: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], "setuptools"]
    for extra in ("broker", "export", "images", "plot", "serial", "test", "develop"):
        wanted += extras[extra]
    found = [NAME.match(requirement) for requirement in wanted if ";" not in requirement]
    names = {normal(match[0]) for match in found if match} - {"edge-node"}
    assert names - pinned(version) == set()


def test_numpy_is_old_where_it_must_be_and_lce_is_where_it_can() -> None:
    for version in VERSIONS:
        assert ("larq-compute-engine" in pinned(version)) == (version != "3.13")
    lines = {v: (ROOT / f"tools/constraints/python{v}.txt").read_text() for v in VERSIONS}
    assert "\nnumpy==1.21.6\n" in lines["3.10"]
    assert "\nnumpy==1." in lines["3.11"]
    assert "\nnumpy==1." in lines["3.12"]
    assert "\nnumpy==2." in lines["3.13"]


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12"])
def test_tools_of_the_overlay_are_pinned_with_what_they_want(version: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [NAME.match(each) for each in project["optional-dependencies"]["fpga-sim"]]
    assert {normal(match[0]) for match in found if match} - pinned(version) == set()
    lines = (ROOT / f"tools/constraints/python{version}.txt").read_text().splitlines()
    assert "pynq==3.1.2" in lines
    assert "pycparser==2.23" in lines
