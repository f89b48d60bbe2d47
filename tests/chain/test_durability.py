# SPDX-License-Identifier: Apache-2.0
"""Nothing acknowledged is lost: kill -9, torn logs, damaged files, held against the law's states.

After each of them the chain opens in one of the states that it has been in, the last acknowledged
or a later one if only the process died, or the damage is named; it never opens in a wrong state.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_node.chain.database import Database
from edge_node.chain.errors import (
    AlreadySigned,
    ParentUnknown,
    StoreCorrupt,
    StoreFormatNewer,
    WrongNetwork,
)
from edge_node.chain.importer import Importer
from edge_node.primitives.types import NetworkId, TimestampMs
from tests.chain.stream import head_after, leapfrog, write_stream
from tests.chain.workshop import Dice, Grown, Tree, contents, easy_network, opened, take

pytestmark = pytest.mark.slow  # a thousand damaged files

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
MOST_AFTER = 12
"""Blocks that a child imports at most, after those that are awaited, before it is killed."""
RESTART_S = 5
BUSY_MACHINE_S = 60
TURNS = 120
"""Damaged copies of a file that are opened."""
FRAME_BYTES = 24 + 4_096
"""A page in the log, with its header."""
LAST_RECORD_FRAMES = 15
IMPORTER_STRIDE = 64
"""Between cuts after which an importer opens too; the rows are read after every cut."""
MEMORY_DISK = Path("/dev/shm")
"""Where thousands of files are written without waiting for a disk."""


def stored_of(importer: Importer, stream: list[Grown]) -> int:
    """Return how many blocks are stored, which must be the first ones of the stream."""
    stored = [importer.blocks.has(grown.block_hash) for grown in stream]
    count = sum(stored)
    assert stored == [True] * count + [False] * (len(stream) - count)
    return count


def check_opened(importer: Importer, tree: Tree, stream: list[Grown]) -> int:
    """Check that the head is what the law makes of the stored blocks; return their number."""
    count = stored_of(importer, stream)
    tip = head_after(tree, stream[:count])
    assert importer.head == (tip.state if tip else tree.start)
    return count


def forget_nothing(path: Path, tree: Tree, stream: list[Grown], stored: int) -> int:
    """Open what a killed process left; return the number of stored blocks."""
    began = time.monotonic()
    with opened(path, tree.network) as importer:
        assert time.monotonic() - began < RESTART_S + BUSY_MACHINE_S
        count = check_opened(importer, tree, stream)
        assert count > stored
        for grown in stream[:count]:
            assert importer.state_at(grown.block_hash) == grown.state
            header = grown.mined.block.header
            with pytest.raises(AlreadySigned):
                importer.blocks.note_signed(
                    replace(header, timestamp=TimestampMs(header.timestamp + 1))
                )
    return count


def killed_child(path: Path, file: Path, steps: int, delay_ms: int) -> int:
    """Start a child, kill it after so many acknowledgements; return the last that it stored."""
    last = -1
    with subprocess.Popen(
        [sys.executable, "-m", "tests.chain.stream", path, file, str(steps + MOST_AFTER)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        for _ in range(steps):
            line = child.stdout.readline()
            if not line:
                break
            last = int(line)
        time.sleep(delay_ms / 1_000)
        child.kill()
        for rest in child.stdout.read().splitlines():
            last = int(rest)
    assert child.returncode in {0, -9}
    return last


def test_killed_process_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    tree = Tree(easy_network())
    stream = leapfrog(tree, 24)
    file = tmp_path / "stream"
    write_stream(file, stream)
    dice = Dice("kills")
    path = tmp_path / "chain-0.sqlite3"
    counts = []
    count = 0
    for kill in range(KILLS):
        steps = count + dice.below(len(stream) // 4)
        stored = killed_child(path, file, steps, dice.below(40))
        count = forget_nothing(path, tree, stream, stored)
        counts.append(count)
        if count == len(stream):
            path, count = tmp_path / f"chain-{kill + 1}.sqlite3", 0
    # No two children come through all of it, however late they are killed.
    assert 2 * (len(stream) // 4 - 1 + MOST_AFTER) < len(stream)
    assert sum(0 < count < len(stream) for count in counts) > KILLS // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """A chain's files as they are while it is open."""

    tree: Tree
    stream: list[Grown]
    main: bytes
    log: bytes
    ends: list[int]
    """Length of the log after each import."""
    folder: Path
    """Where to open damaged copies."""

    def open_cut(self, size: int) -> int:
        """Open a copy with its log cut; return the number of stored blocks."""
        return self.open_with(self.log[:size])

    def open_with(self, log: bytes) -> int:
        """Open a copy with another log; return the number of stored blocks."""
        with opened(self._copy(log), self.tree.network) as importer:
            return check_opened(importer, self.tree, self.stream)

    def rows_of_cut(self, size: int, network: NetworkId) -> Mapping[str, object]:
        """Return all rows of a copy with its log cut, from which an importer makes its state."""
        database = Database(self._copy(self.log[:size]), network)
        try:
            return contents(database)
        finally:
            database.close()

    def _copy(self, log: bytes) -> Path:
        path = self.folder / "torn.sqlite3"
        path.write_bytes(self.main)
        path.with_name("torn.sqlite3-wal").write_bytes(log)
        path.with_name("torn.sqlite3-shm").unlink(missing_ok=True)
        return path


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    place = MEMORY_DISK if MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


