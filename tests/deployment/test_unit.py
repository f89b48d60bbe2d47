# SPDX-License-Identifier: Apache-2.0
"""The units: what they let node and bridge do on each kind of machine, and systemd's word on it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_node.deployment.errors import (
    DataDirectoryNeedsUser,
    OverlayNeedsRoot,
    PathUnfit,
    ProgramHidden,
)
from edge_node.deployment.unit import (
    BRIDGE_UNIT,
    UNIT,
    UnitChoices,
    bridge_unit_text,
    choices_of,
    is_ours,
    unit_text,
)

PROGRAM = Path("/opt/edge-node/bin/edge-node")
PLAIN = UnitChoices(program=PROGRAM)
AS_USER = UnitChoices(program=PROGRAM, user="pi", data_dir=Path("/home/pi/node"))
OVERLAY = UnitChoices(program=PROGRAM, user="root", overlay=True)
BY_ID = "/dev/serial/by-id/usb-Raspberry_Pi_Pico_E6-if00"
SERIAL = UnitChoices(program=PROGRAM, serial_port=BY_ID, serial_group="dialout")
BRIDGED = UnitChoices(program=PROGRAM, bridge_ports=(BY_ID,), serial_group="dialout")
NETWORKED = UnitChoices(program=PROGRAM, bridge_ports=("socket://board:7000",))
MOST_EXPOSED_TENTHS = {
    "plain": 15,
    "as user": 16,
    "overlay": 47,
    "serial": 17,
    "bridge": 17,
    "bridge by network": 15,
}
"""As systemd 252 counts, of 100."""
MDWE = """
import ctypes, os, sys
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(42)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def setting(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("choices", [PLAIN, AS_USER, OVERLAY, SERIAL])
def test_nothing_of_the_template_is_left_over(choices: UnitChoices) -> None:
    text = unit_text(choices)
    assert re.findall(r"@[A-Z_]+@", text) == []
    assert setting(text, "ExecStart") == [f"{PROGRAM} run"]
    assert setting(text, "Type") == ["notify"]


def test_node_of_a_board_has_an_account_of_its_own_and_writes_its_data_only() -> None:
    text = unit_text(PLAIN)
    assert setting(text, "DynamicUser") == ["yes"]
    assert setting(text, "StateDirectory") == ["edge-node"]
    assert setting(text, "ProtectSystem") == ["strict"]
    assert setting(text, "ProtectHome") == ["yes"]
    assert setting(text, "MemoryDenyWriteExecute") == ["yes"]
    assert setting(text, "CapabilityBoundingSet") == [""]
    assert setting(text, "SystemCallFilter") == ["@system-service", "~@privileged"]
    assert setting(text, "ReadWritePaths") == []


def test_node_of_somebody_sees_homes_and_writes_its_data_only() -> None:
    text = unit_text(AS_USER)
    assert setting(text, "DynamicUser") == []
    assert setting(text, "User") == ["pi"]
    assert setting(text, "ProtectHome") == ["read-only"]
    assert setting(text, "ReadWritePaths") == ["/home/pi/node"]
    assert setting(text, "StateDirectory") == []


def test_node_with_an_overlay_reaches_the_fabric() -> None:
    text = unit_text(OVERLAY)
    assert setting(text, "PrivateDevices") == ["no"]
    assert setting(text, "MemoryDenyWriteExecute") == ["no"]
    assert setting(text, "CapabilityBoundingSet") == []
    assert setting(text, "SystemCallFilter") == ["@system-service", "@raw-io"]
    assert setting(text, "ReadWritePaths") == ["/lib/firmware"]


def test_node_with_a_microcontroller_opens_serial_ports_on_usb_and_nothing_else() -> None:
    text = unit_text(SERIAL)
    assert setting(text, "PrivateDevices") == ["no"]
    assert setting(text, "DevicePolicy") == ["closed"]
    assert setting(text, "DeviceAllow") == ["char-ttyACM rw", "char-ttyUSB rw"]
    assert setting(text, "SupplementaryGroups") == ["dialout"]
    assert setting(text, "CapabilityBoundingSet") == [""]
    modules = "modprobe@cdc_acm.service modprobe@usbserial.service"
    assert modules in setting(text, "Wants")
    assert modules in setting(text, "After")
    assert setting(unit_text(PLAIN), "PrivateDevices") == ["yes"]
    assert setting(unit_text(PLAIN), "DeviceAllow") == []


def test_port_that_is_wired_is_allowed_by_its_path() -> None:
    wired = UnitChoices(program=PROGRAM, serial_port="/dev/ttyAMA0", serial_group="dialout")
    assert setting(unit_text(wired), "DeviceAllow")[-1] == "/dev/ttyAMA0 rw"


@pytest.mark.parametrize("choices", [BRIDGED, NETWORKED])
def test_nothing_of_the_bridges_template_is_left_over(choices: UnitChoices) -> None:
    text = bridge_unit_text(choices)
    assert re.findall(r"@[A-Z_]+@", text) == []
    assert setting(text, "ExecStart") == [f"{PROGRAM} bridge run"]
    assert is_ours(text)


def test_bridge_is_the_same_users_on_the_same_data_as_its_node() -> None:
    shared = ("DynamicUser", "User", "StateDirectory", "StateDirectoryMode", "ReadWritePaths")
    somebodys = UnitChoices(
        program=PROGRAM, user="pi", data_dir=Path("/home/pi/node"), bridge_ports=(BY_ID,)
    )
    for choices in (BRIDGED, somebodys):
        node, bridge = unit_text(choices), bridge_unit_text(choices)
        for key in (*shared, "Environment", "ProtectHome", "UMask", "ConditionPathExists"):
            assert setting(bridge, key) == setting(node, key), key
    assert setting(bridge_unit_text(BRIDGED), "Environment") == [
        "EDGE_NODE_DATA_DIR=/var/lib/edge-node"
    ]


def test_bridge_starts_and_ends_with_its_node() -> None:
    text = bridge_unit_text(NETWORKED)
    for key in ("After", "PartOf", "Wants", "WantedBy"):
        assert setting(text, key) == [UNIT]
    assert setting(text, "Restart") == ["on-failure"]


def test_bridge_is_as_hardened_as_its_node() -> None:
    def hardening(text: str) -> list[str]:
        return text[text.index("# It sees the system") : text.index("[Install]")].splitlines()

    assert hardening(bridge_unit_text(NETWORKED)) == hardening(unit_text(PLAIN))
    loaded = UnitChoices(program=PROGRAM, user="root", overlay=True, bridge_ports=("socket://b:1",))
    # What an overlay takes is not for the bridge.
    assert hardening(bridge_unit_text(loaded)) == hardening(unit_text(PLAIN))
    assert setting(bridge_unit_text(loaded), "ReadWritePaths") == []


def test_serial_ports_are_opened_for_the_unit_that_speaks_to_them() -> None:
    assert setting(unit_text(BRIDGED), "PrivateDevices") == ["yes"]
    assert setting(unit_text(BRIDGED), "SupplementaryGroups") == []
    bridge = bridge_unit_text(BRIDGED)
    assert setting(bridge, "PrivateDevices") == ["no"]
    assert setting(bridge, "DevicePolicy") == ["closed"]
    assert setting(bridge, "DeviceAllow") == ["char-ttyACM rw", "char-ttyUSB rw"]
    assert setting(bridge, "SupplementaryGroups") == ["dialout"]
    assert "modprobe@cdc_acm.service modprobe@usbserial.service" in setting(bridge, "Wants")
    assert setting(bridge_unit_text(NETWORKED), "PrivateDevices") == ["yes"]
    assert setting(bridge_unit_text(NETWORKED), "SupplementaryGroups") == []
    both = UnitChoices(
        program=PROGRAM,
        serial_port=BY_ID,
        bridge_ports=("/dev/ttyAMA0", "socket://board:7000", "/dev/ttyS1"),
        serial_group="dialout",
    )
    assert setting(unit_text(both), "DeviceAllow") == ["char-ttyACM rw", "char-ttyUSB rw"]
    wired = ["/dev/ttyAMA0 rw", "/dev/ttyS1 rw"]
    assert setting(bridge_unit_text(both), "DeviceAllow")[2:] == wired


@pytest.mark.parametrize(
    ("choices", "opens"),
    [
        (PLAIN, False),
        (NETWORKED, False),
        (UnitChoices(program=PROGRAM, serial_port="socket://board:7000"), False),
        (SERIAL, True),
        (BRIDGED, True),
    ],
)
def test_group_is_wanted_where_a_port_is_a_device(choices: UnitChoices, *, opens: bool) -> None:
    assert choices.opens_devices is opens


def test_port_of_the_bridge_that_means_something_else_is_refused() -> None:
    with pytest.raises(PathUnfit, match="can not stand in a unit"):
        bridge_unit_text(UnitChoices(program=PROGRAM, bridge_ports=("/dev/x\nUser=root",)))


def test_overlay_and_microcontroller_need_all_devices() -> None:
    both = UnitChoices(
        program=PROGRAM, user="root", overlay=True, serial_port=BY_ID, serial_group="dialout"
    )
    assert setting(unit_text(both), "PrivateDevices") == ["no"]
    assert setting(unit_text(both), "DevicePolicy") == []


def test_memory_has_the_limit_that_was_chosen() -> None:
    limited = UnitChoices(program=PROGRAM, memory_max_mib=300)
    assert setting(unit_text(limited), "MemoryMax") == ["300M"]
    assert setting(unit_text(PLAIN), "MemoryMax") == []


@pytest.mark.parametrize("choices", [PLAIN, AS_USER])
def test_choices_are_read_back_for_a_newer_program(choices: UnitChoices) -> None:
    newer = UnitChoices(program=Path("/opt/newer/bin/edge-node"))
    found = choices_of(unit_text(choices), newer)
    assert found is not None
    assert (found.program, found.user, found.data_dir) == (
        newer.program,
        choices.user,
        choices.data_dir,
    )


def test_unit_of_somebody_else_is_known_as_such() -> None:
    assert choices_of("[Service]\nExecStart=/bin/true\n", PLAIN) is None
    assert choices_of("", PLAIN) is None


@pytest.mark.parametrize(
    ("choices", "refused", "told"),
    [
        (
            UnitChoices(program=Path("/home/pi/.local/bin/edge-node")),
            ProgramHidden,
            "/home/pi/.local/bin/edge-node is in somebody's home",
        ),
        (
            UnitChoices(program=PROGRAM, python=Path("/home/you/.pyenv/versions/3.11")),
            ProgramHidden,
            "/home/you/.pyenv/versions/3.11 is in somebody's home",
        ),
        (
            UnitChoices(program=PROGRAM, data_dir=Path("/srv/node")),
            DataDirectoryNeedsUser,
            "/srv/node belongs to somebody: name its owner with --user",
        ),
        (UnitChoices(program=PROGRAM, overlay=True), OverlayNeedsRoot, "add --user root"),
        (UnitChoices(program=PROGRAM, serial_port="/dev/x\nUser=root"), PathUnfit, "can not stand"),
        (UnitChoices(program=Path("/opt/my node/x")), PathUnfit, "'/opt/my node/x' can not stand"),
        (UnitChoices(program=Path("/opt/a\nUser=root")), PathUnfit, "can not stand in a unit"),
        (UnitChoices(program=Path("edge-node")), PathUnfit, "'edge-node' can not stand"),
        (UnitChoices(program=PROGRAM, data_dir=Path("/a%b"), user="pi"), PathUnfit, "'/a%b'"),
    ],
)
def test_choices_that_would_not_run_are_refused(
    choices: UnitChoices, refused: type[Exception], told: str
) -> None:
    with pytest.raises(refused, match=re.escape(told)):
        unit_text(choices)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
@pytest.mark.parametrize(
    ("kind", "choices"),
    [
        ("plain", PLAIN),
        ("as user", AS_USER),
        ("overlay", OVERLAY),
        ("serial", SERIAL),
        ("bridge", BRIDGED),
        ("bridge by network", NETWORKED),
    ],
)
def test_systemd_finds_no_fault_and_little_exposure(
    kind: str, choices: UnitChoices, tmp_path: Path
) -> None:
    program = shutil.which("true")
    units = {UNIT: unit_text(choices)}
    units |= {BRIDGE_UNIT: bridge_unit_text(choices)} if choices.bridge_ports else {}
    for name, text in units.items():
        (tmp_path / name).write_text(text.replace(f"{PROGRAM} ", f"{program} "))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / name for name in units)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stdout) == (0, "")
    assert not any(name in verified.stderr for name in units)
    if b"--offline" not in subprocess.check_output(["systemd-analyze", "--help"]):
        return  # before systemd 250
    judged_name = list(units)[-1]
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", tmp_path / judged_name],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = re.search(rf"exposure level for {judged_name}: (\d+)\.(\d)", judged.stdout)
    assert exposure is not None
    assert int(exposure[1]) * 10 + int(exposure[2]) <= MOST_EXPOSED_TENTHS[kind]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["reference", "numpy", "native", "tflite", "lce"])
def test_back_end_computes_where_no_memory_can_become_code(backend: str) -> None:
    code = (
        "import sys\n"
        "from edge_node.inference.select import available_backends, open_backend\n"
        "(status,) = [each for each in available_backends(None) if each.name == sys.argv[1]]\n"
        "if not status.available: sys.exit(43)\n"
        "open_backend(sys.argv[1], None).close()\n"
    )
    words = [sys.executable, "-c", MDWE, "-c", code, backend]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == 42:
        pytest.skip("this kernel can not refuse executable memory")
    if done.returncode == 43:
        pytest.skip(f"{backend} is not installed here")
    assert done.returncode == 0, done.stderr
