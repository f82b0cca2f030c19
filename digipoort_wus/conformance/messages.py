"""The messages that cases start from: ordinary ones, that a gateway accepts when signed."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import uuid4

from lxml import etree

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import (
    BERICHTEN,
    ECHO,
    ECHO_BE,
    ECHO_BE_S,
    FOR_AGENCIES,
    SERVICES,
    SOAP,
    TYPES,
    WSA,
    WSA_ANONYMOUS,
    Operation,
    Service,
)

DOCUMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<xbrli:xbrl xmlns:xbrli="http://www.xbrl.org/2003/instance"'
    b' xmlns:link="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink"'
    b' xmlns:bd-i="http://www.nltaxonomie.nl/nt20/bd/20251210/dictionary/bd-data" xml:lang="nl">'
    b'<link:schemaRef xlink:type="simple" xlink:href="http://www.nltaxonomie.nl/nt20/bd/20251210/'
    b'entrypoints/bd-rpt-ob-aangifte-2026.xsd"/>'
    b'<xbrli:context id="c"><xbrli:entity>'
    b'<xbrli:identifier scheme="www.belastingdienst.nl/omzetbelastingnummer">001000044B37'
    b"</xbrli:identifier></xbrli:entity>"
    b"<xbrli:period><xbrli:startDate>2026-01-01</xbrli:startDate>"
    b"<xbrli:endDate>2026-03-31</xbrli:endDate></xbrli:period></xbrli:context>"
    b'<bd-i:SoftwareVendorAccountNumber contextRef="c">SWO00000</bd-i:SoftwareVendorAccountNumber>'
    b"</xbrli:xbrl>\n"
)
"""The content of an ordinary filing: the smallest VAT return that the shipped rules let through."""
PARTY = (
    "<t:identiteitBelanghebbende><t:nummer>001000044B37</t:nummer><t:type>Fi</t:type>"
    "</t:identiteitBelanghebbende>"
)
"""Whom an ordinary message is about."""
_BERICHTSOORT = "<t:berichtsoort>Omzetbelasting</t:berichtsoort>"
_KENMERK = "<t:kenmerk>{kenmerk}</t:kenmerk>"
QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "getBerichtsoorten": PARTY,
        "getProcessen": _BERICHTSOORT + PARTY,
        "getStatussenProces": _KENMERK,
        "getNieuweStatussenProces": _KENMERK,
        "getNieuweStatussen": _BERICHTSOORT + PARTY,
        "getBerichten": PARTY,
        "getNieuweBerichten": PARTY,
        "getBerichtenLijst": "",
        "getNieuweBerichtenLijst": "",
        "getBerichtenKenmerk": _KENMERK,
        "getNieuweBerichtenKenmerk": _KENMERK,
    }
)
"""What an ordinary question says, by operation; ``{kenmerk}`` stands where one is asked for."""
ECHOES = {"2W-be": ECHO_BE, "2W-be-S": ECHO_BE_S}
"""The Echo service of each profile of Digikoppeling."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the usual message says; empty means: as usual."""

    operation: str = "aanleveren"
    body: str = ""
    to: str = ""
    action: str = ""
    message_id: str = ""


