"""The gate as a value: octets in, verified parts or a fault out."""

import base64
import gc
import hashlib
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import Refusal
from digipoort_wus.names import AANLEVER, OPHAAL, TYPES, Service
from digipoort_wus.pki.chain import CachingVerifier, VerifiedCertificate
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.contents import take_contents
from digipoort_wus.server.gate import (
    Gate,
    Opened,
    Rejected,
    answer,
    fault,
    open_request,
)
from digipoort_wus.server.http import Head, HttpRequest
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.oracle import ENGINES, verify_signature_both
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SUITE_SHA1, SUITE_SHA256, Suite, without_sha1
from digipoort_wus.wss.verify import verify_envelope, verify_signature
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW, XBRL, aanlever_body, envelope, filing, signed


@pytest.fixture
def gate(g1: TestPki) -> Gate:
    verifier = CachingVerifier(g1.trust_store())

    def trust(certificate: x509.Certificate, at: object) -> VerifiedCertificate:
        return verifier(certificate, (), Role.SIGNER, at)  # type: ignore[arg-type]

    return Gate(
        policy=DIGIPOORT_1_2,
        trust=trust,
        identity=g1.identities["gateway-signing"],
        clock=lambda: NOW,
        new_message_id=lambda: "urn:uuid:fresh",
        explain_faults=True,
        engine=verify_signature_both,
    )


def request(octets: bytes, peer: x509.Certificate | None = None, **headers: str) -> HttpRequest:
    head = Head("POST", AANLEVER.paths[0], "", {"content-type": "text/xml", **headers})
    return HttpRequest(head, octets, peer)


def opened(gate: Gate, octets: bytes, peer: x509.Certificate | None = None) -> Opened:
    result = open_request(gate, AANLEVER, request(octets, peer))
    assert isinstance(result, Opened), result
    return result


def refusal(gate: Gate, octets: bytes, peer: x509.Certificate | None = None, **headers: str) -> str:
    result = open_request(gate, AANLEVER, request(octets, peer, **headers))
    assert isinstance(result, Rejected)
    return result.refusal.check.id


def test_what_passes_is_handed_on_without_its_contents(gate: Gate, g1: TestPki) -> None:
    vendor = g1.identities["vendor-a"]
    result = opened(gate, filing(vendor), vendor.certificate)
    assert result.operation is AANLEVER.operations[0]
    assert result.parts == (XBRL,)
    assert result.body_child.findtext(f".//{{{TYPES}}}inhoud") == "0000"
    assert result.caller.oin == result.caller.tls_oin == "00000099000000002000"
    assert len(result.caller.body_digest) == 32
    assert XBRL.decode() not in repr(result)


def test_who_signs_must_be_who_connected(gate: Gate, g1: TestPki) -> None:
    a, b = g1.identities["vendor-a"], g1.identities["vendor-b"]
    assert refusal(gate, filing(b), a.certificate) == "WSS-SIGNER"
    oins = ("00000099000000002000", "00000099000000003000")
    mandated = replace(gate, mandates=frozenset({oins}))
    result = opened(mandated, filing(b), a.certificate)
    assert (result.caller.tls_oin, result.caller.oin) == oins
    # A mandate has a direction.
    assert refusal(mandated, filing(a), b.certificate) == "WSS-SIGNER"
    # Without TLS (embedding) the signer is who he is.
    assert opened(gate, filing(b)).caller.tls_oin is None


def test_where_the_addresses_are_known_others_are_refused(gate: Gate, g1: TestPki) -> None:
    octets = filing(g1.identities["vendor-a"])
    known = frozenset({("https", "localhost", 8443)})
    opened(replace(gate, origins=known), octets)
    elsewhere = replace(gate, origins=frozenset({("https", "wus.example.nl", 443)}))
    assert refusal(elsewhere, octets) == "WSA-TO"


def test_sha1_where_it_is_switched_off(gate: Gate, g1: TestPki) -> None:
    strict = replace(gate, policy=without_sha1(DIGIPOORT_1_2))
    octets = filing(g1.identities["vendor-a"], suite=SUITE_SHA1)
    assert refusal(strict, octets) == "WSS-ALGORITHM"


def test_the_clock_of_the_gate_decides(gate: Gate, g1: TestPki) -> None:
    octets = filing(g1.identities["vendor-a"])
    late = replace(gate, clock=lambda: NOW + timedelta(hours=1))
    assert refusal(late, octets) == "WSS-EXPIRED"
    years = replace(gate, clock=lambda: NOW + timedelta(days=4000))
    assert refusal(years, octets) == "PKI-VALIDITY"


