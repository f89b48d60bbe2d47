# SPDX-License-Identifier: Apache-2.0
"""A node that is told to end does so in 2 s, whatever it does just then, and leaves all in order.

Real processes: broker, node, trainer, back end. The tests allow for a machine with other work, but
not for a node that waits for a computation or a time-out.
"""

import re
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.running import (
    FOR_EVER,
    RULES,
    Json,
    Running,
    answer,
    broker,
    eventually,
    found_network,
    node,
    toy_images,
)
from tests.inference.interpreters import NEEDS

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

END_S = 2.0
BUSY_MACHINE_S = 7.0
"""What the other tests may add on two cores; less than any time-out that a node could wait for."""
LONG_REPLAY = 30_000
"""Training steps of a founder, which whoever imports it replays for a second or more."""
SLOW_BLOCKS = 6
"""To be imported one after the other, for six seconds or more."""


def descendants(pid: int) -> set[int]:
    """Return the processes below a process."""
    children: dict[int, set[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended meanwhile
            children.setdefault(parent, set()).add(int(folder.name))
    found, new = set[int](), {pid}
    while new:
        new = set().union(*(children.get(each, set()) for each in new)) - found
        found |= new
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def check_end(running: Running) -> None:
    """End a node and check that nothing of it is left open."""
    below = descendants(running.process.pid)
    took_s = running.end()
    assert took_s < END_S + BUSY_MACHINE_S, running.log.read_text()[-3_000:]
    assert running.process.returncode == 0
    eventually("the end of its processes", lambda: not any(map(is_alive, below)))
    assert not (running.data_dir / "chain.sqlite3-wal").exists(), "the store was closed"
    assert not (running.data_dir / "control").exists()


def is_gone(status: Json, peer: str) -> bool:
    return any(each["node"] == peer and not each["online"] for each in status["peers"])


@pytest.mark.parametrize("backend", list(NEEDS))
def test_mining_node_ends_with_its_processes_and_peers_know(tmp_path: Path, backend: str) -> None:
    NEEDS[backend]()
    first, second = found_network(tmp_path), tmp_path / "b"
    with broker(first) as line, node(first, "--no-trainer") as a:
        answer(second, "init", "--join", line)
        with node(second, "--backend", backend) as b:
            b.until_height(1)
            me = b.status()["node"]
            a.until("the peer", lambda now: any(p["node"] == me for p in now["peers"]))
            assert descendants(b.process.pid), "its trainer at least"
            check_end(b)
        a.until("the goodbye", lambda now: is_gone(now, me))
        a.end()


def test_node_ends_in_the_middle_of_an_import(tmp_path: Path) -> None:
    first, second = slow_network(tmp_path), tmp_path / "b"
    with broker(first) as line, node(first) as a:
        answer(second, "init", "--join", line)
        with (second / "config.toml").open("a") as settings:
            settings.write('\n[node]\nlog_level = "debug"\n')
        # One import follows on the other: whenever this process has its turn, one is under way.
        a.until_height(SLOW_BLOCKS)
        with node(second, "--no-trainer") as b:
            eventually("the dataset", lambda: "is complete" in b.log.read_text())
            done = len(b.log.read_text().rpartition("is complete")[0])
            eventually("an import", lambda: under_way(b.log.read_text()[done:]))
            check_end(b)
            told = b.log.read_text()[done:]
        a.until("the goodbye", lambda now: any(not each["online"] for each in now["peers"]))
        a.end()
    assert under_way(told), "it was in the middle"
    judged = re.findall(r"block (\w+) judged valid", told)
    blocks = answer(second, "chain", "show")["blocks"]
    assert [block["hash"][:8] for block in blocks] == judged


def under_way(log: str) -> bool:
    """Say whether a node that tells this judges a block."""
    return "judged valid" not in log.rpartition("judging block ")[2] and "judging block" in log


def slow_network(folder: Path) -> Path:
    """Make a data directory of a network whose founders are long to replay."""
    data_dir, rules = folder / "a", folder / "rules.toml"
    toy_images(folder / "toy.npz")
    usual = "max_founder_steps = 40\n"
    assert usual in RULES
    slow = RULES.replace(usual, f"max_founder_steps = {LONG_REPLAY}\n")
    rules.write_text(f"min_population = {FOR_EVER}{slow}")
    words = ("dataset", "import", str(folder / "toy.npz"), "--format", "npz", "--name", "toy")
    dataset = answer(data_dir, *words)["dataset"]
    founding = ("--proof", "evolution", "--dataset", dataset, "--parameters", str(rules))
    answer(data_dir, "init", *founding)
    return data_dir


def test_node_ends_while_no_broker_answers(tmp_path: Path) -> None:
    data_dir = found_network(tmp_path)
    # A full queue of connections: whoever comes now waits until it is given up.
    with ExitStack() as stack, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(silent.getsockname())
        with node(data_dir, "--broker", f"127.0.0.1:{silent.getsockname()[1]}") as alone:
            alone.until("an answer", lambda now: not now["connected"])
            check_end(alone)


def test_kill_leaves_a_store_that_opens(tmp_path: Path) -> None:
    data_dir = found_network(tmp_path, population=6)
    with node(data_dir) as a:
        height = a.until_height(3)["height"]
        a.end(signal.SIGKILL)
    verdict = answer(data_dir, "chain", "verify")
    assert verdict["valid"]
    assert verdict["height"] >= height
