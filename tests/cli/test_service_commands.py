# SPDX-License-Identifier: Apache-2.0
"""`edge-node install-service` into a mounted system, what it refuses, and `edge-node logs`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.cli.app import app
from edge_node.deployment.installation import UNIT_PATH
from edge_node.deployment.unit import STATE_DIR
from edge_node.node.data_directory import DataDirectory
from tests.architecture.sources import ROOT
from tests.cli.typing_in import Seen

PROGRAM = ("--program", "/opt/edge-node/bin/edge-node")
UNIT = "etc/systemd/system/edge-node.service"
BRIDGE = "etc/systemd/system/edge-node-bridge.service"
BY_ID = "/dev/serial/by-id/usb-board-if00"
LINE = "edge-node://user:secret@broker:1883/?network=" + 64 * "0"


def typed_alone(*words: str) -> Seen:
    """Type a command without a --data-dir."""
    done = CliRunner().invoke(app, words, prog_name="edge-node")
    return Seen(code=done.exit_code, out=done.stdout, err=done.stderr)


def install(root: Path, *words: str) -> Seen:
    return typed_alone("install-service", "--root", str(root), *PROGRAM, *words)


def test_mounted_system_gets_the_service_and_says_what_is_next(tmp_path: Path) -> None:
    seen = install(tmp_path)
    assert seen.code == 0, seen.err
    assert "there is no node in /var/lib/edge-node yet: `sudo edge-node --data-dir" in seen.out
    assert "ExecStart=/opt/edge-node/bin/edge-node run" in (tmp_path / UNIT).read_text()
    assert install(tmp_path, "--join", LINE).out == "the node starts with the machine\n"
    assert (tmp_path / "var/lib/edge-node/join").read_text() == f"{LINE}\n"
    again = install(tmp_path).out
    assert again == "the node starts with the machine\n", "the line waits there"


def test_line_counts_for_nothing_where_a_node_is_in_its_network_already(tmp_path: Path) -> None:
    data = tmp_path / "var/lib/edge-node"
    data.mkdir(parents=True)
    (data / "genesis").write_bytes(b"of another network")
    assert "--join counts for nothing" in install(tmp_path, "--join", LINE).out
    assert not (data / "join").exists()


def test_dry_run_shows_all_but_secrets_and_writes_nothing(tmp_path: Path) -> None:
    seen = install(tmp_path, "--join", LINE, "--dry-run")
    assert seen.code == 0, seen.err
    assert "DynamicUser=yes" in seen.out
    assert f"# install -m 0600 ... {tmp_path}/var/lib/edge-node/join" in seen.out
    assert "secret" not in seen.out
    assert list(tmp_path.iterdir()) == []


def test_json_tells_unit_data_and_steps(tmp_path: Path) -> None:
    told = install(tmp_path, "--json").json()
    assert told["done"] is True
    assert told["data_dir"] == str(STATE_DIR)
    assert told["unit"] == f"/{UNIT}"
    assert len(told["steps"]) == 2


def test_upgrade_keeps_user_and_data_directory(tmp_path: Path) -> None:
    words = ("install-service", "--root", str(tmp_path), *PROGRAM, "--user", "pi")
    assert typed_alone("--data-dir", "/srv/node", *words).code == 0
    assert install(tmp_path).code == 0
    text = (tmp_path / UNIT).read_text()
    assert "User=pi\n" in text
    assert "EDGE_NODE_DATA_DIR=/srv/node\n" in text


def test_node_that_is_there_starts_with_the_machine(tmp_path: Path, toy_node: Path) -> None:
    place = tmp_path / "image"
    (place / "var/lib").mkdir(parents=True)
    toy_node.rename(place / "var/lib/edge-node")
    assert DataDirectory(place / "var/lib/edge-node").is_initialised()
    assert install(place).out == "the node starts with the machine\n"


def test_microcontroller_of_the_services_data_takes_serial_ports(tmp_path: Path) -> None:
    data = tmp_path / "var/lib/edge-node"
    data.mkdir(parents=True)
    (data / "config.toml").write_text('[bridge]\nport = "/dev/serial/by-id/usb-board"\n')
    assert "no group dialout or uucp" in install(tmp_path).sentence(3)
    (tmp_path / "etc").mkdir(exist_ok=True)
    (tmp_path / "etc/group").write_text("dialout:x:20:\n")
    assert install(tmp_path).code == 0
    text = (tmp_path / UNIT).read_text()
    assert "DeviceAllow=char-ttyACM rw\n" in text
    assert "SupplementaryGroups=dialout\n" in text
    (data / "config.toml").write_text('[bridge]\nport = "socket://board:7000"\n')
    assert install(tmp_path).code == 0
    assert "PrivateDevices=yes\n" in (tmp_path / UNIT).read_text()


def test_ports_of_the_services_data_make_a_service_of_the_bridge(tmp_path: Path) -> None:
    data = tmp_path / "var/lib/edge-node"
    data.mkdir(parents=True)
    (data / "config.toml").write_text(f'[bridge]\nports = ["{BY_ID}", "socket://board:7000"]\n')
    assert "no group dialout or uucp" in install(tmp_path).sentence(3)
    assert not (tmp_path / UNIT).exists()
    (tmp_path / "etc").mkdir(exist_ok=True)
    (tmp_path / "etc/group").write_text("dialout:x:20:\n")
    seen = install(tmp_path, "--join", LINE)
    assert seen.code == 0, seen.err
    assert seen.out == (
        "the node starts with the machine; edge-node-bridge.service serves"
        f" {BY_ID}, socket://board:7000 beside it\n"
    )
    text = (tmp_path / BRIDGE).read_text()
    assert "ExecStart=/opt/edge-node/bin/edge-node bridge run\n" in text
    assert "DeviceAllow=char-ttyACM rw\n" in text
    assert "PrivateDevices=yes\n" in (tmp_path / UNIT).read_text()
    assert install(tmp_path, "--json").json()["bridge_ports"] == [BY_ID, "socket://board:7000"]
    (data / "config.toml").write_text("[bridge]\nports = []\n")
    assert "edge-node-bridge" not in install(tmp_path, "--join", LINE).out
    assert not (tmp_path / BRIDGE).exists()


def test_dry_run_shows_both_units_and_uninstall_removes_both(tmp_path: Path) -> None:
    data = tmp_path / "var/lib/edge-node"
    data.mkdir(parents=True)
    (data / "config.toml").write_text('[bridge]\nports = ["socket://board:7000"]\n')
    shown = install(tmp_path, "--dry-run").out
    assert "ExecStart=/opt/edge-node/bin/edge-node run\n" in shown
    assert "ExecStart=/opt/edge-node/bin/edge-node bridge run\n" in shown
    assert f"# install -m 0644 ... {tmp_path}/{BRIDGE}\n" in shown
    assert not (tmp_path / "etc").exists()
    install(tmp_path)
    assert (tmp_path / BRIDGE).exists()
    assert (
        f"rm -f {tmp_path}/{BRIDGE}" in install(tmp_path, "--uninstall", "--json").json()["steps"]
    )
    assert not (tmp_path / BRIDGE).exists()
    assert (data / "config.toml").exists()


def test_adopted_overlay_of_the_services_data_takes_root(tmp_path: Path) -> None:
    data = tmp_path / "var/lib/edge-node"
    data.mkdir(parents=True)
    (data / "overlay.toml").write_text(
        f'[fpga]\noverlay = "/x.bit"\noverlay_sha256 = "{"0" * 64}"\nhwh_sha256 = "{"0" * 64}"\n'
    )
    assert "add --user root" in install(tmp_path).sentence(3)
    assert not (tmp_path / UNIT).exists()
    assert install(tmp_path, "--user", "root").code == 0
    assert "PrivateDevices=no" in (tmp_path / UNIT).read_text()


def test_memory_has_the_limit_of_the_services_configuration(tmp_path: Path) -> None:
    data = tmp_path / "var/lib/edge-node"
    data.mkdir(parents=True)
    (data / "config.toml").write_text("[limits]\nmax_memory_mib = 400\n")
    assert install(tmp_path).code == 0
    assert "MemoryMax=400M\n" in (tmp_path / UNIT).read_text()


def test_uninstall_says_where_the_data_stays(tmp_path: Path) -> None:
    install(tmp_path, "--join", LINE)
    seen = install(tmp_path, "--uninstall")
    assert seen.out == "the service is removed; its data stays in /var/lib/edge-node\n"
    assert not (tmp_path / UNIT).exists()
    assert (tmp_path / "var/lib/edge-node/join").exists()
    assert "install-service` was not run here" in install(tmp_path, "--uninstall").sentence(3)


def test_system_is_changed_by_root_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    refused = typed_alone("install-service", *PROGRAM, "--join", LINE).sentence(3)
    assert refused.startswith(
        "edge-node: this changes the system, which is root's alone; run `sudo"
    )
    assert "secret" not in refused
    assert not UNIT_PATH.exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--user", "nobody-of-this-name"), 3, "there is no user 'nobody-of-this-name' here"),
        (("--join", "nonsense"), 8, "must be edge-node://"),
        (("--uninstall", "--user", "root"), 2, "--uninstall takes neither --user nor --join"),
        (("--root", "/nowhere"), 2, "Directory '/nowhere' does not exist"),
    ],
)
def test_what_can_not_be_is_one_sentence(words: tuple[str, ...], code: int, told: str) -> None:
    assert told in typed_alone("install-service", *PROGRAM, "--dry-run", *words).sentence(code)


def run_logs(path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": str(path), "HOME": str(path), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "edge_node", "logs", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_logs_are_the_journals_of_node_and_bridge_with_its_exit_status(tmp_path: Path) -> None:
    journalctl = tmp_path / "journalctl"
    journalctl.write_text('#!/bin/sh\necho "$*"\nexit 7\n')
    journalctl.chmod(0o755)
    units = "--unit=edge-node.service --unit=edge-node-bridge.service"
    for words, wanted in (
        ((), "--lines=100 --no-pager"),
        (("-f", "-n", "5"), "--lines=5 --no-pager --follow"),
        (("--json",), "--lines=100 --no-pager --output=json"),
    ):
        done = run_logs(tmp_path, *words)
        assert (done.returncode, done.stdout) == (7, f"{units} {wanted}\n")


@pytest.mark.slow
def test_machine_without_a_journal_says_so(tmp_path: Path) -> None:
    done = run_logs(tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("edge-node: no journalctl here")
