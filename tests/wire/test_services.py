"""Every operation over mutual TLS: the answers, and what real clients send."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests
import zeep
from lxml import etree

from digipoort_wus.client.wsse import signer_trust
from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import Refusal
from digipoort_wus.names import SERVICES, WSA_ANONYMOUS, Service
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.oracle import verify_signature_both
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SUITE_SHA1, SUITE_SHA256, Suite
from digipoort_wus.wss.verify import Verified, verify_envelope
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import (
    QUERY_BODIES,
    aanlever_body,
    action_of,
    envelope,
    operation,
    query_body,
    signed,
)
from tests.wire.conftest import (
    Answer,
    Running,
    Wire,
    assert_refused,
    body_of,
    head,
    parsed,
    request_for,
    served,
    text_of,
    with_pki,
)

OPERATIONS = ("aanleveren", *QUERY_BODIES)
Xmlsec1 = Callable[[bytes], bool]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway without the filings of other tests, so that its lists stay short."""
    with served(with_pki(tmp_path_factory.mktemp("services") / "data")) as running:
        yield running


@pytest.fixture(scope="module")
def kenmerk(gateway: Running) -> str:
    """A filing of vendor-a that has come to its end."""
    found = gateway.submit(reference="for-the-services")
    gateway.wait_for(found, "500")
    return found


def verified(running: Running, octets: bytes) -> Verified:
    """Verify an answer as a client would: both engines, chain, timestamp, coverage."""
    store = trust_store(
        load_certificates(running.directory / "ca.pem"),
        load_crls(running.directory / "crl"),
        profiles.TEST,
    )
    message = read_envelope(parse_message(octets))
    return verify_envelope(
        message,
        read_addressing(message),
        policy=DIGIPOORT_1_2,
        trust=signer_trust(store),
        now=datetime.now(UTC),
        engine=verify_signature_both,
    )


def body_for(name: str, kenmerk: str) -> str:
    return aanlever_body() if name == "aanleveren" else query_body(name, kenmerk)


@pytest.mark.parametrize("suite", [SUITE_SHA256, SUITE_SHA1], ids=lambda suite: suite.name)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_valid_signed_and_related(
    gateway: Running, kenmerk: str, xmlsec1: Xmlsec1, name: str, suite: Suite
) -> None:
    service, op = operation(name)
    message_id = f"urn:uuid:{uuid4()}"

    answer = gateway.ask(name, body_for(name, kenmerk), suite=suite, message_id=message_id)

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    result = verified(gateway, answer.content)
    assert result.suite is suite
    assert result.signer.certificate == gateway.identity("gateway-signing").certificate
    assert etree.QName(result.body_child).localname == op.response
    validate(result.body_child)
    addressing = result.addressing
    assert addressing.action == service.response_action(op)
    assert (addressing.to, addressing.relates_to) == (WSA_ANONYMOUS, message_id)
    assert addressing.message_id.startswith("urn:uuid:")
    assert addressing.message_id != message_id
    assert xmlsec1(answer.content)


def test_a_tampered_answer_is_refused_by_everybody(gateway: Running, xmlsec1: Xmlsec1) -> None:
    answer = gateway.ask("aanleveren", aanlever_body())
    tampered = answer.content.replace(b">Omzetbelasting<", b">Omzetbelastinh<")
    assert tampered != answer.content
    with pytest.raises(Refusal) as caught:
        verified(gateway, tampered)
    assert caught.value.check.id == "WSS-DIGEST"
    assert not xmlsec1(tampered)


def test_the_answer_of_aanleveren_says_who_receives(gateway: Running) -> None:
    body = body_of(gateway.ask("aanleveren", aanlever_body(reference="mine")))
    assert text_of(body, "aanleverkenmerk") == "mine"
    assert text_of(body, "autorisatieAdres") == "http://geenausp.nl"
    receiver = next(body.iter("{*}identiteitOntvanger"))
    assert text_of(receiver, "nummer") == "00000002003214394002"
    assert body.find("{*}statuscode") is None


PATHS = [
    (service, path, "getBerichtsoorten" if service.name.startswith("Stat") else name)
    for service, name in zip(
        SERVICES.values(), ("aanleveren", "getBerichtsoorten", "getBerichtenLijst"), strict=True
    )
    for path in service.paths
]


@pytest.mark.parametrize(("service", "path", "name"), PATHS, ids=lambda value: str(value)[:60])
def test_every_path_of_both_generations(
    gateway: Running, service: Service, path: str, name: str
) -> None:
    url = gateway.base + path
    root = envelope(body_for(name, ""), name=name, to=url)
    octets = signed(gateway.identity("vendor-a"), root, created=datetime.now(UTC))
    assert gateway.post(url, octets).status_code == 200
    wsdl = gateway.session().get(f"{url}?wsdl", timeout=10)
    assert wsdl.status_code == 200
    assert service.port_type.encode() in wsdl.content


