# SPDX-License-Identifier: Apache-2.0
"""TOML is read or refused with its line, and what is written reads back the same."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.node.configuration_errors import ConfigurationMalformed, ConfigurationUnreadable
from edge_node.node.toml_files import MAX_FILE_BYTES, Setting, SettingValue, read_toml, toml_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def written(folder: Path, data: bytes) -> Path:
    path = folder / "config.toml"
    path.write_bytes(data)
    return path


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["node", "network"]),
            st.sampled_from(["a", "b", "c"]),
            st.one_of(
                st.booleans(),
                st.integers(-(1 << 63), (1 << 63) - 1),
                TEXTS,
                st.lists(TEXTS).map(tuple),
            ),
        ),
        unique_by=lambda each: each[:2],
    )
)
@pytest.mark.slow
def test_what_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, SettingValue]]
) -> None:
    settings = [Setting(section=s, key=k, value=v) for s, k, v in rows]
    path = written(tmp_path_factory.mktemp("toml"), toml_text(settings).encode())
    expected: dict[str, dict[str, object]] = {}
    for section, key, value in rows:
        plain = list(value) if isinstance(value, tuple) else value
        expected.setdefault(section, {})[key] = plain
    assert read_toml(path) == expected


def test_sections_are_written_once_and_apart() -> None:
    settings = [
        Setting(section="network", key="brokers", value=("a:1", "b:2")),
        Setting(section="trainer", key="enabled", value=False),
        Setting(section="network", key="user", value="me"),
    ]
    assert toml_text(settings) == (
        '[network]\nbrokers = ["a:1", "b:2"]\nuser = "me"\n\n[trainer]\nenabled = false\n'
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[node\n", "line 1"),
        (b"a = 1\na = 2\n", "line 2"),
        (b"\xff\xfe", "utf-8"),
        (b"#" * (MAX_FILE_BYTES + 1), f"more than {MAX_FILE_BYTES} bytes"),
    ],
)
def test_what_is_not_toml_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(ConfigurationMalformed, match=rf"config\.toml is not TOML \(.*{why}"):
        read_toml(written(tmp_path, data))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"a = " + b"[" * 30_000)
    with pytest.raises(ConfigurationMalformed):
        read_toml(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationUnreadable, match=r"nowhere can not be read \(No such file"):
        read_toml(tmp_path / "nowhere")
    with pytest.raises(ConfigurationUnreadable, match="Is a directory"):
        read_toml(tmp_path)
