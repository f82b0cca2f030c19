"""The messages that cases start from: ordinary ones, that a gateway accepts when signed."""

import base64
from dataclasses import dataclass
from uuid import uuid4

from lxml import etree

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import (
    ECHO,
    ECHO_BE,
    ECHO_BE_S,
    SERVICES,
    SOAP,
    TYPES,
    WSA,
    WSA_ANONYMOUS,
    Operation,
    Service,
)

_DOCUMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<xbrli:xbrl xmlns:xbrli="http://www.xbrl.org/2003/instance">'
    b'<xbrli:context id="c"><xbrli:entity>'
    b'<xbrli:identifier scheme="www.belastingdienst.nl/omzetbelastingnummer">001000044B37'
    b"</xbrli:identifier></xbrli:entity>"
    b"<xbrli:period><xbrli:instant>2026-03-31</xbrli:instant></xbrli:period></xbrli:context>"
    b"</xbrli:xbrl>\n"
)
_PARTY = (
    "<t:identiteitBelanghebbende><t:nummer>001000044B37</t:nummer><t:type>Fi</t:type>"
    "</t:identiteitBelanghebbende>"
)
_KIND = "<t:berichtsoort>Omzetbelasting</t:berichtsoort>"
_QUERIES = {
    "getBerichtsoorten": _PARTY,
    "getProcessen": _KIND + _PARTY,
    "getNieuweStatussen": _KIND + _PARTY,
    "getBerichten": _PARTY,
    "getNieuweBerichten": _PARTY,
    "getBerichtenLijst": "",
    "getNieuweBerichtenLijst": "",
}
ECHOES = {"2W-be": ECHO_BE, "2W-be-S": ECHO_BE_S}
"""The Echo service of each profile of Digikoppeling."""
_BY_KENMERK = "<t:kenmerk>onbekend</t:kenmerk>"


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
    for service in SERVICES.values() if endpoint == "digipoort" else ():
        for candidate in service.operations:
            if candidate.name == operation:
                return service, candidate
    raise ConfigurationError(f"There is no operation {operation!r} at {endpoint!r}.")


def body_of(operation: Operation, *, reference: str = "aanval") -> str:
    """Return the XML of an ordinary Body of an operation."""
    if operation.name == "aanleveren":
        return (
            f'<t:aanleverRequest xmlns:t="{TYPES}">{_KIND}'
            f"<t:aanleverkenmerk>{reference}</t:aanleverkenmerk>{_PARTY}"
            "<t:rolBelanghebbende>Bedrijf</t:rolBelanghebbende><t:berichtInhoud>"
            "<t:mimeType>application/xml</t:mimeType>"
            "<t:bestandsnaam>Omzetbelasting.xbrl</t:bestandsnaam>"
            f"<t:inhoud>{base64.b64encode(_DOCUMENT).decode()}</t:inhoud></t:berichtInhoud>"
            "<t:autorisatieAdres>http://geenausp.nl</t:autorisatieAdres></t:aanleverRequest>"
        )
    if operation.name == "echo":
        return f'<e:echoRequest xmlns:e="{ECHO}"><e:text>{reference}</e:text></e:echoRequest>'
    inner = _QUERIES.get(operation.name, _BY_KENMERK)
    return f'<t:{operation.request} xmlns:t="{TYPES}">{inner}</t:{operation.request}>'


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
    text = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{draft.action or service.request_action(operation)}'
        f"</a:Action><a:MessageID>{draft.message_id or f'urn:uuid:{uuid4()}'}</a:MessageID>"
        f"<a:ReplyTo><a:Address>{WSA_ANONYMOUS}</a:Address></a:ReplyTo>"
        f'<a:To s:mustUnderstand="1">{draft.to or to}</a:To></s:Header>'
        f"<s:Body>{draft.body or body_of(operation)}</s:Body></s:Envelope>"
    )
    try:
        return etree.fromstring(text, etree.XMLParser(huge_tree=True, resolve_entities=False))
    except etree.XMLSyntaxError as error:
        raise ConfigurationError(f"The Body of this message is no XML: {error}.") from error
