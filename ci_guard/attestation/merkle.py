"""Inclusion in a Merkle tree: a leaf, its index, the path of sister hashes, and the root they add up to.

Source: RFC 9162 section 2.1.3.2 (the hashes are those of RFC 6962).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ci_guard.model.errors import VerificationError

_HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that leaf hash `leaf` at `index` (from 0) and `path` give in a tree of `size` leaves.

    Raises VerificationError if there is no such leaf, or the path has not its length.
    """
    if not 0 <= index < size:
        raise VerificationError(f"the inclusion proof is for leaf {index:,} of a tree of {size:,}")
    if any(len(sister) != _HASH_BYTES for sister in path):
        raise VerificationError("the inclusion proof holds a hash that is no sha256")
    number, last, hashed = index, size - 1, leaf
    for sister in path:
        if last == 0:
            raise VerificationError("the inclusion proof has more hashes than the tree has levels")
        if number & 1 or number == last:
            hashed = node_hash(sister, hashed)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sister)
        number, last = number >> 1, last >> 1
    if last != 0:
        raise VerificationError("the inclusion proof has fewer hashes than the tree has levels")
    return hashed
