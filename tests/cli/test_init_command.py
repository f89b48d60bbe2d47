# SPDX-License-Identifier: Apache-2.0
"""`edge-node init`: a network on a dataset of one's own, and places where none can be made."""

import json
import shutil
from pathlib import Path

import pytest

from edge_node.cli.session import Session
from edge_node.datasets.content import ImageShape, name_dataset
from edge_node.datasets.store import DatasetStore
from edge_node.gossip import codec
from edge_node.gossip.envelope import seal
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.messages import GenesisCopy
from edge_node.gossip.mqtt import LinkOptions, TlsOptions
from edge_node.gossip.ports import Publish
from edge_node.gossip.topics import Kind, Topic, network_prefix
from edge_node.node.data_directory import DataDirectory
from edge_node.node.service import options_of
from edge_node.node.system import SystemClock
from edge_node.primitives.types import TimestampMs
from edge_node.spec.genesis import PROOF_RULES, Genesis
from tests.chain.workshop import easy_dataset, easy_network
from tests.cli.typing_in import typed
from tests.datasets.samples import random_samples, stored
from tests.gossip.real import TLS, linked, tls_mosquitto
from tests.gossip.simulation import identity_of


@pytest.fixture
def with_dataset(tmp_path: Path) -> Path:
    root = tmp_path / "with"
    DatasetStore(root / "datasets").add(stored(easy_dataset()))
    return root


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.toml"
    path.write_text("min_evaluation_images = 20\n")
    return str(path)


def test_network_on_a_dataset_that_is_here(with_dataset: Path, rules: str) -> None:
    words = ("init", "--dataset", "easy", "--parameters", rules, "--name", "mine", "--json")
    made = typed(with_dataset, *words).json()
    genesis = DataDirectory(with_dataset).genesis()
    assert made == {
        "data_dir": str(with_dataset),
        "network": genesis.network_id().hex(),
        "network_name": "mine",
        "public_key": genesis.members[0].hex(),
        "members": [genesis.members[0].hex()],
    }
    assert genesis.datasets == (easy_dataset().manifest,)
    assert (with_dataset / "key").stat().st_mode & 0o777 == 0o600
    before = (with_dataset / "key").read_bytes()
    assert "name another --data-dir" in typed(with_dataset, *words[:-1]).sentence(3)
    assert (with_dataset / "key").read_bytes() == before


@pytest.mark.parametrize("proof", PROOF_RULES)
def test_new_network_runs_the_proof_rule_that_is_named(
    with_dataset: Path, rules: str, proof: str
) -> None:
    words = ("init", "--dataset", "easy", "--parameters", rules, "--proof", proof)
    assert typed(with_dataset, *words).code == 0
    assert DataDirectory(with_dataset).genesis().proof == proof


def test_network_on_a_dataset_of_another_node(
    with_dataset: Path, tmp_path: Path, rules: str
) -> None:
    new = tmp_path / "new"
    there = ("--dataset-from", str(with_dataset), "--parameters", rules)
    seen = typed(new, "init", "--dataset", "easy", *there)
    assert seen.code == 0, seen.err
    assert f"start it with `edge-node --data-dir {new} run`" in seen.out
    assert DatasetStore(new / "datasets").ids() == [easy_dataset().dataset_id]


def test_network_on_several_datasets_and_families(with_dataset: Path, rules: str) -> None:
    other = name_dataset(
        "other",
        ImageShape(height=8, width=8, channels=1),
        10,
        tuple(random_samples(count, 64, seed=count) for count in (60, 30, 20)),  # type: ignore[arg-type]  # three
    )
    DatasetStore(with_dataset / "datasets").add(other)
    words = ("init", "--dataset", "easy", "--dataset", "other", "--parameters", rules)
    seen = typed(with_dataset, *words, "--min-families", "2")
    assert seen.code == 0, seen.err
    genesis = DataDirectory(with_dataset).genesis()
    assert genesis.datasets == (easy_dataset().manifest, other.manifest)
    assert genesis.parameters.min_families == 2


def test_one_dataset_named_twice_is_refused(with_dataset: Path, rules: str) -> None:
    words = ("init", "--dataset", "easy", "--dataset", "easy", "--parameters", rules)
    assert "ascending datasets, each once" in typed(with_dataset, *words).sentence(6)
    assert not (with_dataset / "genesis").exists()


def test_published_dataset_is_named_like_one_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ("init", "--dataset", "animal-mnist", "--offline")
    assert "animal-mnist is not to be had" in typed(tmp_path / "new", *words).sentence(7)


def test_members_are_named_by_their_keys(with_dataset: Path, tmp_path: Path, rules: str) -> None:
    keys = [
        typed(tmp_path / name, "key", "new", "--json").json()["public_key"] for name in ("b", "c")
    ]
    own = typed(with_dataset, "key", "new", "--json").json()["public_key"]
    (tmp_path / "members").write_text(f"# the others\n{keys[1]}  # c\n\n{keys[0].upper()}\n")
    words = ("init", "--dataset", "easy", "--parameters", rules, "--members")
    wrong = typed(with_dataset, *words, str(tmp_path / "members"), "--member", "me")
    assert "'me' in --member is no public key of 64 hex digits" in wrong.sentence(3)
    whole = (*words, str(tmp_path / "members"), "--member", keys[0], "--json")
    assert typed(with_dataset, *whole).json()["members"] == sorted([own, *keys])
    genesis = DataDirectory(with_dataset).genesis()
    assert [member.hex() for member in genesis.members] == sorted([own, *keys])
    assert typed(with_dataset, "key", "show").out.strip() == own
    assert typed(tmp_path / "b", "init", "--join", "x", "--member", own).code == 2


