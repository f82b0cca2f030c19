"""Requests for tests: built as text, signed by the package, then changed at will."""

from collections.abc import Callable
from datetime import UTC, datetime

from lxml import etree

from digipoort_wus.conformance import messages
from digipoort_wus.names import AANLEVER, Operation, Service
from digipoort_wus.pki.identity import Identity
from digipoort_wus.wss.policy import SUITE_SHA256, Suite
from digipoort_wus.wss.sign import sign_request

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
AANLEVER_PATH = AANLEVER.paths[0]
XBRL = messages.DOCUMENT
PARTY = messages.PARTY
QUERY_BODIES = messages.QUERIES


def operation(name: str) -> tuple[Service, Operation]:
    return messages.service_of("digipoort", name)


def action_of(name: str) -> str:
    service, op = operation(name)
    return service.request_action(op)


def aanlever_body(
    content: bytes = XBRL, *, berichtsoort: str = "Omzetbelasting", reference: str = "ref-1"
) -> str:
    return messages.filing_body(content, berichtsoort=berichtsoort, aanleverkenmerk=reference)


def query_body(name: str, kenmerk: str = "onbekend") -> str:
    return messages.query_body(operation(name)[1], kenmerk=kenmerk)


def envelope(
    body: str,
    *,
    name: str = "aanleveren",
    to: str | None = None,
    action: str | None = None,
    message_id: str | None = None,
    extra_headers: str = "",
) -> etree._Element:
    return messages.request_envelope(
        body,
        action=action or action_of(name),
        to=to or f"https://localhost:8443{operation(name)[0].paths[0]}",
        message_id=message_id or "",
        more_headers=extra_headers,
    )


def signed(
    identity: Identity,
    root: etree._Element,
    *,
    suite: Suite = SUITE_SHA256,
    created: datetime = NOW,
    change: Callable[[etree._Element], None] | None = None,
) -> bytes:
    """Sign an envelope, change it afterwards if asked, and return its octets."""
    sign_request(root, identity=identity, suite=suite, created=created)
    if change is not None:
        change(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def filing(identity: Identity, **options: object) -> bytes:
    """Return a signed aanleveren request with the defaults of this module."""
    return signed(identity, envelope(aanlever_body()), **options)  # type: ignore[arg-type]
