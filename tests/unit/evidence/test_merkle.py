"""Merkle trees, against published roots and against the definition of RFC 6962."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.evidence.merkle import leaf_hash, proof_of, root_from, root_of

LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
# Of the reference implementation of Certificate Transparency.
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_definition(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 2.1 defines it: split at the largest power of two."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = by_definition(leaves[:split]), by_definition(leaves[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_that_were_published(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_root_of_nothing_is_the_digest_of_nothing() -> None:
    assert root_of([]) == hashlib.sha256().digest()


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70), st.data())
def test_a_path_leads_to_the_root_and_from_nowhere_else(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size = len(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = proof_of(leaves, index)
    root = root_of(leaves)
    assert root == by_definition(leaves)
    assert root_from(leaves[index], index, size, path) == root
    assert root_from(leaves[index] + b"x", index, size, path) != root
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        other = (*path[:at], leaf_hash(b"other"), *path[at + 1 :])
        assert root_from(leaves[index], index, size, other) != root
    for wrong in ((*path, root), path[:-1]):
        if len(wrong) != len(path):
            with pytest.raises(ValueError, match="the path"):
                root_from(leaves[index], index, size, wrong)


def test_a_leaf_at_another_place_does_not_lead_there() -> None:
    for index in range(8):
        path = proof_of(LEAVES, index)
        for other in set(range(8)) - {index}:
            assert root_from(LEAVES[index], other, 8, path).hex() != ROOTS[7]


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_such_leaf(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        root_from(b"", index, size, ())
    with pytest.raises(IndexError):
        proof_of(LEAVES[:size], index)
