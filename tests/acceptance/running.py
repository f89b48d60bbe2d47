# SPDX-License-Identifier: Apache-2.0
"""Whole processes for the tests of this folder: commands, nodes and a broker, started and stopped.

Everything is told by command line, as a user would; the images are few, so blocks come in seconds.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_node.gossip.embedded_broker import find_mosquitto
from edge_node.node.control import ask
from edge_node.node.errors import NodeNotRunning
from edge_node.spec.genesis import EVOLUTION
from tests.spec.toy_data import toy_dataset

PATIENCE_S = 180
"""Far above what is usual: two cores may be busy with other tests."""
ARCHITECTURE = "1bit:conv4p-dense3"
FOR_EVER = 64
"""A population so large that there is something to mine for as long as a test runs."""
RULES = """
min_family_acc_ppm = 500_000
min_population_acc_ppm = 2_000
max_founder_steps = 40
min_interval_ms = 1_000
rung_ms = 2_000
max_future_ms = 500
target_ms = 1_000
min_evaluation_images = 100
"""

Json = dict[str, Any]


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which no configuration of this machine's user counts."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("EDGE_NODE_")}
    path = os.pathsep.join(
        [str(Path(__file__).parents[2]), *filter(None, [mine.get("PYTHONPATH")])]
    )
    return {**mine, "HOME": str(home), "PYTHONPATH": path}


def command(data_dir: Path, *words: str) -> list[str]:
    program = [sys.executable, "-m", "edge_node", "--data-dir", str(data_dir)]
    return [*program, "--set", f"trainer.architecture={ARCHITECTURE}", *words]


def run(data_dir: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        command(data_dir, *words),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment(data_dir.parent),
    )


def answer(data_dir: Path, *words: str) -> Json:
    """Return the one JSON object that a command prints."""
    done = run(data_dir, *words, "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def eventually(what: str, holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end_s, f"{what}: not within {patience_s} s"
        time.sleep(0.1)


class Running:
    """A process of the command that goes on until it is told to end."""

    def __init__(
        self,
        data_dir: Path,
        *words: str,
        prefix: Sequence[str] = (),
        settings: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.{words[0]}.log"
        self.output = self.log.with_suffix(".out")
        with self.log.open("ab") as log, self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*prefix, *command(data_dir, *settings, *words)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=environment(data_dir.parent),
            )

    def status(self) -> Json:
        """Return what the node says, or nothing if it does not answer yet."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return ask(self.data_dir / "control", "status", {})
        except NodeNotRunning:
            return {}

    def until(self, what: str, holds: Callable[[Json], bool]) -> Json:
        """Wait until the node's status is as wanted, and return it."""
        last: Json = {}

        def asked() -> bool:
            nonlocal last
            last = self.status()
            return bool(last) and holds(last)

        try:
            eventually(what, asked)
        except AssertionError as error:
            raise AssertionError(f"{error}; {last}; {self.log.read_text()[-3_000:]}") from None
        return last

    def until_height(self, height: int) -> Json:
        return self.until(f"height {height}", lambda now: now["height"] >= height)

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """End the process and return the seconds that it took."""
        start_s = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)
        return time.monotonic() - start_s

    def stop(self) -> None:
        """End the process if it still runs, by force."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def toy_images(path: Path) -> None:
    """Write a dataset as a user's numpy archive."""
    splits = toy_dataset("acceptance", (1_200, 400, 400)).splits
    images = np.frombuffer(b"".join(split.images for split in splits), np.uint8)
    labels = np.frombuffer(b"".join(split.labels for split in splits), np.uint8)
    np.savez(path, images=images.reshape(-1, 8, 8), labels=labels)


def found_network(
    folder: Path,
    *words: str,
    population: int = FOR_EVER,
    rules: str = RULES,
    proof: str = EVOLUTION,
) -> Path:
    """Make a data directory with a new network on a small imported dataset."""
    data_dir = folder / "a"
    toy_images(folder / "toy.npz")
    (folder / "rules.toml").write_text(f"min_population = {population}{rules}")
    imported = answer(
        data_dir, "dataset", "import", str(folder / "toy.npz"), "--format", "npz", "--name", "toy"
    )
    chosen = str(folder / "rules.toml")
    founding = ("--proof", proof, "--dataset", imported["dataset"], "--parameters", chosen)
    answer(data_dir, "init", *founding, *words)
    return data_dir


@contextmanager
def broker(data_dir: Path) -> Iterator[str]:
    """Run mosquitto with `edge-node broker run` and give its join line."""
    if find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    place = ("--listen", "127.0.0.1", "--port", "0")
    running = Running(data_dir, "broker", "run", *place, "--program", "mosquitto", "--json")
    try:
        eventually("the broker's join line", lambda: running.output.read_text().endswith("}\n"))
        started = json.loads(running.output.read_text())
        assert started["program"] == "mosquitto"
        yield started["join"]
        running.end()
    finally:
        running.stop()


@contextmanager
def node(data_dir: Path, *words: str, prefix: Sequence[str] = ()) -> Iterator[Running]:
    """Run a node; `prefix` stands before its command line."""
    running = Running(data_dir, "run", *words, prefix=prefix)
    try:
        yield running
    finally:
        running.stop()
