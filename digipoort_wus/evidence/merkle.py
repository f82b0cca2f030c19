"""Merkle trees as Certificate Transparency has them (RFC 6962 §2.1, RFC 9162 §2.1.3).

A leaf is hashed behind an octet 0x00, a node behind 0x01, so that neither passes for the
other.
"""

import hashlib
from collections.abc import Sequence

_LEAF, _NODE = b"\0", b"\1"


def leaf_hash(octets: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(_LEAF + octets).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over the octets of the leaves, in order (RFC 6962 §2.1)."""
    if not leaves:
        return hashlib.sha256().digest()
    return _fold([leaf_hash(leaf) for leaf in leaves])


def proof_of(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the path from a leaf to the root, nearest first (RFC 6962 §2.1.1).

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    path = []
    level = [leaf_hash(leaf) for leaf in leaves]
    while len(level) > 1:
        # The last one of an odd level has nobody beside it, and goes up as it is.
        if (beside := index ^ 1) < len(level):
            path.append(level[beside])
        level, index = _above(level), index // 2
    return tuple(path)


def root_from(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root to which a path leads from a leaf (RFC 9162 §2.1.3.2).

    Args:
        leaf: its octets.
        index: its place, from 0.
        size: how many leaves the tree has.
        path: by :func:`proof_of`.

    Raises:
        ValueError: no tree of that size has such a path.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} among {size}")
    at, last, found = index, size - 1, leaf_hash(leaf)
    for beside in path:
        if last == 0:
            raise ValueError("the path goes on above the root")
        if at % 2 or at == last:
            found = _node(beside, found)
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            found = _node(found, beside)
        at, last = at // 2, last // 2
    if last:
        raise ValueError("the path ends below the root")
    return found


def _fold(level: list[bytes]) -> bytes:
    while len(level) > 1:
        level = _above(level)
    return level[0]


def _above(level: list[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    return [_node(left, right) for left, right in pairs] + level[len(level) // 2 * 2 :]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
