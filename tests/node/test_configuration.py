# SPDX-License-Identifier: Apache-2.0
"""Configuration by layers: who wins, where a value came from, each mistake with its place."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.configuration import (
    ConfigRequest,
    LoadedConfig,
    dataset_mirrors,
    default_data_dir,
    load_config,
    read_password,
    variable_name,
)
from edge_node.node.configuration_errors import (
    ConfigurationError,
    ConfigurationUnreadable,
    SettingInvalid,
    SettingsContradict,
    UnknownBoard,
    UnknownSetting,
)
from edge_node.node.configuration_schema import SETTINGS

KEY = "0a" * 32
BOARD = """
schema = 1
[board]
title = "Test board"
[trainer]
nice = 11
selection_images = 1111
[inference]
backend = "reference"
"""


@pytest.fixture
def request_(tmp_path: Path) -> ConfigRequest:
    """Look at a data directory and a folder of boards of the test's own."""
    boards = tmp_path / "boards"
    boards.mkdir()
    (boards / "test_board.toml").write_text(BOARD)
    (tmp_path / "data").mkdir()
    return ConfigRequest(
        environment={"EDGE_NODE_DATA_DIR": str(tmp_path / "data")}, boards_folder=boards
    )


def write(request: ConfigRequest, text: str) -> Path:
    path = Path(request.environment["EDGE_NODE_DATA_DIR"]) / "config.toml"
    path.write_text(text)
    return path


def with_environment(request: ConfigRequest, values: Mapping[str, str]) -> ConfigRequest:
    return replace(request, environment={**request.environment, **values})


def source(loaded: LoadedConfig, section: str, key: str) -> str:
    return next(o.source for o in loaded.origins if (o.section, o.key) == (section, key))


def test_flag_wins_over_environment_over_file_over_board_over_default(
    request_: ConfigRequest,
) -> None:
    with_board = replace(request_, board_of=lambda _: "test_board")
    with_variable = with_environment(with_board, {"EDGE_NODE_TRAINER_NICE": "13"})
    with_flag = replace(with_variable, flags={"trainer.nice": "14"})
    loads = [load_config(request_), load_config(with_board)]
    write(request_, "[trainer]\nnice = 12")
    loads += [load_config(each) for each in (with_board, with_variable, with_flag)]
    sources = [(each.config.trainer.nice, source(each, "trainer", "nice")) for each in loads]
    assert sources == [
        (10, "default"),
        (11, "board file test_board.toml"),
        (12, f"{request_.environment['EDGE_NODE_DATA_DIR']}/config.toml"),
        (13, "environment variable EDGE_NODE_TRAINER_NICE"),
        (14, "command line"),
    ]
    # Layers add up: what only the board says still holds.
    assert loads[-1].config.trainer.selection_images == 1111
    assert loads[-1].config.inference.backend == "reference"


def test_every_setting_has_an_origin_and_a_variable_of_its_own(request_: ConfigRequest) -> None:
    loaded = load_config(request_)
    assert [(o.section, o.key) for o in loaded.origins] == list(SETTINGS)
    assert len({variable_name(*setting) for setting in SETTINGS}) == len(SETTINGS)
    assert variable_name("node", "log_level") == "EDGE_NODE_LOG_LEVEL"
    assert variable_name("network", "user") == "EDGE_NODE_NETWORK_USER"


def test_nothing_given_is_enough() -> None:
    loaded = load_config(ConfigRequest(environment={"XDG_DATA_HOME": "/nowhere/data"}))
    assert loaded.config.node.data_dir == Path("/nowhere/data/edge-node")
    assert {origin.source for origin in loaded.origins} == {"default"}


def test_data_directory_follows_xdg() -> None:
    assert default_data_dir({"XDG_DATA_HOME": "/x"}) == Path("/x/edge-node")
    assert default_data_dir({}) == Path.home() / ".local/share/edge-node"
    assert default_data_dir({"XDG_DATA_HOME": "x"}) == Path.home() / ".local/share/edge-node"


