# SPDX-License-Identifier: Apache-2.0
"""`edge-node broker cluster`: folders to copy, certificates for nodes, and ids."""

import shutil
from pathlib import Path

import pytest

from edge_node.gossip.join_line import parse_join_line
from edge_node.node.data_directory import DataDirectory
from tests.cli.typing_in import typed

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")

HOSTS = ("pi1.lan", "pi2.lan", "pi3.lan:9999")
NODE = "0123456789abcdef"
NETWORK = "ab" * 32


def test_cluster_of_the_node_s_network(toy_node: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    made = typed(
        toy_node,
        *("broker", "cluster", "make", *HOSTS, "--output", str(output)),
        *("--client", NODE, "--json"),
    ).json()
    assert made["network"] == DataDirectory(toy_node).genesis().network_id().hex()
    assert list(made["brokers"]) == ["b1", "b2", "b3"]
    for folder in made["brokers"].values():
        names = {each.name for each in Path(folder).iterdir()}
        assert names == {"mosquitto.conf", "acl", "ca.pem", "broker.pem", "broker.key"}
    assert list(made["clients"]) == [NODE]
    again = typed(toy_node, "broker", "cluster", "make", *HOSTS, "--output", str(output))
    assert "not empty" in again.sentence(8)


def test_people_are_told_what_to_copy_where(tmp_path: Path) -> None:
    words = ("broker", "cluster", "make", *HOSTS, "--network", NETWORK)
    seen = typed(tmp_path / "none", *words, "--output", str(tmp_path / "out"))
    assert seen.code == 0, seen.err
    assert "b3: copy to pi3.lan, there `mosquitto -c mosquitto.conf`" in seen.out
    assert "edge-node key new" in seen.out


def test_a_node_gets_its_certificate_later(tmp_path: Path) -> None:
    key = typed(tmp_path / "node", "key", "new", "--json").json()
    node = key["node"]
    words = ("broker", "cluster", "make", *HOSTS, "--network", NETWORK)
    assert typed(tmp_path, *words, "--output", str(tmp_path / "out")).code == 0
    made = typed(
        tmp_path,
        *("broker", "cluster", "client", key["public_key"], "--output", str(tmp_path / "out")),
        *("--home", "b3", "--json"),
    ).json()
    assert (made["node"], Path(made["folder"]).name) == (node, node)
    line = parse_join_line(made["join"])
    assert (line.brokers[0].cell, line.brokers[0].port) == ("b3", 9999)
    shown = typed(
        tmp_path / "node",
        *("--config", f"{made['folder']}/config.toml", "config", "show", "--json"),
    )
    assert shown.code == 0, shown.err


def test_what_means_nothing(toy_node: Path, tmp_path: Path) -> None:
    make = ("broker", "cluster", "make", "--output", str(tmp_path / "out"))
    assert typed(toy_node, *make).code == 2
    assert typed(toy_node, *make, *HOSTS, "--network", "ab").code == 2
    assert "3 to 8 brokers" in typed(toy_node, *make, *HOSTS[:2]).sentence(8)
    assert "edge-node init" in typed(tmp_path / "none", *make, *HOSTS).sentence(3)
    client = ("broker", "cluster", "client", NODE, "--output", str(tmp_path / "out"))
    assert "cluster make" in typed(toy_node, *client).sentence(8)
    assert not (tmp_path / "out").exists()
