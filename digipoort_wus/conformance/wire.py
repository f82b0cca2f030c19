"""A TLS client that sends whatever it is told, and says what came back.

No HTTP library: those would mend, or refuse to send, what cases are made of.
"""

import select
import socket
import ssl
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from digipoort_wus.conformance.cases import Case, Http, Tls
from digipoort_wus.conformance.parties import Parties
from digipoort_wus.errors import DigipoortError

_AT_ONCE = 65_536
_ALERT_SECONDS = 1.0
_ANSWER_MAX = 8_000_000
_INTERIM = b"HTTP/1.1 1"
"""What a final answer never starts with."""
_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Received:
    """What came back over a connection.

    Args:
        status: of the first HTTP answer; 0 when there was none.
        headers: of that answer, with lower-case names.
        body: of that answer.
        alert: name of a TLS alert, in lower case with underscores; empty without one.
        late: nothing more came in time.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    alert: str = ""
    late: bool = False


class Unreachable(DigipoortError):
    """The endpoint does not listen, or its certificate cannot be believed."""


def request_octets(http: Http, url: str, body: bytes) -> bytes:
    """Return the octets of a request.

    Args:
        http: how it deviates from a plain POST.
        url: of the service.
        body: the message.
    """
    parts = urlsplit(url)
    fields: dict[str, str] = {
        "Host": parts.netloc,
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": '""',
        "Connection": "close",
    }
    if http.framing == "length":
        fields["Content-Length"] = http.length or str(len(body))
    elif http.framing == "chunked":
        fields["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for name, value in http.headers.items():
        fields = {known: text for known, text in fields.items() if known.lower() != name.lower()}
        if value:
            fields[name] = value.replace("${host}", parts.netloc)
    lines = [f"{name}: {value}" for name, value in fields.items()] + list(http.lines)
    path = http.path or parts.path
    head = "\r\n".join([f"{http.method} {path} {http.version}".rstrip(), *lines, "", ""])
    if not http.raw:
        return head.encode("latin-1") + body
    raw = http.raw.replace("${host}", parts.netloc).replace("${path}", path)
    raw = raw.replace("${length}", str(len(body))).replace("${head}", head)
    before, found, after = raw.encode("latin-1").partition(b"${body}")
    return before + (body if found else b"") + after


def exchange(case: Case, url: str, body: bytes, parties: Parties) -> Received:
    """Send one request on a connection of its own, and return what came back.

    Raises:
        Unreachable: nobody listens there, or its certificate is not that of the endpoint.
        MissingCertificate: the case connects with a certificate that is not at hand.
    """
    context = _context(case.tls, parties)
    parts = urlsplit(url)
    host, end = parts.hostname or "localhost", time.monotonic() + case.seconds
    try:
        plain = socket.create_connection((host, parts.port or 443), timeout=case.seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise Unreachable(
            f"{parts.netloc} does not answer ({error.strerror or error}): check the URL."
        ) from error
    try:
        # Owns the socket from here on, also when the handshake fails.
        connection = context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"The certificate of {parts.netloc} cannot be believed ({error.verify_message}): "
            "give the roots of the endpoint with --ca."
        ) from error
    except OSError as error:
        plain.close()
        return Received(alert=_alert_of(error))
    with connection:
        octets = request_octets(case.http, url, body)
        if case.expected.answer == "alert":
            # In TLS 1.3 it comes behind our end of the handshake; what is written meanwhile
            # may make the system drop it.
            _readable(connection, _ALERT_SECONDS)
        return _talk(connection, _pieces(octets, case.http), end, case.http.pause)


def _pieces(octets: bytes, http: Http) -> Iterator[bytes]:
    size = http.pieces or _AT_ONCE
    view = memoryview(octets)
    return (bytes(view[start : start + size]) for start in range(0, len(octets), size))


def _talk(connection: ssl.SSLSocket, pieces: Iterator[bytes], end: float, pause: float) -> Received:
    """Write as long as nothing comes back, then read the answer to its end."""
    got = bytearray()
    alert, late = "", False
    try:
        if _readable(connection, 0):
            _read_now(connection, got)
        for piece in pieces:
            connection.settimeout(max(0.1, end - time.monotonic()))
            connection.sendall(piece)
            if _readable(connection, pause) and _read_now(connection, got) and not _interim(got):
                break
            if time.monotonic() > end:
                break
        alert, late = _read_rest(connection, got, end)
    except TimeoutError:
        late = True
    except OSError as error:
        # A gateway that refuses early closes while we write; what it said may still be there.
        alert = _alert_of(error)
        with suppress(OSError):
            _read_rest(connection, got, min(end, time.monotonic() + 2))
    return _received(bytes(got), alert, late=late)


def _readable(connection: ssl.SSLSocket, seconds: float) -> bool:
    return bool(connection.pending() or select.select([connection], [], [], seconds)[0])


def _read_now(connection: ssl.SSLSocket, got: bytearray) -> bool:
    """Read what is there; session tickets of TLS 1.3 make a socket readable as well."""
    connection.settimeout(0)
    try:
        octets = connection.recv(_AT_ONCE)
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    got += octets
    return True


def _read_rest(connection: ssl.SSLSocket, got: bytearray, end: float) -> tuple[str, bool]:
    while not _complete(got) and len(got) < _ANSWER_MAX:
        left = end - time.monotonic()
        if left <= 0:
            return "", True
        connection.settimeout(left)
        try:
            octets = connection.recv(_AT_ONCE)
        except TimeoutError:
            return "", True
        except OSError as error:
            return _alert_of(error), False
        if not octets:
            break
        got += octets
    return "", False


def _complete(got: bytearray) -> bool:
    while _interim(got) and b"\r\n\r\n" in got:
        del got[: got.find(b"\r\n\r\n") + 4]
    head, found, _ = bytes(got[:_AT_ONCE]).partition(b"\r\n\r\n")
    if not found:
        return False
    length = _headers(head).get("content-length", "")
    return length.isdecimal() and len(got) - len(head) - 4 >= int(length)


def _interim(got: bytearray) -> bool:
    return got.startswith(_INTERIM)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _received(got: bytes, alert: str, *, late: bool) -> Received:
    head, _, body = got.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Received(alert=alert, late=late)
    headers = _headers(head)
    length = headers.get("content-length", "")
    if length.isdecimal():
        body = body[: int(length)]
    return Received(int(words[1]), headers, body, alert, late)


def _alert_of(error: OSError) -> str:
    """Return the alert that an error of OpenSSL is about, empty for a mere end."""
    reason = getattr(error, "reason", None)
    if not isinstance(reason, str) or "ALERT" not in reason:
        return ""
    return reason.lower().partition("alert_")[2] or reason.lower()


def _context(tls: Tls, parties: Parties) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(parties.ca))
    if tls.certificate != "none":
        files = parties.files(tls.certificate)
        # What the gateway must refuse, OpenSSL may not want to send.
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.load_cert_chain(files.certificate, files.key)
    if tls.version:
        with warnings.catch_warnings():
            # Old versions are there to be refused.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = _VERSIONS[tls.version]
    if tls.ciphers:
        context.set_ciphers(tls.ciphers)
    if tls.alpn:
        context.set_alpn_protocols(list(tls.alpn))
    return context