def torn_chain(folder: Path, tree: Tree, stream: list[Grown], logged: int) -> Torn:
    """Import a stream whose last `logged` blocks stay in the log."""
    path = folder / f"chain-{logged}.sqlite3"
    log = path.with_name(f"{path.name}-wal")
    ends = []
    with opened(path, tree.network) as importer:
        for grown in stream[:-logged]:
            take(importer, grown.mined)
    with opened(path, tree.network) as importer:
        for grown in stream[-logged:]:
            take(importer, grown.mined)
            ends.append(log.stat().st_size)
        # While it is open: closing moves the log into the file.
        main, written = path.read_bytes(), log.read_bytes()
    assert ends[-1] == len(written)
    return Torn(tree=tree, stream=stream, main=main, log=written, ends=ends, folder=folder)


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(easy_network())


@pytest.fixture(scope="module")
def stream(tree: Tree) -> list[Grown]:
    return leapfrog(tree, 3)


@pytest.fixture(scope="module")
def torn(folder: Path, tree: Tree, stream: list[Grown]) -> Torn:
    return torn_chain(folder, tree, stream, len(stream))


@pytest.fixture(scope="module")
def torn_twice(folder: Path, tree: Tree, stream: list[Grown]) -> Torn:
    """Return a chain with two records in its log: thousands of copies are written."""
    return torn_chain(folder, tree, stream, 2)


def test_log_cut_between_frames_opens_at_an_exact_prefix(torn: Torn) -> None:
    counts = []
    for size in range(32, len(torn.log) + 1, FRAME_BYTES):
        count = torn.open_cut(size)
        # A block that takes the head with it is two commits, of which one may be there.
        assert count - sum(end <= size for end in torn.ends) in {0, 1}
        counts.append(count)
    assert counts == sorted(counts)
    assert set(counts) == set(range(len(torn.stream) + 1))


def test_log_cut_in_its_last_record_opens_before_it(torn: Torn) -> None:
    begin, end = torn.ends[-2], torn.ends[-1]
    for size in [*range(begin, end, 311), end - 1]:
        assert torn.open_cut(size) == len(torn.stream) - 1
    assert torn.open_cut(end) == len(torn.stream)


@pytest.mark.parametrize("frame", range(LAST_RECORD_FRAMES))
def test_log_cut_at_any_byte_of_its_last_record_opens_before_it(
    torn_twice: Torn, frame: int
) -> None:
    torn = torn_twice
    begin, end = torn.ends[-2], torn.ends[-1]
    assert end - begin == LAST_RECORD_FRAMES * FRAME_BYTES
    network = torn.tree.network.rules.network
    before, after = (torn.rows_of_cut(size, network) for size in (begin, end))
    assert before != after
    for size in range(begin + frame * FRAME_BYTES, begin + (frame + 1) * FRAME_BYTES):
        assert torn.rows_of_cut(size, network) == before
        if size % IMPORTER_STRIDE == 0:
            assert torn.open_cut(size) == len(torn.stream) - 1
    assert torn.open_cut(end) == len(torn.stream)


def test_log_with_a_turned_bit_or_a_zeroed_sector_opens_at_an_exact_prefix(torn: Torn) -> None:
    dice = Dice("turned bits")
    for _ in range(150):
        place = dice.below(len(torn.log))
        turned = bytearray(torn.log)
        turned[place] ^= 1 << dice.below(8)
        count = torn.open_with(bytes(turned))
        # Nothing after the damaged frame counts.
        assert count <= sum(end <= place for end in torn.ends) + 1
        sector = dice.below(len(torn.log)) // 512 * 512
        torn.open_with(torn.log[:sector] + bytes(512) + torn.log[sector + 512 :])


def test_log_with_garbage_behind_it_opens_whole(torn: Torn) -> None:
    dice = Dice("garbage")
    garbage = bytes(dice.below(256) for _ in range(5_000))
    assert torn.open_with(torn.log + garbage) == len(torn.stream)
    assert torn.open_with(torn.log + bytes(9_000)) == len(torn.stream)


NAMED = (StoreCorrupt, StoreFormatNewer, WrongNetwork)


def open_file(torn: Torn, content: bytes) -> bool:
    """Open a closed file's damaged copy; True if it opens, in which case every state is right."""
    path = torn.folder / "damaged.sqlite3"
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    path.write_bytes(content)
    try:
        with opened(path, torn.tree.network) as importer:
            assert importer.head == torn.stream[-1].state
            for grown in torn.stream[::3]:
                check_state(importer, grown)
    except NAMED as error:
        assert str(error).count(";") == 1  # noqa: PT017 - each sentence says what to do
        return False
    return True


def check_state(importer: Importer, grown: Grown) -> None:
    try:
        assert importer.state_at(grown.block_hash) == grown.state
    except (StoreCorrupt, ParentUnknown):
        return  # the damage is told, or hides the block


@pytest.fixture(scope="module")
def closed_file(torn: Torn) -> bytes:
    """Return the bytes of the whole chain's file, closed."""
    path = torn.folder / "closed.sqlite3"
    with opened(path, torn.tree.network) as importer:
        for grown in torn.stream:
            take(importer, grown.mined)
    return path.read_bytes()


def test_file_with_a_turned_bit_opens_right_or_not_at_all(torn: Torn, closed_file: bytes) -> None:
    dice = Dice("file")
    opened_right = 0
    for _ in range(TURNS):
        turned = bytearray(closed_file)
        turned[dice.below(len(turned))] ^= 1 << dice.below(8)
        opened_right += open_file(torn, bytes(turned))
    assert 0 < opened_right < TURNS


def test_file_with_a_lost_page_opens_right_or_not_at_all(torn: Torn, closed_file: bytes) -> None:
    page = 4_096
    refused = 0
    for start in range(0, len(closed_file), page):
        refused += not open_file(
            torn, closed_file[:start] + bytes(page) + closed_file[start + page :]
        )
    assert refused > 0


def test_shortened_file_opens_right_or_not_at_all(torn: Torn, closed_file: bytes) -> None:
    for size in range(1, len(closed_file), 2_011):
        open_file(torn, closed_file[:size])
