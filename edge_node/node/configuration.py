# SPDX-License-Identifier: Apache-2.0
"""Where a configuration comes from, and where each choice in it came from.

A flag wins over an environment variable, that over the user's file, that over an adopted overlay,
that over the board's file, that over the default. Every layer is checked by itself, so that a
mistake is named with its file.
Law of the file: nothing is guessed: what is not understood is an error.
Read next: configuration_schema.py for ranges, boards.py for the boards' files.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from edge_node.gossip.join_line import HIDDEN, hide_account, parse_broker
from edge_node.node.architecture_text import parse_architecture
from edge_node.node.boards import BOARDS_FOLDER, Board, is_board_file, read_board
from edge_node.node.config import (
    AUTO_BOARD,
    BridgeSection,
    BrokerSection,
    Config,
    DatasetsSection,
    FpgaSection,
    GossipSection,
    InferenceSection,
    LimitsSection,
    MarketSection,
    MetricsSection,
    NetworkSection,
    NodeSection,
    OffloadSection,
    StorageSection,
    ThermalSection,
    TrainerSection,
)
from edge_node.node.configuration_errors import (
    ArchitectureTextInvalid,
    ConfigurationMalformed,
    ConfigurationUnreadable,
    SettingInvalid,
    SettingsContradict,
    UnknownSetting,
)
from edge_node.node.configuration_schema import (
    BROKERS,
    PASSWORD,
    SETTINGS,
    check_settings,
    parse_setting,
)
from edge_node.node.limits import NODE_BYTES
from edge_node.node.toml_files import SettingValue, expanded, read_toml
from edge_node.spec.architecture import ArchitectureOutOfRange

FILE_NAME: Final = "config.toml"
"""The user's file, in the data directory."""
ADOPTED_NAME: Final = "overlay.toml"
"""What `edge-node hw adopt-overlay` leaves beside it: [fpga] and nothing else."""

PREFIX: Final = "EDGE_NODE_"
FILE_VARIABLE: Final = "EDGE_NODE_CONFIG"
"""Names the user's file; the one variable that is no setting."""

_MIRRORS = Path(__file__).resolve().parents[1] / "data" / "dataset_mirrors.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A choice and where it came from."""

    section: str
    """Its section."""
    key: str
    """Its key."""
    value: SettingValue
    """What it is; HIDDEN in the place of a secret."""
    source: str
    """A flag, a variable, a file, or `default`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A configuration and its origins."""

    config: Config
    """What was chosen."""
    origins: tuple[Origin, ...]
    """One for each setting, in the order of the sections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRequest:
    """Where to look for choices."""

    environment: Mapping[str, str]
    """The process's environment variables."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """`section.key` -> text, from the command line."""
    file: Path | None = None
    """The user's file; None: what FILE_VARIABLE says, else FILE_NAME in the data directory."""
    board_of: Callable[[Path], str] = lambda _: ""
    """Recognises the board whose /proc and /sys lie in a folder (hardware.detect), for `auto`;
    empty for none."""
    boards_folder: Path = BOARDS_FOLDER
    """Where the boards' files are."""


def load_config(request: ConfigRequest) -> LoadedConfig:
    """Return the configuration of a node.

    Raises
    ------
    ConfigurationUnreadable, ConfigurationMalformed
        A file can not be read.
    UnknownSetting, UnknownBoard, SettingInvalid, SettingsContradict
        What it says can not be meant.
    """
    near = {**_from_environment(request.environment), **_from_flags(request.flags)}
    default = _Found(str(default_data_dir(request.environment)), "default")
    file, must_exist = _user_file(request, Path(str(near.get(_DATA_DIR, default).value)))
    user = _from_file(file) if must_exist or file.exists() else {}
    if not must_exist and _DATA_DIR in user:
        raise SettingsContradict(
            one=f"node.data_dir in {file}",
            other="the place of that file, which is the data directory",
            cure=f"remove it, or name the file with --config or {FILE_VARIABLE}",
        )
    chosen = {_DATA_DIR: default, **user, **near}
    chosen = {**_from_adopted(chosen[_DATA_DIR]), **chosen}
    if board := _board(chosen, request):
        chosen = {**_layer_of(read_board(board, request.boards_folder)), **chosen}
    config = _build(chosen)
    _check_together(config, chosen)
    return LoadedConfig(config=config, origins=tuple(_origins(config, chosen)))


