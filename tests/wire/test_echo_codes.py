"""Every code of Digikoppeling that a provider can give, over real mutual TLS."""

import functools
from collections.abc import Callable

import pytest
from lxml import etree

from digipoort_wus.names import (
    DS,
    ECHO_BE,
    ECHO_BE_S,
    SOAP_12,
    WSA,
    WSA_UNSPECIFIED,
    Service,
)
from tests.echo import ACTION, BODY, headers, message, octets
from tests.wire.conftest import Running, parsed
from tests.wire.echo import BOTH, B, data_for, endpoint, said, send

# --- The codes -----------------------------------------------------------------------

Root = Callable[[], etree._Element]


def make(blocks: str | None = None, body: str = BODY, **options: str) -> Root:
    return functools.partial(message, blocks, body, **options)


CODES: dict[str, tuple[str, str, str, Root, dict[str, str]]] = {
    "two elements": ("0001", "soap:Client", "SOAP-BODY-CHILD", make(body=BODY * 2), {}),
    "foreign Action": (
        "0003",
        "wsa:ActionNotSupported",
        "WSA-ACTION",
        make(headers(action="<a:Action>urn:x:y</a:Action>")),
        {},
    ),
    "SOAPAction of another": (
        "0003",
        "wsa:ActionMismatch",
        "WSA-SOAP-ACTION",
        make(),
        {"SOAPAction": '"urn:x:y"'},
    ),
    "SOAPAction without quotes": (
        "0003",
        "wsa:ActionMismatch",
        "WSA-SOAP-ACTION",
        make(),
        {"SOAPAction": ACTION},
    ),
    "empty SOAPAction without quotes": (
        "0003",
        "wsa:ActionMismatch",
        "WSA-SOAP-ACTION",
        make(),
        {"SOAPAction": ""},
    ),
    "schema": ("0004", "soap:Client", "XSD-VALID", make(body=BODY.replace("e:text", "e:t")), {}),
    "text too long": (
        "0004",
        "soap:Client",
        "XSD-VALID",
        make(body=BODY.replace("Goedemorgen", "x" * 10_000)),
        {},
    ),
    "no base64": (
        "0004",
        "soap:Client",
        "XSD-BASE64",
        make(body=BODY.replace("AAECAw==", "*")),
        {},
    ),
    "another body": (
        "0004",
        "soap:Client",
        "WSA-BODY",
        make(body='<x xmlns="urn:x"/>'),
        {},
    ),
    "no To": (
        "0005",
        "wsa:MessageAddressingHeaderRequired",
        "WSA-REQUIRED",
        make(headers(to="")),
        {},
    ),
    "relative To": (
        "0005",
        "wsa:InvalidAddress",
        "WSA-IRI",
        make(headers(to="<a:To>/x</a:To>")),
        {},
    ),
    "no Action": (
        "0006",
        "wsa:MessageAddressingHeaderRequired",
        "WSA-REQUIRED",
        make(headers(action="<a:Action/>")),
        {},
    ),
    "relative Action": (
        "0006",
        "wsa:InvalidAddressingHeader",
        "WSA-IRI",
        make(headers(action="<a:Action>echo</a:Action>")),
        {},
    ),
    "relative MessageID": (
        "0007",
        "wsa:InvalidAddressingHeader",
        "WSA-IRI",
        make(headers(message_id="<a:MessageID>1</a:MessageID>")),
        {},
    ),
    "no charset": (
        "0009",
        "soap:Client",
        "XML-ENCODING",
        make(),
        {"Content-Type": "text/xml"},
    ),
    "foreign header": (
        "0010",
        "soap:Client",
        "SOAP-HEADER-FOREIGN",
        make(headers(more='<x xmlns="urn:x"/>')),
        {},
    ),
    "foreign header to be understood": (
        "0010",
        "soap:MustUnderstand",
        "SOAP-HEADER-FOREIGN",
        make(headers(more='<x xmlns="urn:x" s:mustUnderstand="1"/>')),
        {},
    ),
    "ReplyTo": (
        "0011",
        "wsa:OnlyAnonymousAddressSupported",
        "WSA-ANONYMOUS",
        make(headers(reply_to=endpoint("ReplyTo", "https://x.nl/"))),
        {},
    ),
    "FaultTo": (
        "0011",
        "wsa:OnlyAnonymousAddressSupported",
        "WSA-ANONYMOUS",
        make(headers(more=endpoint("FaultTo", "https://x.nl/"))),
        {},
    ),
    "ReferenceParameters": (
        "0011",
        "wsa:InvalidEPR",
        "WSA-ENDPOINT",
        make(headers(more=endpoint("From", "urn:x:y", "<a:ReferenceParameters/>"))),
        {},
    ),
    "twice To": (
        "0011",
        "wsa:InvalidCardinality",
        "WSA-UNIQUE",
        make(headers(more="<a:To>urn:x:y</a:To>")),
        {},
    ),
    "short OIN": (
        "0011",
        "wsa:InvalidAddressingHeader",
        "WSA-OIN",
        make(headers(to="<a:To>https://x.nl/?OIN=1</a:To>")),
        {},
    ),
    "OIN of another": (
        "0011",
        "wsa:DestinationUnreachable",
        "WSA-TO",
        make(headers(to=f"<a:To>https://x.nl/?OIN={B}</a:To>")),
        {},
    ),
    "sender of another": (
        "0002",
        "soap:Client",
        "WSA-SENDER",
        make(headers(more=endpoint("From", f"https://x.nl/?OIN={B}"))),
        {},
    ),
}