def test_the_action_that_wcf_derives_from_the_port_type(gateway: Running) -> None:
    for name in OPERATIONS[:3]:
        service, op = operation(name)
        action = service.request_actions(op)[1]
        root = envelope(body_for(name, "x"), name=name, action=action)
        octets = signed(gateway.identity("vendor-a"), root, created=datetime.now(UTC))
        answer = gateway.post(gateway.url_for(name), octets, SOAPAction=f'"{action}"')
        wanted = 500 if "{kenmerk}" in QUERY_BODIES.get(name, "") else 200
        assert answer.status_code == wanted, answer.text
        assert parsed(answer).is_fault == (wanted == 500)


ACTION = action_of("aanleveren")
HEADERS: dict[str, dict[str, str | None]] = {
    "no charset": {"Content-Type": "text/xml"},
    "upper-case charset": {"Content-Type": "text/xml; charset=UTF-8"},
    "quoted charset": {"Content-Type": 'text/xml;charset="utf-8"'},
    "upper-case media type": {"Content-Type": "Text/XML; charset=utf-8"},
    "an action parameter": {"Content-Type": f'text/xml; charset=utf-8; action="{ACTION}"'},
    "identity encoding": {"Content-Encoding": "identity"},
    "lower-case header names": {"Content-Type": None, "content-type": "text/xml"},
    "no SOAPAction": {"SOAPAction": None},
    "empty SOAPAction": {"SOAPAction": ""},
    "empty quoted SOAPAction": {"SOAPAction": '""'},
    "quoted SOAPAction": {"SOAPAction": f'"{ACTION}"'},
    "unquoted SOAPAction": {"SOAPAction": ACTION},
    "bare word SOAPAction": {"SOAPAction": "aanleverenRequest"},
    "lower-case SOAPAction header": {"SOAPAction": None, "soapaction": f'"{ACTION}"'},
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_clients_send(gateway: Running, name: str) -> None:
    octets = request_for(gateway)
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0], len(octets), HEADERS[name]) + octets)
        assert wire.answer().status == 200


@pytest.mark.parametrize(
    "value", [f'"{ACTION}x"', "aanleveren", "getStatussenProcesRequest", '"urn:other"', "''"]
)
def test_a_contradicting_soap_action_is_refused(gateway: Running, value: str) -> None:
    answer = gateway.post(gateway.urls[0], request_for(gateway), SOAPAction=value)
    assert_refused(answer, "ALS100", "WSA-SOAP-ACTION")


def test_a_byte_order_mark_before_the_declaration(gateway: Running) -> None:
    answer = gateway.post(gateway.urls[0], b"\xef\xbb\xbf" + request_for(gateway))
    assert answer.status_code == 200


PATH = SERVICES["AanleverService"].paths[0]
TO = {
    "default port": (f"https://localhost:443{PATH}", True),
    "no port": (f"https://localhost{PATH}", True),
    "upper-case host": (f"https://LOCALHOST{PATH}", True),
    "with ?wsdl": (f"https://localhost{PATH}?wsdl", True),
    "slash at the end": (f"https://localhost{PATH}/", True),
    "another host": (f"https://wus.preproductie.digipoort.logius.nl{PATH}", True),
    "older path": ("https://cs-bedrijven.procesinfrastructuur.nl/cpl/aanleverservice/1.2", True),
    "path of another service": (f"https://localhost{SERVICES['OphaalService'].paths[0]}", False),
    "upper-case path": (f"https://localhost{PATH.upper()}", False),
    "path only": (PATH, False),
    "urn": ("urn:digipoort", False),
    "anonymous": (WSA_ANONYMOUS, False),
    "port that is none": (f"https://localhost:99999{PATH}", False),
    "another scheme": (f"ftp://localhost:21{PATH}", False),
    "bracket": (f"https://[localhost{PATH}", False),
}


@pytest.mark.parametrize("name", TO)
def test_what_wsa_to_may_say(gateway: Running, name: str) -> None:
    to, accepted = TO[name]
    root = envelope(aanlever_body(), to=to)
    octets = signed(gateway.identity("vendor-a"), root, created=datetime.now(UTC))
    answer = gateway.post(gateway.urls[0], octets)
    if accepted:
        assert answer.status_code == 200, answer.text
    else:
        assert_refused(answer, "ALS100", "WSA-TO")


def test_expect_100_continue(gateway: Running) -> None:
    """The WCF of mono waits for the 100 before it sends the body."""
    octets = request_for(gateway)
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0], len(octets), {"Expect": "100-continue"}))
        assert wire.answer().status == 100
        wire.send(octets)
        assert wire.answer().status == 200


