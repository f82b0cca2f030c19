"""Gates of Digikoppeling as values: who sends, what the profile wants, and how it answers."""

import base64
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import (
    DS,
    ECHO,
    ECHO_BE,
    ECHO_BE_S,
    SOAP,
    SOAP_12,
    WSA_UNSPECIFIED,
    WSSE,
    WSSE11,
    Service,
)
from digipoort_wus.pki.chain import CachingVerifier
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.gate import Gate, Opened, Rejected, answer, fault, open_request, reject
from digipoort_wus.server.http import Head, HttpRequest
from digipoort_wus.soap.addressing import DIGIKOPPELING, read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.oracle import verify_signature_both
from digipoort_wus.wss.policy import POLICIES, SUITE_SHA1, SUITE_SHA384, SUITES_SHA2, Suite
from digipoort_wus.wss.verify import verify_envelope
from digipoort_wus.xmlsafe.parse import parse_message
from tests.echo import ACTION, BODY, XML, headers, message, octets, signed_echo
from tests.messages import NOW, aanlever_body
from tests.unit.wss.test_verify import trust_of

BOTH = pytest.mark.parametrize("service", [ECHO_BE, ECHO_BE_S], ids=lambda service: service.name)
A, B, GATEWAY = "00000099000000002000", "00000099000000003000", "00000099000000001000"


def gate_of(service: Service, pki: TestPki, **changes: object) -> Gate:
    verifier = CachingVerifier(pki.trust_store())
    gate = Gate(
        policy=POLICIES[service.policy],
        trust=trust_of(pki),
        identity=pki.identities["gateway-signing"],
        clock=lambda: NOW,
        new_message_id=lambda: "urn:uuid:fresh",
        explain_faults=True,
        engine=verify_signature_both,
        peer_trust=lambda certificate, at: verifier(certificate, (), Role.TLS_CLIENT, at),
        oins=frozenset({GATEWAY}),
    )
    return replace(gate, **changes)  # type: ignore[arg-type]


def judge(
    service: Service,
    pki: TestPki,
    root: etree._Element | bytes | None = None,
    *,
    peer: str | None = "vendor-a",
    gate: Gate | None = None,
    suite: Suite = SUITES_SHA2[0],
    http: dict[str, str] | None = None,
    sign: bool = True,
) -> Opened | Rejected:
    """Send a request as a profile wants it, or one's own octets, to a gate."""
    if isinstance(root, bytes):
        data = root
    elif service is ECHO_BE_S and sign:
        data, _ = signed_echo(pki.identities["vendor-a"], root, suite=suite)
    else:
        data = octets(message() if root is None else root)
    certificate: x509.Certificate | None = pki.identities[peer].certificate if peer else None
    head = Head("POST", service.paths[0], "", {**XML, "soapaction": '""', **(http or {})})
    return open_request(
        gate or gate_of(service, pki), service, HttpRequest(head, data, certificate)
    )


def opened(*arguments: object, **options: object) -> Opened:
    result = judge(*arguments, **options)  # type: ignore[arg-type]
    assert isinstance(result, Opened), result
    return result


def refused(*arguments: object, **options: object) -> str:
    result = judge(*arguments, **options)  # type: ignore[arg-type]
    assert isinstance(result, Rejected), result
    return result.refusal.check.id


# --- Who sends ---------------------------------------------------------------------


def test_without_a_signature_the_connection_says_who(g1: TestPki) -> None:
    found = opened(ECHO_BE, g1)
    assert (found.caller.oin, found.caller.tls_oin) == (A, A)
    assert (found.signer, found.suite, found.signature, found.confirms) == (None,) * 4
    assert found.valid_until == NOW
    assert found.parts == (b"\0\1\2\3",)
    assert found.body_child.findtext(f"{{{ECHO}}}data") == "0000"
    assert len(found.caller.body_digest) == 32


