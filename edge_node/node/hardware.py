# SPDX-License-Identifier: Apache-2.0
"""The machine: which board it is, and what of edge-node works on it.

Everything is read from the kernel's files (device tree, cpuinfo, meminfo); a board's packages are
never imported. `check` looks at each part once and says in one sentence what is missing.
Law of the file: it looks and tells; it installs, starts and changes nothing.
Read next: boards.py.
"""

import contextlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from edge_node.gossip.embedded_broker import find_mosquitto, has_amqtt
from edge_node.kernels.libsodium import LibsodiumMissing, load_ed25519
from edge_node.kernels.shared_object import load_library, supported_paths
from edge_node.node.boards import BOARDS_FOLDER, find_board, is_board_file
from edge_node.node.config import AUTO_BOARD

_KIB, _MIB = 1 << 10, 1 << 20
_POINTER_BITS: Final = 64 if sys.maxsize > 1 << 32 else 32
_TREES: Final = ("proc/device-tree", "sys/firmware/devicetree/base")
"""Where the kernel shows the device tree; texts in it end with NUL, and lists are so divided."""

SHOWN_FLAGS: Final = (
    "avx2",
    "avx512f",
    "avx512bw",
    "avx512_vpopcntdq",
    "avx512_bitalg",
    "popcnt",
    "sha_ni",
    "neon",
    "asimd",
    "asimddp",
    "sha2",
    "vfpv4",
)
"""Of some hundred processor flags, those that decide a speed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What this machine is."""

    board: str
    """Name of its file in hw_configs/; empty if none fits."""
    why: str
    """By what the board was recognised; empty if none fits."""
    title: str
    """What people call the board, or the device tree's model, or the processor."""
    compatible: tuple[str, ...]
    """The device tree's names of the board, the most special first."""
    cpu: str
    """The processor's name; empty if the kernel does not tell."""
    machine: str
    """As `uname -m` says."""
    pointer_bits: int
    """64, or 32 where Python is a 32-bit program, whatever the kernel is."""
    cpu_count: int
    """Processors."""
    memory_bytes: int
    """Memory; 0 if unknown."""
    cpu_flags: tuple[str, ...]
    """Those of SHOWN_FLAGS that it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """What it is."""
    works: bool
    """Whether it can be used."""
    needed: bool
    """Whether a node can not run without it, or its user has asked for just this."""
    detail: str
    """What was found; where it does not work, one sentence that says what to do."""


class BackendFacts(Protocol):
    """What `check` wants to know of a back end; inference/select.py has it."""

    @property
    def name(self) -> str:
        """Name by which a user chooses it."""

    @property
    def why_unavailable(self) -> str | None:
        """What is missing; None if nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What to look at."""

    backends: Sequence[BackendFacts]
    """Of select.available_backends()."""
    data_dir: Path
    """Where the node's files lie, or would lie."""
    min_free_mib: int
    """Room that its disk should have."""
    board: str = AUTO_BOARD
    """The board that was chosen."""
    why_wrong: Callable[[str], str | None] = lambda _: None
    """Lets a back end that is here compute the known answers; says what is wrong with them."""


def detect(
    root: Path = Path("/"), machine: str | None = None, boards: Path = BOARDS_FOLDER
) -> Hardware:
    """Return what this machine is.

    Parameters
    ----------
    root : Path
        Where /proc and /sys are.
    machine : str, optional
        Instead of what `uname -m` says.
    boards : Path
        Folder of the boards' files.

    Raises
    ------
    ConfigurationError
        A board's file is damaged.
    """
    machine = platform.machine() if machine is None else machine
    facts = _cpu_facts(_read(root / "proc/cpuinfo"))
    (model,) = _device_tree(root, "model")[:1] or (facts.get("Model", ""),)
    compatible = _device_tree(root, "compatible")
    cpu = facts.get("model name", "")
    found = find_board(compatible, model, machine, boards)
    title = found.board.title if found else cpu or machine
    flags = {*facts.get("flags", "").split(), *facts.get("Features", "").split()}
    return Hardware(
        board=found.board.name if found else "",
        why=found.why if found else "",
        title=model or title,
        compatible=compatible,
        cpu=cpu,
        machine=machine,
        pointer_bits=_POINTER_BITS,
        cpu_count=max(int(facts["processors"]), 1),
        memory_bytes=_memory_bytes(_read(root / "proc/meminfo")),
        cpu_flags=tuple(flag for flag in SHOWN_FLAGS if flag in flags),
    )


