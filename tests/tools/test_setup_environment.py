# SPDX-License-Identifier: Apache-2.0
"""Set-up on machines that lack something: it names what it installs, or what would cure it.

The script runs for real, on a PATH where only some programs are; Python, apt-get and id are played.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

TOOLS = ("sh", "cat", "dirname", "sha256sum", "mkdir", "cp", "chmod", "rm")
PLAYED_PYTHON = """#!/bin/sh
echo "python $*" >>"$CALLS"
case "$*" in
    *"-m pip "*)
        read -r failures <"$FAILURES"
        [ "$failures" = 0 ] || { echo $((failures - 1)) >"$FAILURES"; exit 2; } ;;
    *ensurepip*) exit $LACKS_ENSUREPIP ;;
    *print*) echo 3.11 ;;
    *venv*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    *kernels.build*) echo "build: no compiler" >&2 ;;
esac
"""
HAS_MOSQUITTO = any(Path(folder, "mosquitto").exists() for folder in ("/usr/sbin", "/sbin"))
"""The script looks there too, whatever the PATH is."""
PLAYED_APT = """#!/bin/sh
echo "apt-get $*" >>"$CALLS"
"""


@dataclass
class Machine:
    """A folder with the set-up's files, and a PATH."""

    folder: Path
    programs: Path
    lacks_ensurepip: bool = False
    pip_failures: int = 0

    def put(self, name: str, script: str) -> None:
        program = self.programs / name
        program.write_text(script)
        program.chmod(0o755)

    def set_up(
        self, purpose: str = "demo", **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        failures = self.folder / "failures"
        failures.write_text(f"{self.pip_failures}\n")
        return subprocess.run(
            [str(self.programs / "sh"), "tools/setup_environment.sh", purpose],
            cwd=self.folder,
            env={
                "PATH": str(self.programs),
                "CALLS": str(self.folder / "calls"),
                "FAILURES": str(failures),
                "LACKS_ENSUREPIP": str(int(self.lacks_ensurepip)),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> str:
        calls = self.folder / "calls"
        return calls.read_text() if calls.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(folder=tmp_path / "checkout", programs=tmp_path / "bin")
    made.programs.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None
        (made.programs / name).symlink_to(found)
    made.put("id", "#!/bin/sh\necho 1000\n")
    made.put("sleep", '#!/bin/sh\necho "sleep $*" >>"$CALLS"\n')
    # Not all of tools/: other tests' processes write compiled files there meanwhile.
    shutil.copytree(ROOT / "tools/constraints", made.folder / "tools/constraints")
    shutil.copy(ROOT / "tools/setup_environment.sh", made.folder / "tools")
    shutil.copy(ROOT / "pyproject.toml", made.folder)
    return made


def test_without_python_it_names_the_packages(machine: Machine) -> None:
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "`sudo apt install python3 python3-venv`" in done.stderr


def test_without_ensurepip_it_names_python3_venv_and_makes_nothing(machine: Machine) -> None:
    machine.put("python3", PLAYED_PYTHON)
    machine.lacks_ensurepip = True
    done = machine.set_up()
    assert done.returncode == 1
    assert "`sudo apt install python3-venv` (or python3.11-venv)" in done.stderr
    assert not (machine.folder / ".venv").exists()


def test_without_root_it_installs_no_package_and_says_what_is_missing(machine: Machine) -> None:
    machine.put("python3", PLAYED_PYTHON)
    machine.put("apt-get", PLAYED_APT)
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    assert "apt-get" not in machine.calls
    assert ("`sudo apt install mosquitto` cures it" in done.stderr) != HAS_MOSQUITTO
    assert "installing into .venv: edge-node[demo]" in done.stderr
    assert "build: no compiler" in done.stderr
    assert "pip" in machine.calls


def test_root_gets_the_missing_packages_unless_told_not_to(machine: Machine) -> None:
    machine.put("python3", PLAYED_PYTHON)
    machine.put("apt-get", PLAYED_APT)
    machine.put("id", "#!/bin/sh\necho 0\n")
    assert machine.set_up(APT="no").returncode == 0
    assert "apt-get" not in machine.calls
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    wanted = "gcc libc6-dev" + ("" if HAS_MOSQUITTO else " mosquitto")
    assert f"installing Debian packages: {wanted} (APT=no prevents it)" in done.stderr
    assert f"install --no-install-recommends -y {wanted}" in machine.calls


def test_connection_that_breaks_is_tried_thrice_and_then_told(machine: Machine) -> None:
    machine.put("python3", PLAYED_PYTHON)
    machine.pip_failures = 3
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr.endswith("see above; the first set-up needs a network.\n")
    assert machine.calls.count("sleep ") == 2
    machine.pip_failures = 2
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    assert "trying again in 5 s" in done.stderr
    assert "trying again in 10 s" in done.stderr
    assert machine.set_up().returncode == 0


def test_second_time_nothing_is_installed_again(machine: Machine) -> None:
    machine.put("python3", PLAYED_PYTHON)
    assert machine.set_up().returncode == 0
    before = machine.calls.count("-m pip")
    done = machine.set_up()
    assert done.returncode == 0
    assert before > 0
    assert machine.calls.count("-m pip") == before
    assert "installing" not in done.stderr


def test_python_too_new_for_the_overlay_s_tools_is_not_taken_for_them(machine: Machine) -> None:
    too_new = 'case "$*" in *"<= (3, 12)"*) exit 1 ;; esac\ncase'
    machine.put("python3", PLAYED_PYTHON.replace("case", too_new, 1))
    assert machine.set_up().returncode == 0
    done = machine.set_up("fpga")
    assert done.returncode == 1
    assert "no Python 3.10 to 3.12 found" in done.stderr