def test_with_a_signature_the_signer_is_who(g1: TestPki) -> None:
    found = opened(ECHO_BE_S, g1)
    assert (found.caller.oin, found.caller.tls_oin) == (A, A)
    assert found.signer is not None
    assert found.signature is not None
    assert found.confirms is not None
    assert len(found.signature) == 32
    assert found.valid_until == NOW + timedelta(minutes=15)
    assert refused(ECHO_BE_S, g1, peer="vendor-b") == "WSS-SIGNER"
    mandated = gate_of(ECHO_BE_S, g1, mandates=frozenset({(B, A)}))
    assert opened(ECHO_BE_S, g1, peer="vendor-b", gate=mandated).caller.tls_oin == B


def test_a_timestamp_without_signature_bounds_the_message(g1: TestPki) -> None:
    stamp = (
        f'<o:Security xmlns:o="{WSSE}" xmlns:u="http://docs.oasis-open.org/wss/2004/01/'
        'oasis-200401-wss-wssecurity-utility-1.0.xsd"><u:Timestamp>'
        "<u:Created>2026-06-01T12:00:00Z</u:Created></u:Timestamp></o:Security>"
    )
    found = opened(ECHO_BE, g1, message(headers(more=stamp)))
    assert found.valid_until == NOW + timedelta(minutes=10)


def test_nobody_is_no_sender(g1: TestPki) -> None:
    assert refused(ECHO_BE, g1, peer=None) == "PARTY-IDENTIFIED"
    assert opened(ECHO_BE_S, g1, peer=None).caller.tls_oin is None


def test_the_peer_is_judged_at_every_request(g1: TestPki) -> None:
    def revoked(certificate: x509.Certificate, at: datetime) -> object:
        raise Refusal(checks.PKI_REVOKED)

    for service in (ECHO_BE, ECHO_BE_S):
        gate = gate_of(service, g1, peer_trust=revoked)
        assert refused(service, g1, gate=gate) == "PKI-REVOKED"
        trusting = gate_of(service, g1, peer_trust=None)
        assert opened(service, g1, gate=trusting).caller.tls_oin == A


@BOTH
def test_the_sender_of_the_header_is_the_sender(g1: TestPki, service: Service) -> None:
    def sent(oin: str) -> etree._Element:
        said = f"<a:From><a:Address>https://me.nl/?OIN={oin}</a:Address></a:From>"
        return message(headers(more=said))

    opened(service, g1, sent(A))
    assert refused(service, g1, sent(B)) == "WSA-SENDER"
    # Who may carry another's messages may say so where nobody signs. Who signs is the sender.
    carrying = gate_of(service, g1, mandates=frozenset({(A, B)}))
    if service is ECHO_BE:
        assert opened(service, g1, sent(B), gate=carrying).caller.oin == A
    else:
        assert refused(service, g1, sent(B), gate=carrying) == "WSA-SENDER"
        other = gate_of(service, g1, mandates=frozenset({(B, A)}))
        assert opened(service, g1, sent(A), peer="vendor-b", gate=other).caller.oin == A


# --- Profiles ----------------------------------------------------------------------


def test_profiles_are_not_mixed_up(g1: TestPki) -> None:
    signed, _ = signed_echo(g1.identities["vendor-a"])
    assert refused(ECHO_BE, g1, signed) == "WSS-UNEXPECTED"
    assert refused(ECHO_BE_S, g1, octets(message())) == "WSS-PRESENT"
    assert refused(ECHO_BE_S, g1, suite=SUITE_SHA1) == "WSS-ALGORITHM"


