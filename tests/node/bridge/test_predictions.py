# SPDX-License-Identifier: Apache-2.0
"""Topics and payloads of a bridge: what other people's programs are promised."""

import json
import re

import pytest

from edge_node.gossip.errors import TopicNotUnderstood
from edge_node.gossip.topics import NodeId, parse
from edge_node.node.bridge.predictions import (
    BridgeTopics,
    bridge_status,
    device_name,
    device_status,
    discovery_message,
    distinct_names,
    prediction_facts,
    prediction_message,
    will,
)
from edge_node.node.bridge.worker import DeviceSeen, Predicted
from edge_node.primitives.types import TimestampMs
from edge_node_bridge.device import SensorSample
from edge_node_bridge.messages import HelloAnswer, Logits
from tests.node.bridge.live import accepted

NODE = NodeId("0123456789abcdef")
TOPICS = BridgeTopics(node=NODE)
LEVEL = re.compile(r"[A-Za-z0-9_-]+")

FOUND = Predicted(
    device="pico",
    model=accepted(1, height=7),
    sample=SensorSample(index=3, label=7, pixels=bytes(784)),
    answer=Logits(logits=(1, 9, -4), class_index=1),
)
HELLO = HelloAnswer(
    version=1,
    session=1,
    board="pico",
    max_frame_bytes=1_024,
    capabilities=15,
    firmware_hash=b"\x01" * 32,
    max_model_bytes=65_536,
    max_image_bytes=784,
    model_hash=b"",
    sensor="camera",
    sensor_shape=(28, 28, 1),
)


@pytest.mark.parametrize(
    ("port", "name"),
    [
        ("/dev/serial/by-id/usb-Raspberry_Pi_Pico_E66-if00", "usb-Raspberry_Pi_Pico_E66-if00"),
        ("/dev/pts/3", "pts-3"),
        ("/dev/ttyACM0", "ttyACM0"),
        ("socket://127.0.0.1:5555", "127-0-0-1-5555"),
        ("/dev/serial/by-id/a+b#c d/", "a-b-c-d"),
        ("/", "device"),
    ],
)
def test_port_becomes_one_level_of_a_topic(port: str, name: str) -> None:
    assert device_name(port) == name
    assert LEVEL.fullmatch(name)


def test_names_that_would_be_alike_are_numbered() -> None:
    assert distinct_names(("/a/x.y", "/b/x-y", "/c/x y")) == ("x-y", "x-y-2", "x-y-3")


def test_prediction_is_one_json_object_under_its_device_without_a_label_of_long_ago() -> None:
    facts = prediction_facts(FOUND, TimestampMs(1_700_000_000_000))
    message = prediction_message(TOPICS, facts, "pico")
    assert message.topic == f"edge-node/bridge/{NODE}/pico/prediction"
    assert not message.retain
    assert json.loads(message.payload) == {
        "device": "pico",
        "time_ms": 1_700_000_000_000,
        "model": FOUND.model.model_hash.hex(),
        "height": 7,
        "family": FOUND.model.family,
        "dataset": "mnist",
        "sample": 3,
        "class": 1,
        "logits": [1, 9, -4],
    }


def test_no_node_takes_a_prediction_for_gossip() -> None:
    for topic in (TOPICS.prediction("pico"), TOPICS.status, TOPICS.discovery("pico")):
        with pytest.raises(TopicNotUnderstood):
            parse(topic, network="00000000")


def test_who_is_there_is_retained_and_the_will_says_the_opposite() -> None:
    assert will(TOPICS).topic == bridge_status(TOPICS, here=True).topic
    assert will(TOPICS).payload == bridge_status(TOPICS, here=False).payload == b"offline"
    here = device_status(TOPICS, "pico", here=True)
    assert (here.topic, here.payload) == (f"edge-node/bridge/{NODE}/pico/status", b"online")
    assert here.retain


def test_home_assistant_finds_topic_template_and_availability() -> None:
    message = discovery_message(TOPICS, DeviceSeen(device="pico", hello=HELLO), 60_000)
    assert message.topic == f"homeassistant/sensor/{NODE}/pico/config"
    assert message.retain
    config = json.loads(message.payload)
    assert config["state_topic"] == TOPICS.prediction("pico")
    assert config["value_template"] == "{{ value_json.class }}"
    topics = [each["topic"] for each in config["availability"]]
    assert topics == [TOPICS.status, TOPICS.device_status("pico")]
    assert config["expire_after"] == 600
    assert config["device"]["model"] == "pico"
    assert config["unique_id"] in config["device"]["identifiers"]


@pytest.mark.parametrize(
    "port", ["/dev/serial/by-id/usb-Raspberry_Pi_Pico_E66.1-if00", "socket://[::1]:5555", "/dev/é"]
)
def test_discovery_is_what_home_assistants_documentation_asks_for(port: str) -> None:
    """Of its MQTT integration: the topic's letters, and what a sensor's payload may have."""
    message = discovery_message(
        TOPICS, DeviceSeen(device=device_name(port), hello=HELLO), interval_ms=0
    )
    prefix, component, *ids, last = message.topic.split("/")
    assert (prefix, component, last) == ("homeassistant", "sensor", "config")
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in ids)
    config = json.loads(message.payload)
    texts = {"name", "unique_id", "state_topic", "value_template", "json_attributes_topic", "icon"}
    others = {"availability", "availability_mode", "expire_after", "device", "origin"}
    assert set(config) == texts | others
    assert all(config[each] and isinstance(config[each], str) for each in texts)
    assert re.fullmatch(r"mdi:[a-z-]+", config["icon"])
    assert config["availability_mode"] in {"all", "any", "latest"}
    assert all(set(each) == {"topic"} for each in config["availability"]), "online and offline"
    assert type(config["expire_after"]) is int
    assert config["expire_after"] > 0
    assert set(config["device"]) == {"identifiers", "name", "model", "sw_version"}
    assert set(config["origin"]) == {"name", "sw_version"}