def test_dataset_that_is_not_here(tmp_path: Path) -> None:
    seen = typed(tmp_path / "new", "init", "--dataset", "nothing")
    assert "edge-node dataset list" in seen.sentence(7)
    assert not (tmp_path / "new" / "genesis").exists()


def test_clock_that_was_not_set_founds_nothing_and_fetches_nothing(
    with_dataset: Path, tmp_path: Path, rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "now_ms", lambda _: TimestampMs(0))
    new, there = tmp_path / "new", ("--dataset-from", str(with_dataset), "--parameters", rules)
    told = typed(new, "init", "--dataset", "easy", *there).sentence(3)
    assert "the clock says 1970-01-01 00:00 UTC, so it was not set yet" in told
    assert list(new.iterdir()) == []


def test_options_that_would_count_for_nothing_are_refused(tmp_path: Path) -> None:
    for words in (("--dataset-from", "/"), ("--dataset", "easy", "--mnist-from", "/")):
        assert typed(tmp_path / "new", "init", "--offline", *words).code == 2
    assert not (tmp_path / "new").exists()


def test_join_takes_nothing_of_ones_own(tmp_path: Path) -> None:
    assert typed(tmp_path, "init", "--join", "edge-node://x", "--dataset", "easy").code == 2
    assert typed(tmp_path, "init", "--join", "edge-node://x", "--dataset-from", "/").code == 2
    assert typed(tmp_path, "init", "--join", "edge-node://x", "--min-families", "2").code == 2
    refused = typed(tmp_path / "new", "init", "--join", "nonsense").sentence(8)
    assert "must be edge-node://..., not another text" in refused
    assert "copy the whole line that `edge-node broker run` printed" in refused
    assert not (tmp_path / "new" / "genesis").exists()


@pytest.mark.slow  # a real broker
def test_join_takes_certificates_and_account_from_the_settings_and_keeps_them(
    tmp_path: Path,
) -> None:
    for name in ("certificate.pem", "key.pem"):
        shutil.copy(TLS / name, tmp_path)
    (tmp_path / "secret").write_text("open sesame\n")
    (tmp_path / "mine.toml").write_text(
        '[network]\nuser = "ann"\npassword_file = "secret"\ntls_ca_file = "certificate.pem"\n'
        'tls_certificate_file = "certificate.pem"\ntls_key_file = "key.pem"\n'
    )
    genesis, root = easy_network().genesis, tmp_path / "new"
    network = genesis.network_id().hex()
    certificate = tmp_path / "certificate.pem"
    tls = TlsOptions(
        ca_file=certificate, certificate_file=certificate, key_file=tmp_path / "key.pem"
    )
    with tls_mosquitto(tmp_path) as port:
        broker = BrokerAddress(host="127.0.0.1", port=port, tls=True)
        with linked(LinkOptions(brokers=(broker,), client_id="a", tls=tls)) as link:
            link.publish(retained(genesis))
        line = f"edge-node://127.0.0.1:{port}/?network={network}&tls=1"
        words = ("--config", str(tmp_path / "mine.toml"), "init", "--join", line, "--json")
        assert typed(root, *words).json()["network"] == network
    kept = options_of(Session(flags={"node.data_dir": str(root)}, file=None).config)
    assert (kept.brokers, kept.tls) == ((broker,), tls)
    assert (kept.user, kept.password) == ("ann", "open sesame")
    assert "sesame" not in (root / "config.toml").read_text(), "it stays in its own file"


def retained(genesis: Genesis) -> Publish:
    """Return the message by which a node keeps a genesis on its broker."""
    identity = identity_of("ann", network_id=genesis.network_id())
    topic = Topic(
        network=network_prefix(genesis.network_id()), kind=Kind.GENESIS, sender=identity.node
    )
    payload = seal(
        topic,
        codec.encode(GenesisCopy(data=genesis.encode())),
        network_id=genesis.network_id(),
        key=identity.key,
        session=1,
        sequence=1,
        sign=identity.sign,
    )
    return Publish(topic=topic.path(), payload=payload, qos=1, retain=True)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file", "it is a file"),
        ("file/below", "not a directory"),
        ("/proc/edge-node", "no such file or directory"),
    ],
)
def test_place_where_no_directory_can_be_is_refused_first(
    tmp_path: Path, place: str, why: str
) -> None:
    (tmp_path / "file").write_text("")
    root = tmp_path / place
    said = typed(root, "init", "--offline").sentence(3)
    assert f"{root} can not be a data directory ({why}); name another --data-dir" in said


def test_directory_that_takes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write everywhere, so the system's answer is given here.
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path / "ro")
    (tmp_path / "ro").mkdir()
    assert "(it is not writable)" in typed(tmp_path / "ro", "init", "--offline").sentence(3)


def test_json_errors_leave_standard_output_empty(tmp_path: Path) -> None:
    seen = typed(tmp_path / "new", "init", "--dataset", "nothing", "--json")
    assert (seen.code, seen.out) == (7, "")
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen.err)


def test_name_that_is_no_text_is_refused_in_one_sentence(with_dataset: Path, rules: str) -> None:
    words = ("init", "--dataset", "easy", "--parameters", rules, "--name", "\udcff")
    assert "a name in UTF-8" in typed(with_dataset, *words).sentence(6)
    assert not (with_dataset / "genesis").exists()


def test_dataset_limit_that_no_peer_could_deliver_is_refused(
    with_dataset: Path, tmp_path: Path
) -> None:
    path = tmp_path / "large.toml"
    path.write_text(f"max_dataset_bytes = {1 << 40}\n")
    seen = typed(with_dataset, "init", "--dataset", "easy", "--parameters", str(path))
    assert f"max_dataset_bytes in 1..{1 << 31}" in seen.sentence(6)