def test_account_without_a_home_has_the_folder_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert default_data_dir({}) == Path("/var/lib/edge-node")
    assert default_data_dir({"XDG_DATA_HOME": "/x"}) == Path("/x/edge-node")


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_file_that_is_named_is_read_and_may_say_the_data_directory(
    request_: ConfigRequest, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "etc" / "mine.toml"
    path.parent.mkdir()
    path.write_text('[node]\ndata_dir = "../var"\n[trainer]\nnice = 3\n')
    request = replace(request_, environment={}, file=path if how == "flag" else None)
    if how == "variable":
        request = with_environment(request, {"EDGE_NODE_CONFIG": str(path)})
    config = load_config(request).config
    assert config.trainer.nice == 3
    assert config.node.data_dir == path.parent / "../var"


def test_file_that_is_named_must_exist(request_: ConfigRequest, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationUnreadable, match=r"missing\.toml can not be read"):
        load_config(replace(request_, file=tmp_path / "missing.toml"))


def test_data_directory_s_own_file_may_not_name_another(request_: ConfigRequest) -> None:
    write(request_, '[node]\ndata_dir = "/elsewhere"')
    with pytest.raises(SettingsContradict, match=r"node\.data_dir in .*config\.toml contradicts"):
        load_config(request_)


def test_paths_in_a_file_are_relative_to_it(request_: ConfigRequest) -> None:
    folder = write(request_, '[network]\npassword_file = "secret"\n').parent
    (folder / "secret").write_text("open sesame\nnot this\n")
    network = load_config(request_).config.network
    assert network.password_file == folder / "secret"
    assert read_password(network) == "open sesame"


def test_paths_of_variables_are_relative_to_here_and_home(request_: ConfigRequest) -> None:
    request = with_environment(request_, {"EDGE_NODE_NETWORK_PASSWORD_FILE": "~/x"})
    assert load_config(request).config.network.password_file == Path.home() / "x"
    request = with_environment(request_, {"EDGE_NODE_NETWORK_PASSWORD_FILE": "x"})
    assert load_config(request).config.network.password_file == Path("x")


def test_password_is_never_shown(request_: ConfigRequest) -> None:
    request = with_environment(request_, {"EDGE_NODE_NETWORK_PASSWORD": "open sesame"})
    loaded = load_config(request)
    assert read_password(loaded.config.network) == "open sesame"
    assert "sesame" not in repr(loaded.origins)
    assert "(hidden)" in repr(loaded.origins)
    assert "(hidden)" not in repr(load_config(request_).origins)


def test_account_in_a_broker_s_url_is_never_shown(request_: ConfigRequest) -> None:
    write(request_, '[network]\nbrokers = ["mqtts://ann:sesame@h", "i"]\ntls_ca_file = "a"')
    loaded = load_config(request_)
    assert loaded.config.network.brokers == ("mqtts://ann:sesame@h", "i")
    (shown,) = [origin.value for origin in loaded.origins if origin.key == "brokers"]
    assert shown == ("mqtts://(hidden)@h", "i")
    assert "sesame" not in repr(loaded.origins)


@pytest.mark.parametrize(
    "text", ["mqtt://ann:ses,ame@h", "mqtt://ann:sesame@h:x", "tcp://ann:sesame@h", "ann:sesame@h"]
)
def test_account_in_a_url_that_is_refused_is_not_shown(request_: ConfigRequest, text: str) -> None:
    with pytest.raises(SettingInvalid, match="percent-encoded") as caught:
        load_config(replace(request_, flags={"network.brokers": text}))
    assert not any(part in str(caught.value) for part in ("ses", "ame@"))
    write(request_, f'[network]\nbrokers = "{text}"')
    with pytest.raises(SettingInvalid) as caught:
        load_config(request_)
    assert not any(part in str(caught.value) for part in ("ses", "ame@"))


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_password_file_that_can_not_be_read_is_named(
    request_: ConfigRequest, content: bytes | None
) -> None:
    path = write(request_, '[network]\npassword_file = "secret"\n').with_name("secret")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationUnreadable, match="secret can not be read"):
        read_password(load_config(request_).config.network)


def test_empty_password_file_is_no_password(request_: ConfigRequest) -> None:
    write(request_, '[network]\npassword_file = "secret"\n').with_name("secret").touch()
    assert read_password(load_config(request_).config.network) == ""


