# SPDX-License-Identifier: Apache-2.0
"""Members of a network to be founded: public keys from the command line and from a file.

One key of 64 hex digits a line; blank lines and what follows a `#` do not count.
Law of the file: every key is read or refused with the place where it stands.
Read next: networks.py.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from edge_node.node.errors import MemberInvalid
from edge_node.primitives.types import PublicKey

MAX_MEMBERS_FILE_BYTES = 1 << 16
"""A genesis has 256 members at most."""

_KEY = re.compile(r"[0-9a-fA-F]{64}")


def read_members(named: Sequence[str], file: Path | None) -> list[PublicKey]:
    """Return the keys that are named, those of the command line first.

    Raises
    ------
    MemberInvalid
    """
    keys = [_key(text, "--member") for text in named]
    if file is None:
        return keys
    with file.open("rb") as stream:
        text = stream.read(MAX_MEMBERS_FILE_BYTES).decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.partition("#")[0].strip()
        if word:
            keys.append(_key(word, f"{file}, line {number}"))
    return keys


def _key(text: str, source: str) -> PublicKey:
    if not _KEY.fullmatch(text):
        raise MemberInvalid(source=source, actual=text)
    return PublicKey(bytes.fromhex(text))
