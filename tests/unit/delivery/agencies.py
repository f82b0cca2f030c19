"""Agencies to deliver to: the example one, and one that answers what a test wants."""

import queue
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.example import Conduct
from digipoort_wus.delivery.exchange import Credentials, Peer
from digipoort_wus.delivery.inbox import Inbox
from digipoort_wus.delivery.wus import WusAgency
from digipoort_wus.names import AFLEVER, TYPES, WSA_ANONYMOUS
from digipoort_wus.pki import profiles
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import TestPki, certificates_pem, key_pem
from digipoort_wus.pki.testplan import AGENCY_OIN, GATEWAY_OIN
from digipoort_wus.server.agency import ExampleAgency
from digipoort_wus.server.trust import Materials
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.testing.reactor_thread import ReactorThread
from digipoort_wus.wss.policy import SUITE_SHA256, Suite
from digipoort_wus.wss.sign import signed_answer
from digipoort_wus.xmlsafe.parse import parse_message

SHORT = Timeouts(connect=5, silence=1, total=2)
PATH = AFLEVER.paths[0]


def credentials(pki: TestPki) -> Credentials:
    """Return what the gateway is and whom it believes."""
    names = pki.identities
    return Credentials(names["gateway-tls"], names["gateway-signing"], pki.trust_store())


def agency_at(url: str, pki: TestPki, **options: Any) -> WusAgency:
    """Return the way to an agency."""
    own = options.pop("own", credentials(pki))
    options.setdefault("timeouts", SHORT)
    peer = Peer(url, options.pop("oin", AGENCY_OIN), options.pop("signer_oin", ""))
    return WusAgency(peer, lambda: own, **options)


@contextmanager
def example(
    pki: TestPki, inbox: Inbox, *, clock: Clock = system_clock, **conduct: Any
) -> Iterator[str]:
    """Run an example agency on an inbox, and close that at the end; give its URL."""
    identity = pki.identities["agency"]
    materials = Materials(
        identity, identity, pki.ca_certificates, tuple(pki.crls.values()), profiles.TEST
    )
    with ReactorThread() as thread:

        def begin() -> ExampleAgency:
            made = ExampleAgency(
                inbox,
                materials,
                GATEWAY_OIN,
                reporting=None,
                conduct=Conduct(**conduct),
                reactor=thread.reactor,
                clock=clock,
            )
            made.listen("127.0.0.1", 0)
            return made

        agency = thread.call(begin)
        try:
            yield agency.url
        finally:
            thread.call(cast("Callable[[], None]", agency.stop))


@dataclass
class Odd:
    """An agency that answers what it is told.

    Attributes:
        requests: the bodies of requests, as they came.
        connections: how many there were.
    """

    url: str
    requests: "queue.Queue[bytes]" = field(default_factory=queue.Queue)
    connections: int = 0


Answer = Callable[[bytes], bytes | Iterator[bytes] | None]
"""From the body of a request to the octets of a whole HTTP answer; None closes at once."""


@contextmanager
def odd(
    pki: TestPki, answer: Answer, *, identity: Identity | None = None, at_once: bytes = b""
) -> Iterator[Odd]:
    """Run an agency that answers the octets of a function.

    Args:
        at_once: what it answers instead as soon as it has a head, and closes.
    """
    context = _server_context(pki, identity or pki.identities["agency"])
    listener = socket.create_server(("127.0.0.1", 0))
    agency = Odd(f"https://localhost:{listener.getsockname()[1]}{PATH}")

    threads: list[threading.Thread] = []

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            agency.connections += 1
            threads.append(
                threading.Thread(target=_connection, args=(agency, context, plain, answer, at_once))
            )
            threads[-1].start()

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        yield agency
    finally:
        # Closing alone would leave the accept waiting.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        serving.join()
        for thread in threads:
            thread.join()


def _connection(
    agency: Odd, context: ssl.SSLContext, plain: socket.socket, answer: Answer, at_once: bytes
) -> None:
    with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as tls:
        tls.settimeout(10)
        if at_once:
            tls.recv(1000)
            tls.sendall(at_once)
            # A close with unread octets would take the answer back.
            while tls.recv(65_536):
                pass
        else:
            _talk(agency, tls, answer)


