# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a dataset on its way to this machine or on its disk.

Each class is one broken rule; its message is one sentence that names the file and says what to do.
Rules of the law (R-17, R-18) have their own classes in spec/dataset.py.
Law of the file: classes only; the guards stand where the bytes are read.
Read next: idx.py, store.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from edge_node.primitives.counting import counted
from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import DatasetId


class DatasetError(EdgeNodeError):
    """A dataset is not here, or not as it must be; nothing was changed."""


class FileRuleBroken(DatasetError):
    """A file breaks a rule that compares two values.

    Parameters
    ----------
    path : Path
        The file or folder.
    expected, actual : object
        What the rule wants and what the file has.
    """

    wants: ClassVar[str] = "must have"
    """The verb between the file and what is expected of it."""
    advice: ClassVar[str] = "give another file"
    """What the user can do."""

    def __init__(self, *, path: Path, expected: object, actual: object) -> None:
        super().__init__(f"{path} {self.wants} {expected}, not {actual}; {self.advice}")
        self.path = path
        self.expected = expected
        self.actual = actual


class DatasetFileMissing(FileRuleBroken):
    """A file or folder is not there, or can not be read."""

    reason = "dataset-file-missing"
    wants = "must be"
    advice = "check the path"


class WrongMagic(FileRuleBroken):
    """A file does not begin as its format does."""

    reason = "dataset-wrong-magic"
    wants = "must begin with"
    advice = "check --format, or download the file again"


class FileTruncated(FileRuleBroken):
    """A file ends too early, or its compression is broken."""

    reason = "dataset-file-truncated"
    wants = "must hold"
    advice = "download it again"


class FileTooLong(FileRuleBroken):
    """A file goes on after its content."""

    reason = "dataset-file-too-long"
    wants = "must end after"
    advice = "download it again"


class WrongForm(FileRuleBroken):
    """Images or labels have another type or shape than this format can mean."""

    reason = "dataset-wrong-form"
    advice = "convert it first"


class CountsDiffer(FileRuleBroken):
    """There are more labels than images, or fewer."""

    reason = "dataset-counts-differ"
    advice = "give the two files that belong together"


class LabelOutOfRange(FileRuleBroken):
    """A label is not one of the classes."""

    reason = "dataset-label-out-of-range"
    advice = "say the number of classes with --classes, or correct the label"


class MixedImageSizes(FileRuleBroken):
    """Images differ in size."""

    reason = "dataset-mixed-image-sizes"
    wants = "must be"
    advice = "scale all images to one size"


class ImageTooLarge(FileRuleBroken):
    """An image has more rows, columns or channels than a network can take."""

    reason = "dataset-image-too-large"
    wants = "must have images of at most"
    advice = "scale them down"


class ImageUnreadable(FileRuleBroken):
    """A file in a folder of images is none."""

    reason = "dataset-image-unreadable"
    wants = "must be"
    advice = "remove or replace it"


class TooFewImages(FileRuleBroken):
    """A split would be empty."""

    reason = "dataset-too-few-images"
    wants = "must hold"
    advice = "add images, or change --evaluation and --reserve"


class DatasetTooLarge(FileRuleBroken):
    """More bytes than a dataset may have."""

    reason = "dataset-too-large"
    wants = "must unpack to at most"
    advice = "take fewer or smaller images"


class PinMismatch(FileRuleBroken):
    """A published file is not the one that everybody has."""

    reason = "dataset-pin-mismatch"
    wants = "must unpack to SHA-256"
    advice = "delete it, so that it is fetched anew"


class SharesOutOfRange(DatasetError):
    """Evaluation and reserve leave nothing to train on."""

    reason = "dataset-shares-out-of-range"

    def __init__(self, *, evaluation_ppm: int, reserve_ppm: int) -> None:
        super().__init__(
            "--evaluation and --reserve must each be above 0 and together below 1, not"
            f" {evaluation_ppm} and {reserve_ppm} millionths; choose smaller shares"
        )
        self.evaluation_ppm = evaluation_ppm
        self.reserve_ppm = reserve_ppm


class PillowMissing(DatasetError):
    """Folders of images need a package that is not installed."""

    reason = "dataset-pillow-missing"

    def __init__(self) -> None:
        super().__init__(
            "reading images needs the package pillow; install it with"
            " `python -m pip install 'edge-node[images]'`"
        )


class MirrorFailed(DatasetError):
    """A mirror did not deliver."""

    reason = "dataset-mirror-failed"

    def __init__(self, *, url: str, why: object) -> None:
        super().__init__(f"{url} can not be downloaded ({why}); another source is needed")
        self.url = url
        self.why = why


class WheelFailed(DatasetError):
    """The Python package with the images could not be had."""

    reason = "dataset-wheel-failed"

    def __init__(self, *, package: str, why: str) -> None:
        super().__init__(f"the package {package} can not be used ({why}); another source is needed")
        self.package = package
        self.why = why


class PickleForbidden(DatasetError):
    """A pickle wants something else than arrays of numbers."""

    reason = "dataset-pickle-forbidden"

    def __init__(self, *, what: str) -> None:
        super().__init__(f"the pickle holds {what} and only plain arrays are read; do not trust it")
        self.what = what


class DatasetUnavailable(DatasetError):
    """No source has the dataset."""

    reason = "dataset-unavailable"

    def __init__(self, *, name: str, tried: Sequence[str], advice: str) -> None:
        super().__init__(f"{name} is not to be had: {', '.join(tried)}; {advice}")
        self.name = name
        self.tried = tuple(tried)


class DatasetUnknown(DatasetError):
    """The store has nothing of this dataset."""

    reason = "dataset-unknown"

    def __init__(self, *, dataset_id: DatasetId) -> None:
        super().__init__(
            f"dataset {dataset_id.hex()} is not in the store; fetch or import it, or join a network"
            " that has it"
        )
        self.dataset_id = dataset_id


class DatasetIncomplete(DatasetError):
    """The store has only some chunks of a split."""

    reason = "dataset-incomplete"

    def __init__(self, *, path: Path, expected: int, actual: int) -> None:
        super().__init__(
            f"{path} has {actual} of its {counted(expected, 'chunk')}; wait until the rest is"
            " fetched"
        )
        self.path = path
        self.expected = expected
        self.actual = actual


class StoreCorrupt(DatasetError):
    """A file of the store is not what was written."""

    reason = "dataset-store-corrupt"

    def __init__(self, *, path: Path, what: str) -> None:
        super().__init__(f"{path} is corrupt ({what}); fetch or import the dataset again")
        self.path = path
        self.what = what


class StoreNotWritable(DatasetError):
    """The disk does not take what must be written."""

    reason = "dataset-store-not-writable"

    def __init__(self, *, path: Path, why: str) -> None:
        super().__init__(f"{path} can not be written ({why}); make room or change its permissions")
        self.path = path
        self.why = why


class ChunkRejected(DatasetError):
    """A chunk is not the one that the dataset's table names."""

    reason = "dataset-chunk-rejected"
    peer_fault = True

    def __init__(self, *, index: int, expected: str, actual: str) -> None:
        super().__init__(
            f"chunk {index} must have hash {expected}, not {actual}; ask another peer for it"
        )
        self.index = index
        self.expected = expected
        self.actual = actual


class ChunkOutOfRange(DatasetError):
    """There is no chunk of this number."""

    reason = "dataset-chunk-out-of-range"
    peer_fault = True

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(f"chunk {actual} does not exist; ask for one of 0..{expected - 1}")
        self.expected = expected
        self.actual = actual
