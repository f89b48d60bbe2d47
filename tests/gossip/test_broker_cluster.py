# SPDX-License-Identifier: Apache-2.0
"""A broker cluster: its files, and three real mosquittos that run them, TLS and access lists on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.gossip.broker_cluster import (
    PLAN,
    plan_cluster,
    read_cluster,
    write_client,
    write_cluster,
)
from edge_node.gossip.errors import (
    BrokerAddressInvalid,
    ClusterOptionInvalid,
    GossipError,
)
from edge_node.gossip.inbox import LinkRefused
from edge_node.gossip.join_line import parse_join_line
from edge_node.gossip.mqtt import LinkOptions, TlsOptions
from edge_node.gossip.ports import Incoming, Publish
from edge_node.gossip.topics import DEFAULT_BROKER, NodeId, is_broker_name, network_prefix
from edge_node.node.toml_files import read_toml
from tests.gossip.mesh import Mesh, running_mesh
from tests.gossip.real import linked, until_listening, wait_for, wait_for_payload
from tests.gossip.simulation import NETWORK

HOSTS = ("pi1.lan", "pi2.lan:1234", "192.168.1.7")
ANN, BOB, EVE = NodeId("a" * 16), NodeId("b" * 16), NodeId("e" * 16)
BASE = f"pol/v1/{network_prefix(NETWORK)}"
TIPS = f"{BASE}/+/tip/+"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


def test_brokers_have_names_that_fit_in_topics() -> None:
    brokers = plan_cluster(HOSTS, NETWORK).brokers
    assert [broker.cell for broker in brokers] == ["b1", "b2", "b3"]
    assert [str(broker) for broker in brokers] == ["pi1.lan:8883", HOSTS[1], "192.168.1.7:8883"]
    assert all(broker.tls for broker in brokers)
    # A node that was told no name is at none of them.
    assert all(is_broker_name(each.cell) and each.cell != DEFAULT_BROKER for each in brokers)


@pytest.mark.parametrize(
    ("hosts", "error"),
    [
        (HOSTS[:2], ClusterOptionInvalid),
        (tuple(f"pi{i}" for i in range(9)), ClusterOptionInvalid),
        (("pi1", "pi2", "pi1:8883"), ClusterOptionInvalid),
        (("pi1", "pi2", "pi 3"), BrokerAddressInvalid),
        (("pi1", "pi2", "mqtt://pi3"), BrokerAddressInvalid),
        (("pi1", "pi2", "pi3?cell=b9"), BrokerAddressInvalid),
        (("pi1", "pi2", "pi3\nallow_anonymous true"), BrokerAddressInvalid),
    ],
)
def test_impossible_clusters(hosts: tuple[str, ...], error: type[GossipError]) -> None:
    with pytest.raises(error):
        plan_cluster(hosts, NETWORK)


@needs_openssl
def test_every_broker_is_bridged_to_every_other(tmp_path: Path) -> None:
    cluster = plan_cluster(HOSTS, NETWORK)
    folders = write_cluster(cluster, tmp_path / "c")
    for folder, broker in zip(folders, cluster.brokers, strict=True):
        lines = (folder / "mosquitto.conf").read_text().splitlines()
        assert f"listener {broker.port}" in lines
        addresses = [line.removeprefix("address ") for line in lines if line.startswith("address ")]
        assert addresses == [str(each) for each in cluster.brokers if each is not broker]
        topics = [line.split()[1:3] for line in lines if line.startswith("topic ")]
        assert topics == [["#", "out"]] * 4
    assert read_cluster(tmp_path / "c") == cluster


@needs_openssl
def test_nodes_begin_at_different_brokers_and_know_all(tmp_path: Path) -> None:
    cluster = plan_cluster(HOSTS, NETWORK)
    write_cluster(cluster, tmp_path)
    firsts = set()
    for node in (NodeId(f"{i:016x}") for i in range(3)):
        place = write_client(tmp_path, node)
        line = parse_join_line((place / "join").read_text())
        assert line.network_id == NETWORK
        assert sorted(line.brokers, key=str) == sorted(cluster.brokers, key=str)
        firsts.add(line.brokers[0].cell)
        network = read_toml(place / "config.toml")["network"]
        assert isinstance(network, dict)
        assert (place / str(network["tls_key_file"])).exists()
    assert firsts == {"b1", "b2", "b3"}
    place = write_client(tmp_path, NodeId("f" * 16), home="b2")
    assert parse_join_line((place / "join").read_text()).brokers[0].cell == "b2"


@needs_openssl
def test_what_no_client_can_be_made_of(tmp_path: Path) -> None:
    cluster = plan_cluster(HOSTS, NETWORK)
    write_cluster(cluster, tmp_path / "c")
    with pytest.raises(ClusterOptionInvalid, match="not empty"):
        write_cluster(cluster, tmp_path / "c")
    # Not the name of a broker either: it would be taken for a bridge.
    for node in ("b1", "", "A" * 16, "../" * 5 + "b"):
        with pytest.raises(ClusterOptionInvalid, match="16 hex digits"):
            write_client(tmp_path / "c", NodeId(node))
    with pytest.raises(ClusterOptionInvalid, match="b9"):
        write_client(tmp_path / "c", ANN, home="b9")
    for text in ("", "{}", '{"network": "zz", "brokers": []}', '{"network": "00", "brokers": 5}'):
        (tmp_path / "c" / PLAN).write_text(text)
        with pytest.raises(ClusterOptionInvalid):
            write_client(tmp_path / "c", ANN)
    with pytest.raises(ClusterOptionInvalid, match="cluster make"):
        write_client(tmp_path / "none", ANN)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    with running_mesh(tmp_path_factory.mktemp("mesh") / "c", NETWORK) as running:
        yield running


def publish(topic: str, payload: bytes, *, retain: bool = False) -> Publish:
    return Publish(topic=f"{BASE}/{topic}", payload=payload, qos=1, retain=retain)


@pytest.mark.slow
def test_a_message_reaches_every_broker_once(mesh: Mesh) -> None:
    with (
        linked(mesh.options(ANN, 0, topics=(TIPS,))) as a,
        linked(mesh.options(BOB, 1, topics=(TIPS,))) as b,
        linked(mesh.options(EVE, 2, topics=(TIPS,))) as c,
    ):
        a.publish(publish(f"o/tip/{ANN}", b"once", retain=True))
        got = [wait_for_payload(each, b"once").topic for each in (a, b, c)]
        assert got == [f"{BASE}/{scope}/tip/{ANN}" for scope in "oii"]
        # What would come twice would come before what is sent later.
        b.publish(publish(f"o/tip/{BOB}", b"later", retain=True))
        for each in (a, b, c):
            event = wait_for(each, lambda event: isinstance(event, Incoming))
            assert isinstance(event, Incoming)
            assert event.payload == b"later"
        with linked(mesh.options(EVE, 0, topics=(TIPS,))) as late:
            assert wait_for_payload(late, b"later").retained


@pytest.mark.slow
def test_an_answer_goes_to_one_broker_only(mesh: Mesh) -> None:
    answers = (f"{BASE}/x/+/res/{ANN}/#",)
    topic = f"res/{ANN}/{BOB}/{1:016x}"
    with (
        linked(mesh.options(ANN, 0, topics=answers)) as home,
        linked(mesh.options(ANN, 2, topics=answers)) as elsewhere,
        linked(mesh.options(BOB, 1)) as b,
    ):
        b.publish(publish(f"x/b1/{topic}", b"for b1"))
        assert wait_for_payload(home, b"for b1").topic == f"{BASE}/x/b1/{topic}"
        b.publish(publish(f"x/b3/{topic}", b"for b3"))
        event = wait_for(elsewhere, lambda event: isinstance(event, Incoming))
        assert isinstance(event, Incoming)
        assert event.payload == b"for b3"


@pytest.mark.slow
def test_what_stays_in_a_cell_is_not_bridged(mesh: Mesh) -> None:
    blocks = (f"{BASE}/+/blk/+",)
    with (
        linked(mesh.options(ANN, 0, topics=blocks)) as a,
        linked(mesh.options(BOB, 1, topics=blocks)) as b,
    ):
        a.publish(publish(f"c/blk/{ANN}", b"body"))
        a.publish(publish(f"o/blk/{ANN}", b"header"))
        assert wait_for_payload(a, b"body").topic == f"{BASE}/c/blk/{ANN}"
        event = wait_for(b, lambda event: isinstance(event, Incoming))
        assert isinstance(event, Incoming)
        assert event.payload == b"header"


@pytest.mark.slow
@pytest.mark.parametrize(
    "forged",
    [
        f"o/tip/{BOB}",
        f"o/blk/{BOB}",
        f"o/pres/{BOB}",
        f"c/blk/{BOB}",
        f"i/tip/{BOB}",
        f"i/tip/{EVE}",
        f"o/req/{ANN}/{BOB}",
        f"x/b1/res/{ANN}/{BOB}/{1:016x}",
    ],
)
def test_nobody_writes_in_another_s_name(mesh: Mesh, forged: str) -> None:
    everything = (f"{BASE}/+/+/+", f"{BASE}/+/req/{ANN}/+", f"{BASE}/x/+/res/{ANN}/#")
    with (
        linked(mesh.options(ANN, 0, topics=everything)) as a,
        linked(mesh.options(EVE, 0)) as eve,
    ):
        eve.publish(publish(forged, b"forged"))
        eve.publish(publish(f"o/inv/{EVE}", b"own"))
        event = wait_for(a, lambda event: isinstance(event, Incoming) and not event.retained)
        assert isinstance(event, Incoming)
        assert event.payload == b"own"


@pytest.mark.slow
def test_predictions_of_a_bridge_are_its_nodes_alone(mesh: Mesh) -> None:
    with (
        linked(mesh.options(ANN, 0, topics=("edge-node/bridge/#",))) as a,
        linked(mesh.options(EVE, 0)) as eve,
    ):
        for name, payload in ((BOB, b"forged"), (EVE, b"own")):
            topic = f"edge-node/bridge/{name}/pico/prediction"
            eve.publish(Publish(topic=topic, payload=payload, qos=1, retain=False))
        event = wait_for(a, lambda event: isinstance(event, Incoming) and not event.retained)
        assert isinstance(event, Incoming)
        assert event.payload == b"own"


@pytest.mark.slow
def test_nobody_reads_what_is_for_another(mesh: Mesh) -> None:
    with (
        linked(mesh.options(ANN, 0, topics=(f"{BASE}/#",))) as a,
        linked(mesh.options(EVE, 0, topics=(f"{BASE}/#",))) as eve,
        linked(mesh.options(BOB, 0)) as b,
    ):
        b.publish(publish(f"o/req/{ANN}/{BOB}", b"secret"))
        b.publish(publish(f"x/b1/res/{ANN}/{BOB}/{1:016x}", b"secret"))
        b.publish(publish(f"o/inv/{BOB}", b"open"))
        for link, wanted in ((a, b"secret"), (eve, b"open")):
            event = wait_for(link, lambda event: isinstance(event, Incoming) and not event.retained)
            assert isinstance(event, Incoming)
            assert event.payload == wanted


@pytest.mark.slow
def test_client_without_certificate_is_refused(mesh: Mesh) -> None:
    trusting = TlsOptions(ca_file=mesh.folder / "b1" / "ca.pem")
    options = LinkOptions(brokers=mesh.brokers[:1], client_id="nobody", tls=trusting)
    with linked(options, up=False) as link:
        wait_for(link, lambda event: isinstance(event, LinkRefused))
        assert not link.is_connected


@pytest.mark.slow
def test_a_broker_that_was_killed_knows_the_tips_again(mesh: Mesh) -> None:
    with linked(mesh.options(ANN, 0, topics=(TIPS,))) as a:
        mesh.kill(1)
        a.publish(publish(f"o/tip/{ANN}", b"meanwhile", retain=True))
        wait_for_payload(a, b"meanwhile")
        mesh.start(1)
        until_listening(mesh.brokers[1].port)
        with linked(mesh.options(BOB, 1, topics=(TIPS,))) as b:
            assert wait_for_payload(b, b"meanwhile").topic == f"{BASE}/i/tip/{ANN}"
