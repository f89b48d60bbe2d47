# SPDX-License-Identifier: Apache-2.0
"""How many of something there are, for people: 1 block, 2 blocks.

Law of the file: the only place that chooses between one and many; numbers for programs are told as
numbers, and no text is read back.
"""


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number and the word that fits it.

    Parameters
    ----------
    count : int
    one : str
        The word for one, which may have words behind it: `transaction waits`.
    many : str, optional
        For any other number, where an `s` at the end does not make it.
    """
    return f"{count} {one if count == 1 else many or f'{one}s'}"