def board_settings(board: Board) -> tuple[Origin, ...]:
    """Return what a board's file sets, with that which it extends, in the order of the sections.

    Raises
    ------
    UnknownSetting, SettingInvalid
    """
    layer = _layer_of(board)
    return tuple(
        Origin(
            section=section,
            key=key,
            value=_without_secret((section, key), layer[section, key].value),
            source=layer[section, key].source,
        )
        for section, key in SETTINGS
        if (section, key) in layer
    )


def default_data_dir(environment: Mapping[str, str]) -> Path:
    """Return $XDG_DATA_HOME/edge-node, or ~/.local/share/edge-node where that is not set.

    An account that systemd made for a service may have no home; the service's folder counts then.
    """
    base = environment.get("XDG_DATA_HOME", "")
    if base.startswith("/"):
        return Path(base) / "edge-node"
    try:
        return Path.home() / ".local/share/edge-node"
    except RuntimeError:
        return Path("/var/lib/edge-node")


def variable_name(section: str, key: str) -> str:
    """Return the environment variable of a setting; those of `node` go without the section."""
    parts = (key,) if section == "node" else (section, key)
    return PREFIX + "_".join(parts).upper()


def read_password(network: NetworkSection) -> str:
    """Return the password at the broker; empty for none.

    Raises
    ------
    ConfigurationUnreadable, ConfigurationMalformed
    """
    if network.password_file is None:
        return network.password
    path = network.password_file
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationUnreadable(path=path, why=str(error)) from error
    return lines[0] if lines else ""


def dataset_mirrors(name: str) -> tuple[str, ...]:
    """Return the mirrors of a well-known dataset, in the order in which they are tried.

    Raises
    ------
    ConfigurationUnreadable, ConfigurationMalformed
        The package's own file was damaged.
    """
    match read_toml(_MIRRORS).get(name, {"mirrors": []}):
        case {"mirrors": list(mirrors)}:
            return tuple(map(str, mirrors))
        case _:
            raise ConfigurationMalformed(path=_MIRRORS, why=f"no list of mirrors in [{name}]")


@dataclass(frozen=True, slots=True)
class _Found:
    value: SettingValue
    source: str
    base: Path = Path()
    """Folder that relative paths are relative to."""


_Layer = dict[tuple[str, str], _Found]
_DATA_DIR = ("node", "data_dir")
_BOARD = ("node", "board")
_ROOT = ("node", "machine_root")
_PATHS = frozenset(
    {
        _DATA_DIR,
        _ROOT,
        ("network", "password_file"),
        ("network", "tls_ca_file"),
        ("network", "tls_certificate_file"),
        ("network", "tls_key_file"),
        ("fpga", "overlay"),
    }
)


def _from_environment(environment: Mapping[str, str]) -> _Layer:
    names = {variable_name(*setting): setting for setting in SETTINGS}
    layer: _Layer = {}
    for name in sorted(environment):
        text = environment[name]
        # As everywhere, an empty variable counts as not set.
        if not name.startswith(PREFIX) or name == FILE_VARIABLE or not text:
            continue
        source = f"environment variable {name}"
        if name not in names:
            raise UnknownSetting(source="environment", name=name, near=())
        layer[names[name]] = _Found(parse_setting(*names[name], text, source), source)
    return layer


def _from_flags(flags: Mapping[str, str]) -> _Layer:
    layer: _Layer = {}
    for name, text in flags.items():
        section, _, key = name.partition(".")
        source = "command line"
        layer[section, key] = _Found(parse_setting(section, key, text, source), source)
    return layer


def _user_file(request: ConfigRequest, data_dir: Path) -> tuple[Path, bool]:
    named = request.file or request.environment.get(FILE_VARIABLE)
    return (Path(named), True) if named else (expanded(data_dir) / FILE_NAME, False)


