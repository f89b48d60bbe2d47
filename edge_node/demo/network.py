# SPDX-License-Identifier: Apache-2.0
"""A broker and node processes on loopback, started, watched and stopped from outside.

Law of the file: nodes are told what a user could tell them, by command line and control socket;
whatever ends the demonstration, they end with it.
Read next: report.py.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from edge_node.datasets.store import DatasetStore
from edge_node.gossip.embedded_broker import Account, BrokerOptions, RunningBroker, start_broker
from edge_node.kernels.libsodium import load_ed25519
from edge_node.kernels.shared_object import load_library
from edge_node.node.configuration import PREFIX, variable_name
from edge_node.node.control import ask
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import NodeError
from edge_node.node.networks import new_genesis
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId
from edge_node.spec.genesis import Genesis, Parameters
from edge_node.spec.signature import SEED_BYTES

GLIMPSE_S = 0.5
"""How long one look at the nodes waits for answers."""
STOP_TIMEOUT_S = 20
"""A node that takes longer to end is killed: ten times what it promises, for a busy machine."""
TRAINER_NICE = 5
"""Somebody is watching: next to other work a trainer gets more than a node's usual leftovers."""
SELECTION_IMAGES = 50_000
"""All of MNIST's train split: climbs on 20,000 images soon learn those by heart, and stop."""
SELECTION_MEMORY_BYTES = 4 << 30
"""That takes 0.2 GB for each node; with less memory than this the board's own choice stands."""
SELECTION_IMAGES_IN_NUMPY = 16_000
"""Without compiled kernels there are 300 candidates a second, not 100,000: too few for more."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoFailed(NodeError):
    """A program of the demonstration ended by itself."""

    reason = "demo-failed"

    def __init__(self, name: str, log: Path) -> None:
        super().__init__(f"{name} ended before the demonstration did; its log is {log}")
        self.name = name
        self.log = log


class UploadRefused(NodeError):
    """The first node did not take the upload of a dataset."""

    reason = "demo-upload"

    def __init__(self, dataset: DatasetId, why: str) -> None:
        super().__init__(f"dataset {dataset.hex()[:8]} could not be uploaded: {why}")
        self.dataset = dataset
        self.why = why


class DemoFolderTaken(NodeError):
    """The folder for the nodes holds something that no demonstration has made."""

    reason = "demo-folder"

    def __init__(self, folder: Path, stranger: Path) -> None:
        super().__init__(
            f"{folder} would be emptied, and {stranger.name} in it is not of a demonstration; "
            "name another folder with --output"
        )
        self.folder = folder
        self.stranger = stranger


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoNode:
    """One node of the demonstration."""

    name: str
    """`node-1` and so on."""
    directory: DataDirectory
    """Its data directory."""
    backend: str
    """The back end that it was told to use."""
    process: "subprocess.Popen[bytes]"
    """Its process."""
    log: Path
    """Its standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGlimpse:
    """What a node said when it was asked."""

    name: str
    """Whose answer it is."""
    height: int
    """Height of its head."""
    head: str
    """Hash of its head."""
    synced: bool
    """Whether nobody is ahead, as far as it knows."""
    imported: int
    """Blocks that it has judged valid."""
    mined: int
    """Its own among them."""
    trainer: str
    """What its trainer does."""
    evaluation_ppm: int
    """Accuracy of the best model of its chain."""