def test_a_contradicting_soap_action(gate: Gate, g1: TestPki) -> None:
    octets = filing(g1.identities["vendor-a"])
    assert refusal(gate, octets, soapaction="urn:x") == "WSA-SOAP-ACTION"


@pytest.mark.parametrize("suite", [SUITE_SHA1, SUITE_SHA256], ids=lambda suite: suite.name)
@pytest.mark.parametrize("echo", [False, True])
def test_an_answer_is_signed_as_the_request_was(
    gate: Gate, g1: TestPki, suite: Suite, echo: bool
) -> None:
    gate = replace(gate, echo_message_id=echo)
    result = opened(gate, filing(g1.identities["vendor-a"], suite=suite))
    sent = answer(gate, result, etree.fromstring(f'<x xmlns="{TYPES}"/>'))
    assert (sent.status, sent.content_type) == (200, "text/xml; charset=utf-8")
    addressing = read_addressing(read_envelope(parse_message(sent.body)))
    assert addressing.relates_to == result.caller.message_id
    assert addressing.message_id == (result.caller.message_id if echo else "urn:uuid:fresh")
    assert suite.signature.encode() in sent.body


@pytest.mark.parametrize(("explain", "status"), [(True, 500), (False, 500), (False, 200)])
def test_a_fault_is_unsigned_and_explains_where_it_may(
    gate: Gate, explain: bool, status: int
) -> None:
    policy = replace(gate.policy, fault_status=status)
    gate = replace(gate, explain_faults=explain, policy=policy)
    rejected = open_request(gate, AANLEVER, request(b"<x/>"))
    assert isinstance(rejected, Rejected)
    sent = fault(gate, rejected)
    assert sent.status == status
    assert (b"SOAP-ENVELOPE" in sent.body) == explain
    assert b"Security" not in sent.body


@pytest.mark.parametrize("service", [AANLEVER, OPHAAL], ids=lambda service: service.name)
def test_a_fault_relates_to_the_request_as_far_as_it_was_read(gate: Gate, service: Service) -> None:
    octets = etree.tostring(envelope(aanlever_body(), message_id="urn:uuid:mine"))
    rejected = open_request(gate, service, request(octets))
    assert isinstance(rejected, Rejected)
    assert rejected.message_id == "urn:uuid:mine"
    assert (rejected.operation is None) == (service is OPHAAL)
    assert b"urn:uuid:mine" in fault(gate, rejected).body


def test_a_refusal_holds_nothing_of_the_message(gate: Gate) -> None:
    """Otherwise megabytes wait for the cycle collector: frame, refusal, traceback, frame."""

    class Held:
        pass

    holder = Held()
    gone = weakref.ref(holder)
    whole = request(b"<x/>")
    object.__setattr__(whole, "peer", holder)
    gc.disable()
    try:
        rejected = open_request(gate, AANLEVER, whole)
        assert isinstance(rejected, Rejected)
        assert rejected.refusal.__traceback__ is None
        assert rejected.refusal.__context__ is None
        del whole, holder
        assert gone() is None
    finally:
        gc.enable()


# --- Contents ------------------------------------------------------------------


def body(*texts: str) -> etree._Element:
    first, *rest = texts
    parts = "".join(f"<t:bijlage><t:inhoud>{text}</t:inhoud></t:bijlage>" for text in rest)
    return etree.fromstring(
        f'<t:aanleverRequest xmlns:t="{TYPES}"><t:berichtInhoud><t:inhoud>{first}</t:inhoud>'
        f"</t:berichtInhoud><t:berichtBijlagen>{parts}</t:berichtBijlagen></t:aanleverRequest>",
        etree.XMLParser(huge_tree=True),
    )


def test_contents_leave_their_index() -> None:
    element = body("QQ==", "", " Q\r\nkI= ", "QUJD")
    assert take_contents(element) == (b"A", b"", b"BB", b"ABC")
    assert [str(e.text) for e in element.iter("{*}inhoud")] == ["0000", "0001", "0002", "0003"]


def test_only_what_stands_where_the_contract_says_is_a_content() -> None:
    element = etree.fromstring(f'<t:x xmlns:t="{TYPES}"><t:inhoud>QQ==</t:inhoud></t:x>')
    assert take_contents(element) == ()
    assert element[0].text == "QQ=="