MISTAKES: list[tuple[str, type[ConfigurationError], str]] = [
    (
        "[trainer]\nnise = 1",
        UnknownSetting,
        r"config\.toml: there is no setting trainer\.nise; did",
    ),
    (
        "[trainer]\nnice = 99",
        SettingInvalid,
        r"config\.toml: trainer\.nice must be an integer in 0",
    ),
    ('[node]\nboard = "pi"', UnknownBoard, "no board 'pi'; choose one of test_board"),
    (
        '[trainer]\narchitecture = "big"',
        SettingInvalid,
        r"config\.toml: trainer\.architecture must be a possible network \('big' is no",
    ),
    ('[trainer]\narchitecture = "1bit:dense1"', SettingInvalid, r"possible network \(R-4"),
    ('[network]\npassword = "a"\npassword_file = "b"', SettingsContradict, "keep one of them"),
    ('[network]\ntls = true\ntls_key_file = "a"', SettingsContradict, "set both of them, or none"),
    (
        '[network]\nbrokers = ["h", "mqtt://i"]\ntls_ca_file = "a"',
        SettingsContradict,
        r"set network\.tls = true",
    ),
    ('[broker]\nembedded = "none"', SettingsContradict, "name a broker"),
    (
        '[bridge]\nport = "/dev/a"\nports = ["/dev/b", "/dev/a"]',
        SettingsContradict,
        r"bridge\.port = '/dev/a' contradicts bridge\.ports, which has it too; .*out of one",
    ),
    (
        f'[offload]\nfull_nodes = ["{KEY}"]\nquorum = 2',
        SettingsContradict,
        r"offload\.quorum = 2 contradicts a list of 1 offload\.full_nodes; name more",
    ),
    ("[offload]\nquorum = 1", SettingsContradict, r"a list of 0 offload\.full_nodes"),
    (
        "[thermal]\npause_c = 70\nwarn_c = 60",
        SettingsContradict,
        r"thermal\.resume_c = 70 \(default\) contradicts thermal\.pause_c = 70 \(.*toml\); let",
    ),
    (
        "[limits]\nmax_memory_mib = 71",
        SettingsContradict,
        "contradicts the 72 MiB that a node takes",
    ),
    ("[limits]\nmax_model_bytes = -1", SettingInvalid, r"limits\.max_model_bytes must be an"),
    (
        "[thermal]\nwarn_c = 90",
        SettingsContradict,
        r"thermal\.warn_c = 90 \(.*toml\) contradicts thermal\.pause_c = 80 \(default\); warn at",
    ),
    ('[thermal]\nsource = "temp"', SettingInvalid, "must be a file of the kernel's, /sys/"),
    (
        "[thermal]\npause_c = 151",
        SettingInvalid,
        r"thermal\.pause_c must be an integer in 0\.\.150",
    ),
    (
        f'[offload]\nfull_nodes = ["{KEY}", "{KEY.upper()}"]',
        SettingsContradict,
        f"{KEY} twice contradicts a quorum of different nodes; name each node once",
    ),
    (
        f'[offload]\nfull_nodes = ["{KEY}"]\n[trainer]\nenabled = true',
        SettingsContradict,
        r"enabled = true \(.*config\.toml\) contradicts offload\.full_nodes: who does not replay",
    ),
    (
        f'[offload]\nfull_nodes = ["{KEY[1:]}"]',
        SettingInvalid,
        r"full_nodes must be a list of up to 32 public keys, each of 64 hex digits",
    ),
]


@pytest.mark.parametrize(("text", "error", "message"), MISTAKES)
def test_mistake_in_a_file_is_named(
    request_: ConfigRequest, text: str, error: type[ConfigurationError], message: str
) -> None:
    write(request_, text)
    with pytest.raises(error, match=message):
        load_config(request_)


def test_unknown_variable_is_an_error_but_an_empty_one_is_none(request_: ConfigRequest) -> None:
    with pytest.raises(UnknownSetting, match="environment: there is no setting EDGE_NODE_TRAINR"):
        load_config(with_environment(request_, {"EDGE_NODE_TRAINR_NICE": "1"}))
    unset = {"EDGE_NODE_TRAINER_NICE": "", "EDGE_NODE_ANYTHING": "", "_EDGE_NODE_COMPLETE": "x"}
    assert load_config(with_environment(request_, unset)).config.trainer.nice == 10


def test_bad_variable_and_flag_are_named(request_: ConfigRequest) -> None:
    with pytest.raises(SettingInvalid, match="environment variable EDGE_NODE_TRAINER_NICE: "):
        load_config(with_environment(request_, {"EDGE_NODE_TRAINER_NICE": "very"}))
    with pytest.raises(SettingInvalid, match=r"command line: trainer\.nice must be"):
        load_config(replace(request_, flags={"trainer.nice": "very"}))
    with pytest.raises(UnknownSetting, match=r"command line: there is no setting nice"):
        load_config(replace(request_, flags={"nice": "1"}))