REFUSED: dict[str, tuple[etree._Element | bytes, dict[str, str], str]] = {
    "not XML": (b"<x", {}, "XML-WELL-FORMED"),
    "SOAP 1.2": (message(soap=SOAP_12), {}, "SOAP-ENVELOPE"),
    "two elements": (message(body=BODY + BODY), {}, "SOAP-BODY-CHILD"),
    "Latin-1": (
        b'<?xml version="1.0" encoding="ISO-8859-1"?><x/>',
        {},
        "XML-ENCODING",
    ),
    "no charset": (message(), {"content-type": "text/xml"}, "XML-ENCODING"),
    "SOAPAction without quotes": (message(), {"soapaction": ACTION}, "WSA-SOAP-ACTION"),
    "SOAPAction of another": (message(), {"soapaction": '"urn:x"'}, "WSA-SOAP-ACTION"),
    "unknown action": (
        message(headers(action="<a:Action>urn:x:y</a:Action>")),
        {},
        "WSA-ACTION",
    ),
    "another body": (message(body=aanlever_body()), {}, "WSA-BODY"),
    "schema": (message(body=BODY.replace("e:text", "e:tekst")), {}, "XSD-VALID"),
    "60 times data": (
        message(body=BODY.replace("</e:echoRequest>", "<e:data/>" * 60 + "</e:echoRequest>")),
        {},
        "ATTACHMENT-LIMIT",
    ),
    "base64": (message(body=BODY.replace("AAECAw==", "*")), {}, "XSD-BASE64"),
    "no To": (message(headers(to="")), {}, "WSA-REQUIRED"),
    "another host": (
        message(headers(to=f"<a:To>https://x.nl/?OIN={B}</a:To>")),
        {},
        "WSA-TO",
    ),
    "foreign header": (message(headers(more='<x xmlns="urn:x"/>')), {}, "SOAP-HEADER-FOREIGN"),
    "encodingStyle": (
        message(
            body=BODY.replace(
                "<e:echoRequest", f'<e:echoRequest xmlns:s="{SOAP}" s:encodingStyle=""'
            )
        ),
        {},
        "SOAP-BASIC-PROFILE",
    ),
}


@BOTH
@pytest.mark.parametrize("case", REFUSED)
def test_what_both_profiles_refuse(g1: TestPki, service: Service, case: str) -> None:
    what, http, check = REFUSED[case]
    root = etree.fromstring(octets(what)) if isinstance(what, etree._Element) else what
    sign = not isinstance(root, bytes) and root.tag == f"{{{SOAP}}}Envelope"
    if isinstance(root, etree._Element) and not sign:
        root = octets(root)
    assert refused(service, g1, root, http=http, sign=sign) == check


@BOTH
def test_data_has_a_limit(g1: TestPki, service: Service) -> None:
    def body(size: int) -> etree._Element:
        text = base64.b64encode(bytes(size)).decode()
        return message(body=BODY.replace("AAECAw==", text))

    most = limits.ECHO_DATA_MAX_BYTES
    assert opened(service, g1, body(most)).parts == (bytes(most),)
    assert refused(service, g1, body(most + 1)) == "XSD-INHOUD-SIZE"


# --- Answers and faults ------------------------------------------------------------


def element() -> etree._Element:
    return etree.fromstring(f'<echoResponse xmlns="{ECHO}"><text>x</text></echoResponse>')


def test_an_unsigned_answer(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE, g1)
    found = opened(ECHO_BE, g1, gate=gate)
    sent = answer(gate, found, element())
    assert sent.status == 200
    envelope = read_envelope(parse_message(sent.body))
    assert b"Security" not in sent.body
    addressing = read_addressing(envelope, DIGIKOPPELING)
    assert addressing.relates_to == found.caller.message_id
    assert addressing.action == ECHO_BE.response_action(ECHO_BE.operations[0])


@pytest.mark.parametrize("suite", SUITES_SHA2, ids=lambda suite: suite.name)
def test_a_signed_answer_confirms(g1: TestPki, suite: Suite) -> None:
    gate = gate_of(ECHO_BE_S, g1)
    data, value = signed_echo(g1.identities["vendor-a"], suite=suite)
    found = opened(ECHO_BE_S, g1, data, gate=gate)
    assert found.confirms == value
    envelope = read_envelope(parse_message(answer(gate, found, element()).body))
    verified = verify_envelope(
        envelope,
        read_addressing(envelope, DIGIKOPPELING),
        policy=gate.policy,
        trust=gate.trust,
        now=NOW,
        engine=verify_signature_both,
        confirms=value,
    )
    assert verified.suite is suite


def verified_fault(gate: Gate, rejected: Rejected, confirms: bytes | None) -> etree._Element:
    sent = fault(gate, rejected)
    assert sent.status == 500
    envelope = read_envelope(parse_message(sent.body))
    verify_envelope(
        envelope,
        read_addressing(envelope, DIGIKOPPELING),
        policy=gate.policy,
        trust=gate.trust,
        now=NOW,
        engine=verify_signature_both,
        confirms=confirms,
    )
    return envelope.body_child


