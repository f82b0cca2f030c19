"""Requests for tests: built as text, signed by the package, then changed at will."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from lxml import etree

from digipoort_wus.names import (
    AANLEVER,
    SERVICES,
    SOAP,
    TYPES,
    WSA,
    WSA_ANONYMOUS,
    Operation,
    Service,
)
from digipoort_wus.pki.identity import Identity
from digipoort_wus.wss.policy import SUITE_SHA256, Suite
from digipoort_wus.wss.sign import sign_request

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
XBRL = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<xbrli:xbrl xmlns:xbrli="http://www.xbrl.org/2003/instance">'
    b'<xbrli:context id="c"><xbrli:entity>'
    b'<xbrli:identifier scheme="www.belastingdienst.nl/omzetbelastingnummer">001000044B37'
    b"</xbrli:identifier></xbrli:entity>"
    b"<xbrli:period><xbrli:instant>2026-03-31</xbrli:instant></xbrli:period></xbrli:context>"
    b"</xbrli:xbrl>\n"
)
PARTY = (
    "<t:identiteitBelanghebbende><t:nummer>001000044B37</t:nummer><t:type>Fi</t:type>"
    "</t:identiteitBelanghebbende>"
)


def operation(name: str) -> tuple[Service, Operation]:
    for service in SERVICES.values():
        for candidate in service.operations:
            if candidate.name == name:
                return service, candidate
    raise KeyError(name)


def aanlever_body(
    content: bytes = XBRL, *, berichtsoort: str = "Omzetbelasting", reference: str = "ref-1"
) -> str:
    return (
        f'<t:aanleverRequest xmlns:t="{TYPES}"><t:berichtsoort>{berichtsoort}</t:berichtsoort>'
        f"<t:aanleverkenmerk>{reference}</t:aanleverkenmerk>{PARTY}"
        "<t:rolBelanghebbende>Bedrijf</t:rolBelanghebbende><t:berichtInhoud>"
        "<t:mimeType>application/xml</t:mimeType><t:bestandsnaam>Omzetbelasting.xbrl</t:bestandsnaam>"
        f"<t:inhoud>{base64.b64encode(content).decode()}</t:inhoud></t:berichtInhoud>"
        "<t:autorisatieAdres>http://geenausp.nl</t:autorisatieAdres></t:aanleverRequest>"
    )


QUERY_BODIES = {
    "getBerichtsoorten": PARTY,
    "getProcessen": f"<t:berichtsoort>Omzetbelasting</t:berichtsoort>{PARTY}",
    "getStatussenProces": "<t:kenmerk>{kenmerk}</t:kenmerk>",
    "getNieuweStatussenProces": "<t:kenmerk>{kenmerk}</t:kenmerk>",
    "getNieuweStatussen": f"<t:berichtsoort>Omzetbelasting</t:berichtsoort>{PARTY}",
    "getBerichten": PARTY,
    "getNieuweBerichten": PARTY,
    "getBerichtenLijst": "",
    "getNieuweBerichtenLijst": "",
    "getBerichtenKenmerk": "<t:kenmerk>{kenmerk}</t:kenmerk>",
    "getNieuweBerichtenKenmerk": "<t:kenmerk>{kenmerk}</t:kenmerk>",
}


def query_body(name: str, kenmerk: str = "onbekend") -> str:
    inner = QUERY_BODIES[name].format(kenmerk=kenmerk)
    return f'<t:{name}Request xmlns:t="{TYPES}">{inner}</t:{name}Request>'


def envelope(
    body: str,
    *,
    name: str = "aanleveren",
    to: str | None = None,
    action: str | None = None,
    message_id: str | None = None,
    extra_headers: str = "",
) -> etree._Element:
    service, op = operation(name)
    to = to or f"https://localhost:8443{service.paths[0]}"
    action = action or service.request_action(op)
    message_id = message_id or f"urn:uuid:{uuid4()}"
    text = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{action}</a:Action><a:MessageID>{message_id}</a:MessageID>'
        f"<a:ReplyTo><a:Address>{WSA_ANONYMOUS}</a:Address></a:ReplyTo>"
        f'<a:To s:mustUnderstand="1">{to}</a:To>{extra_headers}</s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )
    return etree.fromstring(text, etree.XMLParser(huge_tree=True))


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


def action_of(name: str) -> str:
    service, op = operation(name)
    return service.request_action(op)


AANLEVER_PATH = AANLEVER.paths[0]