@BOTH
@pytest.mark.parametrize("case", CODES)
def test_the_code_of_each_mistake(gateway: Running, service: Service, case: str) -> None:
    code, faultcode, check, root, http = CODES[case]
    envelope = root()
    wanted = str(envelope.findtext(f".//{{{WSA}}}MessageID"))
    answer = send(gateway, service, data_for(gateway, service, envelope), **http)
    found = said(answer)
    assert (found.code, found.faultcode, found.check) == (code, faultcode, check)
    assert found.status == 500
    unread = case == "two elements" or check.startswith(("SOAP", "XML"))
    assert found.related in ({wanted, WSA_UNSPECIFIED} if unread else {wanted})
    # A detail when the Body is wrong; a header's name when a header is.
    assert found.detail == (code == "0004")
    assert bool(found.header) == faultcode.startswith("wsa:")
    # What is wrong with the signed part of a message does not keep a fault from being signed.
    assert (f"{{{DS}}}Signature" in {e.tag for e in parsed(answer).root.iter()}) == (
        service is ECHO_BE_S
    )


OCTETS: dict[str, tuple[str, str, str, bytes]] = {
    "not well-formed": ("0001", "soap:Client", "XML-WELL-FORMED", b"<x"),
    "DTD": ("0001", "soap:Client", "XML-DOCTYPE", b"<!DOCTYPE x><x/>"),
    "another root": ("0001", "soap:Client", "SOAP-ENVELOPE", b"<x/>"),
    "SOAP 1.2": (
        "0001",
        "soap:VersionMismatch",
        "SOAP-ENVELOPE",
        octets(message(soap=SOAP_12)),
    ),
    "Latin-1": (
        "0009",
        "soap:Client",
        "XML-ENCODING",
        '<?xml version="1.0" encoding="ISO-8859-1"?><x>é</x>'.encode("latin-1"),
    ),
    "broken UTF-8": ("0009", "soap:Client", "XML-ENCODING", b"<x>\xe9</x>"),
    "no MessageID": (
        "0007",
        "wsa:MessageAddressingHeaderRequired",
        "WSA-REQUIRED",
        octets(message(headers(message_id=""))),
    ),
}


@BOTH
@pytest.mark.parametrize("case", OCTETS)
def test_what_can_hardly_be_read(gateway: Running, service: Service, case: str) -> None:
    code, faultcode, check, data = OCTETS[case]
    answer = send(gateway, service, data)
    found = said(answer)
    assert (found.code, found.faultcode, found.check) == (code, faultcode, check)
    assert (found.status, found.related) == (500, WSA_UNSPECIFIED)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("application/soap+xml", 415), ("text/xml; charset=iso-8859-1", 415), ("text/plain", 415)],
)
def test_what_is_refused_by_its_head(gateway: Running, content_type: str, status: int) -> None:
    answer = send(gateway, ECHO_BE, octets(message()), **{"Content-Type": content_type})
    assert answer.status_code == status
