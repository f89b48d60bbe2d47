# SPDX-License-Identifier: Apache-2.0
"""Answers to the control socket: status, transactions, datasets, mining on and off.

Law of the file: runs on the node's loop, between two turns; one function per question.
Read next: control.py.
"""

from collections.abc import Callable
from dataclasses import asdict

from edge_node.datasets.errors import DatasetError
from edge_node.node.control import MAX_REQUEST_BYTES, JsonObject, Request
from edge_node.node.errors import OffloadNeverMines
from edge_node.node.health import health_of
from edge_node.node.mining.slot import MAX_TRAINER_RESTARTS
from edge_node.node.node import Node
from edge_node.node.parts import NodeParts
from edge_node.node.status import FamilyStatus, NodeStatus, PeerStatus
from edge_node.primitives.counting import counted
from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, Hash32, ModelHash
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.encoding import decode
from edge_node.spec.state import Family
from edge_node.spec.transaction import address_of, transaction_from_bytes, transaction_from_value

KIND_NAMES = ("transfer", "dataset", "reveal", "commit", "evidence")
"""What users call the kinds of transactions, by their number."""


def answer(node: Node, request: Request) -> JsonObject:
    """Return what a request asks for, or an object with the key `error`."""
    question = _QUESTIONS.get(request.method)
    if question is None:
        return {"error": f"the node does not know {request.method!r}; use another version"}
    try:
        return question(node, request.arguments)
    except (EdgeNodeError, ValueError) as error:
        return {"error": str(error)}


def status(node: Node) -> NodeStatus:
    """Return a node's state at this moment."""
    parts = node.parts
    head, final = parts.importer.head, parts.importer.final
    address = address_of(parts.signer.public_key)
    return NodeStatus(
        node=str(parts.gossip.node),
        public_key=parts.signer.public_key.hex(),
        address=address.hex(),
        network=parts.importer.rules.network.hex(),
        network_name=parts.directory.genesis().name,
        height=head.height,
        head=head.head.hex(),
        final_height=0 if final is None else final.height,
        final="" if final is None else final.block.hex(),
        member=node.finality.is_member,
        signed_height=node.finality.signed_height,
        connected=node.connected,
        synced=parts.gossip.synced,
        backend=parts.engine.backend_name,
        imported=node.imported,
        mined=node.mined,
        held_blocks=len(parts.held),
        waiting_blocks=len(parts.replays or ()),
        waiting_transactions=len(parts.mempool),
        waiting_models=node.imports.count,
        balance=head.accounts.get(address).balance,
        immature=sum(reward.amount for reward in head.immature if reward.address == address),
        trainer=_trainer_words(parts),
        temperature="" if parts.thermometer is None else parts.thermometer.words,
        reasons=health_of(node).reasons,
        offload=None if node.offload is None else node.offload.status(),
        families=tuple(_family(node, family) for family in head.families.values()),
        peers=tuple(
            PeerStatus(
                node=str(peer.node),
                online=peer.online,
                height=peer.height,
                software=peer.software,
                banned=peer.banned_until_ms > parts.clock.monotonic_ms(),
            )
            for peer in parts.gossip.peers()
        ),
    )


def _trainer_words(parts: NodeParts) -> str:
    miner = parts.miner
    if miner is None:
        return "off"
    if miner.given_up:
        return f"ended: it died {MAX_TRAINER_RESTARTS + 1} times; see the log, then start again"
    if pause := _pause_words(parts):
        return pause
    if miner.hindrance:
        return f"waiting: {miner.hindrance}"
    if miner.progress is None:
        return "waiting"
    progress = miner.progress
    best = progress.best_train_ppm * 100 // PPM
    return f"{progress.stage}: {counted(progress.candidates, 'candidate')}, best {best} % on train"


def _pause_words(parts: NodeParts) -> str:
    if parts.thermometer is not None and parts.thermometer.paused:
        return "paused by heat"
    if parts.disk_room is not None and parts.disk_room.paused:
        return "paused for want of room on the disk"
    return ""


