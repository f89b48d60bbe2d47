# SPDX-License-Identifier: Apache-2.0
"""What a user hears over the control socket, from a real node that a test drives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.node.answers import answer
from edge_node.node.control import JsonObject, Request
from edge_node.node.health import health_of
from edge_node.node.mining.slot import MAX_TRAINER_RESTARTS
from edge_node.spec.encoding import encode
from edge_node.spec.genesis import RECIPE
from edge_node.trainer.task import Progress
from tests.chain.workshop import Tree
from tests.node.forged_winners import RULES, forged, known_chain, take_in
from tests.node.rig import Rig, World, sent, world
from tests.spec import toy_chain as toy

ANN, BOB = toy.miner("ann"), toy.miner("bob")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def ask(rig: Rig, method: str, **arguments: object) -> JsonObject:
    return answer(rig.node, Request(method=method, arguments=dict(arguments)))


def test_status_tells_head_family_peers_and_coins(room: World) -> None:
    ann = room.add("ann")
    room.add("bob")
    room.run()
    block = Tree(room.network).grow(who=ANN)
    ann.node.do([sent(block)])
    room.run(500)
    status = ask(ann, "status")
    assert (status["height"], status["head"]) == (1, block.block_hash.hex())
    assert (status["imported"], status["mined"]) == (1, 0)
    assert (status["connected"], status["synced"]) == (True, True)
    assert status["address"] == ANN.address.hex()
    assert status["balance"] == toy.ALLOCATION
    assert isinstance(status["immature"], int)
    assert status["immature"] > 0
    (family,) = _list(status["families"])
    assert (family["dataset"], family["models"], family["generations"]) == ("easy", 1, 0)
    images = 20
    count = block.mined.block.header.correct_count
    assert family["evaluation_ppm"] == count * 1_000_000 // images
    (peer,) = _list(status["peers"])
    assert (peer["online"], peer["software"], peer["banned"]) == (True, "bob", False)


def test_status_tells_of_blocks_that_wait(room: World) -> None:
    ann = room.add("ann")
    block = Tree(room.network).grow()
    room.clock.ms = 0
    ann.node.do([sent(block)])
    assert ask(ann, "status")["held_blocks"] == 1


def test_status_tells_of_blocks_that_wait_for_their_replay(tmp_path: Path) -> None:
    with world(tmp_path, RULES, proof=RECIPE) as room:
        ann, chain = room.add("ann"), known_chain(room, toy.miner("ann"))
        take_in(ann, chain)
        for name in ("bob", "cat"):
            ann.node.do([sent(forged(chain.tip, toy.miner(name)))])
        assert ask(ann, "status")["waiting_blocks"] == 2
        assert health_of(ann.node).waiting_blocks == 2


def test_status_tells_what_the_trainer_does_and_that_it_has_died_too_often(room: World) -> None:
    assert ask(room.add("bob"), "status")["trainer"] == "off"
    ann = room.add("ann", mines=True)
    room.run()
    assert ask(ann, "status")["trainer"] == "waiting"
    ann.trainer.out.append(Progress(stage="found", candidates=7, best_train_ppm=912_345))
    room.run(200)
    assert ask(ann, "status")["trainer"] == "found: 7 candidates, best 91 % on train"
    for _ in range(MAX_TRAINER_RESTARTS + 1):
        ann.trainer.alive = False
        room.run(200)
    told = str(ask(ann, "status")["trainer"])
    assert told.startswith(f"ended: it died {len(ann.trainers)} times")
    assert "start again" in told


def test_mining_is_switched(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    for enabled in (False, True):
        assert ask(ann, "mine", enabled=enabled) == {}
        room.run(200)
        assert (ann.mines_on is not None) is enabled


def test_transaction_is_taken_once_and_counts_for_the_next_nonce(room: World) -> None:
    ann = room.add("ann")
    assert ask(ann, "account") == {
        "address": ANN.address.hex(),
        "balance": toy.ALLOCATION,
        "nonce": 0,
        "waiting": [],
    }
    transfer = toy.transfer(ANN, BOB.address, 5, network=room.network)
    told = ask(ann, "submit", transaction=encode(transfer.value()).hex())
    assert told == {"transaction": transfer.signing_hash(room.network.rules.network).hex()}
    account = ask(ann, "account")
    assert account["nonce"] == 1
    assert account["waiting"] == [{**told, "kind": "transfer", "cost": 5 + transfer.fee}]
    assert ask(ann, "status")["waiting_transactions"] == 1


@pytest.mark.parametrize(
    ("amount", "nonce", "rule"),
    [(toy.ALLOCATION + 1, 0, "R-"), (5, 9, "R-"), (-1, 0, "R-")],
    ids=["too much", "wrong nonce", "negative"],
)
def test_transaction_that_breaks_a_rule_is_refused_by_its_number(
    room: World, amount: int, nonce: int, rule: str
) -> None:
    ann = room.add("ann")
    value = list(toy.transfer(ANN, BOB.address, 5, network=room.network).value())  # type: ignore[arg-type]  # a list
    transfer = toy.transfer(ANN, BOB.address, max(amount, 0), network=room.network, nonce=nonce)
    value = list(transfer.value())  # type: ignore[arg-type]  # a list
    if amount < 0:
        value[value.index(0, 1)] = amount
    told = ask(ann, "submit", transaction=encode(value).hex())
    assert str(told["error"]).startswith(rule)
    assert len(ann.mempool) == 0


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("submit", {"transaction": "zz"}),
        ("submit", {"transaction": ""}),
        ("submit", {}),
        ("fetch", {"dataset": "00"}),
        ("fetch", {"dataset": 5}),
        ("nonsense", {}),
    ],
)
def test_garbage_is_an_error_in_words(
    room: World, method: str, arguments: dict[str, object]
) -> None:
    ann = room.add("ann")
    assert list(ask(ann, method, **arguments)) == ["error"]
    assert ann.height == 0


def test_dataset_is_asked_for_and_published(room: World) -> None:
    ann = room.add("ann")
    room.add("bob")
    room.run()
    assert ask(ann, "publish") == {"online": 1}
    here = room.data.dataset_id.hex()
    told = ask(ann, "fetch", dataset=here)
    assert told["complete"] is True
    told = ask(ann, "fetch", dataset="11" * 32)
    assert (told["connected"], told["chunks"], told["complete"]) == (True, 0, False)
    room.run(60_000)
    assert "edge-node dataset publish" in str(ask(ann, "fetch", dataset="11" * 32)["failed"])


def _list(value: object) -> list[JsonObject]:
    assert isinstance(value, (list, tuple))
    return list(value)


def test_many_transactions_are_taken_up_to_the_first_that_is_refused(room: World) -> None:
    ann = room.add("ann")
    good = [toy.transfer(ANN, BOB.address, 5, network=room.network, nonce=n) for n in (0, 1)]
    gap = toy.transfer(ANN, BOB.address, 5, network=room.network, nonce=9)
    batch = encode([each.value() for each in (*good, gap)]).hex()
    told = ask(ann, "submit_all", transactions=batch)
    assert (told["taken"], str(told["refused"])[:2]) == (2, "R-")
    assert ask(ann, "status")["waiting_transactions"] == 2
    # Again: what waits already counts as taken.
    again = ask(ann, "submit_all", transactions=encode([good[0].value()]).hex())
    assert again == {"taken": 1, "refused": ""}
    assert "array" in str(ask(ann, "submit_all", transactions="05")["error"])
