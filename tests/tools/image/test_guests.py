# SPDX-License-Identifier: Apache-2.0
"""The very image that people flash, booted: it joins, fetches the chain, validates, mines, gossips.

What counts is what the host received over its broker, signed by the key on the guest's card.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.node.system import SystemClock
from tests.acceptance.running import answer, broker, found_network, node
from tests.tools.image.guests import (
    BOOT_PATIENCE_S,
    Card,
    Ear,
    Guest,
    listening,
    make_card,
    online,
    port_of,
    raspberry_pi_3b,
    tell,
    until,
    virtual,
)

pytestmark = [pytest.mark.image, pytest.mark.timeout(3 * BOOT_PATIENCE_S)]
MAX_RESIDENT_KIB = 120 * 1024
PROCESSES = "/sys/fs/cgroup/system.slice/edge-node.service/cgroup.procs"
"""Of the service in a guest."""
OTHERS = 2
"""Of them: the node, and what Python starts before the trainer."""


def blocks_of(data_dir: Path) -> dict[str, str]:
    """Return hash -> miner of a chain's last blocks."""
    blocks = answer(data_dir, "chain", "show", "--last", "500")["blocks"]
    return {block["hash"]: block["miner"] for block in blocks}


def head_of(ear: Ear, card: Card) -> str:
    tip = ear.tips.get(card.node)
    return "" if tip is None else tip.block_hash.hex()


def node_of(guest: Guest) -> str:
    """Return the number of the process that is the node; the service's others are its trainer's."""
    return guest.run("systemctl show --property=MainPID --value edge-node").strip()


@contextmanager
def without_its_trainer(ear: Ear, guest: Guest) -> Iterator[None]:
    """Let a guest find no block for a while, as one that mines may win every race for long."""
    guest.until_reachable()
    until("its trainer", ear, [guest], lambda: len(guest.run(f"cat {PROCESSES}").split()) > OTHERS)
    each = f"for p in $(cat {PROCESSES}); do [ $p = {node_of(guest)} ] || kill"
    guest.run(f"{each} -STOP $p; done")
    yield
    guest.run(f"{each} -CONT $p; done")


def check_system(guest: Guest) -> None:
    """Check what only the guest can tell: no unit failed, the node is small, secrets have left."""
    assert guest.run("systemctl --failed --no-legend --plain") == ""
    each = f"for p in $(cat {PROCESSES}); do echo $p $(grep VmRSS /proc/$p/status); done"
    lines = guest.run(each)
    taken_kib = {words[0]: int(words[2]) for words in map(str.split, lines.splitlines())}
    node_kib = taken_kib.pop(node_of(guest))
    tell(
        f"the node in {guest.card.image.parent.name} takes {node_kib / 1024:.0f} MiB,"
        f" its trainer's processes {sum(taken_kib.values()) / 1024:.0f} MiB"
    )
    assert node_kib <= MAX_RESIDENT_KIB
    left = guest.run("ls /boot/firmware/edge-node").split()
    assert sorted(left) == ["authorized_keys", "boards.txt", "hostname"]
    name = guest.card.image.parent.name
    assert guest.run("hostname").strip() == name
    said = guest.run("journalctl --boot --unit=avahi-daemon --output=cat --no-pager")
    assert f"Host name is {name}.local" in said, "the first name that it tells is its own"


def test_card_in_a_virtual_machine_joins_and_validates_what_the_host_mined(
    tmp_path: Path,
) -> None:
    first = found_network(tmp_path)
    with broker(first) as line, listening(line) as ear:
        with node(first) as host:
            host.until_height(5)
            host.end()
        card = make_card(tmp_path / "shed", line)
        with node(first, "--no-trainer") as host, virtual(card, port_of(line)) as guest:
            height = host.until("its chain", lambda now: now["height"] >= 5)["height"]
            until("a first tip", ear, [guest], lambda: ear.height(card) >= 1)
            tell(f"a first validated block {time.monotonic() - guest.began_s:.0f} s after start")
            until("the host's chain", ear, [guest], lambda: ear.height(card) >= height)
            now = host.until("its presence", lambda now: card.node in online(now["peers"]))
            host.end()
            with without_its_trainer(ear, guest), node(first) as again:
                until(
                    "three new blocks of the host's below the guest's head",
                    ear,
                    [guest],
                    lambda: blocks_below(head_of(ear, card), first, now["public_key"]) >= 5 + 3,
                )
                again.end()
            check_system(guest)


def blocks_below(head: str, data_dir: Path, miner: str) -> int:
    """Return how many of a miner's blocks a head of this data directory's chain stands on."""
    chain = blocks_of(data_dir)
    if head not in chain:
        return 0
    return list(chain.values())[: list(chain).index(head) + 1].count(miner)


def test_two_cards_gossip_through_one_broker_when_the_founder_has_left(tmp_path: Path) -> None:
    first = found_network(tmp_path)
    with broker(first) as line, listening(line) as ear:
        with node(first) as host:
            host.until_height(3)
            host.end()
        a, b = (make_card(tmp_path / name, line) for name in ("shed", "attic"))
        with (
            node(first, "--no-trainer") as host,
            virtual(a, port_of(line)) as in_a,
            virtual(b, port_of(line)) as in_b,
        ):
            both = [in_a, in_b]
            until("both", ear, both, lambda: min(ear.height(a), ear.height(b)) >= 3)
            host.end()
            before = max(ear.height(a), ear.height(b), host_height(first))
            until(
                "one head of two cards, above all that the host had",
                ear,
                both,
                lambda: head_of(ear, a) == head_of(ear, b) and ear.height(a) > before + 1,
            )
            head, reached = head_of(ear, a), ear.height(a)
            # Only now somebody else may carry blocks: who mined them is read from the chain.
            with node(first, "--no-trainer") as again:
                again.until("their chain", lambda now: now["height"] >= reached)
                again.end()
    mined = blocks_of(first)
    assert head in mined
    assert mined[head] in {a.key.hex(), b.key.hex()}


def host_height(data_dir: Path) -> int:
    return int(answer(data_dir, "chain", "show", "--last", "1")["blocks"][-1]["height"])


def test_card_in_a_raspberry_pi_3b_joins_and_validates(tmp_path: Path) -> None:
    first = found_network(tmp_path)
    with broker(first) as line, listening(line) as ear:
        with node(first) as host:
            host.until_height(3)
            host.end()
        card = make_card(tmp_path / "porch", line)
        with node(first, "--no-trainer") as host, raspberry_pi_3b(card, port_of(line)) as guest:
            guest.until_reachable()
            # This board has no clock, and no server of time is in reach.
            guest.run(f"date --set=@{SystemClock().now_ms() // 1000}")
            model = guest.run("cat /proc/device-tree/model")
            assert model.rstrip("\0") == "Raspberry Pi 3 Model B"
            until("the host's chain", ear, [guest], lambda: ear.height(card) >= 3)
            host.until("the guest's presence", lambda now: card.node in online(now["peers"]))
            host.end()
            check_system(guest)
            head = head_of(ear, card)
    assert head in blocks_of(first) or ear.height(card) > host_height(first)