def _family(node: Node, family: Family) -> FamilyStatus:
    manifest = node.parts.importer.head.datasets[family.dataset].manifest
    best = max(model.correct_count for model in family.models)
    return FamilyStatus(
        family=family.family_id.hex(),
        dataset=manifest.name,
        models=family.model_count,
        generations=len(family.records),
        evaluation_ppm=best * PPM // manifest.splits[SplitName.EVALUATION].count,
        coverage_ppm=family.weight_record.coverage_ppm,
        needed_gain=family.needed_gain,
        closed=family.closed,
    )


def _status(node: Node, _arguments: JsonObject) -> JsonObject:
    return status(node).as_json()


def _head(node: Node, _arguments: JsonObject) -> JsonObject:
    """Say little, for who asks often."""
    head = node.parts.importer.head
    return {
        "height": head.height,
        "head": head.head.hex(),
        "waiting_transactions": len(node.parts.mempool),
    }


def _mine(node: Node, arguments: JsonObject) -> JsonObject:
    node.set_mining(allowed=bool(arguments.get("enabled")))
    return {}


def _account(node: Node, _arguments: JsonObject) -> JsonObject:
    parts = node.parts
    key, head, network = parts.signer.public_key, parts.importer.head, parts.importer.rules.network
    address = address_of(key)
    return {
        "address": address.hex(),
        "balance": head.accounts.get(address).balance,
        "nonce": parts.mempool.next_nonce(head, key),
        "waiting": [
            {
                "transaction": each.signing_hash(network).hex(),
                "kind": KIND_NAMES[each.kind],
                "cost": each.spent + each.fee,
            }
            for each in parts.mempool.waiting_of(key)
        ],
    }


def _submit(node: Node, arguments: JsonObject) -> JsonObject:
    data = bytes.fromhex(str(arguments.get("transaction")))
    transaction = transaction_from_bytes(data)
    node.submit(transaction)
    return {"transaction": transaction.signing_hash(node.parts.importer.rules.network).hex()}


def _submit_all(node: Node, arguments: JsonObject) -> JsonObject:
    """Take many transactions at once, joined as they are encoded; bounded by a request's size."""
    values = decode(bytes.fromhex(str(arguments.get("transactions"))), max_bytes=MAX_REQUEST_BYTES)
    if not isinstance(values, list):
        raise ValueError("transactions are an array")  # noqa: TRY004 - answered like all that is wrong
    return asdict(node.submit_all([transaction_from_value(value) for value in values]))


def _imports(node: Node, arguments: JsonObject) -> JsonObject:
    """Look anew which models wait to found a family, and refuse the one asked for if it can not."""
    if node.offload is not None:
        raise OffloadNeverMines
    name = bytes.fromhex(str(arguments.get("model")))
    node.imports.admit(ModelHash(Hash32(name)), node.parts.engine)
    return {"waiting": node.imports.count}


def _publish(node: Node, _arguments: JsonObject) -> JsonObject:
    """Tell peers anew which datasets they can have of this node."""
    now_ms = node.parts.clock.monotonic_ms()
    node.do(node.fetch.offer(now_ms))
    return {"online": sum(peer.online for peer in node.parts.gossip.peers())}


def _fetch(node: Node, arguments: JsonObject) -> JsonObject:
    """Begin to fetch a dataset, or say how far it is; `failed` says what ended it."""
    name = bytes.fromhex(str(arguments.get("dataset")))
    if len(name) != len(ZERO_HASH):
        raise ValueError(f"a dataset's id has {len(ZERO_HASH)} bytes, not {len(name)}")
    dataset, now_ms = DatasetId(Hash32(name)), node.parts.clock.monotonic_ms()
    try:
        node.do(node.fetch.ask(dataset, now_ms))
    except DatasetError as error:
        return {"failed": str(error)}
    return {"connected": node.connected, **asdict(node.fetch.progress(dataset))}


_QUESTIONS: dict[str, Callable[[Node, JsonObject], JsonObject]] = {
    "status": _status,
    "head": _head,
    "mine": _mine,
    "account": _account,
    "submit": _submit,
    "submit_all": _submit_all,
    "imports": _imports,
    "publish": _publish,
    "fetch": _fetch,
}
