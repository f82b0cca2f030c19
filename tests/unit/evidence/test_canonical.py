"""One value, one text: held against another implementation of RFC 8785."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.evidence.canonical import INT_MAX, SIZE_MAX, canonical, read_canonical

NAMES = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True)
LEAVES = st.text(st.characters(codec="utf-8")) | st.integers(-INT_MAX, INT_MAX)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_it_is_spelled_as_another_implementation_does(value: dict[str, object]) -> None:
    octets = canonical(value)  # type: ignore[arg-type]
    assert octets == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert read_canonical(octets) == value


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), st.sampled_from([1, 4]))
def test_another_spelling_is_refused(value: dict[str, object], indent: int) -> None:
    with pytest.raises(ValueError, match="canonical"):
        read_canonical(json.dumps(value, indent=indent).encode())


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":null}',
        b'{"a":true}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":9007199254740992}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'{"a":"\\u00e9"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a b":1}',
        b'{"a":1}\n',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":"' + b"x" * SIZE_MAX + b'"}',
    ],
    ids=lambda octets: repr(octets[:20]),
)
def test_what_is_no_canonical_object_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds of it
        read_canonical(octets)


@pytest.mark.parametrize("value", [True, None, 1.5, b"x", INT_MAX + 1, {"é": 1}, {1: 1}, "\ud800"])
def test_what_implementations_spell_differently_has_no_place(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds of it
        canonical({"a": value})  # type: ignore[dict-item]