class DemoNetwork:
    """A network of nodes on loopback.

    Parameters
    ----------
    folder : Path
        For data directories and logs; emptied first.
    backends : sequence of str
        One node for each.
    datasets : DatasetStore
        Where these are now; their files are linked, not copied.
    learned : sequence of DatasetId
        What is to be learned from the start.
    offered : sequence of DatasetId
        What the first node alone has, to upload it.
    proof : str
        The network's proof rule.
    parameters : Parameters
        Its rules.
    clock : Clock

    Raises
    ------
    DemoFolderTaken
        Nothing was emptied.
    GossipError
        There is no broker to be had.
    """

    def __init__(
        self,
        folder: Path,
        *,
        backends: Sequence[str],
        datasets: DatasetStore,
        learned: Sequence[DatasetId],
        offered: Sequence[DatasetId] = (),
        proof: str,
        parameters: Parameters,
        clock: Clock,
    ) -> None:
        _empty(folder)
        self.genesis: Genesis
        self.broker: RunningBroker = start_broker(BrokerOptions(data_dir=folder / "broker"), clock)
        self.nodes: tuple[DemoNode, ...] = ()
        # Two for each node: one may wait for an answer while it is told something.
        self._askers = ThreadPoolExecutor(2 * len(backends), thread_name_prefix="demo")
        self._companions: list[subprocess.Popen[bytes]] = []
        self._asked: dict[str, Future[NodeGlimpse | None]] = {}
        # Ctrl-C reaches the main thread only: a node that is being started there would be nobody's.
        self._launcher = ThreadPoolExecutor(1, thread_name_prefix="launch")
        try:
            seeds = [secrets.token_bytes(SEED_BYTES) for _ in backends]
            ed25519 = load_ed25519()
            self.genesis = new_genesis(
                "demo",
                [datasets.table(each).manifest for each in learned],
                [ed25519.public_key(seed) for seed in seeds],
                parameters,
                clock.now_ms(),
                proof,
            )
            for number, (backend, seed) in enumerate(zip(backends, seeds, strict=True), start=1):
                directory = DataDirectory(folder / f"node-{number}")
                directory.initialise(self.genesis, seed)
                for each in (*learned, *(offered if number == 1 else ())):
                    target = directory.datasets / each.hex()
                    shutil.copytree(datasets.folder(each), target, copy_function=os.link)
                with undisturbed():
                    self._launcher.submit(self._launch, directory, backend).result()
        except BaseException:
            self.stop()
            raise

    def _launch(self, directory: DataDirectory, backend: str) -> None:
        log = directory.root / "log"
        # What a demonstration writes is little, and goes with its folder: only a full disk ends it.
        command = [*_program(directory), *_trainer_settings(), "--set", "limits.min_free_mib=0"]
        command += ["run", "--broker", str(self.broker.address), "--backend", backend]
        environment = _environment(self.broker.account)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment
            )
        node = DemoNode(
            name=directory.root.name,
            directory=directory,
            backend=backend,
            process=process,
            log=log,
        )
        self.nodes += (node,)

    def accompany(
        self, command: Sequence[str], log: Path, descriptors: Sequence[int] = ()
    ) -> "subprocess.Popen[bytes]":
        """Start a program that ends with the network.

        Parameters
        ----------
        command : sequence of str
        log : Path
            For what it says.
        descriptors : sequence of int
            Open files that it is given.
        """
        with undisturbed():
            return self._launcher.submit(self._start, command, log, descriptors).result()

    def accompany_first(self, words: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
        """Start a command of the first node's user that goes on, and ends with the network.

        Parameters
        ----------
        words : sequence of str
            What stands behind `edge-node`.
        log : Path
            For what it says.
        """
        program = _program(self.nodes[0].directory)
        return self.accompany([*program, *words, "--broker", str(self.broker.address)], log)

    def _start(
        self, command: Sequence[str], log: Path, descriptors: Sequence[int]
    ) -> "subprocess.Popen[bytes]":
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=_environment(self.broker.account),
                pass_fds=tuple(descriptors),
            )
        self._companions.append(process)
        return process

    def glimpses(self) -> list[NodeGlimpse]:
        """Return what the nodes say of themselves; those that do not answer yet are left out.

        All are asked at once: who judges a block is waited for by nobody else.

        Raises
        ------
        DemoFailed
            A node has ended.
        """
        for node in self.nodes:
            if node.process.poll() is not None:
                raise DemoFailed(node.name, node.log)
        with undisturbed():
            for node in self.nodes:
                if node.name not in self._asked:
                    self._asked[node.name] = self._askers.submit(_glimpse, node)
            wait(self._asked.values(), GLIMPSE_S)
            answered = [name for name, asked in self._asked.items() if asked.done()]
            found = {name: self._asked.pop(name).result() for name in answered}
        return [each for node in self.nodes if (each := found.get(node.name)) is not None]

    def publish(self, dataset: DatasetId, *, bounty: int, blocks: int) -> None:
        """Upload a dataset that the first node has, by the command that its user would type.

        Parameters
        ----------
        dataset : DatasetId
        bounty : int
            Coins for models of it; half as many stand for the reveal.
        blocks : int
            Blocks to mine on it.

        Raises
        ------
        UploadRefused
        """
        node = self.nodes[0]
        words = ["dataset", "publish", dataset.hex(), "--bounty", str(bounty), "--json"]
        done = subprocess.run(
            [*_program(node.directory), *words, "--blocks", str(blocks)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=_environment(self.broker.account),
        )
        if done.returncode:
            raise UploadRefused(dataset, done.stderr.strip())

    def let_mine(self, count: int) -> bool:
        """Let the first nodes mine, and no others; return whether all have heard it."""
        with undisturbed():
            telling = [
                self._askers.submit(_told_to_mine, node, enabled=place < count)
                for place, node in enumerate(self.nodes)
            ]
        while True:
            with undisturbed():
                if not wait(telling, GLIMPSE_S).not_done:
                    break
        self._asked.clear()  # what they said before is of another time
        return all(told.result() for told in telling)

    def stop(self) -> None:
        """End all nodes, then the broker; Ctrl-C waits for that."""
        with undisturbed():
            self._launcher.shutdown(cancel_futures=True)
            processes = [*self._companions, *(node.process for node in self.nodes)]
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                try:
                    process.wait(STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self._askers.shutdown(cancel_futures=True)  # who has ended answers no more
            self.broker.stop()


class _Interruption:
    """Ctrl-C as an exception, except where it has to wait."""

    def __init__(self) -> None:
        self._holders = 0
        self._came = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if not self._holders:
            raise KeyboardInterrupt
        self._came = True

    def hold(self) -> None:
        """Let it wait."""
        self._holders += 1

    def let_go(self) -> None:
        """Let it wait no longer."""
        self._holders -= 1
        if self._came and not self._holders:
            self._came = False
            raise KeyboardInterrupt


_INTERRUPTION = _Interruption()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let signals wait for the end of a block.

    An exception in the moment in which `threading` takes a lock leaves it taken, and whoever wants
    it next, as the threads that are waited for at the end do, waits for ever.
    """
    _INTERRUPTION.hold()
    try:
        yield
    finally:
        _INTERRUPTION.let_go()


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end a block as Ctrl-C does: nodes must not stay behind."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, _INTERRUPTION)
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _empty(folder: Path) -> None:
    if folder.exists():
        for path in folder.iterdir():
            if path.name != "broker" and not path.name.startswith("node-"):
                raise DemoFolderTaken(folder, path)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _program(directory: DataDirectory) -> list[str]:
    return [sys.executable, "-m", "edge_node", "--data-dir", str(directory.root)]


def _environment(account: Account) -> dict[str, str]:
    """Return an environment in which no choice of this machine's user counts."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
        variable_name("network", "user"): account.user,
        variable_name("network", "password"): account.password,
        "OPENBLAS_NUM_THREADS": "1",  # else each trainer takes all cores from the others
    }


def _trainer_settings() -> list[str]:
    settings = ["--set", f"trainer.nice={TRAINER_NICE}"]
    if load_library() is None:
        settings += ["--set", f"trainer.selection_images={SELECTION_IMAGES_IN_NUMPY}"]
    elif os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >= SELECTION_MEMORY_BYTES:
        settings += ["--set", f"trainer.selection_images={SELECTION_IMAGES}"]
    return settings


def _told_to_mine(node: DemoNode, *, enabled: bool) -> bool:
    """Say whether a node has heard if it is to mine."""
    try:
        ask(node.directory.control, "mine", {"enabled": enabled})
    except NodeError:
        return False
    return True


def _glimpse(node: DemoNode) -> NodeGlimpse | None:
    """Return what a node says of itself; None while it is not there yet, or busy."""
    try:
        answer = ask(node.directory.control, "status", {})
    except NodeError:
        return None
    families = answer["families"]
    assert isinstance(families, list)
    return NodeGlimpse(
        name=node.name,
        height=int(str(answer["height"])),
        head=str(answer["head"]),
        synced=bool(answer["synced"]),
        imported=int(str(answer["imported"])),
        mined=int(str(answer["mined"])),
        trainer=str(answer["trainer"]),
        evaluation_ppm=max((int(family["evaluation_ppm"]) for family in families), default=0),
    )
