"""What comes back: good answers are read, every other one is noticed for what it is."""

import base64
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.client.errors import AnswerRefused, DigipoortFault
from digipoort_wus.client.exchange import Call, exchange
from digipoort_wus.client.results import read_messages, read_statuses
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import AANLEVER, OPHAAL, SOAP, STATUSINFORMATIE, TYPES, WSA_UNSPECIFIED
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import SECURITY, read_envelope
from digipoort_wus.soap.fault import Fault, fault_envelope
from digipoort_wus.wss.oracle import ENGINES
from digipoort_wus.wss.policy import SUITE_SHA1, SUITE_SHA256, Suite
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW
from tests.unit.client.support import (
    FILING,
    KENMERK,
    URL,
    FakeTransport,
    answer_to,
    service,
    wsse,
    zeep_client,
)

GATEWAY = "gateway-signing"
SOAP_FAULT = (
    f'<s:Fault xmlns:s="{SOAP}"><faultcode>s:Client</faultcode><faultstring>Algemene fout'
    f'</faultstring><detail><f:aanleverFault xmlns:f="{TYPES}"><f:foutcode>ALS100</f:foutcode>'
    "<f:foutbeschrijving>Nee.</f:foutbeschrijving></f:aanleverFault></detail></s:Fault>"
)


def ask(pki: TestPki, gateway: Callable[[bytes], bytes], **options: Any) -> Any:
    """File something with plain zeep at a gateway that is a function."""
    return service(zeep_client(wsse(pki, **options), gateway)).aanleveren(**FILING)


def ask_exchange(pki: TestPki, gateway: Callable[[bytes], bytes], **options: Any) -> Any:
    """File something the way DigipoortClient does."""
    call = Call(AANLEVER, "aanleveren", URL, "urn:uuid:1")
    transport: Any = FakeTransport(gateway)
    return exchange(transport, wsse(pki, **options), call, FILING).value


BOTH_WAYS = pytest.mark.parametrize("way", [ask, ask_exchange], ids=["zeep", "client"])


def refused(check: str, pki: TestPki, gateway: Callable[[bytes], bytes], **options: Any) -> None:
    for way in (ask, ask_exchange):
        with pytest.raises(AnswerRefused) as caught:
            way(pki, gateway, **options)
        assert caught.value.refusal.check.id == check


@BOTH_WAYS
@pytest.mark.parametrize("suite", [SUITE_SHA256, SUITE_SHA1], ids=lambda suite: suite.name)
@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_a_good_answer_is_read(
    way: Callable[..., Any], suite: Suite, generation: str, request: pytest.FixtureRequest
) -> None:
    pki: TestPki = request.getfixturevalue(generation)
    gateway = pki.identities[GATEWAY]
    answer = way(pki, lambda sent: answer_to(sent, gateway, suite=suite), suite=suite)
    assert answer.kenmerk == KENMERK


@pytest.mark.parametrize("engine", ["signxml", "both"])
def test_the_other_engines_read_it_too(g1: TestPki, engine: str) -> None:
    gateway = g1.identities[GATEWAY]
    answer = ask(g1, lambda sent: answer_to(sent, gateway), engine=ENGINES[engine])
    assert answer.kenmerk == KENMERK


def test_an_answer_may_be_better_signed_than_the_request_but_not_worse(g1: TestPki) -> None:
    gateway = g1.identities[GATEWAY]
    assert ask(g1, lambda sent: answer_to(sent, gateway), suite=SUITE_SHA1).kenmerk == KENMERK
    refused("WSS-ALGORITHM", g1, lambda sent: answer_to(sent, gateway, suite=SUITE_SHA1))


def changed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(octets: bytes) -> bytes:
        assert old in octets
        return octets.replace(old, new)

    return change


