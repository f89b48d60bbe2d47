# SPDX-License-Identifier: Apache-2.0
"""The schema takes each setting in its own type and range, and names whatever else it is given."""

import pytest

from edge_node.node.configuration_errors import SettingInvalid, UnknownSetting
from edge_node.node.configuration_schema import check_setting, check_settings, parse_setting
from edge_node.node.toml_files import SettingValue

GOOD: list[tuple[str, str, object]] = [
    ("node", "log_level", "debug"),
    ("network", "brokers", ["broker.lan:1883", "[::1]:1884", "10.0.0.1", "mqtts://a:b@h:1"]),
    ("network", "brokers", []),
    ("network", "tls", True),
    ("inference", "candidates", ["reference"]),
    ("trainer", "selection_images", 100),
    ("trainer", "nice", 19),
    ("trainer", "workers", 1_024),
    ("trainer", "lanes", 0),
    ("trainer", "ray_address", "local"),
    ("fpga", "overlay_sha256", "0f" * 32),
    ("fpga", "hwh_sha256", ""),
    ("inference", "candidates", ["overlay", "serial", "native"]),
    ("bridge", "port", "/dev/serial/by-id/usb-board-if00"),
    ("bridge", "baud", 115_200),
    ("bridge", "ports", ["/dev/serial/by-id/usb-a-if00", "/dev/pts/4", "socket://[::1]:7000"]),
    ("bridge", "ports", []),
    ("bridge", "family", "0fA"),
    ("bridge", "interval_ms", 3_600_000),
    ("bridge", "home_assistant", True),
    ("broker", "port", 0),
    ("offload", "full_nodes", ["0f" * 32, "0F" * 32]),
    ("offload", "quorum", 32),
]

KEYS = "a list of up to 32 public keys, each of 64 hex digits"
PORTS = "a list of up to 64 different ports, each /dev/serial/by-id/"
BROKERS = r"a list of up to 8 brokers, each HOST\[:PORT\], mqtt://"

BAD: list[tuple[str, str, object, str]] = [
    ("node", "log_level", "loud", "one of debug, info, warning, error"),
    ("node", "log_level", 3, "one of debug, info, warning, error"),
    ("node", "data_dir", 5, "a folder"),
    ("network", "brokers", "broker.lan:1883", BROKERS),
    ("network", "brokers", ["http://broker.lan:1883"], BROKERS),
    ("network", "brokers", ["me:secret@broker.lan"], BROKERS),
    ("network", "brokers", ["broker.lan:0"], BROKERS),
    ("network", "brokers", ["my broker:1883"], BROKERS),
    ("network", "brokers", ["broker.lan\n"], BROKERS),
    ("network", "brokers", ["a"] * 9, BROKERS),
    ("network", "brokers", [1883], BROKERS),
    ("network", "tls", 1, "true or false"),
    ("network", "tls", "true", "true or false"),
    ("network", "tls", "yes", "true or false"),
    (
        "inference",
        "backend",
        "gpu",
        "one of auto, native, numpy, ref",
    ),
    ("inference", "candidates", [], "a list of some of native"),
    ("inference", "candidates", ["auto"], "a list of some of native"),
    ("fpga", "overlay_sha256", "0f" * 31, "a SHA-256 of 64 hex digits"),
    ("fpga", "hwh_sha256", "0f" * 32 + "\n", "a SHA-256 of 64 hex digits"),
    ("bridge", "port", 3, "a text"),
    ("bridge", "baud", 300, r"an integer in 1200\.\.4000000"),
    ("bridge", "ports", "/dev/ttyACM0", PORTS),
    ("bridge", "ports", ["ttyACM0"], PORTS),
    ("bridge", "ports", ["http://board"], PORTS),
    ("bridge", "ports", ["/dev/tty\nACM0"], PORTS),
    ("bridge", "ports", [""], PORTS),
    ("bridge", "ports", ["/dev/ttyACM0", "/dev/ttyACM0"], PORTS),
    ("bridge", "ports", [f"/dev/ttyACM{number}" for number in range(65)], PORTS),
    ("bridge", "family", "mnist", "the first of the 64 hex digits of a family"),
    ("bridge", "family", "0" * 65, "the first of the 64 hex digits of a family"),
    ("bridge", "interval_ms", -1, r"an integer in 0\.\.3600000"),
    ("bridge", "interval_ms", 3_600_001, r"an integer in 0\.\.3600000"),
    ("bridge", "home_assistant", "yes", "true or false"),
    ("trainer", "selection_images", 99, r"an integer in 100\.\.16777216"),
    ("trainer", "selection_images", "5000", "an integer"),
    ("trainer", "selection_images", 5000.0, "an integer"),
    ("trainer", "selection_images", True, "an integer"),
    ("trainer", "selection_images", 1 << 70, "an integer"),
    ("trainer", "nice", -1, r"an integer in 0\.\.19"),
    ("trainer", "workers", 0, r"an integer in 1\.\.1024"),
    ("trainer", "lanes", 1_025, r"an integer in 0\.\.1024"),
    ("broker", "port", 65_536, r"an integer in 0\.\.65535"),
    ("offload", "full_nodes", ["0f" * 31], KEYS),
    ("offload", "full_nodes", ["0f" * 33], KEYS),
    ("offload", "full_nodes", ["0x" * 32], KEYS),
    ("offload", "full_nodes", ["0f" * 32 + "\n"], KEYS),
    ("offload", "full_nodes", ["0f" * 32] * 33, KEYS),
    ("offload", "full_nodes", "0f" * 32, KEYS),
    ("offload", "quorum", 33, r"an integer in 0\.\.32"),
    ("offload", "quorum", -1, r"an integer in 0\.\.32"),
    ("broker", "embedded", "", "one of auto, mosquitto, amqtt, none"),
]