NO_BASE64 = ["*", "Q", "QQ", "QQ=", "QQ===", "=QQ=", "QQ==QQ==", "Q Q=*", "QQ-_", "ＱＱ=="]


@pytest.mark.parametrize("text", NO_BASE64)
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        take_contents(body(text))
    assert caught.value.check is checks.XSD_BASE64


SIZES: list[tuple[int, Callable[[str], str]]] = [
    (limits.INHOUD_MAX_BYTES + 1, str),
    (limits.INHOUD_MAX_BYTES + 3, str),
    (limits.INHOUD_MAX_BYTES + 1, lambda text: text.replace("AAAA", "AAAA ", 10)),
]


@pytest.mark.parametrize(("size", "change"), SIZES)
def test_one_byte_too_many(size: int, change: Callable[[str], str]) -> None:
    with pytest.raises(Refusal) as caught:
        take_contents(body(change(base64.b64encode(b"\0" * size).decode())))
    assert caught.value.check is checks.XSD_INHOUD_SIZE


def test_exactly_at_the_limits() -> None:
    content = b"\0" * limits.INHOUD_MAX_BYTES
    assert take_contents(body(base64.b64encode(content).decode())) == (content,)
    assert len(take_contents(body("", *[""] * limits.MAX_ATTACHMENTS))) == 51
    with pytest.raises(Refusal) as caught:
        take_contents(body("", *[""] * (limits.MAX_ATTACHMENTS + 1)))
    assert caught.value.check is checks.ATTACHMENT_LIMIT


def test_an_index_in_place_of_a_content_is_valid(gate: Gate, g1: TestPki) -> None:
    validate(opened(gate, filing(g1.identities["vendor-a"])).body_child)


def test_a_content_that_looks_like_an_index_is_a_content(gate: Gate, g1: TestPki) -> None:
    """Nobody can pass an index of his own choice: every inhoud is taken out first."""
    content = base64.b64decode("0007")
    octets = signed(g1.identities["vendor-a"], envelope(aanlever_body(content)))
    result = opened(gate, octets)
    assert result.parts == (content,)
    assert result.body_child.findtext(f".//{{{TYPES}}}inhoud") == "0000"


# --- Large contents ---------------------------------------------------------------

LARGE = bytes(range(256)) * 400
"""Octets whose base64 is taken out of the tree."""


def lines(text: str) -> str:
    return "\n".join(text[start : start + 76] for start in range(0, len(text), 76))


def large_filing(
    g1: TestPki, change: Callable[[str], str] = str, message_id: str = "urn:uuid:1"
) -> bytes:
    text = base64.b64encode(LARGE).decode()
    body = aanlever_body(LARGE).replace(text, change(text))
    return signed(g1.identities["vendor-a"], envelope(body, message_id=message_id))


WRITTEN: list[Callable[[str], str]] = [
    str,
    lines,
    lambda text: f"\n\t {text} \n",
    lambda text: lines(text).replace("\n", "&#13;\n"),
    lambda text: f"<![CDATA[{text}]]>",
]


@pytest.mark.parametrize("name", ["native", "signxml", "both"])
@pytest.mark.parametrize("change", WRITTEN, ids=["plain", "lines", "around", "CR", "CDATA"])
def test_a_large_content_is_what_it_was(
    gate: Gate, g1: TestPki, name: str, change: Callable[[str], str]
) -> None:
    octets = large_filing(g1, change)
    result = opened(replace(gate, engine=ENGINES[name]), octets)
    assert result.parts == (LARGE,)
    assert result.body_child.findtext(f".//{{{TYPES}}}inhoud") == "0000"
    body_child = read_envelope(parse_message(octets)).body_child
    assert result.caller.body_digest == hashlib.sha256(canonicalize(body_child)).digest()


def test_several_large_contents_keep_their_order(gate: Gate, g1: TestPki) -> None:
    contents = [LARGE + bytes([number]) for number in range(3)]
    texts = [base64.b64encode(content).decode() for content in (*contents, b"small")]
    bijlagen = "".join(
        "<t:bijlage><t:mimeType>a/b</t:mimeType><t:bestandsnaam>b</t:bestandsnaam>"
        f"<t:inhoud>{text}</t:inhoud></t:bijlage>"
        for text in texts[1:]
    )
    body = aanlever_body(contents[0]).replace(
        "</t:berichtInhoud>",
        f"</t:berichtInhoud><t:berichtBijlagen>{bijlagen}</t:berichtBijlagen>",
    )
    result = opened(gate, signed(g1.identities["vendor-a"], envelope(body)))
    assert result.parts == (*contents, b"small")


