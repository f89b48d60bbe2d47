# SPDX-License-Identifier: Apache-2.0
"""What a bridge publishes: predictions as plain JSON, who is there, and Home Assistant's discovery.

`edge-node/bridge/<node>/<device>/prediction` each prediction; `.../status` of device and of node
`online` or `offline`, retained. The topics stand beside `pol/v1`, whose messages are signed
envelopes for nodes: these are for people's own programs, and nobody signs them. <node> is the id of
the node whose data directory has the models, <device> the end of its port's name.
Law of the file: values in, topics and payloads out.
Read next: service.py.
"""

import json
import re
from dataclasses import dataclass

from edge_node import __version__
from edge_node.gossip.ports import Publish, SetWill
from edge_node.gossip.topics import BRIDGE_ROOT, DISCOVERY_ROOT, NodeId
from edge_node.node.bridge.worker import DeviceSeen, Predicted
from edge_node.primitives.types import TimestampMs

ONLINE, OFFLINE = b"online", b"offline"
_NAME_MAX = 64
_EXPIRE_INTERVALS = 10
"""After so many without a prediction Home Assistant shows none."""
_LEAST_EXPIRE_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeTopics:
    """Where a node's bridge publishes."""

    node: NodeId
    """Whose it is."""

    @property
    def status(self) -> str:
        """Whether the bridge is there."""
        return f"{BRIDGE_ROOT}/{self.node}/status"

    def device_status(self, device: str) -> str:
        """Return where it stands whether a device is there."""
        return f"{BRIDGE_ROOT}/{self.node}/{device}/status"

    def prediction(self, device: str) -> str:
        """Return where a device's predictions go."""
        return f"{BRIDGE_ROOT}/{self.node}/{device}/prediction"

    def discovery(self, device: str) -> str:
        """Return where Home Assistant looks for the device's sensor."""
        return f"{DISCOVERY_ROOT}/sensor/{self.node}/{device}/config"


def device_name(port: str) -> str:
    """Return a port's name as one level of a topic: its end, of letters, digits, `-` and `_`."""
    end = port.rstrip("/").rsplit("/", maxsplit=2)
    words = end[-1] if len(end) < 2 or end[-2] != "pts" else f"pts-{end[-1]}"
    return re.sub(r"[^A-Za-z0-9_-]+", "-", words)[:_NAME_MAX].strip("-") or "device"


def distinct_names(ports: tuple[str, ...]) -> tuple[str, ...]:
    """Return a name for each port; those that would be alike are numbered."""
    names: list[str] = []
    for port in ports:
        first = name = device_name(port)
        number = 1
        while name in names:
            number += 1
            name = f"{first}-{number}"
        names.append(name)
    return tuple(names)


def will(topics: BridgeTopics) -> SetWill:
    """Return what the broker says of a bridge that has gone without a word."""
    return SetWill(topic=topics.status, payload=OFFLINE)


def bridge_status(topics: BridgeTopics, *, here: bool) -> Publish:
    """Return the message that the bridge is there, or goes."""
    payload = ONLINE if here else OFFLINE
    return Publish(topic=topics.status, payload=payload, qos=1, retain=True)


def device_status(topics: BridgeTopics, device: str, *, here: bool) -> Publish:
    """Return the message that a device is there, or gone."""
    payload = ONLINE if here else OFFLINE
    return Publish(topic=topics.device_status(device), payload=payload, qos=1, retain=True)


def prediction_facts(found: Predicted, now_ms: TimestampMs) -> dict[str, object]:
    """Return a prediction as plain values; its keys are a contract.

    A sample's label is none of them: a device keeps what `edge-node bridge sample` has told it,
    maybe long ago, and nobody has said what it sees now.
    """
    return {
        "device": found.device,
        "time_ms": now_ms,
        "model": found.model.model_hash.hex(),
        "height": found.model.height,
        "family": found.model.family,
        "dataset": found.model.dataset,
        "sample": found.sample.index,
        "class": found.answer.class_index,
        "logits": list(found.answer.logits),
    }


def prediction_message(topics: BridgeTopics, facts: dict[str, object], device: str) -> Publish:
    """Return the message of a prediction."""
    payload = json.dumps(facts, separators=(",", ":")).encode()
    return Publish(topic=topics.prediction(device), payload=payload, qos=1, retain=False)


def discovery_message(topics: BridgeTopics, seen: DeviceSeen, interval_ms: int) -> Publish:
    """Return what makes a device a sensor of Home Assistant's (its MQTT discovery).

    Parameters
    ----------
    topics : BridgeTopics
    seen : DeviceSeen
    interval_ms : int
        The least time between two predictions.
    """
    unique, hello = _unique(topics.node, seen.device), seen.hello
    expire_s = max(_LEAST_EXPIRE_S, _EXPIRE_INTERVALS * interval_ms // 1_000)
    config = {
        "name": "Prediction",
        "unique_id": unique,
        "state_topic": topics.prediction(seen.device),
        "value_template": "{{ value_json.class }}",
        "json_attributes_topic": topics.prediction(seen.device),
        "availability_mode": "all",
        "availability": [
            {"topic": topics.status},
            {"topic": topics.device_status(seen.device)},
        ],
        "expire_after": expire_s,
        "icon": "mdi:chip",
        "device": {
            "identifiers": [unique],
            "name": seen.device,
            "model": hello.board,
            "sw_version": hello.firmware_hash.hex()[:12],
        },
        "origin": {"name": "edge-node", "sw_version": __version__},
    }
    return Publish(
        topic=topics.discovery(seen.device),
        payload=json.dumps(config, separators=(",", ":")).encode(),
        qos=1,
        retain=True,
    )


def _unique(node: NodeId, device: str) -> str:
    return f"edge-node-{node}-{device}"
