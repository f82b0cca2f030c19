"""Where a request ends: read in one way, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus import limits
from digipoort_wus.errors import Refusal
from digipoort_wus.server.framing import (
    ChunkDecoder,
    check_header,
    check_host,
    check_line,
    read_head,
    whole_answer,
)
from digipoort_wus.server.http import HttpAnswer


class Received:
    """What came out of a chunked body."""

    def __init__(self) -> None:
        self.body = b""
        self.rest: bytes | None = None

    def take(self, data: bytes) -> None:
        self.body += data

    def finish(self, rest: bytes) -> None:
        assert self.rest is None
        self.rest = rest


def decode(*pieces: bytes) -> Received:
    received = Received()
    decoder = ChunkDecoder(received.take, received.finish)
    for piece in pieces:
        decoder.dataReceived(piece)
    return received


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.binary(max_size=10),
    st.data(),
)
def test_chunks_come_out_as_they_went_in(
    chunks: list[bytes], behind: bytes, data: st.DataObject
) -> None:
    octets = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    octets += b"0\r\n\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=5)))
    pieces = [octets[a:b] for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
    pieces[-1] += behind
    received = decode(*pieces)
    assert received.body == b"".join(chunks)
    assert received.rest == behind


def test_nothing_is_handed_on_before_the_end() -> None:
    assert decode(b"3\r\nabc\r\n0\r\n\r").rest is None


NO_CHUNKS = {
    "an extension": b"3;a=b\r\nabc\r\n0\r\n\r\n",
    "an empty extension": b"3;\r\nabc\r\n0\r\n\r\n",
    "an extension that hides a line": b"3;\nabc\r\n0\r\n\r\n",
    "a trailer": b"3\r\nabc\r\n0\r\nX: 1\r\n\r\n",
    "a body behind the last chunk": b"0\r\nGET / HTTP/1.1\r\n\r\n",
    "a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a minus": b"-3\r\nabc\r\n0\r\n\r\n",
    "a space before": b" 3\r\nabc\r\n0\r\n\r\n",
    "a space behind": b"3 \r\nabc\r\n0\r\n\r\n",
    "an underscore": b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "a bare LF": b"3\nabc\r\n0\r\n\r\n",
    "a bare CR": b"3\rabc\r\n0\r\n\r\n",
    "no end of a chunk": b"3\r\nabcd\r\n0\r\n\r\n",
    "a bare LF behind a chunk": b"3\r\nabc\n0\r\n\r\n",
    "a bare LF at the end": b"3\r\nabc\r\n0\r\n\n",
    "nine digits": b"000000003\r\nabc\r\n0\r\n\r\n",
    "a line that never ends": b"0" * 5_000,
}


@pytest.mark.parametrize("name", NO_CHUNKS)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "octet by octet"])
def test_what_is_no_chunked_body(name: str, at_once: bool) -> None:
    octets = NO_CHUNKS[name]
    pieces = [octets] if at_once else [bytes([octet]) for octet in octets]
    with pytest.raises(Refusal) as caught:
        decode(*pieces)
    assert caught.value.check.id == "HTTP-FRAMING"
    assert "abc" not in str(caught.value)


def test_chunks_that_announce_too_much_are_refused_before_they_come() -> None:
    half = limits.WIRE_MAX_BYTES // 2
    received = Received()
    decoder = ChunkDecoder(received.take, received.finish)
    decoder.dataReceived(b"%x\r\n" % half)
    for _ in range(half // 1_000_000):
        decoder.dataReceived(b"x" * 1_000_000)
    decoder.dataReceived(b"x" * (half % 1_000_000) + b"\r\n")
    with pytest.raises(Refusal) as caught:
        decoder.dataReceived(b"%x\r\n" % (limits.WIRE_MAX_BYTES - half + 1))
    assert caught.value.check.id == "HTTP-SIZE"


def test_too_many_chunks_are_refused() -> None:
    received = Received()
    decoder = ChunkDecoder(received.take, received.finish)
    decoder.dataReceived(b"1\r\nx\r\n" * limits.CHUNKS_MAX)
    with pytest.raises(Refusal) as caught:
        decoder.dataReceived(b"1\r\n")
    assert caught.value.check.id == "HTTP-SIZE"


@pytest.mark.parametrize(
    ("line", "check"),
    [
        (b"Host: localhost", None),
        (b"X-Empty:", None),
        (b"Content-Length: 0", None),
        (b"Content-Length:\t12 ", None),
        (b"Transfer-Encoding: chunked", None),
        (b"transfer-encoding:CHUNKED", None),
        (b"nonsense", "HTTP-FRAMING"),
        (b": x", "HTTP-FRAMING"),
        (b"Content-Length : 4", "HTTP-FRAMING"),
        (b"Content Length: 4", "HTTP-FRAMING"),
        (b"X\xe9: 4", "HTTP-FRAMING"),
        (b"X\x00: 4", "HTTP-FRAMING"),
        (b"Content-Length:", "HTTP-FRAMING"),
        (b"Content-Length: +5", "HTTP-FRAMING"),
        (b"Content-Length: -5", "HTTP-FRAMING"),
        (b"Content-Length: 0x5", "HTTP-FRAMING"),
        (b"Content-Length: 5, 5", "HTTP-FRAMING"),
        (b"Content-Length: 5 5", "HTTP-FRAMING"),
        (b"Content-Length: 1_0", "HTTP-FRAMING"),
        ("Content-Length: ٥".encode(), "HTTP-FRAMING"),
        (b"Content-Length: " + b"9" * 1_001, "HTTP-FRAMING"),
        (b"Transfer-Encoding: identity", "HTTP-FRAMING"),
        (b"Transfer-Encoding:", "HTTP-FRAMING"),
        (b"Transfer-Encoding: chunked, chunked", "HTTP-FRAMING"),
        (b"Transfer-Encoding: xchunked", "HTTP-FRAMING"),
        (b"Transfer-Encoding: \x0bchunked", "HTTP-FRAMING"),
        (b"Transfer-Encoding: chunked;q=1", "HTTP-FRAMING"),
        (b"Transfer-Encoding: gzip", "HTTP-ENCODING"),
        (b"Transfer-Encoding: gzip, chunked", "HTTP-ENCODING"),
        (b"Transfer-Encoding: Deflate;x=1, chunked", "HTTP-ENCODING"),
        (b"X" * limits.HEADER_NAME_MAX + b": 1", None),
        (b"X" * (limits.HEADER_NAME_MAX + 1) + b": 1", "HTTP-HEADERS"),
    ],
)
def test_headers(line: bytes, check: str | None) -> None:
    if check is None:
        check_header(line, version="HTTP/1.1")
        return
    with pytest.raises(Refusal) as caught:
        check_header(line, version="HTTP/1.1")
    assert caught.value.check.id == check


def test_http_1_0_has_no_chunks() -> None:
    with pytest.raises(Refusal):
        check_header(b"Transfer-Encoding: chunked", version="HTTP/1.0")


@pytest.mark.parametrize("line", [b" X: 1", b"\tX: 1", b"X: 1\n", b"X: \r1", b"X: \x001"])
def test_lines_that_another_reader_would_cut_elsewhere(line: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        check_line(line)
    assert caught.value.check.id == "HTTP-FRAMING"


@pytest.mark.parametrize(
    ("values", "version", "good"),
    [
        ([b"localhost:8443"], "HTTP/1.1", True),
        ([b"[::1]:8443"], "HTTP/1.1", True),
        ([b""], "HTTP/1.1", True),
        ([], "HTTP/1.0", True),
        ([], "HTTP/1.1", False),
        ([b"a", b"a"], "HTTP/1.1", False),
        ([b"a", b"b"], "HTTP/1.0", False),
        ([b"a, b"], "HTTP/1.1", False),
        ([b"a b"], "HTTP/1.1", False),
        ([b"a/b"], "HTTP/1.1", False),
        ([b"u@a"], "HTTP/1.1", False),
        ([b"a:x"], "HTTP/1.1", False),
        ([b"[::1"], "HTTP/1.1", False),
        ([b"x" * 300], "HTTP/1.1", False),
    ],
)
def test_host(values: list[bytes], version: str, good: bool) -> None:
    if good:
        check_host(values, version=version)
        return
    with pytest.raises(Refusal) as caught:
        check_host(values, version=version)
    assert caught.value.check.id == "HTTP-HOST"


def test_a_head_is_read_as_text() -> None:
    head = read_head(b"POST", b"/a?b?c", [(b"X-A", [b"1", b"\xe9"]), (b"Host", [b"h"])])
    assert (head.method, head.path, head.query) == ("POST", "/a", "b?c")
    assert head.headers == {"x-a": "1, é", "host": "h"}


def test_an_answer_that_ends_the_connection() -> None:
    answer = HttpAnswer(431, b"no\n", "text/plain", {"Retry-After": "30"})
    head = (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 3\r\nRetry-After: 30\r\nConnection: close\r\n\r\n"
    )
    assert whole_answer(answer, method=b"POST") == head + b"no\n"
    assert whole_answer(answer, method=b"HEAD") == head