def test_a_chunked_body(gateway: Running) -> None:
    octets = request_for(gateway)
    pieces = [octets[start : start + 700] for start in range(0, len(octets), 700)]
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0], None, {"Transfer-Encoding": "chunked"}))
        for piece in (*pieces, b""):
            wire.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        assert wire.answer().status == 200


def test_two_requests_on_one_connection(gateway: Running) -> None:
    with Wire(gateway) as wire:
        for _ in range(2):
            octets = request_for(gateway)
            wire.send(head(gateway.urls[0], len(octets)) + octets)
            answer = wire.answer()
            assert (answer.status, answer.headers.get("connection")) == (200, None)


def test_pipelined_requests_are_answered_in_order(gateway: Running) -> None:
    """The first one is slow (a scenario), the second one is a query that is quick."""
    ids = [f"urn:uuid:{uuid4()}" for _ in range(3)]
    slow = request_for(gateway, aanlever_body(reference="ZwaarbelastAanleveren"), message_id=ids[0])
    quick = [
        request_for(
            gateway,
            query_body("getBerichtsoorten"),
            operation="getBerichtsoorten",
            message_id=message_id,
        )
        for message_id in ids[1:]
    ]
    with Wire(gateway) as wire:
        wire.send(
            head(gateway.urls[0], len(slow))
            + slow
            + b"".join(head(gateway.urls[1], len(octets)) + octets for octets in quick)
        )
        related = [read_addressing(parsed(wire.answer())).relates_to for _ in ids]
    assert related == ids


def test_an_http_1_0_client_is_answered_and_the_connection_closed(gateway: Running) -> None:
    octets = request_for(gateway)
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0], len(octets), {"Host": None}, version="1.0") + octets)
        assert wire.answer().status == 200
        assert wire.closed()


@pytest.fixture(scope="module")
def session(gateway: Running) -> Iterator[requests.Session]:
    with gateway.session() as opened:
        yield opened


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_zeep_built_from_the_served_wsdl_knows_every_operation(
    gateway: Running, session: requests.Session, service: Service
) -> None:
    url = gateway.base + service.paths[0]
    untyped: Any = zeep
    client = untyped.Client(f"{url}?wsdl", transport=untyped.Transport(session=session))
    found = client.wsdl.services[service.port_type].ports[service.port_type]
    assert set(found.binding._operations) == {op.name for op in service.operations}
    assert found.binding_options["address"] == url


HOSTS = {
    "wus.example.nl": "wus.example.nl",
    "wus.example.nl:8443": "wus.example.nl:8443",
    "[::1]:8443": "[::1]:8443",
    "evil!": None,
    "": None,
}
NO_HOSTS = ['evil"/><script>', "evil/path", "user@evil", "evil?x=", "evil, evil", "evil:x", "[::1"]


@pytest.mark.parametrize("host", HOSTS)
def test_the_host_header_in_the_served_address(gateway: Running, host: str) -> None:
    """What is no host name is not repeated: a WSDL is not a mirror."""
    answer = wsdl_at(gateway, host)
    assert answer.status == 200
    address = next(parse_message_of_wsdl(answer)).get("location")
    expected = HOSTS[host] or f"127.0.0.1:{gateway.port}"
    assert address == f"https://{expected}{PATH}"
    assert b"evil" not in answer.content


@pytest.mark.parametrize("host", NO_HOSTS)
def test_a_host_header_that_is_no_host(gateway: Running, host: str) -> None:
    answer = wsdl_at(gateway, host)
    assert answer.status == 400
    assert answer.text.startswith("[HTTP-HOST]")
    assert "evil" not in answer.text


def wsdl_at(gateway: Running, host: str) -> Answer:
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0] + "?wsdl", None, {"Host": host}, method="GET"))
        return wire.answer()


def parse_message_of_wsdl(answer: Answer) -> Iterator[etree._Element]:
    root = etree.fromstring(answer.content)
    return root.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")


@pytest.mark.parametrize("query", ["xsd", "XSD", "xsd=../../etc/passwd", "xsd=%2e%2e%2fREADME"])
def test_whatever_schema_is_asked_for_the_schema_is_served(gateway: Running, query: str) -> None:
    answer = gateway.session().get(f"{gateway.urls[0]}?{query}", timeout=10)
    assert answer.status_code == 200
    assert b'targetNamespace="http://logius.nl/digipoort/koppelvlakservices/1.2/"' in answer.content


def test_head_announces_what_get_would_send(gateway: Running) -> None:
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0] + "?wsdl", None, method="HEAD"))
        announced = wire.answer(body=False)
        wire.send(head(gateway.urls[0] + "?wsdl", None, method="GET"))
        sent = wire.answer()
    assert announced.status == sent.status == 200
    assert int(announced.headers["content-length"]) == len(sent.content)