def check(hardware: Hardware, request: CheckRequest) -> tuple[Finding, ...]:
    """Return what works here and what does not, the needed things first."""
    findings = [
        _check_libsodium(),
        _check_disk(request.data_dir, request.min_free_mib),
        _check_kernels(),
        _check_broker(),
        _check_board(hardware, request.board),
        *(_check_backend(each, request.why_wrong) for each in request.backends),
    ]
    return tuple(sorted(findings, key=lambda finding: not finding.needed))


def _check_libsodium() -> Finding:
    try:
        detail, works = load_ed25519().name, True
    except LibsodiumMissing as error:
        detail, works = str(error), False
    return Finding(name="libsodium", works=works, needed=True, detail=detail)


def _check_disk(data_dir: Path, min_free_mib: int) -> Finding:
    folder = data_dir
    while not folder.exists():
        folder = folder.parent
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        detail = (
            f"{folder} lies on a disk that is read-only; run `sudo mount -o remount,rw` on it, or"
            " name another --data-dir"
        )
        return Finding(name="disk", works=False, needed=True, detail=detail)
    free_mib = shutil.disk_usage(folder).free // _MIB
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        detail = f"{folder} can not be written; change its owner or name another --data-dir"
        return Finding(name="disk", works=False, needed=True, detail=detail)
    if free_mib < min_free_mib:
        detail = (
            f"{folder} has {free_mib} MiB free, not {min_free_mib}; make room: with less a node"
            " does not mine"
        )
        return Finding(name="disk", works=False, needed=True, detail=detail)
    detail = f"{free_mib} MiB free in {folder}"
    return Finding(name="disk", works=True, needed=True, detail=detail)


def _check_kernels() -> Finding:
    library = load_library()
    if library is None:
        detail = "the C kernels are not built; run `make kernels` (until then numpy works, slower)"
        return Finding(name="kernels", works=False, needed=False, detail=detail)
    paths = ", ".join(path.name.lower() for path in supported_paths(library))
    return Finding(name="kernels", works=True, needed=False, detail=paths)


def _check_broker() -> Finding:
    detail = find_mosquitto()
    if detail is None and has_amqtt():
        detail = "amqtt, which is slower than mosquitto (`sudo apt install mosquitto`)"
    missing = "no MQTT broker is installed; `sudo apt install mosquitto`, or name one of the LAN"
    works = detail is not None
    return Finding(name="broker", works=works, needed=False, detail=detail or missing)


def why_other_board(hardware: Hardware, chosen: str) -> str:
    """Return what is wrong if the board that was chosen is not the one that this is, else nothing.

    Parameters
    ----------
    hardware : Hardware
        What this machine is.
    chosen : str
        `node.board`; `auto` and files of a user's own are always right.
    """
    if chosen == AUTO_BOARD or is_board_file(chosen) or hardware.board in ("", chosen):
        return ""
    return (
        f"node.board is {chosen}, and this is a {hardware.title} ({hardware.board}); set node.board"
        f" = {hardware.board}, or remove it"
    )


def _check_board(hardware: Hardware, chosen: str) -> Finding:
    if why := why_other_board(hardware, chosen):
        return Finding(name="board", works=False, needed=False, detail=why)
    if hardware.board:
        return Finding(name="board", works=True, needed=False, detail=hardware.title)
    detail = f"no file fits {hardware.title}; defaults serve, or name one of yours as node.board"
    return Finding(name="board", works=False, needed=False, detail=detail)


def _check_backend(backend: BackendFacts, why_wrong: Callable[[str], str | None]) -> Finding:
    why = backend.why_unavailable
    if why is None:
        why = why_wrong(backend.name)
    name = f"back end {backend.name}"
    return Finding(name=name, works=why is None, needed=False, detail=why or "can be used")


def _device_tree(root: Path, name: str) -> tuple[str, ...]:
    """Return the texts of a property of the device tree's root; none without one."""
    found = next(filter(None, (_read(root / tree / name) for tree in _TREES)), "")
    return tuple(filter(None, (text.strip("\n") for text in found.split("\0"))))


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _cpu_facts(cpuinfo: str) -> dict[str, str]:
    """Return the first value of each key, and how many processors there are."""
    facts: dict[str, str] = {}
    processors = 0
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        processors += key.strip() == "processor"
        facts.setdefault(key.strip(), value.strip())
    return {**facts, "processors": str(processors)}


def _memory_bytes(meminfo: str) -> int:
    for line in meminfo.splitlines():
        words = line.split()
        if words[:1] == ["MemTotal:"] and words[1:2] and words[1].isdecimal():
            return int(words[1]) * _KIB
    return 0