def _from_file(path: Path) -> _Layer:
    settings = check_settings(read_toml(path), str(path))
    return {each: _Found(value, str(path), path.parent) for each, value in settings.items()}


def _from_adopted(data_dir: _Found) -> _Layer:
    folder = _as_path(data_dir)
    path = folder / ADOPTED_NAME if folder else None
    if path is None or not path.exists():
        return {}
    layer = _from_file(path)
    for section, key in layer:
        if section != "fpga":
            raise UnknownSetting(source=str(path), name=f"{section}.{key}", near=())
    return layer


def _board(chosen: _Layer, request: ConfigRequest) -> str:
    if _BOARD not in chosen or chosen[_BOARD].value == AUTO_BOARD:
        root = _as_path(chosen[_ROOT]) if _ROOT in chosen else None
        return request.board_of(root or Path("/"))
    name = str(chosen[_BOARD].value)
    return str(_as_path(chosen[_BOARD])) if is_board_file(name) else name


def _layer_of(board: Board) -> _Layer:
    layer: _Layer = {}
    for each in board.layers:
        source, base = f"board file {each.path.name}", each.path.parent
        for setting, value in check_settings(each.sections, str(each.path)).items():
            layer[setting] = _Found(value, source, base)
    return layer


def _build(chosen: _Layer) -> Config:
    def section(name: str) -> dict[str, object]:
        return {
            key: _as_path(found) if (name, key) in _PATHS else found.value
            for (section, key), found in chosen.items()
            if section == name
        }

    # The schema has checked every type; a test holds its keys and these fields together.
    return Config(
        node=NodeSection(**section("node")),  # type: ignore[arg-type]  # see above
        network=NetworkSection(**section("network")),  # type: ignore[arg-type]  # see above
        inference=InferenceSection(**section("inference")),  # type: ignore[arg-type]  # see above
        fpga=FpgaSection(**section("fpga")),  # type: ignore[arg-type]  # see above
        bridge=BridgeSection(**section("bridge")),  # type: ignore[arg-type]  # see above
        trainer=TrainerSection(**section("trainer")),  # type: ignore[arg-type]  # see above
        broker=BrokerSection(**section("broker")),  # type: ignore[arg-type]  # see above
        metrics=MetricsSection(**section("metrics")),  # type: ignore[arg-type]  # see above
        storage=StorageSection(**section("storage")),  # type: ignore[arg-type]  # see above
        gossip=GossipSection(**section("gossip")),  # type: ignore[arg-type]  # see above
        datasets=DatasetsSection(**section("datasets")),  # type: ignore[arg-type]  # see above
        market=MarketSection(**section("market")),  # type: ignore[arg-type]  # see above
        offload=OffloadSection(**section("offload")),  # type: ignore[arg-type]  # see above
        thermal=ThermalSection(**section("thermal")),  # type: ignore[arg-type]  # see above
        limits=LimitsSection(**section("limits")),  # type: ignore[arg-type]  # see above
    )


def _as_path(found: _Found) -> Path | None:
    return found.base / expanded(Path(str(found.value))) if found.value else None


