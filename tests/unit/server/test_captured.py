"""A captured request is read as the gateway's own channel reads it, whatever is in the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus import checks
from digipoort_wus.errors import Check, ConfigurationError
from digipoort_wus.names import AANLEVER
from digipoort_wus.server.captured import read_captured, read_leniently

BODY = b"<a>\n</a>"
PIECES = (
    b"POST ", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r", b" ", b":", b"Host: localhost",
    b"Content-Type: text/xml", b"Content-Length: 8", b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Connection: Upgrade",
    b"Upgrade: websocket", b"0\r\n\r\n", b"8\r\n", BODY, AANLEVER.paths[0].encode(), b"\0", b"\xff",
)  # fmt: skip


def whole(*lines: str, body: bytes = BODY, start: str = "POST") -> bytes:
    first = f"{start} {AANLEVER.paths[0]} HTTP/1.1"
    usual = ("Host: localhost", "Content-Type: text/xml")
    return "\r\n".join([first, *usual, *lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    "octets",
    [
        whole("Content-Length: 8"),
        whole("Content-Length: 8", "Expect: 100-continue"),
        whole("Content-Length: 8", "Connection: close"),
        whole("Content-Length: 8").replace(b"HTTP/1.1", b"HTTP/1.0"),
        whole("Transfer-Encoding: chunked", body=b"3\r\n<a>\r\n5\r\n\n</a>\r\n0\r\n\r\n"),
        whole("Content-Length: 8") + b"\r\n",
        # Stored with LF: what was CRLF in the body is gone.
        whole("Content-Length: 9").replace(b"\r\n", b"\n"),
        whole("Content-Length: 8").replace(b"\r\n", b"\n"),
    ],
)
def test_one_whole_request(octets: bytes) -> None:
    captured = read_captured(octets)
    assert captured.refusal is None
    assert captured.request is not None
    assert captured.request.body == BODY
    assert captured.request.head.path == AANLEVER.paths[0]
    assert captured.request.head.headers["content-type"] == "text/xml"


@pytest.mark.parametrize(
    ("octets", "check", "handed_on"),
    [
        (whole("Content-Length: 7"), checks.HTTP_FRAMING, b"<a>\n</a"),
        (whole("Content-Length: 9"), checks.HTTP_DEADLINE, None),
        (whole(), checks.HTTP_FRAMING, b""),
        (whole("Content-Length: 8", "Content-Encoding: gzip"), checks.HTTP_ENCODING, None),
        (whole("Content-Length: 8", "Host: b"), checks.HTTP_HOST, None),
        (whole(*(f"X{n}: y" for n in range(200))), checks.HTTP_HEADERS, None),
        (whole("Content-Length: 900000000"), checks.HTTP_SIZE, None),
        (
            whole("Content-Length: 8").replace(AANLEVER.paths[0].encode(), b"/x"),
            checks.HTTP_PATH,
            None,
        ),
        (whole("Content-Length: 8") + whole("Content-Length: 8"), checks.HTTP_FRAMING, BODY),
    ],
)
def test_what_a_gateway_refuses(octets: bytes, check: Check, handed_on: bytes | None) -> None:
    captured = read_captured(octets)
    assert captured.refusal is not None
    assert captured.refusal.check is check
    assert (captured.request and captured.request.body) == handed_on


def test_all_of_the_file_is_kept_for_an_explanation() -> None:
    for octets in (
        whole("Content-Length: 3"),
        whole("Content-Length: 8", "Transfer-Encoding: chunked"),
    ):
        assert read_leniently(octets).body == BODY


@given(st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join))
def test_no_octets_are_too_odd(octets: bytes) -> None:
    """Handed on, refused, or a sentence that says that it is no request."""
    try:
        captured = read_captured(b"POST " + octets)
    except ConfigurationError:
        return
    assert captured.request is not None or captured.refusal is not None
