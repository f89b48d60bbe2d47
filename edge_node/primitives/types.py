# SPDX-License-Identifier: Apache-2.0
"""Names for the plain values that every floor exchanges.

They are `NewType`s over `bytes` and `int`: free at run time, told apart by the type checker, so a
block hash can not be passed where a model hash is wanted.
Law of the file: names only, no behaviour.
Read next: hashing.py, then edge_node/spec/constants.py.
"""

from typing import NewType

Hash32 = NewType("Hash32", bytes)
"""A SHA-256 digest, 32 bytes."""

BlockHash = NewType("BlockHash", Hash32)
"""H(tag, header without its signature); names one block for ever."""

ModelHash = NewType("ModelHash", Hash32)
"""H(tag, canonical model blob); 32 zero bytes where a block carries no model."""

FamilyId = NewType("FamilyId", Hash32)
"""H(tag, dataset id, canonical genome)."""

DatasetId = NewType("DatasetId", Hash32)
"""H(tag, canonical manifest)."""

NetworkId = NewType("NetworkId", Hash32)
"""H(tag, canonical genesis); inside every signed message, PRF and seed."""

PublicKey = NewType("PublicKey", bytes)
"""An Ed25519 public key, 32 bytes."""

Signature = NewType("Signature", bytes)
"""An Ed25519 signature, 64 bytes."""

Address = NewType("Address", bytes)
"""The first 20 bytes of H(tag, public key)."""

Height = NewType("Height", int)
"""Number of blocks below this one; the genesis block has height 0."""

Amount = NewType("Amount", int)
"""Coins in the smallest unit, 0..2**64-1."""

TimestampMs = NewType("TimestampMs", int)
"""Milliseconds since the Unix epoch."""