def _talk(agency: Odd, tls: ssl.SSLSocket, answer: Answer) -> None:
    with tls.makefile("rb") as file:
        while True:
            length = 0
            while (line := file.readline()).strip():
                if found := re.match(rb"content-length: (\d+)", line, re.I):
                    length = int(found[1])
            if not line:
                return
            body = file.read(length)
            if len(body) < length:
                return
            agency.requests.put(body)
            octets = answer(body)
            if octets is None:
                return
            for piece in (octets,) if isinstance(octets, bytes) else octets:
                tls.sendall(piece)
            if not isinstance(octets, bytes) or b"connection: close" in octets.lower():
                return


def http(
    body: bytes,
    *,
    status: str = "200 OK",
    content_type: str = "text/xml; charset=utf-8",
    more: str = "",
) -> bytes:
    """Return an HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def response_to(request: bytes, identity: Identity, **changes: Any) -> bytes:
    """Return the SOAP of a good answer to a delivery, but for the changes."""
    envelope = read_envelope(parse_message(request))
    addressing = read_addressing(envelope)
    said = {etree.QName(child).localname: child.text for child in envelope.body_child}
    root = etree.Element(f"{{{TYPES}}}afleverResponse", nsmap={None: TYPES})
    for name, text in (
        ("kenmerk", changes.pop("kenmerk", said["kenmerk"])),
        ("berichtkenmerk", changes.pop("berichtkenmerk", said["berichtkenmerk"])),
        ("tijdstempelAfgeleverd", changes.pop("at", "2026-06-01T12:00:05.000Z")),
        ("statuscode", changes.pop("statuscode", None)),
    ):
        if text is not None:
            etree.SubElement(root, f"{{{TYPES}}}{name}").text = text
    error = changes.pop("foutcode", None)
    if error is not None:
        parent = etree.SubElement(root, f"{{{TYPES}}}statusFoutcode")
        etree.SubElement(parent, f"{{{TYPES}}}foutcode").text = error
        etree.SubElement(parent, f"{{{TYPES}}}foutbeschrijving").text = "Een reden."
    headers = {
        "To": WSA_ANONYMOUS,
        "MessageID": "urn:uuid:answer",
        "Action": addressing.action.removesuffix("Request") + "Response",
        "RelatesTo": addressing.message_id,
    } | changes.pop("headers", {})
    suite: Suite = changes.pop("suite", SUITE_SHA256)
    created: datetime = changes.pop("created", datetime.now(UTC))
    assert not changes, changes
    return signed_answer(
        list(headers.items()), root, identity=identity, suite=suite, created=created
    )


def answer_of_gateway(request: bytes, identity: Identity, **changes: Any) -> bytes:
    """Return the SOAP of a good answer to zetStatus or aanbieden, but for the changes."""
    envelope = read_envelope(parse_message(request))
    addressing = read_addressing(envelope)
    asked = etree.QName(envelope.body_child)
    said = {etree.QName(child).localname: child.text for child in envelope.body_child}
    second = "statuscode" if "statuscode" in said else "berichtkenmerk"
    response = asked.localname.removesuffix("Request") + "Response"
    root = etree.Element(f"{{{asked.namespace}}}{response}")
    for name in ("kenmerk", second):
        etree.SubElement(root, f"{{{asked.namespace}}}{name}").text = changes.get(name, said[name])
    headers = (
        ("To", WSA_ANONYMOUS),
        ("MessageID", "urn:uuid:answer"),
        ("Action", addressing.action.removesuffix("Request") + "Response"),
        ("RelatesTo", addressing.message_id),
    )
    return signed_answer(
        headers, root, identity=identity, suite=SUITE_SHA256, created=datetime.now(UTC)
    )


def good(identity: Identity, **changes: Any) -> Answer:
    """Return what answers every delivery well, but for the changes."""
    return lambda request: http(response_to(request, identity, **changes))


def _server_context(pki: TestPki, identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    pem = certificates_pem(identity.certificate, *identity.chain) + key_pem(identity.private_key)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "identity.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    roots = b"".join(one.public_bytes(Encoding.PEM) for one in pki.ca_certificates)
    context.load_verify_locations(cadata=roots.decode())
    return context
