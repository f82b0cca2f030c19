"""Where one HTTP request ends and the next begins: read in one way, or not at all.

Twisted reads most of it strictly. Here is what it lets pass although two readers may
differ about it (RFC 9112 §11.2): extensions of chunks, trailers, and transfer codings.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.server.http import Head, HttpAnswer, too_large

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOST = re.compile(rb"([A-Za-z0-9._~%!$&'()*+;=-]{0,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{0,5})?")
# Python refuses to read more than a few thousand digits as a number.
_LENGTH = re.compile(rb"[0-9]{1,1000}")
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_SIZE_LINE = 10
"""Octets: eight digits and the line's end."""
_END = b"\r\n"
_COMPRESSIONS = frozenset(
    {"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "bzip2", "exi"}
)


def framing(received: str, expected: str) -> Refusal:
    """Return the refusal of a request that can be read in more than one way."""
    return Refusal(checks.HTTP_FRAMING, expected=expected, received=received)


def too_many_headers() -> Refusal:
    """Return the refusal of a head that is too long."""
    return Refusal(
        checks.HTTP_HEADERS,
        expected=f"{limits.HEADERS_MAX} headers, {limits.HEADERS_MAX_BYTES} bytes together",
        received="more",
    )


def read_head(
    method: bytes, target: bytes, fields: Iterable[tuple[bytes, Sequence[bytes]]]
) -> Head:
    """Return the head of a request as plain text.

    Args:
        target: path and query, as sent.
        fields: name of each header, with the values of all its lines.
    """
    path, _, query = target.partition(b"?")
    return Head(
        method.decode("latin-1"),
        path.decode("latin-1"),
        query.decode("latin-1"),
        {
            name.decode("latin-1").lower(): ", ".join(value.decode("latin-1") for value in values)
            for name, values in fields
        },
    )


def whole_answer(answer: HttpAnswer, *, method: bytes) -> bytes:
    """Return the octets of an answer behind which the connection is closed.

    Args:
        method: of the request; the answer to HEAD has no body.
    """
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
        "Connection: close",
    ]
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head if method == b"HEAD" else head + answer.body


def check_header(line: bytes, *, version: str) -> None:
    """Judge one header, above all those that say where the body ends.

    Args:
        line: name, colon and value.
        version: of the request, such as ``HTTP/1.1``.

    Raises:
        Refusal: HTTP-FRAMING; HTTP-HEADERS for a long name; HTTP-ENCODING for a compressed body.

    RFC 9112 §5.1, §6.1, §6.2 and §7; RFC 9110 §5.6.2 and §8.6.
    """
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name):
        raise framing("another line", "a name, a colon and a value")
    # Twisted remembers the first ten thousand names for ever.
    if len(name) > limits.HEADER_NAME_MAX:
        raise too_many_headers()
    name = name.lower()
    if name == b"content-length" and not _LENGTH.fullmatch(value.strip(b" \t")):
        raise framing("another Content-Length", "digits")
    if name == b"transfer-encoding":
        _check_transfer_coding(value.decode("latin-1"), version)


def _check_transfer_coding(value: str, version: str) -> None:
    codings = [coding.partition(";")[0].strip().lower() for coding in value.split(",")]
    compression = next((coding for coding in codings if coding in _COMPRESSIONS), None)
    if compression is not None:
        raise Refusal(checks.HTTP_ENCODING, received=compression)
    if value.strip(" \t").lower() != "chunked" or version != "HTTP/1.1":
        raise framing("another Transfer-Encoding", "chunked, in HTTP/1.1")


def check_host(values: Sequence[bytes], *, version: str) -> None:
    """Require one Host; HTTP/1.0 knows none.

    Args:
        values: of all Host headers.

    Raises:
        Refusal: HTTP-HOST.

    RFC 9112 §3.2.
    """
    if len(values) > 1 or (not values and version != "HTTP/1.0"):
        raise Refusal(checks.HTTP_HOST, expected="one", received=str(len(values)))
    if values and not _HOST.fullmatch(values[0]):
        raise Refusal(checks.HTTP_HOST, expected="host or host:port", received="something else")


def check_line(line: bytes) -> None:
    """Refuse a line of the head that another reader would cut in another place.

    Args:
        line: request line or header line, without its end.

    Raises:
        Refusal: HTTP-FRAMING.

    RFC 9112 §2.2 and §5.2.
    """
    if line[:1] in (b" ", b"\t"):
        raise framing("a folded header", "a header on one line")
    if b"\n" in line or b"\r" in line or b"\0" in line:
        raise framing("a bare CR, LF or NUL", "lines that end in CRLF")


class ChunkDecoder:
    """Takes a chunked body apart; strict where readers are known to differ.

    Sizes are one to eight hexadecimal digits and nothing else, and no trailer follows the
    last chunk. Octets are handed on as they come; what is kept is less than one line.

    Args:
        take: called with each piece of the body.
        finish: called once, with the octets behind the body.

    Attributes:
        most: octets of the body; whoever knows what is at the path of the request sets it.

    RFC 9112 §7.1.
    """

    def __init__(self, take: Callable[[bytes], None], finish: Callable[[bytes], None]) -> None:
        self.most = limits.WIRE_MAX_BYTES
        self._take = take
        self._finish = finish
        self._pending = b""
        self._left = 0
        self._announced = 0
        self._chunks = 0
        self._at_end_of_chunk = False
        self._at_end = False

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's interface of decoders
        """Take what came.

        Raises:
            Refusal: HTTP-FRAMING, or HTTP-SIZE as soon as the sizes announce too much.
        """
        data, self._pending = self._pending + data, b""
        position = 0
        while position < len(data):
            if self._left:
                piece = data[position : position + self._left]
                position += len(piece)
                self._left -= len(piece)
                self._at_end_of_chunk = not self._left
                self._take(piece)
                continue
            if self._at_end_of_chunk or self._at_end:
                line = data[position : position + 2]
                if line != _END[: len(line)]:
                    raise self._no_end()
                if len(line) < len(_END):
                    break
                position += len(_END)
                if self._at_end:
                    self._finish(data[position:])
                    return
                self._at_end_of_chunk = False
                continue
            end = data.find(_END, position, position + _SIZE_LINE)
            if end < 0:
                if len(data) - position >= _SIZE_LINE:
                    raise framing("another line", "the size of a chunk, in digits only")
                break
            self._start_chunk(data[position:end])
            position = end + len(_END)
        self._pending = data[position:]

    def noMoreData(self) -> None:  # noqa: N802 - Twisted's interface of decoders
        """Ignore the end of the connection: the request is gone with it."""

    def _start_chunk(self, line: bytes) -> None:
        if not _SIZE.fullmatch(line):
            raise framing("another line", "the size of a chunk, in digits only")
        self._left = int(line, 16)
        self._announced += self._left
        self._chunks += 1
        self._at_end = not self._left
        if self._announced > self.most:
            raise too_large("more, in chunks", self.most)
        if self._chunks > limits.CHUNKS_MAX:
            raise Refusal(
                checks.HTTP_SIZE, expected=f"at most {limits.CHUNKS_MAX} chunks", received="more"
            )

    def _no_end(self) -> Refusal:
        if self._at_end:
            return framing("a trailer", "nothing behind the last chunk")
        return framing("other octets", "CRLF behind a chunk")
