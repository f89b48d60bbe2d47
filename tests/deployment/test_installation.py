# SPDX-License-Identifier: Apache-2.0
"""Installing and removing the service in a system of folders, with a systemctl that takes notes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_node.deployment.errors import NotInstalled, SerialGroupMissing, StepFailed, UnitForeign
from edge_node.deployment.installation import (
    BRIDGE_PATH,
    UNIT_PATH,
    InstallRequest,
    Plan,
    carry_out,
    earlier,
    kept,
    plan_install,
    plan_uninstall,
    serial_group,
    systemd_runs,
)
from edge_node.deployment.unit import UnitChoices, bridge_unit_text, unit_text

CHOICES = UnitChoices(program=Path("/opt/edge-node/bin/edge-node"))
BRIDGED = UnitChoices(program=CHOICES.program, bridge_ports=("socket://board:7000",))
UNIT = "etc/systemd/system/edge-node.service"
BRIDGE = "etc/systemd/system/edge-node-bridge.service"
BRIDGE_WANTED = "etc/systemd/system/edge-node.service.wants/edge-node-bridge.service"
WANTED = "etc/systemd/system/multi-user.target.wants/edge-node.service"
LINE = "edge-node://user:secret@broker:1883/?network=" + 64 * "0"


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return what systemctl was asked; it does what `answer` in its folder says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$*" >> {folder}/asked\n[ ! -f {folder}/fail ] || exec '
                       f'/bin/sh {folder}/fail\n')  # fmt: skip
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def asked() -> list[str]:
        notes = folder / "asked"
        return notes.read_text().splitlines() if notes.exists() else []

    return asked


def image(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    return root


def installed(root: Path, choices: UnitChoices = CHOICES, *, running: bool = False) -> Plan:
    plan = plan_install(InstallRequest(choices=choices, root=root), running=running)
    carry_out(plan)
    return plan


def test_image_gets_the_unit_and_the_link_that_enables_it(tmp_path: Path) -> None:
    root = image(tmp_path)
    installed(root)
    assert (root / UNIT).read_text() == unit_text(CHOICES)
    assert (root / UNIT).stat().st_mode & 0o777 == 0o644
    # As the image will see it, not as it is mounted now.
    assert (root / WANTED).readlink() == UNIT_PATH


def test_join_line_is_for_its_owner_alone_and_stands_in_no_list_of_steps(tmp_path: Path) -> None:
    root = image(tmp_path)
    plan = plan_install(InstallRequest(choices=CHOICES, join_line=LINE, root=root), running=False)
    assert "secret" not in "\n".join(plan.lines())
    carry_out(plan)
    join = root / "var/lib/edge-node/join"
    assert join.read_text() == f"{LINE}\n"
    assert join.stat().st_mode & 0o777 == 0o600
    assert join.parent.stat().st_mode & 0o777 == 0o700


def test_where_systemd_runs_it_is_asked_to_enable_and_start(
    tmp_path: Path, systemctl: Callable[[], list[str]]
) -> None:
    root = image(tmp_path)
    installed(root, running=True)
    assert systemctl() == [
        "daemon-reload",
        "enable edge-node.service",
        "restart --no-block edge-node.service",
    ]
    assert not (root / WANTED).exists()


def test_bridge_comes_with_its_node_and_goes_when_it_has_no_ports_any_more(tmp_path: Path) -> None:
    root = image(tmp_path)
    installed(root, BRIDGED)
    assert (root / UNIT).read_text() == unit_text(BRIDGED)
    assert (root / BRIDGE).read_text() == bridge_unit_text(BRIDGED)
    assert (root / BRIDGE_WANTED).readlink() == BRIDGE_PATH
    installed(root)
    assert (root / UNIT).exists()
    assert not (root / BRIDGE).exists()
    assert not (root / BRIDGE_WANTED).is_symlink()


def test_where_systemd_runs_the_bridge_is_started_stopped_and_removed_by_it(
    tmp_path: Path, systemctl: Callable[[], list[str]]
) -> None:
    root = image(tmp_path)
    installed(root, BRIDGED, running=True)
    assert systemctl() == [
        "daemon-reload",
        "enable edge-node.service edge-node-bridge.service",
        "restart --no-block edge-node.service edge-node-bridge.service",
    ]
    assert not (root / BRIDGE_WANTED).exists()
    installed(root, running=True)
    assert systemctl()[3:] == [
        "disable --now edge-node-bridge.service",
        "daemon-reload",
        "enable edge-node.service",
        "restart --no-block edge-node.service",
    ]
    assert not (root / BRIDGE).exists()
    installed(root, running=True)
    assert systemctl()[7:] == systemctl()[4:7]


def test_removing_the_service_removes_its_bridge(
    tmp_path: Path, systemctl: Callable[[], list[str]]
) -> None:
    root = image(tmp_path)
    installed(root, BRIDGED)
    carry_out(plan_uninstall(root, running=True))
    assert systemctl() == [
        "disable --now edge-node-bridge.service edge-node.service",
        "daemon-reload",
    ]
    left = [path for path in (root / "etc").rglob("*") if not path.is_dir()]
    assert left == []


def test_upgrade_keeps_what_was_chosen_and_takes_the_new_program(tmp_path: Path) -> None:
    root = image(tmp_path)
    chosen = UnitChoices(program=CHOICES.program, user="pi", data_dir=Path("/srv/node"))
    installed(root, chosen)
    newer = UnitChoices(program=Path("/opt/newer/bin/edge-node"))
    again = kept(earlier(root, newer), newer, user=False, data_dir=False)
    installed(root, again)
    text = (root / UNIT).read_text()
    assert "ExecStart=/opt/newer/bin/edge-node run" in text
    assert "User=pi" in text
    assert "EDGE_NODE_DATA_DIR=/srv/node" in text


def test_choice_that_is_made_anew_counts(tmp_path: Path) -> None:
    root = image(tmp_path)
    installed(root, UnitChoices(program=CHOICES.program, user="pi"))
    anew = UnitChoices(program=CHOICES.program, user="ann")
    assert kept(earlier(root, anew), anew, user=True, data_dir=False).user == "ann"


def test_serial_ports_are_opened_by_the_group_that_is_there(tmp_path: Path) -> None:
    root = image(tmp_path)
    with pytest.raises(SerialGroupMissing, match="no group dialout or uucp"):
        serial_group(root)
    (root / "etc").mkdir()
    (root / "etc/group").write_text("root:x:0:\nuucp:x:986:\n")
    assert serial_group(root) == "uucp"
    (root / "etc/group").write_text("root:x:0:\nuucp:x:10:\ndialout:x:20:pi\n")
    assert serial_group(root) == "dialout"
    (root / "etc/group").write_text("root:x:0:dialout\n")
    with pytest.raises(SerialGroupMissing):
        serial_group(root)


def test_removing_leaves_the_data_and_the_users_own_settings(
    tmp_path: Path, systemctl: Callable[[], list[str]]
) -> None:
    root = image(tmp_path)
    installed(root)
    kept_files = [root / "var/lib/edge-node/key", root / f"{UNIT}.d/override.conf"]
    for path in kept_files:
        path.parent.mkdir(parents=True)
        path.write_text("kept")
    carry_out(plan_uninstall(root, running=True))
    assert systemctl() == ["disable --now edge-node.service", "daemon-reload"]
    assert not (root / UNIT).exists()
    assert not (root / WANTED).is_symlink()
    assert [path.read_text() for path in kept_files] == ["kept", "kept"]


def test_nothing_to_remove_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="`edge-node install-service` was not run here"):
        plan_uninstall(image(tmp_path), running=False)


def test_unit_of_somebody_else_is_never_touched(tmp_path: Path) -> None:
    root = image(tmp_path)
    unit = root / UNIT
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    request = InstallRequest(choices=CHOICES, root=root)
    with pytest.raises(UnitForeign, match="move it away first"):
        plan_install(request, running=False)
    with pytest.raises(UnitForeign):
        plan_uninstall(root, running=False)
    assert unit.read_text() == "[Service]\nExecStart=/bin/true\n"


def test_bridge_of_somebody_else_is_never_touched(tmp_path: Path) -> None:
    root = image(tmp_path)
    unit = root / BRIDGE
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/usr/bin/edge-node bridge run /dev/ttyACM0\n")
    with pytest.raises(UnitForeign, match=r"edge-node-bridge\.service was not written by"):
        plan_install(InstallRequest(choices=BRIDGED, root=root), running=False)
    assert not (root / UNIT).exists()
    installed(root)
    carry_out(plan_uninstall(root, running=False))
    assert "/dev/ttyACM0" in unit.read_text()


def test_what_systemd_refuses_is_one_sentence_and_can_be_done_again(
    tmp_path: Path, systemctl: Callable[[], list[str]]
) -> None:
    root, fail = image(tmp_path), tmp_path / "bin/fail"
    fail.write_text("echo 'Failed to connect to bus: Host is down' >&2; exit 1\n")
    with pytest.raises(StepFailed) as refused:
        installed(root, running=True)
    assert str(refused.value) == (
        "`systemctl daemon-reload` failed (Failed to connect to bus: Host is down); mend that, and"
        " run the same command again"
    )
    fail.write_text("exit 3\n")
    with pytest.raises(StepFailed, match=r"failed \(exit status 3\)"):
        installed(root, running=True)
    fail.unlink()
    installed(root, running=True)
    assert systemctl()[-1] == "restart --no-block edge-node.service"


def test_missing_systemctl_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepFailed, match=r"failed \(No such file or directory\)"):
        installed(image(tmp_path), running=True)


def test_mounted_system_is_never_taken_for_the_running_one(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert not systemd_runs(tmp_path)
