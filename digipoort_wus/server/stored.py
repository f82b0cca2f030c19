"""A request that was stored in a file: its body alone, or all of the HTTP request."""

from collections.abc import Mapping

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import Service
from digipoort_wus.server.http import Head, HttpRequest

_START = b"POST "
_ASSUMED = {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}
"""What a body without a head is taken to have been sent with: nothing that could be wrong."""


def is_whole_request(octets: bytes) -> bool:
    """Tell whether octets begin with a request line."""
    return octets.startswith(_START)


def read_whole_request(octets: bytes) -> HttpRequest:
    """Read a request with its head; line ends may be CRLF or LF.

    Raises:
        ConfigurationError: it is no HTTP request.
    """
    ends = [(at, end) for end in (b"\r\n\r\n", b"\n\n") if (at := octets.find(end)) > 0]
    if not ends:
        raise ConfigurationError(
            "The file begins with POST but has no empty line behind its headers: store the whole "
            "request, or the body alone."
        )
    at, end = min(ends)
    first, *lines = octets[:at].decode("latin-1").splitlines()
    words = first.split()
    if len(words) != 3:
        raise ConfigurationError(f"The first line is no request line: {first[:60]!r}.")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    path, _, query = words[1].partition("?")
    body = octets[at + len(end) :]
    if headers.pop("transfer-encoding", "").lower() == "chunked":
        body = _joined(body)
    return HttpRequest(Head(words[0], path, query, headers), body)


def as_request(body: bytes, service: Service, headers: Mapping[str, str]) -> HttpRequest:
    """Return a body alone as a request to a service; ``headers`` win over what is assumed."""
    return HttpRequest(Head("POST", service.paths[0], "", {**_ASSUMED, **headers}), body)


def _joined(chunks: bytes) -> bytes:
    parts: list[bytes] = []
    while chunks:
        line, _, rest = chunks.partition(b"\n")
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            raise ConfigurationError(
                "The body is not chunked as its header says: store the body alone."
            ) from None
        if size == 0:
            break
        parts.append(rest[:size])
        chunks = rest[size:].removeprefix(b"\r").removeprefix(b"\n")
    return b"".join(parts)
