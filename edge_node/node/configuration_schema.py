# SPDX-License-Identifier: Apache-2.0
"""What may stand in a configuration: sections, keys, types and ranges.

Strict: an unknown key is an error, and so is a number in quotes. Text from the command line and
from environment variables is turned into the key's type first, then checked the same way.
Law of the file: the only importer of marshmallow; what the keys mean stands in configuration.py,
whose fields have the same names.
Read next: configuration.py.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from edge_node.chain.pruning import MIN_KEEP_BLOCKS
from edge_node.gossip.errors import GossipError
from edge_node.gossip.join_line import HIDDEN, MAX_BROKERS, parse_broker
from edge_node.gossip.limits import MAX_PEERS
from edge_node.node.configuration_errors import SettingInvalid, UnknownSetting
from edge_node.node.toml_files import SettingValue
from edge_node.spec.constants import MAX_DATASET_BYTES, MAX_TRANSACTIONS

BACKENDS: Final = (
    "native",
    "numpy",
    "reference",
    "lce",
    "tflite",
    "overlay-sim",
    "overlay",
    "serial",
)
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
LOG_FORMATS: Final = ("text", "json")
EMBEDDED_BROKERS: Final = ("auto", "mosquitto", "amqtt", "none")

MAX_FULL_NODES: Final = 32
"""Whose word an offloading node takes."""
MAX_BRIDGE_PORTS: Final = 64
"""Devices of one bridge, each of which has a thread."""
MAX_INTERVAL_MS: Final = 3_600_000
"""From one live sample to the next."""

_MAX_NICE = 19
_KEY_DIGITS = 64
_SHA256_DIGITS = 64
_FAMILY_DIGITS = 64
_MAX_PORT = 65_535
_LEAST_BAUD, _MOST_BAUD = 1_200, 4_000_000
_MAX_IMAGES = 1 << 24
_MAX_MIB = 1 << 30
_MAX_MODEL_BYTES = 1 << 30
_MAX_VALIDATE_MS = 3_600_000
_MAX_C = 150
_MAX_THREADS = 64
_MAX_WORKERS = 1_024
_MAX_SYNC_BLOCKS = 64
_MAX_BLOCKS = 1 << 30
_MAX_SETTLE_MS = 60_000
_MAX_BODY_TIMEOUT_MS = 3_600_000
_NEAR = 0.6
"""How alike a name must be to be suggested."""


def _text() -> "fields.Field[Any]":
    return fields.String(metadata={"expected": "a text"})


def _folder() -> "fields.Field[Any]":
    return fields.String(validate=validate.Length(min=1), metadata={"expected": "a folder"})


def _choice(*values: str) -> "fields.Field[Any]":
    expected = f"one of {', '.join(values)}"
    return fields.String(validate=validate.OneOf(values), metadata={"expected": expected})


def _kernel_file() -> "fields.Field[Any]":
    return fields.String(
        validate=validate.Regexp(r"(/sys/[^\0]+)?\Z"),
        metadata={"expected": "a file of the kernel's, /sys/..."},
    )


def _number(least: int, most: int) -> "fields.Field[Any]":
    return fields.Integer(
        strict=True,
        validate=validate.Range(least, most),
        metadata={"expected": f"an integer in {least}..{most}"},
    )


def _kept() -> "fields.Field[Any]":
    least = MIN_KEEP_BLOCKS
    return fields.Integer(
        strict=True,
        validate=[validate.Range(0, _MAX_BLOCKS), validate.NoneOf(range(1, least))],
        metadata={"expected": f"0, or an integer in {least}..{_MAX_BLOCKS}"},
    )


def _switch() -> "fields.Field[Any]":
    return fields.Raw(validate=_check_switch, metadata={"expected": "true or false"})


def _check_switch(value: object) -> None:
    # Not fields.Boolean: it takes 1, "on" and "yes" as well.
    if not isinstance(value, bool):
        raise ValidationError("no switch")


def _brokers() -> "fields.Field[Any]":
    return fields.List(
        fields.String(validate=_check_broker),
        validate=validate.Length(max=MAX_BROKERS),
        metadata={
            "expected": f"a list of up to {MAX_BROKERS} brokers, each HOST[:PORT],"
            " mqtt://[USER:PASSWORD@]HOST[:PORT] or mqtts://..., percent-encoded"
        },
    )


def _check_broker(text: str) -> None:
    try:
        parse_broker(text)
    except GossipError as error:
        raise ValidationError(str(error)) from error


def _keys() -> "fields.Field[Any]":
    return fields.List(
        fields.String(validate=validate.Regexp(rf"[0-9a-fA-F]{{{_KEY_DIGITS}}}\Z")),
        validate=validate.Length(max=MAX_FULL_NODES),
        metadata={
            "expected": f"a list of up to {MAX_FULL_NODES} public keys, each of {_KEY_DIGITS} hex"
            " digits, as `edge-node status --json` tells a node's public_key"
        },
    )


def _ports() -> "fields.Field[Any]":
    return fields.List(
        fields.String(validate=validate.Regexp(r"(/|socket://)[^\0\s]+\Z")),
        validate=[validate.Length(max=MAX_BRIDGE_PORTS), _check_different],
        metadata={
            "expected": f"a list of up to {MAX_BRIDGE_PORTS} different ports, each"
            " /dev/serial/by-id/..., another path or socket://HOST:PORT"
        },
    )


def _check_different(values: Sequence[str]) -> None:
    if len(set(values)) < len(values):
        raise ValidationError("one of them twice")


def _family() -> "fields.Field[Any]":
    return fields.String(
        validate=validate.Regexp(rf"[0-9a-fA-F]{{0,{_FAMILY_DIGITS}}}\Z"),
        metadata={
            "expected": f"the first of the {_FAMILY_DIGITS} hex digits of a family's id, as"
            " `edge-node model list` shows it"
        },
    )


def _sha256() -> "fields.Field[Any]":
    return fields.String(
        validate=validate.Regexp(rf"([0-9a-fA-F]{{{_SHA256_DIGITS}}})?\Z"),
        metadata={
            "expected": f"a SHA-256 of {_SHA256_DIGITS} hex digits, as"
            " `edge-node hw adopt-overlay` records it"
        },
    )


def _order() -> "fields.Field[Any]":
    return fields.List(
        fields.String(validate=validate.OneOf(BACKENDS)),
        validate=validate.Length(min=1),
        metadata={"expected": f"a list of some of {', '.join(BACKENDS)}"},
    )


_SECTIONS: Final[Mapping[str, Mapping[str, "fields.Field[Any]"]]] = {
    "node": {
        "board": _text(),
        "machine_root": _folder(),
        "data_dir": _folder(),
        "log_level": _choice(*LOG_LEVELS),
        "log_format": _choice(*LOG_FORMATS),
    },
    "network": {
        "brokers": _brokers(),
        "user": _text(),
        "password": _text(),
        "password_file": _text(),
        "tls": _switch(),
        "tls_ca_file": _text(),
        "tls_certificate_file": _text(),
        "tls_key_file": _text(),
    },
    "inference": {
        "backend": _choice("auto", *BACKENDS),
        "candidates": _order(),
        "threads": _number(1, _MAX_THREADS),
    },
    "fpga": {
        "overlay": _text(),
        "overlay_sha256": _sha256(),
        "hwh_sha256": _sha256(),
    },
    "bridge": {
        "port": _text(),
        "baud": _number(_LEAST_BAUD, _MOST_BAUD),
        "ports": _ports(),
        "family": _family(),
        "interval_ms": _number(0, MAX_INTERVAL_MS),
        "home_assistant": _switch(),
    },
    "trainer": {
        "enabled": _switch(),
        "architecture": _text(),
        "selection_images": _number(100, _MAX_IMAGES),
        "nice": _number(0, _MAX_NICE),
        "block_transactions": _number(0, MAX_TRANSACTIONS),
        "workers": _number(1, _MAX_WORKERS),
        "lanes": _number(0, _MAX_WORKERS),
        "ray_address": _text(),
    },
    "broker": {
        "embedded": _choice(*EMBEDDED_BROKERS),
        "listen": _text(),
        "port": _number(0, _MAX_PORT),
    },
    "metrics": {
        "port": _number(0, _MAX_PORT),
    },
    "storage": {
        "keep_blocks": _kept(),
        "sync_blocks": _number(1, _MAX_SYNC_BLOCKS),
    },
    "gossip": {
        "settle_ms": _number(0, _MAX_SETTLE_MS),
        "body_timeout_ms": _number(0, _MAX_BODY_TIMEOUT_MS),
        "lbc_quorum": _number(0, MAX_PEERS),
        "lbc_timeout_ms": _number(0, _MAX_SETTLE_MS),
    },
    "datasets": {
        "max_bytes": _number(0, MAX_DATASET_BYTES),
    },
    "market": {
        "auto_reveal": _switch(),
    },
    "offload": {
        "full_nodes": _keys(),
        "quorum": _number(0, MAX_FULL_NODES),
    },
    "thermal": {
        "source": _kernel_file(),
        "warn_c": _number(0, _MAX_C),
        "pause_c": _number(0, _MAX_C),
        "resume_c": _number(0, _MAX_C),
    },
    "limits": {
        "min_free_mib": _number(0, _MAX_MIB),
        "max_memory_mib": _number(0, _MAX_MIB),
        "max_model_bytes": _number(0, _MAX_MODEL_BYTES),
        "max_validate_ms": _number(0, _MAX_VALIDATE_MS),
    },
}

_SCHEMAS: Final = {name: Schema.from_dict(dict(keys))() for name, keys in _SECTIONS.items()}

SETTINGS: Final = tuple((section, key) for section, keys in _SECTIONS.items() for key in keys)
"""Every (section, key) that there is."""

BROKERS: Final = ("network", "brokers")
"""Their URLs may hold passwords."""
PASSWORD: Final = ("network", "password")


def check_settings(
    values: Mapping[str, object], source: str
) -> dict[tuple[str, str], SettingValue]:
    """Return the settings of a whole file, each checked.

    Parameters
    ----------
    values : Mapping[str, object]
        Sections and their keys, as TOML gives them.
    source : str
        The file, for messages.

    Raises
    ------
    UnknownSetting, SettingInvalid
    """
    settings: dict[tuple[str, str], SettingValue] = {}
    for section, keys in values.items():
        if section not in _SECTIONS:
            raise UnknownSetting(source=source, name=section, near=_near(section, _SECTIONS))
        if not isinstance(keys, dict):
            raise SettingInvalid(
                source=source, name=section, expected=f"a section [{section}]", actual=keys
            )
        for key, value in keys.items():
            settings[section, key] = check_setting(section, key, value, source)
    return settings


def check_setting(section: str, key: str, value: object, source: str) -> SettingValue:
    """Return the value of one setting, checked.

    Raises
    ------
    UnknownSetting, SettingInvalid
    """
    keys = _SECTIONS.get(section, {})
    if key not in keys:
        # A key of this section that is nearly the same, or another section's that is just it.
        alike = [f"{section}.{each}" for each in _near(key, keys)]
        alike += [f"{other}.{each}" for other, each in SETTINGS if each == key]
        raise UnknownSetting(source=source, name=f"{section}.{key}", near=alike)
    try:
        checked: object = _SCHEMAS[section].load({key: value}, unknown=RAISE)[key]
    except ValidationError:
        raise SettingInvalid(
            source=source,
            name=f"{section}.{key}",
            expected=str(keys[key].metadata["expected"]),
            actual=HIDDEN if _may_be_secret(section, key, value) else value,
        ) from None
    if isinstance(checked, list):
        return tuple(map(str, checked))
    assert isinstance(checked, (bool, int, str)), "the fields have no other types"
    return checked


def parse_setting(section: str, key: str, text: str, source: str) -> SettingValue:
    """Return the value of one setting from text, checked: lists are separated by commas.

    Raises
    ------
    UnknownSetting, SettingInvalid
    """
    field = _SECTIONS.get(section, {}).get(key)
    value: object = text
    if isinstance(field, fields.Integer) and re.fullmatch(r"[0-9]{1,12}", text):
        value = int(text)
    elif isinstance(field, fields.List):
        value = [word.strip() for word in text.split(",") if word.strip()]
    elif field is not None and not isinstance(field, fields.String) and text in ("true", "false"):
        value = text == "true"
    return check_setting(section, key, value, source)


def _may_be_secret(section: str, key: str, value: object) -> bool:
    # What is wrong may be that a special character has torn an account apart.
    return (section, key) == PASSWORD or ((section, key) == BROKERS and "@" in str(value))


def _near(name: str, names: "Sequence[str] | Mapping[str, object]") -> list[str]:
    return difflib.get_close_matches(name, list(names), n=1, cutoff=_NEAR)
