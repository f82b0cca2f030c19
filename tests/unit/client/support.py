"""A zeep client whose gateway is a function: bytes of a request in, bytes of an answer out."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

import digipoort_wus
from digipoort_wus.client.transport import HttpAnswer
from digipoort_wus.client.wsse import DigipoortAddressing, DigipoortWsse, signer_trust
from digipoort_wus.names import AANLEVER, TYPES, WSA_ANONYMOUS
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.policy import SUITE_SHA256, Suite
from digipoort_wus.wss.sign import signed_answer
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW, PARTY

zeep: Any = importlib.import_module("zeep")
WSDL = Path(digipoort_wus.__file__).parent / "_wsdl"
URL = "https://localhost:8443" + AANLEVER.paths[0]
KENMERK = "6f0dbb3a-2a5c-4f6b-8f35-3b7a44d1c7a1"
PARTY_VALUE = {"nummer": "001000044B37", "type": "Fi"}
FILING = {
    "berichtsoort": "Omzetbelasting",
    "identiteitBelanghebbende": PARTY_VALUE,
    "rolBelanghebbende": "Bedrijf",
    "berichtInhoud": {"mimeType": "application/xml", "bestandsnaam": "a.xbrl", "inhoud": b"<a/>"},
}
RECEIPT = (
    f'<t:aanleverResponse xmlns:t="{TYPES}"><t:kenmerk>{KENMERK}</t:kenmerk>'
    "<t:berichtsoort>Omzetbelasting</t:berichtsoort>"
    "<t:tijdstempelAangeleverd>2026-06-01T12:00:00.123Z</t:tijdstempelAangeleverd>"
    f"{PARTY}<t:rolBelanghebbende>Bedrijf</t:rolBelanghebbende></t:aanleverResponse>"
)

Gateway = Callable[[bytes], bytes]


@dataclass
class FakeTransport:
    """Stands where zeep's transport does; remembers what was sent."""

    gateway: Gateway
    sent: list[bytes] = field(default_factory=list)
    status: int = 200

    def post_xml(
        self, address: str, envelope: etree._Element, headers: Mapping[str, str]
    ) -> HttpAnswer:
        self.sent.append(etree.tostring(envelope, encoding="UTF-8", xml_declaration=True))
        content_type = {"Content-Type": "text/xml; charset=utf-8"}
        return HttpAnswer(self.status, content_type, self.gateway(self.sent[-1]))


def nobody(_request: bytes) -> bytes:
    raise AssertionError("nothing should be sent")


def wsse(pki: TestPki, suite: Suite = SUITE_SHA256, **options: Any) -> DigipoortWsse:
    oins = options.pop("oins", frozenset())
    options.setdefault("clock", lambda: NOW)
    return DigipoortWsse(
        pki.identities["vendor-a"], signer_trust(pki.trust_store(), oins), suite, **options
    )


def zeep_client(plugin: DigipoortWsse, gateway: Gateway = nobody) -> Any:
    """Return what a user would make: plain zeep with the two plug-ins."""
    client = zeep.Client(
        str(WSDL / "AanleverService_1.2.wsdl"),
        wsse=plugin,
        plugins=[DigipoortAddressing()],
        settings=zeep.Settings(strict=True, xml_huge_tree=True, forbid_dtd=True),
    )
    client.transport = FakeTransport(gateway)
    return client


def service(client: Any) -> Any:
    return client.create_service(f"{{{AANLEVER.namespace}}}AanleverServiceSoapBinding_V1_2", URL)


def request_of(plugin: DigipoortWsse, **values: Any) -> bytes:
    """Return a signed request as plain zeep makes it."""
    client = zeep_client(plugin)
    envelope = client.create_message(service(client), "aanleveren", **(FILING | values))
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def answer_to(request: bytes, identity: Identity, **changes: Any) -> bytes:
    """Return a good answer to a request, but for the changes."""
    addressing = read_addressing(read_envelope(parse_message(request)))
    headers = {
        "To": WSA_ANONYMOUS,
        "MessageID": "urn:uuid:answer",
        "Action": addressing.action.removesuffix("Request") + "Response",
        "RelatesTo": addressing.message_id,
    } | changes.pop("headers", {})
    return signed_answer(
        [(name, value) for name, value in headers.items() if value is not None],
        etree.fromstring(changes.pop("body", RECEIPT), etree.XMLParser(huge_tree=True)),
        identity=identity,
        suite=changes.pop("suite", SUITE_SHA256),
        created=changes.pop("created", NOW),
    )
