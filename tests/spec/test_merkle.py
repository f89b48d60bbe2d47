# SPDX-License-Identifier: Apache-2.0
"""Merkle trees and mountain ranges against their definition by recursion; forged proofs."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import Hash32
from edge_node.spec.merkle import MerkleTree, MountainRange, merkle_root, verify_proof

leaf_lists = st.lists(st.binary(max_size=6), max_size=20)


def plain_root(leaves: Sequence[bytes]) -> Hash32:
    """Split at the largest power of two below the count: an odd node moves up as it is."""
    if not leaves:
        return ZERO_HASH
    if len(leaves) == 1:
        return tagged_hash("merkle-leaf", leaves[0])
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return tagged_hash("merkle-node", plain_root(leaves[:left]), plain_root(leaves[left:]))


@given(leaf_lists)
def test_r_12_root_is_the_trees_by_recursion(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == plain_root(leaves)


@given(leaf_lists, st.data())
def test_r_12_updated_tree_is_the_one_built_anew(leaves: list[bytes], data: st.DataObject) -> None:
    appended = data.draw(st.lists(st.binary(max_size=6), max_size=5))
    changed = (
        data.draw(st.dictionaries(st.integers(0, len(leaves) - 1), st.binary(max_size=6)))
        if leaves
        else {}
    )
    after = [changed.get(index, leaf) for index, leaf in enumerate(leaves)] + appended
    updates = changed | {len(leaves) + i: leaf for i, leaf in enumerate(appended)}
    assert MerkleTree.build(leaves).updated(updates) == MerkleTree.build(after)


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=20), st.data())
def test_r_12_proof_shows_its_leaf_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    tree = MerkleTree.build(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = tree.proof(index)
    root, count = tree.root, len(leaves)
    assert verify_proof(root, leaves[index], index, count, proof)
    assert not verify_proof(root, leaves[index] + b"x", index, count, proof)
    assert not verify_proof(root, leaves[index], index, count, (*proof, ZERO_HASH))
    assert not verify_proof(root, leaves[index], count, count, proof)
    assert not verify_proof(root, leaves[index], -1, count, proof)
    assert not verify_proof(ZERO_HASH, leaves[index], index, count, proof)
    if proof:
        assert not verify_proof(root, leaves[index], index, count, proof[:-1])
        assert not verify_proof(root, leaves[index], index, count, (ZERO_HASH, *proof[1:]))
    for other, leaf in enumerate(leaves):
        if leaf != leaves[index]:
            assert not verify_proof(root, leaf, index, count, tree.proof(other))


def test_r_12_inner_node_is_no_leaf() -> None:
    leaves = [b"a", b"b", b"c", b"d"]
    tree = MerkleTree.build(leaves)
    forged = tree.levels[1][0] + tree.levels[1][1]
    assert merkle_root([forged]) != tree.root
    assert merkle_root([tree.levels[1][0], tree.levels[1][1]]) != tree.root


def test_r_12_repeated_last_leaf_has_another_root() -> None:
    # CVE-2012-2459: a tree that doubles an odd node gives these the same root.
    assert merkle_root([b"a", b"b", b"c"]) != merkle_root([b"a", b"b", b"c", b"c"])


def test_appended_leaf_leaves_no_gap() -> None:
    with pytest.raises(AssertionError):
        MerkleTree.build([b"a"]).updated({2: b"c"})


def plain_range_root(items: Sequence[Hash32]) -> Hash32:
    peaks: list[Hash32] = []
    rest = list(items)
    while rest:
        size = 1 << len(rest).bit_length() - 1
        peaks.append(plain_root(rest[:size]))
        rest = rest[size:]
    return tagged_hash("merkle-range", len(items).to_bytes(8, "big"), *peaks)


def test_r_12_range_grows_to_the_trees_of_its_count() -> None:
    items: list[Hash32] = []
    grown = MountainRange()
    roots = {grown.root()}
    for number in range(70):
        assert grown.root() == plain_range_root(items)
        assert len(grown.peaks) == number.bit_count()
        items.append(tagged_hash("test", bytes([number])))
        grown = grown.appended(items[-1])
        roots.add(grown.root())
    assert len(roots) == 71