def service_of(endpoint: str, operation: str) -> tuple[Service, Operation]:
    """Return an operation by its WSDL name, with its service.

    Args:
        endpoint: ``digipoort``, or a profile of Digikoppeling, whose Echo is then meant.
        operation: its name; of an Echo there is only one.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if endpoint in ECHOES:
        return ECHOES[endpoint], ECHOES[endpoint].operations[0]
    services = (*SERVICES.values(), *FOR_AGENCIES.values())
    for service in services if endpoint == "digipoort" else ():
        for candidate in service.operations:
            if candidate.name == operation:
                return service, candidate
    raise ConfigurationError(f"There is no operation {operation!r} at {endpoint!r}.")


def filing_body(
    content: bytes = DOCUMENT,
    *,
    berichtsoort: str = "Omzetbelasting",
    aanleverkenmerk: str = "aanval",
) -> str:
    """Return the XML of the Body of an ordinary filing."""
    return (
        f'<t:aanleverRequest xmlns:t="{TYPES}"><t:berichtsoort>{berichtsoort}</t:berichtsoort>'
        f"<t:aanleverkenmerk>{aanleverkenmerk}</t:aanleverkenmerk>{PARTY}"
        "<t:rolBelanghebbende>Bedrijf</t:rolBelanghebbende><t:berichtInhoud>"
        "<t:mimeType>application/xml</t:mimeType>"
        "<t:bestandsnaam>Omzetbelasting.xbrl</t:bestandsnaam>"
        f"<t:inhoud>{base64.b64encode(content).decode()}</t:inhoud></t:berichtInhoud>"
        "<t:autorisatieAdres>http://geenausp.nl</t:autorisatieAdres></t:aanleverRequest>"
    )


def query_body(operation: Operation, *, kenmerk: str = "onbekend") -> str:
    """Return the XML of the Body of an ordinary question; one of :data:`QUERIES`."""
    inner = QUERIES[operation.name].format(kenmerk=kenmerk)
    return f'<t:{operation.request} xmlns:t="{TYPES}">{inner}</t:{operation.request}>'


def report_body(*, kenmerk: str = "onbekend", code: str = "500", more: str = "") -> str:
    """Return the XML of the Body of an agency's report.

    Args:
        kenmerk: of the process.
        code: statuscode.
        more: the XML behind tijdstempelStatus.
    """
    return (
        f'<t:zetStatusRequest xmlns:t="{TYPES}"><t:kenmerk>{kenmerk}</t:kenmerk>'
        f"<t:statuscode>{code}</t:statuscode>"
        f"<t:tijdstempelStatus>2026-01-01T00:00:00Z</t:tijdstempelStatus>{more}"
        "</t:zetStatusRequest>"
    )


def offer_body(
    content: bytes = DOCUMENT, *, kenmerk: str = "onbekend", berichtkenmerk: str = "bericht"
) -> str:
    """Return the XML of the Body of a message that an agency offers."""
    return (
        f'<b:aanbiedRequest xmlns:b="{BERICHTEN}"><b:kenmerk>{kenmerk}</b:kenmerk>'
        "<b:berichtsoort>Aanslag</b:berichtsoort>"
        f"<b:berichtkenmerk>{berichtkenmerk}</b:berichtkenmerk>{PARTY.replace('t:', 'b:')}"
        "<b:rolBelanghebbende>Bedrijf</b:rolBelanghebbende><b:berichtInhoud>"
        "<b:mimeType>application/xml</b:mimeType><b:bestandsnaam>aanslag.xml</b:bestandsnaam>"
        f"<b:inhoud>{base64.b64encode(content).decode()}</b:inhoud></b:berichtInhoud>"
        "</b:aanbiedRequest>"
    )


def body_of(operation: Operation, *, reference: str = "aanval") -> str:
    """Return the XML of an ordinary Body of an operation."""
    if operation.name == "aanleveren":
        return filing_body(aanleverkenmerk=reference)
    if operation.name == "zetStatus":
        return report_body()
    if operation.name == "aanbieden":
        return offer_body()
    if operation.name == "echo":
        return f'<e:echoRequest xmlns:e="{ECHO}"><e:text>{reference}</e:text></e:echoRequest>'
    return query_body(operation)


def request_envelope(
    body: str, *, action: str, to: str, message_id: str = "", more_headers: str = ""
) -> etree._Element:
    """Return a request that is not yet signed.

    Args:
        body: the XML in the Body.
        action: what wsa:Action says.
        to: what wsa:To says.
        message_id: what wsa:MessageID says; empty means a new one.
        more_headers: the XML of more headers.

    Raises:
        ConfigurationError: together it is no XML.
    """
    text = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{action}</a:Action>'
        f"<a:MessageID>{message_id or f'urn:uuid:{uuid4()}'}</a:MessageID>"
        f"<a:ReplyTo><a:Address>{WSA_ANONYMOUS}</a:Address></a:ReplyTo>"
        f'<a:To s:mustUnderstand="1">{to}</a:To>{more_headers}</s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )
    try:
        return etree.fromstring(text, etree.XMLParser(huge_tree=True, resolve_entities=False))
    except etree.XMLSyntaxError as error:
        raise ConfigurationError(f"The Body of this message is no XML: {error}.") from error


def draft_envelope(draft: Draft, endpoint: str, to: str) -> etree._Element:
    """Return an ordinary request, not yet signed.

    Args:
        draft: what it says that is not usual.
        endpoint: as for :func:`service_of`.
        to: the address of the service, when the draft names no other.

    Raises:
        ConfigurationError: the draft has no such operation, or a Body that is no XML.
    """
    service, operation = service_of(endpoint, draft.operation)
    return request_envelope(
        draft.body or body_of(operation),
        action=draft.action or service.request_action(operation),
        to=draft.to or to,
        message_id=draft.message_id,
    )
