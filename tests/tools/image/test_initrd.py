# SPDX-License-Identifier: Apache-2.0
"""The initrd: modules after what they need, in an archive that cpio reads, the same at any time."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tools.image.initrd import INIT, ModuleMissing, load_order, make_initrd
from tools.image.packages import ROOT_MODULES

DEPENDENCIES = """\
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/jbd2.ko kernel/fs/mbcache.ko
kernel/fs/jbd2.ko:
kernel/fs/mbcache.ko:
kernel/lib/crc16.ko:
kernel/mmc/sdhci-iproc.ko: kernel/mmc/sdhci-pltfm.ko kernel/mmc/sdhci.ko
kernel/mmc/sdhci-pltfm.ko: kernel/mmc/sdhci.ko
kernel/mmc/sdhci.ko:
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree with busybox and a file for each module that finds the card."""
    modules = tmp_path / "usr/lib/modules/6.1"
    others = set(ROOT_MODULES) - {"ext4", "sdhci_iproc"}
    lines = DEPENDENCIES + "".join(f"kernel/{name}.ko:\n" for name in sorted(others))
    for line in lines.splitlines():
        file = modules / line.partition(":")[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"module {file.name}".encode())
    (modules / "modules.dep").write_text(lines)
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/busybox").write_bytes(b"a program" * 5)
    return tmp_path


def test_module_comes_after_all_that_it_needs_and_once(tree: Path) -> None:
    order = load_order(tree / "usr/lib/modules/6.1", ("sdhci_iproc", "ext4", "sdhci"))
    assert [Path(path).name for path in order] == [
        *("sdhci.ko", "sdhci-pltfm.ko", "sdhci-iproc.ko"),
        *("mbcache.ko", "jbd2.ko", "crc16.ko", "ext4.ko"),
    ]


def test_module_that_the_kernel_lacks_is_named(tree: Path) -> None:
    with pytest.raises(ModuleMissing, match="has no module warp_drive"):
        load_order(tree / "usr/lib/modules/6.1", ("ext4", "warp_drive"))


@pytest.mark.skipif(shutil.which("cpio") is None, reason="no cpio: no card is made")
@pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd: no card is made")
def test_archive_is_read_back_by_cpio(tree: Path, tmp_path: Path) -> None:
    modules, busybox = tree / "usr/lib/modules/6.1", tree / "usr/bin/busybox"
    program = busybox.read_bytes()
    made = []
    for name in ("first", "second"):
        busybox.write_bytes(program)
        make_initrd(tree, modules, tmp_path / name)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert not busybox.exists(), "the system has no use for it"
    archive = subprocess.run(
        ["zstd", "-d", "-q", "-c", tmp_path / "first"], check=True, stdout=subprocess.PIPE
    ).stdout
    target = tmp_path / "read"
    target.mkdir()
    words = ["cpio", "--extract", "--quiet", "--make-directories", "--no-absolute-filenames"]
    subprocess.run(words, input=archive, check=True, cwd=target)
    assert (target / "init").read_bytes() == INIT.read_bytes()
    assert stat.S_IMODE((target / "init").stat().st_mode) == 0o755
    assert (target / "bin/busybox").read_bytes() == program
    order = (target / "modules/order").read_text().split()
    assert order.index("jbd2.ko") < order.index("ext4.ko")
    assert {path.name for path in (target / "modules").glob("*.ko")} == set(order)
    assert (target / "modules/ext4.ko").read_bytes() == b"module ext4.ko"
