# SPDX-License-Identifier: Apache-2.0
"""Node processes on loopback over a real broker, and what each of them costs.

Law of the file: nodes are told what a user could tell them, by command line and control socket;
whatever ends the measurement, they end with it.
Read next: traffic.py, throughput.py.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import edge_node
from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.embedded_broker import BrokerOptions, RunningBroker, start_broker
from edge_node.node.configuration import PREFIX, variable_name
from edge_node.node.control import JsonObject, ask
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import NodeError
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId
from edge_node.spec.genesis import Genesis

STOP_TIMEOUT_S = 5
"""A node that takes longer to end is killed."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node process."""

    name: str
    """`node-1` and so on."""
    directory: DataDirectory
    """Its data directory."""
    process: "subprocess.Popen[bytes]"
    """Its process."""
    log: Path
    """Its standard error."""

    def ask(self, method: str, arguments: JsonObject) -> JsonObject:
        """Ask the node.

        Raises
        ------
        MeasurementFailed
            It has ended.
        NodeError
            It does not answer yet, or refuses.
        """
        if self.process.poll() is not None:
            last = self.log.read_text(errors="replace").splitlines()[-1:]
            raise MeasurementFailed(f"{self.name} ended: {' '.join(last)}")
        return ask(self.directory.control, method, arguments)

    def height(self) -> int:
        """Return the height of its head; -1 while it does not answer."""
        with contextlib.suppress(NodeError):
            return int(str(self.ask("head", {})["height"]))
        return -1

    def waiting(self) -> int:
        """Return how many transactions wait in its mempool; -1 while it does not answer."""
        with contextlib.suppress(NodeError):
            return int(str(self.ask("head", {})["waiting_transactions"]))
        return -1

    def cpu_s(self) -> float:
        """Return the processor seconds that the node has used so far, without its trainer."""
        return process_cpu_s(self.process.pid)

    def trainer_cpu_s(self) -> float:
        """Return the processor seconds of the processes that the node has started."""
        return children_cpu_s(self.process.pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """What nodes to start."""

    folder: Path
    """For data directories and logs."""
    genesis: Genesis
    """Of their network."""
    seeds: Sequence[bytes]
    """One node for each."""
    miners: int
    """How many of them mine."""
    datasets: DatasetStore
    """Where the dataset is; its files are linked."""
    dataset: DatasetId
    """What they learn."""
    settings: Mapping[str, str]
    """Of all nodes."""


@contextlib.contextmanager
def running_cluster(
    options: ClusterOptions, clock: Clock
) -> Iterator[tuple[RunningBroker, tuple[Member, ...]]]:
    """Run a broker and nodes until the block ends."""
    with contextlib.ExitStack() as cleanup:
        broker = start_broker(BrokerOptions(data_dir=options.folder / "broker"), clock)
        cleanup.callback(broker.stop)
        members: list[Member] = []
        for number, seed in enumerate(options.seeds, start=1):
            member = _launch(options, number, seed, broker)
            members.append(member)
            cleanup.callback(_stop, member)
        for member in members:  # all at once, before each is waited for
            cleanup.callback(member.process.terminate)
        yield broker, tuple(members)


def until(
    holds: Callable[[], bool], *, clock: Clock, limit_s: float, what: str, pause_s: float = 0.05
) -> None:
    """Wait until something holds.

    Raises
    ------
    MeasurementFailed
    """
    end_ms = clock.monotonic_ms() + limit_s * 1_000
    while not holds():
        if clock.monotonic_ms() > end_ms:
            raise MeasurementFailed(f"no {what} within {limit_s:.0f} s")
        time.sleep(pause_s)


def process_cpu_s(pid: int) -> float:
    """Return the processor seconds of one process; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def children_cpu_s(pid: int) -> float:
    """Return the processor seconds of the processes that a process has started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return sum(process_cpu_s(int(child)) for child in children)


def _launch(options: ClusterOptions, number: int, seed: bytes, broker: RunningBroker) -> Member:
    directory = DataDirectory(options.folder / f"node-{number}")
    directory.initialise(options.genesis, seed)
    shutil.copytree(
        options.datasets.folder(options.dataset),
        directory.datasets / options.dataset.hex(),
        copy_function=_link,
    )
    settings = dict(options.settings)
    if number > options.miners:
        settings["trainer.enabled"] = "false"
    command = [sys.executable, "-m", "edge_node", "--data-dir", str(directory.root)]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    command += ["run", "--broker", str(broker.address)]
    log = directory.root / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=_environment(broker),
        )
    return Member(name=directory.root.name, directory=directory, process=process, log=log)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _environment(broker: RunningBroker) -> dict[str, str]:
    """Return an environment in which no choice of this machine's user counts."""
    package = Path(edge_node.__file__).parents[1]
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
        variable_name("network", "user"): broker.account.user,
        variable_name("network", "password"): broker.account.password,
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": path,
    }


def _stop(member: Member) -> None:
    try:
        member.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        member.process.kill()
        member.process.wait()
