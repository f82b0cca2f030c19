"""Multipart bodies: what both kinds of packages need of them, and what lenient lets through."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digipoort_wus import checks
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.soap.multipart import (
    Strictness,
    read_boundary,
    read_cid,
    read_media_type,
    split,
)

PART = b"Content-ID: <1>\r\n\r\noctets"
BODY = b"--b\r\n" + PART + b"\r\n--b--\r\n"


def outcome(body: bytes, strictness: Strictness) -> Check | None:
    try:
        split(body, b"b", most=5, strictness=strictness)
    except Refusal as refusal:
        return refusal.check
    return None


@pytest.mark.parametrize(
    ("body", "by_alone", "by_lenient"),
    [
        (BODY, False, False),
        (b"\r\n" + BODY, False, False),
        (BODY.removesuffix(b"\r\n"), False, False),
        (b"text\r\n" + BODY, True, False),
        (b"text" + BODY, True, True),
        (b"\n" + BODY, True, True),
        (BODY + b"text", True, False),
        (BODY + b"--b--\r\n", True, True),
        (BODY + BODY, True, True),
        (BODY.replace(b"\r\n\r\n", b"\r\nX-Own: 1\r\n\r\n"), True, False),
        (BODY.replace(b"<1>", "<é>".encode()), True, False),
        (BODY.replace(b"<1>", b"<\xe9>"), True, True),
        (BODY.replace(b"<1>", b"<1>\0"), True, True),
    ],
)
def test_what_stands_around_the_parts(body: bytes, by_alone: bool, by_lenient: bool) -> None:
    for refused, strictness in ((by_alone, Strictness.ALONE), (by_lenient, Strictness.LENIENT)):
        assert outcome(body, strictness) == (checks.MIME_FORM if refused else None)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50).filter(lambda octets: b"--b" not in octets), max_size=4))
def test_octets_come_out_as_they_went_in(contents: list[bytes]) -> None:
    body = b"".join(b"--b\r\nX-N: 1\r\n\r\n" + each + b"\r\n" for each in (b"root", *contents))
    for data in (body + b"--b--", memoryview(body + b"--b--")):
        parts = split(data, b"b", most=5, strictness=Strictness.LENIENT)
        assert [bytes(part.octets) for part in parts] == [b"root", *contents]


@pytest.mark.parametrize(
    ("href", "content_id"),
    [
        ("cid:a@b", "a@b"),
        ("CID:a%40b", "a@b"),
        ("cid:a%2525", "a%25"),
        ("cid:a+b", "a+b"),
        ("cid:", ""),
        ("cid", None),
        ("http:a", None),
        (" cid:a", None),
        ("cid:%", None),
        ("cid:%4", None),
        ("cid:%zz", None),
        ("cid:%e9", None),
    ],
)
def test_what_a_cid_names(href: str, content_id: str | None) -> None:
    assert read_cid(href) == content_id


@pytest.mark.parametrize(
    ("boundary", "good"),
    [
        ("b", True),
        ("-=part=-", True),
        ("b" * 70, True),
        ("a b", True),
        ("", False),
        ("b" * 71, False),
        ("b ", False),
        ("é", False),
        ("b\r\n", False),
    ],
)
def test_what_is_a_boundary(boundary: str, good: bool) -> None:
    assert read_boundary({"boundary": boundary}) == (boundary.encode() if good else None)


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"-" * 5_000_000, "-" * 70),
        (b"\r\n--" + b"b" * 5_000_000, "b" * 70),
        (b"--b\r\n" + b"\r\n--" * 1_000_000, "b"),
        (b"--b\r\n\r\n\r\n" * 500_000, "b"),
        (b"--b" + b" " * 5_000_000, "b"),
        (b"--b\r\n" + b"a: b\r\n" * 1_000_000, "b"),
        (b"--b\r\nContent-Type:" + b" " * 5_000_000, "b"),
    ],
)
@pytest.mark.parametrize("strictness", Strictness)
def test_no_body_takes_long(body: bytes, boundary: str, strictness: Strictness) -> None:
    started = time.monotonic()
    with pytest.raises(Refusal):
        split(body, boundary.encode(), most=100, strictness=strictness)
    assert time.monotonic() - started < 2


def test_a_type_without_quotes_is_read_where_it_is_borne() -> None:
    """A slash has to be quoted, says RFC 2045; products of ebMS write it bare."""
    value = 'multipart/related; boundary="b"; type=text/xml ;start="<a>"'
    assert read_media_type(value) is None
    read = read_media_type(value, strictness=Strictness.LENIENT)
    assert read == ("multipart/related", {"boundary": "b", "type": "text/xml", "start": "<a>"})


@pytest.mark.parametrize(
    "value",
    [
        "a/b; type=text/xml/x",
        "a/b; type=text/xml x",
        "a/b; type=text/",
        "a/b; type=/xml",
        "a/b; start=text/xml",
        "a/b; type=text/xml; type=text/xml",
        'a/b; type=text/xml; type="text/html"',
        'a/b; type=text/xml"; x="',
    ],
)
def test_no_other_slash_is_borne(value: str) -> None:
    assert read_media_type(value, strictness=Strictness.LENIENT) is None


@pytest.mark.parametrize("strictness", Strictness)
@pytest.mark.parametrize(
    "value", ["text/xml" + "; a=b" * 200, 'text/xml; a="' + "\\" * 1000, "a/b" + " " * 1000 + "c"]
)
def test_no_content_type_takes_long(value: str, strictness: Strictness) -> None:
    started = time.monotonic()
    assert read_media_type(value, strictness=strictness) is None
    assert time.monotonic() - started < 1