@pytest.mark.parametrize(("section", "key", "value"), GOOD)
def test_good_value_passes(section: str, key: str, value: object) -> None:
    expected = tuple(value) if isinstance(value, list) else value
    assert check_setting(section, key, value, "x") == expected


@pytest.mark.parametrize(("section", "key", "value", "expected"), BAD)
def test_bad_value_is_named_with_what_it_must_be(
    section: str, key: str, value: object, expected: str
) -> None:
    message = rf"^/etc/x\.toml: {section}\.{key} must be {expected}.*, not .*; correct it$"
    with pytest.raises(SettingInvalid, match=message):
        check_settings({section: {key: value}}, "/etc/x.toml")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trainer": {"selection_image": 5}}, "did you mean trainer.selection_images"),
        ({"trainer": {"zzz": 5}}, "no setting trainer.zzz; remove it"),
        ({"trianer": {"nice": 5}}, "no setting trianer; did you mean trainer"),
        ({"nice": 5}, "no setting nice"),
        ({"board": {}}, "no setting board"),
        ({"network": {"nice": 5}}, "no setting network.nice; did you mean trainer.nice"),
    ],
)
def test_unknown_setting_is_an_error(values: dict[str, object], message: str) -> None:
    with pytest.raises(UnknownSetting, match=message):
        check_settings(values, "x.toml")


def test_key_in_place_of_a_section_is_named() -> None:
    with pytest.raises(SettingInvalid, match=r"trainer must be a section \[trainer\], not 5"):
        check_settings({"trainer": 5}, "x.toml")


@pytest.mark.parametrize(
    ("section", "key", "text", "value"),
    [
        ("trainer", "nice", "7", 7),
        ("trainer", "enabled", "false", False),
        ("trainer", "enabled", "true", True),
        ("node", "log_level", "error", "error"),
        ("network", "user", "12", "12"),
        ("network", "user", "true", "true"),
        ("network", "brokers", "a:1, b:2,", ("a:1", "b:2")),
        ("bridge", "ports", "/dev/a, socket://b:1", ("/dev/a", "socket://b:1")),
    ],
)
def test_text_becomes_the_setting_s_type(
    section: str, key: str, text: str, value: SettingValue
) -> None:
    assert parse_setting(section, key, text, "x") == value


@pytest.mark.parametrize(
    ("section", "key", "text"),
    [
        ("trainer", "nice", "7.0"),
        ("trainer", "nice", "-1"),
        ("trainer", "nice", "٣"),
        ("trainer", "nice", "1" * 400),
        ("trainer", "enabled", "1"),
        ("trainer", "enabled", "True"),
        ("network", "brokers", "a:b"),
    ],
)
def test_text_that_is_none_is_named(section: str, key: str, text: str) -> None:
    with pytest.raises(SettingInvalid, match=rf"{section}\.{key} must be"):
        parse_setting(section, key, text, "x")


def test_unknown_setting_in_text_is_named() -> None:
    with pytest.raises(
        UnknownSetting, match=r"no setting trainer\.nic; did you mean trainer\.nice"
    ):
        parse_setting("trainer", "nic", "7", "command line")
    with pytest.raises(UnknownSetting):
        parse_setting("nowhere", "", "7", "command line")