def test_a_fault_of_2w_be_s_is_signed_and_confirms_the_request(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE_S, g1)
    root = message(body=BODY.replace("AAECAw==", "*"))
    data, value = signed_echo(g1.identities["vendor-a"], root)
    result = judge(ECHO_BE_S, g1, data, gate=gate)
    assert isinstance(result, Rejected)
    assert result.message_id is not None
    found = verified_fault(gate, result, value)
    assert str(found.findtext("faultstring")).startswith("0004: ")


def wrong_signatures(pki: TestPki) -> dict[str, tuple[bytes, str, str]]:
    """Return octets, who connects and the check that refuses."""
    data, _ = signed_echo(pki.identities["vendor-a"])
    old, _ = signed_echo(pki.identities["vendor-a"], created=NOW - timedelta(hours=1))
    chosen = b"<ds:SignatureValue>" + base64.b64encode(b"any 256 octets, " * 16)
    return {
        "no XML": (b"<x", "vendor-a", "XML-WELL-FORMED"),
        "unsigned": (octets(message()), "vendor-a", "WSS-PRESENT"),
        "another Body": (data.replace(b"Goedemorgen", b"Goedemiddag"), "vendor-a", "WSS-DIGEST"),
        "another value": (
            re.sub(rb"<ds:SignatureValue>[^<]+", chosen, data),
            "vendor-a",
            "WSS-SIGNATURE",
        ),
        "somebody else's": (data, "vendor-b", "WSS-SIGNER"),
        "old": (old, "vendor-a", "WSS-EXPIRED"),
    }


WRONG = ("no XML", "unsigned", "another Body", "another value", "somebody else's", "old")


@pytest.mark.parametrize("case", WRONG)
def test_a_fault_confirms_what_could_be_read(g1: TestPki, case: str) -> None:
    """Right or not: without it, stacks report the missing confirmation instead of the fault."""
    data, name, check = wrong_signatures(g1)[case]
    gate = gate_of(ECHO_BE_S, g1)
    result = judge(ECHO_BE_S, g1, data, gate=gate, peer=name)
    assert isinstance(result, Rejected)
    assert result.refusal.check.id == check
    found = re.search(rb"<ds:SignatureValue>([^<]+)", data)
    value = None if found is None else base64.b64decode(found[1])
    assert result.confirms == value
    verified_fault(gate, result, value)
    assert (WSSE11.encode() in fault(gate, result).body) == (value is not None)


def test_a_refusal_behind_the_gate_is_told_in_the_requests_algorithms(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE_S, g1)
    data, value = signed_echo(g1.identities["vendor-a"], suite=SUITE_SHA384)
    late = reject(opened(ECHO_BE_S, g1, data, gate=gate), Refusal(checks.PARTY_AUTHORISED))
    found = verified_fault(gate, late, value)
    assert str(found.findtext("faultstring")).startswith("0002: ")
    assert SUITE_SHA384.signature.encode() in fault(gate, late).body


def test_a_fault_of_2w_be_is_unsigned(g1: TestPki) -> None:
    gate = gate_of(ECHO_BE, g1, explain_faults=False)
    result = judge(ECHO_BE, g1, message(headers(message_id="")), gate=gate)
    assert isinstance(result, Rejected)
    sent = fault(gate, result)
    assert sent.status == 500
    assert WSA_UNSPECIFIED.encode() in sent.body
    assert DS.encode() not in sent.body
    assert b"WSA-REQUIRED" not in sent.body


@pytest.mark.parametrize(
    "blocks",
    [
        headers(to=""),
        headers(reply_to="<a:ReplyTo><a:Address>https://x.nl/</a:Address></a:ReplyTo>"),
        headers(action=""),
    ],
    ids=["no To", "ReplyTo elsewhere", "no Action"],
)
def test_a_fault_relates_to_a_request_whose_other_headers_are_wrong(
    g1: TestPki, blocks: str
) -> None:
    root = message(blocks)
    wanted = root.findtext(".//{http://www.w3.org/2005/08/addressing}MessageID")
    result = judge(ECHO_BE, g1, root)
    assert isinstance(result, Rejected)
    assert result.message_id == wanted