def _check_together(config: Config, chosen: _Layer) -> None:
    network = config.network
    if network.password and network.password_file:
        raise SettingsContradict(
            one="network.password", other="network.password_file", cure="keep one of them"
        )
    if (network.tls_certificate_file is None) != (network.tls_key_file is None):
        raise SettingsContradict(
            one="network.tls_certificate_file",
            other="network.tls_key_file",
            cure="set both of them, or none",
        )
    # Without a broker it is `init --join` that will learn of one.
    plain = network.brokers and not any(
        parse_broker(each, tls=network.tls).tls for each in network.brokers
    )
    if plain and (network.tls_ca_file or network.tls_certificate_file):
        raise SettingsContradict(
            one="network.brokers without TLS",
            other="a TLS file",
            cure="name a broker mqtts://..., or set network.tls = true",
        )
    if config.broker.embedded == "none" and not network.brokers:
        raise SettingsContradict(
            one='broker.embedded = "none"',
            other="an empty list network.brokers",
            cure="name a broker",
        )
    if config.fpga.overlay and not (config.fpga.overlay_sha256 and config.fpga.hwh_sha256):
        raise SettingsContradict(
            one="fpga.overlay without fpga.overlay_sha256 and fpga.hwh_sha256",
            other="the rule that only an adopted overlay is loaded",
            cure="remove it, and run `edge-node hw adopt-overlay FILE`",
        )
    if config.bridge.port in config.bridge.ports:
        raise SettingsContradict(
            one=f"bridge.port = {config.bridge.port!r}",
            other="bridge.ports, which has it too",
            cure="leave it to back end `serial`, or to `edge-node bridge run`: take it out of one",
        )
    _check_heat(config.thermal, chosen)
    memory_mib, least_mib = config.limits.max_memory_mib, NODE_BYTES >> 20
    if 0 < memory_mib < least_mib:
        raise SettingsContradict(
            one=f"limits.max_memory_mib = {memory_mib}",
            other=f"the {least_mib} MiB that a node takes by itself",
            cure="raise it, or set 0 for all memory that there is",
        )
    _check_offload(config, chosen)
    try:
        parse_architecture(config.trainer.architecture)
    except (ArchitectureTextInvalid, ArchitectureOutOfRange) as error:
        raise SettingInvalid(
            source=chosen["trainer", "architecture"].source,
            name="trainer.architecture",
            expected=f"a possible network ({error})",
            actual=config.trainer.architecture,
        ) from error


def _check_heat(thermal: ThermalSection, chosen: _Layer) -> None:
    def told(key: str) -> str:
        found = chosen.get(("thermal", key))
        source = "default" if found is None else found.source
        return f"thermal.{key} = {getattr(thermal, key)} ({source})"

    if thermal.resume_c >= thermal.pause_c:
        raise SettingsContradict(
            one=told("resume_c"),
            other=told("pause_c"),
            cure="let mining go on at a lower temperature than it pauses at",
        )
    if thermal.warn_c > thermal.pause_c:
        raise SettingsContradict(
            one=told("warn_c"),
            other=told("pause_c"),
            cure="warn at the temperature at which mining pauses, or below",
        )


def _check_offload(config: Config, chosen: _Layer) -> None:
    names = [each.lower() for each in config.offload.full_nodes]
    quorum = config.offload.quorum
    if quorum > len(names):
        raise SettingsContradict(
            one=f"offload.quorum = {quorum}",
            other=f"a list of {len(names)} offload.full_nodes",
            cure="name more full nodes, or set a lower quorum",
        )
    double = next((each for each in names if names.count(each) > 1), None)
    if double is not None:
        raise SettingsContradict(
            one=f"offload.full_nodes with {double} twice",
            other="a quorum of different nodes",
            cure="name each node once",
        )
    trainer = chosen.get(("trainer", "enabled"))
    if names and trainer is not None and trainer.value is True:
        raise SettingsContradict(
            one=f"trainer.enabled = true ({trainer.source})",
            other="offload.full_nodes: who does not replay never mines",
            cure="remove one of them",
        )


def _origins(config: Config, chosen: _Layer) -> Iterator[Origin]:
    for section in fields(Config):
        values = getattr(config, section.name)
        for each in fields(values):
            setting = (section.name, each.name)
            value = getattr(values, each.name)
            shown: SettingValue = "" if value is None else value
            yield Origin(
                section=section.name,
                key=each.name,
                value=_without_secret(setting, _plain(shown)),
                source=chosen[setting].source if setting in chosen else "default",
            )


def _without_secret(setting: tuple[str, str], value: SettingValue) -> SettingValue:
    if setting == PASSWORD and value:
        return HIDDEN
    if setting == BROKERS and isinstance(value, tuple):
        return tuple(map(hide_account, value))
    return value


def _plain(value: "SettingValue | Path") -> SettingValue:
    return str(value) if isinstance(value, Path) else value
