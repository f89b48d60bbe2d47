# SPDX-License-Identifier: Apache-2.0
"""The skip policy, shown on small test runs of their own: only listed reasons leave a run green."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each case is a run of pytest

LISTED = "this CPU has no AVX-512"


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    ("statement", "exit_code"),
    [
        (f"pytest.skip({LISTED!r})", 0),
        ("pytest.skip('not in the mood')", 1),
        ("pytest.xfail('xfail is no skip')", 0),
    ],
)
def test_only_listed_skip_leaves_a_run_green(
    tmp_path: Path, statement: str, exit_code: int, workers: str
) -> None:
    done = run_tests(tmp_path, f"def test_sample():\n    {statement}\n", workers)
    assert done.returncode == exit_code, done.stdout
    assert ("expected_skips.toml does not list" in done.stdout) == (exit_code == 1)


def test_module_that_skips_itself_is_seen(tmp_path: Path) -> None:
    module = "pytest.skip('no reason', allow_module_level=True)\n"
    done = run_tests(tmp_path, f"{module}def test_sample(): pass\n", "1")
    assert "expected_skips.toml does not list" in done.stdout


def run_tests(folder: Path, text: str, workers: str) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parent
    for name in ("conftest.py", "expected_skips.toml"):
        shutil.copy(here / name, folder)
    (folder / "pytest.ini").touch()
    (folder / "test_sample.py").write_text(f"import pytest\n{text}")
    command = [sys.executable, "-m", "pytest", f"--numprocesses={workers}", "test_sample.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