@pytest.mark.parametrize("name", ["native", "both"])
@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda text: text[:-4], "WSS-DIGEST"),
        (lambda text: text + " ", "WSS-DIGEST"),
        (lambda text: "B" + text[1:], "WSS-DIGEST"),
        (lambda text: text + "&#13;", "WSS-DIGEST"),
    ],
)
def test_a_large_content_that_was_changed(
    gate: Gate, g1: TestPki, name: str, change: Callable[[str], str], check: str
) -> None:
    text = base64.b64encode(LARGE).decode()
    octets = large_filing(g1)
    assert text.encode() in octets
    changed = octets.replace(text.encode(), change(text).encode())
    assert refusal(replace(gate, engine=ENGINES[name]), changed) == check


@pytest.mark.parametrize("name", ["native", "both"])
@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda text: text[:-1], "XSD-BASE64"),
        (lambda text: text + "-", "XSD-BASE64"),
        (lambda text: text + "é", "XSD-BASE64"),
        (lambda text: text + "====", "XSD-BASE64"),
        (lambda text: text + "<b/>", "XSD-VALID"),
        (lambda text: f"0000</t:inhoud><t:inhoud>{text}", "XSD-VALID"),
    ],
)
def test_a_large_content_that_is_none(
    gate: Gate, g1: TestPki, name: str, change: Callable[[str], str], check: str
) -> None:
    octets = large_filing(g1, change)
    assert refusal(replace(gate, engine=ENGINES[name]), octets) == check


@pytest.mark.parametrize(("length", "check"), [(65_535, "XSD-VALID"), (70_000, "XML-LIMIT")])
def test_a_large_text_that_is_no_content(gate: Gate, g1: TestPki, length: int, check: str) -> None:
    body = aanlever_body(LARGE, berichtsoort="A" * length)
    octets = signed(g1.identities["vendor-a"], envelope(body))
    rejected = open_request(replace(gate, engine=verify_signature), AANLEVER, request(octets))
    assert isinstance(rejected, Rejected)
    assert rejected.refusal.check.id == check
    assert check == "XML-LIMIT" or str(length) in rejected.refusal.received


def test_the_body_is_let_go_of(gate: Gate, g1: TestPki) -> None:
    whole = request(large_filing(g1))
    assert isinstance(open_request(gate, AANLEVER, whole), Opened)
    assert whole.body == b""


@given(st.text(alphabet="AQUJRgkvz019+/= \n\r\t-_*é", max_size=24))
def test_base64_is_what_the_standard_library_decodes(text: str) -> None:
    """Except for surplus padding, which the schema's base64Binary does not allow either."""
    compact = "".join(text.split())
    try:
        expected: bytes | None = base64.b64decode(compact.encode("ascii"), validate=True)
    except ValueError:
        expected = None
    if compact.endswith("=") and len(compact) % 4:
        expected = None
    try:
        found: tuple[bytes, ...] | None = take_contents(body(text))
    except Refusal:
        found = None
    assert found == (None if expected is None else (expected,))


@pytest.mark.parametrize("suite", [SUITE_SHA1, SUITE_SHA256], ids=lambda suite: suite.name)
def test_a_large_answer_is_signed_as_it_stands(gate: Gate, g1: TestPki, suite: Suite) -> None:
    text = base64.b64encode(LARGE).decode()
    written = f'<r xmlns="{TYPES}"><inhoud>{text}</inhoud><b>&amp;</b><inhoud>{text}</inhoud></r>'
    asked = replace(opened(gate, filing(g1.identities["vendor-a"], suite=suite)), service=OPHAAL)
    sent = answer(gate, replace(asked, operation=OPHAAL.operations[0]), etree.fromstring(written))
    envelope_ = read_envelope(parse_message(sent.body))
    assert canonicalize(envelope_.body_child) == canonicalize(etree.fromstring(written))
    verify_envelope(
        envelope_,
        read_addressing(envelope_),
        policy=DIGIPOORT_1_2,
        trust=gate.trust,
        now=NOW,
        engine=verify_signature_both,
    )