def test_board_is_taken_as_it_is_named(request_: ConfigRequest) -> None:
    for board in ("auto", "test_board"):
        write(request_, f'[node]\nboard = "{board}"')
        detected = replace(request_, board_of=lambda _: "test_board")
        assert load_config(detected).config.trainer.nice == 11
    # Named boards win over the recognised one.
    assert load_config(replace(request_, board_of=lambda _: "other")).config.trainer.nice == 11


def test_board_may_be_a_file_of_the_user_s_own(request_: ConfigRequest) -> None:
    path = write(request_, '[node]\nboard = "mine.toml"')
    path.with_name("mine.toml").write_text("schema = 1\n[trainer]\nnice = 17\n")
    loaded = load_config(request_)
    assert loaded.config.trainer.nice == 17
    assert source(loaded, "trainer", "nice") == "board file mine.toml"


def test_mistake_in_a_board_s_file_is_named(request_: ConfigRequest) -> None:
    path = request_.boards_folder / "bad.toml"
    path.write_text("schema = 1\n[genesis]\nmin_fee = 1\n")
    with pytest.raises(UnknownSetting, match=r"boards/bad\.toml: there is no setting genesis"):
        load_config(replace(request_, board_of=lambda _: "bad"))


def test_mirrors_of_mnist_are_urls_that_names_can_be_appended_to() -> None:
    mirrors = dataset_mirrors("mnist")
    assert len(mirrors) >= 2
    for url in mirrors:
        assert url.startswith(("https://", "http://"))
        assert url.endswith("/")
    assert dataset_mirrors("unheard of") == ()


def test_adopted_overlay_lies_between_board_and_user(request_: ConfigRequest) -> None:
    folder = Path(request_.environment["EDGE_NODE_DATA_DIR"])
    one, other = "0a" * 32, "0b" * 32
    (folder / "overlay.toml").write_text(
        f'[fpga]\noverlay = "/bits/bnn.bit"\noverlay_sha256 = "{one}"\nhwh_sha256 = "{one}"\n'
    )
    fpga = load_config(request_).config.fpga
    assert (fpga.overlay, fpga.overlay_sha256) == (Path("/bits/bnn.bit"), one)
    write(request_, f'[fpga]\noverlay = "my.bit"\noverlay_sha256 = "{other}"')
    fpga = load_config(request_).config.fpga
    assert (fpga.overlay, fpga.overlay_sha256, fpga.hwh_sha256) == (folder / "my.bit", other, one)


def test_file_of_the_adopted_overlay_says_nothing_else(request_: ConfigRequest) -> None:
    folder = Path(request_.environment["EDGE_NODE_DATA_DIR"])
    (folder / "overlay.toml").write_text("[trainer]\nnice = 1\n")
    with pytest.raises(UnknownSetting, match=r"overlay\.toml: there is no setting trainer\.nice"):
        load_config(request_)


def test_overlay_that_nobody_adopted_is_refused(request_: ConfigRequest) -> None:
    write(request_, '[fpga]\noverlay = "bnn.bit"')
    with pytest.raises(SettingsContradict, match="run `edge-node hw adopt-overlay FILE`"):
        load_config(request_)


def test_without_an_overlay_there_is_no_bitstream(request_: ConfigRequest) -> None:
    assert load_config(request_).config.fpga.adopted is None


@pytest.mark.parametrize(
    ("flags", "kind", "told"),
    [
        ({"node.data_dir": ""}, SettingInvalid, "command line: node.data_dir must be a folder"),
        ({"node.data_dir": "~nobody-here/x"}, ConfigurationUnreadable, "~nobody-here/x can not be"),
        ({"node.board": "~nobody-here/x.toml"}, ConfigurationUnreadable, "~nobody-here/x.toml can"),
    ],
)
def test_place_that_can_not_be_is_named(
    request_: ConfigRequest, flags: dict[str, str], kind: type[ConfigurationError], told: str
) -> None:
    with pytest.raises(kind) as caught:
        load_config(replace(request_, flags=flags))
    assert str(caught.value).startswith(told)
