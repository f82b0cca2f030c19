"""What the tests of Echo over the wire share: asking, judging, and reading a fault."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import requests
import xmlsec
from lxml import etree

from digipoort_wus.client.digikoppeling import Sent, answer_to, request_of
from digipoort_wus.client.wsse import signer_trust
from digipoort_wus.contract.schema import validate
from digipoort_wus.names import (
    DS,
    ECHO_BE,
    ECHO_BE_S,
    WSA,
    WSSE,
    WSU,
    Service,
)
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls
from digipoort_wus.pki.profiles import TEST
from digipoort_wus.wss.oracle import verify_signature_both
from digipoort_wus.wss.policy import (
    POLICIES,
    SUITE_SHA256,
    Suite,
)
from tests.echo import message, octets, signed_echo
from tests.wire.conftest import Running, parsed

BOTH = pytest.mark.parametrize("service", [ECHO_BE, ECHO_BE_S], ids=lambda service: service.name)
GATEWAY, A, B = (f"0000009900000000{number}000" for number in (1, 2, 3))


def url_of(running: Running, service: Service) -> str:
    return running.base + service.paths[0]


def request(
    running: Running,
    service: Service,
    root: etree._Element | None = None,
    *,
    suite: Suite = SUITE_SHA256,
    name: str = "vendor-a",
) -> Sent:
    root = message() if root is None else root
    return request_of(
        root,
        service,
        service.operations[0],
        policy=POLICIES[service.policy],
        identity=running.identity(name),
        suite=suite,
    )


def judged(running: Running, sent: Sent, answer: requests.Response) -> etree._Element:
    """Judge an answer as a requester does, with both engines."""
    store = trust_store(
        load_certificates(running.directory / "ca.pem"),
        load_crls(running.directory / "crl"),
        TEST,
    )
    return answer_to(
        sent,
        answer.content,
        policy=POLICIES[sent.service.policy],
        trust=signer_trust(store, frozenset({GATEWAY})),
        now=datetime.now(UTC),
        engine=verify_signature_both,
    )


def send(
    running: Running, service: Service, data: bytes, *, name: str = "vendor-a", **http: str
) -> requests.Response:
    return running.post(url_of(running, service), data, name=name, **http)


def data_for(running: Running, service: Service, root: etree._Element) -> bytes:
    """Return a request as its profile wants it, whatever else is wrong with it."""
    if service is ECHO_BE:
        return octets(root)
    return signed_echo(running.identity("vendor-a"), root, created=datetime.now(UTC))[0]


@dataclass(frozen=True)
class Said:
    """What a fault says."""

    status: int
    faultcode: str
    code: str
    check: str
    related: str
    header: str
    detail: bool


def said(answer: requests.Response) -> Said:
    envelope = parsed(answer)
    assert envelope.is_fault, answer.text
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    fault = envelope.body_child
    text = str(fault.findtext("faultstring"))
    code = text.partition(":")[0]
    detail = fault.find("detail")
    if detail is not None:
        validate(detail[0])
    faultcode = str(fault.findtext("faultcode"))
    assert faultcode.partition(":")[0] in envelope.root.nsmap
    for trace in ("Traceback", 'File "', "lxml"):
        assert trace not in answer.text
    return Said(
        answer.status_code,
        faultcode,
        code if code.isdecimal() else "",
        text.partition("[")[2].partition("]")[0],
        str(envelope.root.findtext(f".//{{{WSA}}}RelatesTo")),
        str(envelope.root.findtext(f".//{{{WSA}}}ProblemHeaderQName") or ""),
        detail is not None,
    )


def endpoint(name: str, address: str, more: str = "") -> str:
    return f"<a:{name}><a:Address>{address}</a:Address>{more}</a:{name}>"


def xmlsec_verifies(data: bytes) -> bool:
    """Ask python-xmlsec about SignatureValue and every digest."""
    root = etree.fromstring(data)
    context = xmlsec.SignatureContext()
    for element in root.iter(etree.Element):
        if element.get(f"{{{WSU}}}Id") is not None:
            context.register_id(element, "Id", WSU)
    token = next(root.iter(f"{{{WSSE}}}BinarySecurityToken"))
    der = base64.b64decode(str(token.text))
    context.key = xmlsec.Key.from_memory(der, xmlsec.constants.KeyDataFormatCertDer)
    try:
        context.verify(next(root.iter(f"{{{DS}}}Signature")))
    except xmlsec.Error:
        return False
    return True