TAMPERED = {
    "body": (changed(KENMERK.encode(), b"0" * 36), "WSS-DIGEST"),
    "timestamp": (changed(b"12:00:00.000Z", b"12:00:01.000Z"), "WSS-DIGEST"),
    "header": (changed(b"urn:uuid:answer", b"urn:uuid:others"), "WSS-DIGEST"),
    "signed info": (changed(b"#Action-1", b"#Body-1"), "WSS-REF-UNIQUE"),
    "body not covered": (changed(b'wsu:Id="Body-1"', b'wsu:Id="Other"'), "WSS-REF-TARGET"),
    "comment": (changed(KENMERK.encode(), KENMERK[:8].encode() + b"<?x?>"), "XML-INSTRUCTION"),
    "second body": (
        changed(b"</soapenv:Envelope>", b"<soapenv:Body/></soapenv:Envelope>"),
        "SOAP-STRUCTURE",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_tampered_answer_is_refused(g1: TestPki, what: str) -> None:
    change, check = TAMPERED[what]
    refused(check, g1, lambda sent: change(answer_to(sent, g1.identities[GATEWAY])))


def test_a_doctype_is_refused(g1: TestPki) -> None:
    def gateway(sent: bytes) -> bytes:
        return b"<!DOCTYPE a>" + answer_to(sent, g1.identities[GATEWAY])

    with pytest.raises(AnswerRefused, match="XML-DOCTYPE"):
        ask_exchange(g1, gateway)
    # zeep's own parser comes before the plug-in; forbid_dtd makes it refuse.
    with pytest.raises(Exception, match="DTDForbidden"):
        ask(g1, gateway)


def unsigned(octets: bytes) -> bytes:
    root = parse_message(octets)
    for block in read_envelope(root).blocks:
        if block.tag == SECURITY:
            root[0].remove(block)
    return etree.tostring(root)


def test_an_unsigned_answer_is_refused(g1: TestPki) -> None:
    refused("WSS-PRESENT", g1, lambda sent: unsigned(answer_to(sent, g1.identities[GATEWAY])))


def test_a_wrapped_body_is_refused(g1: TestPki) -> None:
    """XSW: the signed Body moves into a header, another one takes its place."""

    def gateway(sent: bytes) -> bytes:
        root = parse_message(answer_to(sent, g1.identities[GATEWAY]))
        header, body = root
        root.remove(body)
        forged = etree.SubElement(root, body.tag)
        forged.append(etree.fromstring(etree.tostring(body[0])))
        forged[0][0].text = "forged"
        wrapper = etree.SubElement(header, "{urn:wrapper}Wrapper")
        wrapper.append(body)
        return etree.tostring(root)

    refused("SOAP-HEADER-FOREIGN", g1, gateway)


BELONGS = {
    "another request": ({"RelatesTo": "urn:uuid:other"}, "ANSWER-RELATES-TO"),
    "no request": ({"RelatesTo": None}, "ANSWER-RELATES-TO"),
    "another operation": ({"Action": "urn:other"}, "ANSWER-ACTION"),
    "a fault's action": (
        {"Action": AANLEVER.fault_action(AANLEVER.operations[0])},
        "ANSWER-ACTION",
    ),
}


@pytest.mark.parametrize("what", BELONGS)
def test_an_answer_to_something_else_is_refused(g1: TestPki, what: str) -> None:
    headers, check = BELONGS[what]
    refused(check, g1, lambda sent: answer_to(sent, g1.identities[GATEWAY], headers=headers))


def test_an_answer_with_another_element_is_refused(g1: TestPki) -> None:
    body = f'<t:zetStatusResponse xmlns:t="{TYPES}"><t:kenmerk>1</t:kenmerk></t:zetStatusResponse>'
    refused("ANSWER-BODY", g1, lambda sent: answer_to(sent, g1.identities[GATEWAY], body=body))


def test_a_signed_answer_outside_the_schema_is_refused(g1: TestPki) -> None:
    body = f'<t:aanleverResponse xmlns:t="{TYPES}"><t:onbekend>1</t:onbekend></t:aanleverResponse>'
    with pytest.raises(AnswerRefused, match="ANSWER-SCHEMA"):
        ask_exchange(g1, lambda sent: answer_to(sent, g1.identities[GATEWAY], body=body))


SIGNERS = {
    "expired": ("g1", "vendor-expired", "PKI-VALIDITY"),
    "revoked": ("g1", "vendor-revoked", "PKI-REVOKED"),
    "not for signing": ("g4", "vendor-a-auth", "PKI-POLICY"),
}


@pytest.mark.parametrize("what", SIGNERS)
def test_an_answer_with_a_bad_certificate_is_refused(
    what: str, request: pytest.FixtureRequest
) -> None:
    generation, name, check = SIGNERS[what]
    pki: TestPki = request.getfixturevalue(generation)
    refused(check, pki, lambda sent: answer_to(sent, pki.identities[name]))


def test_an_answer_of_an_unknown_hierarchy_is_refused(g1: TestPki, g4: TestPki) -> None:
    refused("PKI-CHAIN", g1, lambda sent: answer_to(sent, g4.identities[GATEWAY]))


def test_an_answer_of_another_participant_is_refused_when_the_gateway_is_known(
    g1: TestPki,
) -> None:
    other = g1.identities["vendor-b"]
    assert ask(g1, lambda sent: answer_to(sent, other)).kenmerk == KENMERK
    oins = frozenset({"00000099000000001000"})
    refused("ANSWER-SIGNER", g1, lambda sent: answer_to(sent, other), oins=oins)
    gateway = g1.identities[GATEWAY]
    assert ask(g1, lambda sent: answer_to(sent, gateway), oins=oins).kenmerk == KENMERK


@pytest.mark.parametrize("minutes", [6, -16, -60 * 24])
def test_an_answer_from_another_time_is_refused(g1: TestPki, minutes: int) -> None:
    created = NOW + timedelta(minutes=minutes)
    refused(
        "WSS-EXPIRED", g1, lambda sent: answer_to(sent, g1.identities[GATEWAY], created=created)
    )


def unsigned_fault(relates_to: str | None) -> bytes:
    return fault_envelope(
        Fault("ALS100", "Het bericht\n\nvoldoet niet.", "Client"),
        AANLEVER,
        AANLEVER.operations[0],
        message_id="urn:uuid:fault",
        relates_to=relates_to,
    )


def message_id(request: bytes) -> str:
    return read_addressing(read_envelope(parse_message(request))).message_id


@BOTH_WAYS
def test_an_unsigned_fault_is_a_fault_and_said_to_be_unsigned(
    way: Callable[..., Any], g1: TestPki
) -> None:
    with pytest.raises(DigipoortFault, match="unsigned fault") as caught:
        way(g1, lambda sent: unsigned_fault(message_id(sent)))
    fault = caught.value
    assert (fault.code, fault.signed) == ("ALS100", False)
    assert fault.text == "Het bericht\n\nvoldoet niet."
    assert "interface" in fault.hint


@pytest.mark.parametrize("prefix", ["ALS", "STS", "OPH"])
def test_every_way_to_be_refused_as_a_sender_is_in_the_advice(prefix: str) -> None:
    """Fault 130 stands for several checks, and none of them is told in production."""
    refusing = [check.id for check in checks.CATALOGUE if check.code == 130]
    assert set(refusing) >= {"PARTY-ENABLED", "PARTY-AUTHORISED", "PARTY-VOLUME"}
    fault = DigipoortFault(f"{prefix}130", "Nee.", signed=True)
    for words in (
        *("unknown", "disabled"),
        *("operation", "berichtsoort", "belanghebbende"),
        "day",
        "Ask the operator",
    ):
        assert words in fault.hint, words
    assert str(fault).endswith(fault.hint)
    # Most of it does not pass by itself.
    assert not fault.temporary


@pytest.mark.parametrize("prefix", ["ALS", "STS", "OPH"])
def test_who_asks_too_often_is_told_to_try_again(prefix: str) -> None:
    fault = DigipoortFault(f"{prefix}{checks.PARTY_RATE.code}", "Nee.", signed=True)
    assert fault.temporary
    assert "minute" in fault.hint


def test_an_agency_is_told_that_a_verdict_is_final() -> None:
    fault = DigipoortFault(f"ZST{checks.REPORT_FINAL.code}", "Nee.", signed=True)
    assert "final" in fault.hint
    assert "filed it" not in fault.hint, "that is for who asks after a filing of his own"


@BOTH_WAYS
def test_a_signed_fault_is_said_to_be_signed(way: Callable[..., Any], g1: TestPki) -> None:
    action = {"Action": AANLEVER.fault_action(AANLEVER.operations[0])}
    with pytest.raises(DigipoortFault) as caught:
        way(
            g1,
            lambda sent: answer_to(sent, g1.identities[GATEWAY], headers=action, body=SOAP_FAULT),
        )
    assert (caught.value.code, caught.value.text) == ("ALS100", "Nee.")
    assert caught.value.signed
    assert "unsigned" not in str(caught.value)


def test_a_fault_whose_signature_is_wrong_is_refused(g1: TestPki) -> None:
    action = {"Action": AANLEVER.fault_action(AANLEVER.operations[0])}

    def gateway(sent: bytes) -> bytes:
        signed = answer_to(sent, g1.identities[GATEWAY], headers=action, body=SOAP_FAULT)
        return signed.replace(b"ALS100", b"ALS400")

    refused("WSS-DIGEST", g1, gateway)


def test_an_unsigned_fault_about_an_unreadable_request_is_a_fault(g1: TestPki) -> None:
    with pytest.raises(DigipoortFault):
        ask(g1, lambda _sent: unsigned_fault(None))
    assert WSA_UNSPECIFIED.encode() in unsigned_fault(None)


def test_an_unsigned_fault_about_another_request_is_refused(g1: TestPki) -> None:
    refused("ANSWER-RELATES-TO", g1, lambda _sent: unsigned_fault("urn:uuid:other"))


def test_a_fault_without_details_still_says_something(g1: TestPki) -> None:
    octets = (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
        "<faultstring>Bezet</faultstring><detail/></s:Fault></s:Body></s:Envelope>"
    ).encode()
    with pytest.raises(DigipoortFault, match="s:Server: Bezet"):
        ask(g1, lambda _sent: octets)


def test_an_answer_without_a_request_is_refused(g1: TestPki) -> None:
    # Another thread, because this one may have sent something.
    caught: list[BaseException] = []

    def verify() -> None:
        try:
            wsse(g1).verify(parse_message(unsigned_fault(None)))
        except ConfigurationError as error:
            caught.append(error)

    thread = threading.Thread(target=verify)
    thread.start()
    thread.join()
    assert "no request" in str(caught[0])


def test_an_answer_serves_once(g1: TestPki) -> None:
    plugin, kept = wsse(g1), list[bytes]()

    def gateway(sent: bytes) -> bytes:
        kept.append(answer_to(sent, g1.identities[GATEWAY]))
        return kept[-1]

    service(zeep_client(plugin, gateway)).aanleveren(**FILING)
    with pytest.raises(ConfigurationError, match="no request"):
        plugin.verify(parse_message(kept[0]))


def test_a_large_message_is_read_whole(g1: TestPki) -> None:
    """Above 10 MB libxml2 needs to be asked; the client asks."""
    content = bytes(range(256)) * 40_000
    inhoud = base64.b64encode(content).decode()
    body = (
        f'<t:getBerichtenKenmerkResponse xmlns:t="{TYPES}"><t:getBerichtenKenmerkReturn>'
        "<t:BerichtResultaat><t:kenmerk>k</t:kenmerk><t:berichtsoort>s</t:berichtsoort>"
        "<t:berichtkenmerk>b</t:berichtkenmerk><t:tijdstempelAangeleverd>2026-06-01T12:00:00Z"
        "</t:tijdstempelAangeleverd><t:identiteitBelanghebbende><t:nummer>1</t:nummer><t:type>Fi"
        "</t:type></t:identiteitBelanghebbende><t:rolBelanghebbende>r</t:rolBelanghebbende>"
        "<t:berichtInhoud><t:mimeType>a/b</t:mimeType><t:bestandsnaam>n</t:bestandsnaam>"
        f"<t:inhoud>{inhoud}</t:inhoud></t:berichtInhoud></t:BerichtResultaat>"
        "</t:getBerichtenKenmerkReturn></t:getBerichtenKenmerkResponse>"
    )
    call = Call(OPHAAL, "getBerichtenKenmerk", URL, "urn:uuid:1")
    transport: Any = FakeTransport(lambda sent: answer_to(sent, g1.identities[GATEWAY], body=body))
    value = exchange(transport, wsse(g1), call, {"kenmerk": "k"}).value
    (message,) = read_messages(value)
    assert message.document.content == content
    assert message.offered_at.tzinfo is not None
    assert "content" not in repr(message.document)


def test_an_empty_answer_has_no_rows(g1: TestPki) -> None:
    body = (
        f'<t:getStatussenProcesResponse xmlns:t="{TYPES}"><t:getStatussenProcesReturn/>'
        "</t:getStatussenProcesResponse>"
    )
    call = Call(STATUSINFORMATIE, "getStatussenProces", URL, "urn:uuid:1")
    transport: Any = FakeTransport(lambda sent: answer_to(sent, g1.identities[GATEWAY], body=body))
    value = exchange(transport, wsse(g1), call, {"kenmerk": KENMERK}).value
    assert read_statuses(value) == ()
