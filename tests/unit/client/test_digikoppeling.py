"""The requester of Digikoppeling: nothing of an answer is used unless all of it is right."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.client.checks import ANSWER_FAULT
from digipoort_wus.client.digikoppeling import (
    Faults,
    Sent,
    ServiceFault,
    answer_to,
    request_of,
)
from digipoort_wus.client.errors import AnswerRefused
from digipoort_wus.errors import Refusal
from digipoort_wus.names import ECHO, ECHO_BE, ECHO_BE_S, Service
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.gate import Gate, Opened, Rejected, answer, fault, open_request, reject
from digipoort_wus.server.http import Head, HttpRequest
from digipoort_wus.wss.policy import POLICIES, SUITES_SHA2, Suite
from tests.echo import XML, headers, message
from tests.messages import NOW
from tests.unit.server.test_judge import gate_of
from tests.unit.wss.test_verify import trust_of

BOTH = pytest.mark.parametrize("service", [ECHO_BE, ECHO_BE_S], ids=lambda service: service.name)


def sent_to(
    service: Service,
    pki: TestPki,
    suite: Suite = SUITES_SHA2[0],
    root: etree._Element | None = None,
) -> Sent:
    return request_of(
        message() if root is None else root,
        service,
        service.operations[0],
        policy=POLICIES[service.policy],
        identity=pki.identities["vendor-a"],
        suite=suite,
        created=NOW,
    )


def taken(gate: Gate, sent: Sent, pki: TestPki) -> Opened | Rejected:
    head = Head("POST", sent.service.paths[0], "", {**XML, "soapaction": '""'})
    peer = pki.identities["vendor-a"].certificate
    return open_request(gate, sent.service, HttpRequest(head, sent.octets, peer))


def echoed(gate: Gate, sent: Sent, pki: TestPki) -> bytes:
    opened = taken(gate, sent, pki)
    assert isinstance(opened, Opened), opened
    element = etree.fromstring(f'<echoResponse xmlns="{ECHO}"><text>x</text></echoResponse>')
    return answer(gate, opened, element).body


def judged(
    sent: Sent, octets: bytes, pki: TestPki, seconds: float = 0, faults: Faults | None = None
) -> etree._Element:
    return answer_to(
        sent,
        octets,
        policy=POLICIES[sent.service.policy],
        trust=trust_of(pki),
        now=NOW + timedelta(seconds=seconds),
        faults=faults,
    )


def refused(sent: Sent, octets: bytes, pki: TestPki, seconds: float = 0) -> str:
    with pytest.raises(AnswerRefused) as caught:
        judged(sent, octets, pki, seconds)
    return caught.value.refusal.check.id


@BOTH
@pytest.mark.parametrize("suite", SUITES_SHA2, ids=lambda suite: suite.name)
def test_an_echo_there_and_back(g1: TestPki, service: Service, suite: Suite) -> None:
    sent = sent_to(service, g1, suite)
    assert (sent.signature_value is None) == (service is ECHO_BE)
    found = judged(sent, echoed(gate_of(service, g1), sent, g1), g1)
    assert found.findtext(f"{{{ECHO}}}text") == "x"


@BOTH
def test_an_answer_belongs_to_one_request(g1: TestPki, service: Service) -> None:
    first, second = sent_to(service, g1), sent_to(service, g1)
    octets = echoed(gate_of(service, g1), first, g1)
    expected = "ANSWER-RELATES-TO" if service is ECHO_BE else "WSS-CONFIRMATION"
    assert refused(second, octets, g1) == expected
    # Also when only one of the two is another.
    assert refused(replace(first, message_id="urn:uuid:0"), octets, g1) == "ANSWER-RELATES-TO"


def test_what_is_wrong_with_a_signed_answer(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE_S, g1)
    sent = sent_to(ECHO_BE_S, g1)
    octets = echoed(gate, sent, g1)
    judged(sent, octets, g1)
    assert refused(sent, octets.replace(b"<text>x<", b"<text>y<"), g1) == "WSS-DIGEST"
    assert refused(sent, octets, g1, 3_600) == "WSS-EXPIRED"
    unconfirmed = replace(gate.policy, confirmation=type(gate.policy.confirmation).NEVER)
    octets = echoed(replace(gate, policy=unconfirmed), sent, g1)
    assert refused(sent, octets, g1) == "WSS-CONFIRMATION"
    plain = echoed(gate_of(ECHO_BE, g1), replace(sent_to(ECHO_BE, g1)), g1)
    assert refused(sent, plain, g1) == "WSS-PRESENT"


def test_what_is_wrong_with_an_unsigned_answer(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE, g1)
    sent = sent_to(ECHO_BE, g1)
    octets = echoed(gate, sent, g1)
    assert refused(sent, octets.replace(b"echoResponse", b"echoOther"), g1) == "ANSWER-ACTION"
    body = octets.replace(b"<echoResponse", b"<other").replace(b"</echoResponse", b"</other")
    assert refused(sent, body, g1) == "ANSWER-BODY"
    assert refused(sent, octets.replace(b"RelatesTo", b"RelatedTo"), g1) == "WSA-ANONYMOUS"
    # Signed although nobody asked: the profile is another one.
    signed = sent_to(ECHO_BE_S, g1)
    signed_answer = echoed(gate_of(ECHO_BE_S, g1), signed, g1)
    other = replace(signed, service=ECHO_BE, signature_value=None)
    assert refused(other, signed_answer, g1) == "WSS-UNEXPECTED"


def fault_from(
    sent: Sent, octets: bytes, pki: TestPki, faults: Faults | None = None
) -> ServiceFault:
    with pytest.raises(ServiceFault) as caught:
        judged(sent, octets, pki, faults=faults)
    return caught.value


@BOTH
def test_a_fault_is_read(g1: TestPki, service: Service) -> None:
    gate = gate_of(service, g1)
    other = "<a:Action>urn:x:y</a:Action>"
    sent = sent_to(service, g1, root=message(headers(action=other)))
    rejected = taken(gate, sent, g1)
    assert isinstance(rejected, Rejected)
    found = fault_from(sent, fault(gate, rejected).body, g1)
    assert (found.code, found.faultcode) == ("0003", "wsa:ActionNotSupported")
    assert found.signed == (service is ECHO_BE_S)
    # Behind the gate, with a detail or without.
    opened = taken(gate, sent_to(service, g1), g1)
    assert isinstance(opened, Opened)
    sent = replace(sent, message_id=opened.caller.message_id, signature_value=opened.confirms)
    for check, code in ((checks.XSD_VALID, "0004"), (checks.TECHNICAL, "0051")):
        late = fault(gate, reject(opened, Refusal(check)))
        assert fault_from(sent, late.body, g1).code == code


def test_a_fault_about_octets_that_could_not_be_read(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE_S, g1)
    sent = sent_to(ECHO_BE_S, g1)
    rejected = taken(gate, replace(sent, octets=b"<x"), g1)
    assert isinstance(rejected, Rejected)
    octets = fault(gate, rejected).body
    found = fault_from(sent, octets, g1, Faults.ANY)
    assert (found.code, found.signed) == ("0001", True)
    # It is signed, but anybody can have one made.
    with pytest.raises(AnswerRefused, match="about no message in particular: soap:Client: 0001:"):
        judged(sent, octets, g1)


def test_a_fault_that_somebody_else_had_made_is_about_his_message(g1: TestPki) -> None:
    """Who repeats a message on his own connection gets nothing that its sender would believe."""
    gate = gate_of(ECHO_BE_S, g1)
    sent, others = sent_to(ECHO_BE_S, g1), sent_to(ECHO_BE_S, g1)
    rejected = taken(gate, replace(others, octets=others.octets.replace(b"Goede", b"Kwade")), g1)
    assert isinstance(rejected, Rejected)
    octets = fault(gate, rejected).body
    assert fault_from(others, octets, g1).signed
    assert refused(sent, octets, g1) in ("ANSWER-RELATES-TO", "WSS-CONFIRMATION")


def test_a_fault_that_confirms_another_request_is_refused(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE_S, g1)
    sent = sent_to(ECHO_BE_S, g1)
    opened = taken(gate, sent, g1)
    assert isinstance(opened, Opened)
    late = fault(gate, reject(replace(opened, confirms=b"x"), Refusal(checks.TECHNICAL)))
    assert refused(sent, late.body, g1) == "WSS-CONFIRMATION"


def test_a_fault_about_a_signature_that_was_right(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE_S, g1)
    sent = sent_to(ECHO_BE_S, g1)
    opened = taken(gate, sent, g1)
    assert isinstance(opened, Opened)
    octets = fault(gate, reject(opened, Refusal(checks.TECHNICAL))).body
    assert fault_from(sent, octets, g1, Faults.CONFIRMED).confirmed
    # Of a message whose SignatureValue could not be read, a fault confirms nothing.
    rejected = Rejected(ECHO_BE_S, None, sent.message_id, Refusal(checks.WSS_KEY_INFO))
    octets = fault(gate, rejected).body
    assert not fault_from(sent, octets, g1).confirmed
    with pytest.raises(AnswerRefused, match="a fault that confirms no signature: wsse:"):
        judged(sent, octets, g1, faults=Faults.CONFIRMED)


def test_an_unsigned_fault_is_believed_by_who_asks_for_it(g1: TestPki) -> None:
    sent = sent_to(ECHO_BE_S, g1)
    unsigned = gate_of(ECHO_BE, g1)
    rejected = Rejected(ECHO_BE, None, sent.message_id, Refusal(checks.TECHNICAL))
    octets = fault(unsigned, rejected).body
    assert not fault_from(sent, octets, g1, Faults.ANY).signed
    for faults in (None, Faults.SIGNED):
        with pytest.raises(AnswerRefused) as caught:
            judged(sent, octets, g1, faults=faults)
        assert caught.value.refusal.check is ANSWER_FAULT
        # What it says is not lost for who looks into it.
        assert "an unsigned fault: soap:Server: 0051:" in str(caught.value)
    # Nobody signs in 2W-be, unless proof is asked for.
    plain = sent_to(ECHO_BE, g1)
    rejected = replace(rejected, message_id=plain.message_id)
    octets = fault(unsigned, rejected).body
    assert fault_from(plain, octets, g1).code == "0051"
    with pytest.raises(AnswerRefused, match="unsigned fault"):
        judged(plain, octets, g1, faults=Faults.SIGNED)


def test_a_request_is_read_before_it_is_signed(g1: TestPki) -> None:
    with pytest.raises(Refusal) as caught:
        sent_to(ECHO_BE_S, g1, root=message(headers(message_id="")))
    assert caught.value.check is checks.WSA_REQUIRED
