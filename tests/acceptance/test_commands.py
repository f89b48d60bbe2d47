# SPDX-License-Identifier: Apache-2.0
"""Every command as a script sees it: one JSON object, or one sentence and an exit status."""

import contextlib
import json
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.running import (
    Running,
    answer,
    eventually,
    found_network,
    node,
    run,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data directory with a few blocks, children among them, whose node has ended."""
    data_dir = found_network(tmp_path_factory.mktemp("mined"), population=3)
    with node(data_dir) as running:
        running.until_height(3)
        running.end()
    return data_dir


@pytest.mark.parametrize(
    "words",
    [
        ("chain", "show"),
        ("chain", "verify"),
        ("model", "list"),
        ("model", "show", "best"),
        ("dataset", "list"),
        ("config", "show"),
        ("hw", "detect"),
        ("hw", "show"),
        ("hw", "check"),
        ("dataset", "publish", "toy"),
        ("upgrade",),
    ],
    ids=" ".join,
)
def test_json_is_one_object_on_standard_output(mined: Path, words: tuple[str, ...]) -> None:
    assert answer(mined, *words)


def test_mined_models_are_exported_and_equal_on_all_back_ends(mined: Path) -> None:
    assert len(answer(mined, "model", "list")["models"]) >= 3
    (dataset,) = answer(mined, "dataset", "list")["datasets"]
    blob = mined.parent / "best.bnn"
    for kind, path in (("blob", blob), ("c", mined.parent / "best.h")):
        made = answer(mined, "model", "export", "best", "--format", kind, "--output", str(path))
        assert path.stat().st_size == made["bytes"]
    words = ("model", "verify", str(blob), "--backend", "reference", "--dataset")
    verdict = answer(mined, *words, dataset["dataset"])
    assert verdict["equal"]
    assert verdict["backends"][0]["total"] == 400


def test_upgrade_copies_the_directory(mined: Path) -> None:
    copy = Path(answer(mined, "upgrade", "--backup")["backup"])
    assert answer(copy, "chain", "show") == answer(mined, "chain", "show")
    assert (copy / "key").stat().st_mode & 0o777 == 0o600


def refused(data_dir: Path, code: int, *words: str) -> str:
    """Return the one sentence with which a command is refused."""
    done = run(data_dir, *words)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("edge-node: ")
    return line


def test_each_thing_that_is_wrong_has_its_sentence_and_status(mined: Path, tmp_path: Path) -> None:
    assert "run `edge-node init` first" in refused(tmp_path / "none", 3, "run")
    assert "start it with `edge-node run`" in refused(mined, 5, "status")
    assert "name another --data-dir" in refused(mined, 3, "init")
    assert "edge-node dataset list" in refused(tmp_path / "new", 7, "init", "--dataset", "xy")
    (tmp_path / "file").write_text("")
    assert "file" in refused(tmp_path / "file" / "below", 3, "init", "--dataset", "00" * 32)
    broken = tmp_path / "broken.toml"
    broken.write_text("min_populaton = 3\n")
    wrong = refused(tmp_path / "new", 3, "init", "--parameters", str(broken))
    assert "did you mean min_population?" in wrong


def test_broken_configuration_and_newer_format(mined: Path) -> None:
    (mined / "config.toml").write_text("[trainer\n")
    assert "config.toml is not TOML" in refused(mined, 3, "run")
    (mined / "config.toml").unlink()
    (mined / "format").write_text("2\n")
    assert "install the newer edge-node" in refused(mined, 3, "run")
    (mined / "format").write_text("1\n")


def test_directory_has_one_node_at_a_time(mined: Path) -> None:
    with node(mined, "--no-trainer") as running:
        running.until("a start", lambda now: now["connected"])
        assert "another edge-node runs" in refused(mined, 3, "run")
        running.end()


def test_run_tells_each_event_in_a_line(mined: Path) -> None:
    with node(mined, "--no-trainer", "--json") as running:
        running.until("a start", lambda now: now["connected"])
        eventually("its first event", lambda: "started" in running.output.read_text())
        running.end()
    first, last = map(json.loads, running.output.read_text().splitlines())
    assert (first["event"], last["event"]) == ("started", "stopped")
    assert first["height"] == last["height"] >= 3


def _begun_or_over(running: Running) -> bool:
    """Say whether a command has imported what it needs, or has ended while nobody looked."""
    if running.process.poll() is not None:
        return True
    return "numpy" in Path(f"/proc/{running.process.pid}/maps").read_text()


@pytest.mark.parametrize("words", [("chain", "verify"), ("run", "--no-trainer")], ids=" ".join)
def test_ctrl_c_at_any_moment_leaves_no_traceback(mined: Path, words: tuple[str, ...]) -> None:
    for wait_s in (0.0, 0.4, 0.8, 1.6):
        running = Running(mined, *words)
        # Before the command's first import the interpreter alone answers, with its own traceback.
        eventually("the command's own imports", partial(_begun_or_over, running))
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.process.wait(wait_s)
        running.end(signal.SIGINT)
    assert "Traceback" not in running.log.read_text()
