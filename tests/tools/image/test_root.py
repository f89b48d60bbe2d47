# SPDX-License-Identifier: Apache-2.0
"""The root file system: what the tree's Python imports is compiled, and this machine left no trace.

What the maintainer scripts would make is shown by the boots of the very image (test_guests.py).
"""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from tools.image.root import (
    FILES,
    HOME,
    UNITS,
    PythonMissing,
    compile_python,
    forget_source,
)

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def python_tree(root: Path) -> Path:
    """Return a module of a tree with Debian's and the node's folders of Python."""
    for folder in ("usr/lib/python3", f"usr/lib/python{VERSION}", str(HOME / "lib")):
        (root / folder).mkdir(parents=True)
    module = root / f"usr/lib/python{VERSION}/module.py"
    module.write_text(
        "NAMES = {'a', 'b', 'c', 'd', 'e', 'f'}\n\ndef f(x):\n    return x in {1, 2}\n"
    )
    return module


def test_compiled_files_count_whatever_the_time_and_are_the_same_every_time(tmp_path: Path) -> None:
    made = []
    for name in ("first", "second"):
        module = python_tree(tmp_path / name)
        compile_python(tmp_path / name, VERSION)
        made.append(Path(importlib.util.cache_from_source(str(module))).read_bytes())
    assert made[0] == made[1]
    assert made[0][:4] == importlib.util.MAGIC_NUMBER
    assert made[0][4:8] == b"\x01\0\0\0", "unchecked: PEP 552"
    assert str(tmp_path).encode() not in made[0]
    assert f"/usr/lib/python{VERSION}/module.py".encode() in made[0]


def test_card_without_its_python_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PythonMissing, match=r"no python3\.99 here"):
        compile_python(tmp_path, "3.99")


def test_shim_for_a_python_that_is_not_in_use_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(PythonMissing, match=r"no python3\.99 here"):
        compile_python(tmp_path, "3.99")


def test_wheels_place_on_this_machine_is_forgotten(tmp_path: Path) -> None:
    info = tmp_path / "thing-1.dist-info"
    info.mkdir()
    (info / "direct_url.json").write_text('{"url": "file:///somewhere"}')
    record = "thing.py,sha256=x,5\nthing-1.dist-info/direct_url.json,sha256=y,28\n"
    record += "../../bin/thing,sha256=z,236\n"  # begins with the Python that ran pip
    (info / "RECORD").write_text(record)
    forget_source(tmp_path)
    assert {path.name for path in info.iterdir()} == {"RECORD"}
    assert (info / "RECORD").read_text() == "thing.py,sha256=x,5\n"


def test_every_unit_of_ours_names_programs_that_the_tree_gets() -> None:
    for name in ("edge-node-first-start.service", "edge-node-grow.service"):
        assert name in UNITS
        unit = (FILES / "root/etc/systemd/system" / name).read_text()
        program = unit.partition("ExecStart=")[2].split()[0]
        file = FILES / "root" / program.removeprefix("/")
        assert shutil.which(file) is not None, "it is executable"


def test_nobody_waits_for_the_card_to_grow_and_all_for_its_settings() -> None:
    folder = FILES / "root/etc/systemd/system"
    assert "Before=" not in (folder / "edge-node-grow.service").read_text()
    first = (folder / "edge-node-first-start.service").read_text()
    before = first.partition("\nBefore=")[2].partition("\n")[0].split()
    who = {"avahi-daemon.service", "edge-node.service", "network-pre.target", "ssh.service"}
    assert who <= set(before)
