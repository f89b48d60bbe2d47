# SPDX-License-Identifier: Apache-2.0
"""A node that joins when it first runs: by the file `join`, over a real broker."""

import shutil
from pathlib import Path

import pytest

from edge_node.cli.joining import join_as_told, own_seed
from edge_node.cli.session import Session
from edge_node.gossip.errors import GossipError
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.mqtt import LinkOptions, TlsOptions
from edge_node.node.data_directory import DataDirectory
from edge_node.node.service import options_of
from tests.chain.workshop import easy_network
from tests.cli.test_init_command import retained
from tests.cli.typing_in import typed
from tests.gossip.real import TLS, linked, tls_mosquitto

PEM = ("certificate.pem", "key.pem")


def session_of(root: Path) -> Session:
    return Session(flags={"node.data_dir": str(root)}, file=None)


@pytest.mark.slow  # a real broker
def test_waiting_line_makes_the_node_with_the_key_and_the_settings_that_wait_with_it(
    tmp_path: Path,
) -> None:
    root, genesis, seed = tmp_path / "node", easy_network().genesis, bytes(range(32))
    root.mkdir()
    certificate, key = (Path(shutil.copy(TLS / name, tmp_path)) for name in PEM)
    (root / "config.toml").write_text(
        f'[network]\ntls_ca_file = "{certificate}"\ntls_certificate_file = "{certificate}"\n'
        f'tls_key_file = "{key}"\n[trainer]\nenabled = false\n'
    )
    DataDirectory(root).make_key(seed)
    with tls_mosquitto(tmp_path) as port:
        broker = BrokerAddress(host="127.0.0.1", port=port, tls=True)
        tls = TlsOptions(ca_file=certificate, certificate_file=certificate, key_file=key)
        with linked(LinkOptions(brokers=(broker,), client_id="a", tls=tls)) as link:
            link.publish(retained(genesis))
        line = f"edge-node://ann:secret@127.0.0.1:{port}/?network={genesis.network_id().hex()}"
        (root / "join").write_text(f"{line}&tls=1\n")
        assert join_as_told(session_of(root))
    directory = DataDirectory(root)
    assert (directory.genesis(), directory.seed()) == (genesis, seed)
    assert not directory.join_line.exists(), "its password stands in config.toml now"
    assert directory.settings.stat().st_mode & 0o777 == 0o600
    options = options_of(session_of(root).config)
    assert (options.brokers, options.user, options.password) == ((broker,), "ann", "secret")
    assert options.tls == tls
    assert options.trainer is None
    assert not join_as_told(session_of(root)), "once"


def test_node_that_is_there_never_joins_another_network_and_says_so(
    toy_node: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not join_as_told(session_of(toy_node))
    assert caplog.text == ""
    (toy_node / "join").write_text("nonsense\n")
    assert not join_as_told(session_of(toy_node))
    assert f"{toy_node / 'join'} is not used, as there is a node here: remove it" in caplog.text


def test_without_a_line_nothing_is_made(tmp_path: Path) -> None:
    assert not join_as_told(session_of(tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    assert "run `edge-node init` first" in typed(tmp_path / "new", "run").sentence(3)


@pytest.mark.parametrize("line", ["", "nonsense\n", "edge-node://a@b/?network=00\n", "\udcff" * 9])
def test_line_that_is_none_is_refused_and_stays(tmp_path: Path, line: str) -> None:
    (tmp_path / "join").write_text(line, errors="surrogateescape")
    with pytest.raises(GossipError, match="copy the whole line"):
        join_as_told(session_of(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"join"}


def test_key_that_waits_is_taken_and_otherwise_one_is_drawn(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    assert own_seed(directory) != own_seed(directory)
    directory.make_key(bytes(32))
    assert own_seed(directory) == bytes(32)
