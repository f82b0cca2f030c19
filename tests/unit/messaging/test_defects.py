"""Whatever is wrong with a message: its sender is told which error, where; nothing is received."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.errors import CODE_OF
from digipoort_wus.ebms.names import ACTOR_NEXT_MSH, EB
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.errors import Check
from digipoort_wus.messaging.posting import HttpReply
from digipoort_wus.names import SOAP
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction, Quirk
from tests import ebms_messages as m
from tests.ebms_parties import AT
from tests.unit.ebms.test_defects import ENVELOPES
from tests.unit.ebms.test_package_defects import PACKAGES
from tests.unit.messaging.parties import Two, Wire, two_gateways

HEADER = "//Header/MessageHeader"
AT_ONCE: dict[str, Quirk] = {"acknowledgment_path": "synchronous"}


@pytest.fixture(scope="module")
def reliable(g1: TestPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Give two whose errors go back in the HTTP answer."""
    with two_gateways(g1, tmp_path_factory.mktemp("rm"), Profile.RM, quirks=AT_ONCE) as found:
        yield found


@pytest.fixture(scope="module")
def best_effort(g1: TestPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with two_gateways(g1, tmp_path_factory.mktemp("be"), Profile.BE, quirks=AT_ONCE) as found:
        yield found


def ours(octets: bytes, two: Two, name: str = "") -> bytes:
    """Return what other tables hold, between our parties under our agreement."""
    for old, new in (
        (m.AGENCY, two.agency.side.id.value),
        (m.DIGIPOORT, two.digipoort.side.id.value),
        (m.CPA_ID, two.pair.agreement.cpa_id),
        (m.TIMESTAMP, f"{AT:%Y-%m-%dT%H:%M:%SZ}"),
        # What was refused is remembered by it.
        (m.MESSAGE_ID, f"{uuid5(NAMESPACE_URL, name)}@agency.example"),
    ):
        octets = octets.replace(old.encode(), new.encode())
    return octets


def received(two: Two, octets: bytes, content_type: str, *, by: str = "agency") -> HttpReply:
    peer = two.wire.named(by).side.certificate
    inbound = Inbound(content_type, memoryview(octets), peer, two.time.now)
    return two.digipoort.service.receive(inbound)


@dataclass(frozen=True)
class Told:
    """An error as its sender sees it, in a Fault or a MessageError."""

    status: int
    code: str
    location: str | None
    text: str


def told(reply: HttpReply) -> Told:
    root = etree.fromstring(reply.body)
    (error,) = root.iter(f"{{{EB}}}Error")
    text = root.findtext(f".//{{{SOAP}}}Fault/faultstring") or error.findtext(
        f"{{{EB}}}Description"
    )
    return Told(
        reply.status,
        error.get(f"{{{EB}}}errorCode", ""),
        error.get(f"{{{EB}}}location"),
        text or "",
    )


def require(two: Two, reply: HttpReply, check: Check, at: str) -> Told:
    said = told(reply)
    assert said.text.startswith(f"[{check.id}]"), said
    assert (said.code, said.location) == (CODE_OF[check.id].value, at)
    assert two.digipoort.backend.unprocessed() == []
    assert "RECEIVED" not in two.digipoort.told()
    return said


def test_what_was_changed_is_good(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        octets, content_type = m.package()
        assert received(two, ours(octets, two), content_type).status == 204
        assert len(two.digipoort.backend.unprocessed()) == 1


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_defect_of_an_envelope(reliable: Two, name: str) -> None:
    expected = ENVELOPES[name]
    octets = ours(expected.sent.encode(), reliable, name)
    require(reliable, received(reliable, octets, "text/xml"), expected.check, expected.at)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_defect_of_a_package(reliable: Two, best_effort: Two, name: str) -> None:
    expected = PACKAGES[name]
    two = reliable if b"DuplicateElimination" in expected.body else best_effort
    octets = ours(expected.body, two, name)
    require(two, received(two, octets, expected.content_type), expected.check, expected.at)


@pytest.mark.parametrize("more", ["", "and another defect"])
def test_what_has_no_canonical_form_is_blamed_on_its_sender(reliable: Two, more: str) -> None:
    """Nothing here is broken, so it is not tried again for a day (a relative namespace name)."""
    octets, content_type = m.package()
    strange = b'<eb:DuplicateElimination/><x:y xmlns:x="relative"/>'
    octets = ours(octets, reliable, f"canonical{more}")
    octets = octets.replace(b"<eb:DuplicateElimination/>", strange)
    if more:
        octets = octets.replace(b'eb:signed="false"', b'eb:signed="true"')
    reply = received(reliable, octets, content_type)
    said = told(reply)
    assert (reply.status, said.code, said.location) == (500, "OtherXml", "/Envelope")
    assert b"soap:Client" in reply.body


# --- Against the agreement ------------------------------------------------------------

ACK = 'eb:signed="false"'
DATA = f"{HEADER}/MessageData"
LATER = f"{AT + timedelta(minutes=6):%Y-%m-%dT%H:%M:%SZ}"
PAST = f"{AT:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Against:
    """What is changed in a good message, and what is said of it; a Fault where ``fault``."""

    old: str
    new: str
    check: Check
    at: str
    fault: bool = False


AGAINST: dict[str, Against] = {
    "an unknown CPA": Against(
        f"<eb:CPAId>{m.CPA_ID}", "<eb:CPAId>x", checks.EBMS_CPA, f"{HEADER}/CPAId", fault=True
    ),
    "From another party": Against(
        m.FROM,
        m.FROM.replace(m.AGENCY, "00000099000000009000"),
        checks.EBMS_PARTY,
        f"{HEADER}/From/PartyId",
        fault=True,
    ),
    "From of another type": Against(
        m.FROM,
        m.FROM.replace("urn:osb:oin", "urn:x"),
        checks.EBMS_PARTY,
        f"{HEADER}/From/PartyId",
        fault=True,
    ),
    "To another party": Against(
        m.TO,
        m.TO.replace(m.DIGIPOORT, "00000099000000009000"),
        checks.EBMS_PARTY,
        f"{HEADER}/To/PartyId",
        fault=True,
    ),
    "To its own sender": Against(
        m.TO,
        m.TO.replace(m.DIGIPOORT, m.AGENCY),
        checks.EBMS_PARTY,
        f"{HEADER}/To/PartyId",
        fault=True,
    ),
    "no role of From": Against(
        "<eb:Role>OVERHEID</eb:Role>", "", checks.EBMS_ROLE, f"{HEADER}/From/Role"
    ),
    "another role of To": Against(
        "<eb:Role>DIGIPOORT", "<eb:Role>OVERHEID", checks.EBMS_ROLE, f"{HEADER}/To/Role"
    ),
    "another service": Against(
        "osb:aanleveren:1.1$1.0<", "osb:x:1.0<", checks.EBMS_SERVICE, f"{HEADER}/Service"
    ),
    "a service of the other direction": Against(
        "osb:aanleveren:1.1$1.0<",
        "osb:afleveren:1.1$1.0<",
        checks.EBMS_ACTION,
        f"{HEADER}/Action",
    ),
    "a service of another type": Against(
        'eb:type="urn:osb:services"', 'eb:type="urn:x"', checks.EBMS_SERVICE, f"{HEADER}/Service"
    ),
    "another action": Against(
        "<eb:Action>aanleveren", "<eb:Action>x", checks.EBMS_ACTION, f"{HEADER}/Action"
    ),
    "an action of the other direction": Against(
        "<eb:Action>aanleveren",
        "<eb:Action>bevestigAanleveren",
        checks.EBMS_ACTION,
        f"{HEADER}/Action",
    ),
    "no DuplicateElimination": Against(
        "<eb:DuplicateElimination/>",
        "",
        checks.EBMS_DUPLICATE_ELIMINATION,
        f"{HEADER}/DuplicateElimination",
    ),
    "no AckRequested": Against(
        m.ACK_REQUESTED, "", checks.EBMS_ACK_REQUESTED, "//Header/AckRequested"
    ),
    "a signed acknowledgment": Against(
        ACK, 'eb:signed="true"', checks.EBMS_ACK_REQUESTED, "//Header/AckRequested/@signed"
    ),
    "an acknowledgment by nextMSH": Against(
        ACK,
        f'{ACK} soap:actor="{ACTOR_NEXT_MSH}"',
        checks.EBMS_ACTOR,
        "//Header/AckRequested/@actor",
    ),
    "SyncReply": Against(
        m.ACK_REQUESTED,
        m.ACK_REQUESTED + m.SYNC_REPLY,
        checks.EBMS_SYNC_REPLY,
        "//Header/SyncReply",
    ),
    "MessageOrder": Against(
        m.ACK_REQUESTED,
        m.ACK_REQUESTED + m.MESSAGE_ORDER,
        checks.EBMS_ORDER,
        "//Header/MessageOrder",
    ),
    "an Acknowledgment within": Against(
        m.ACK_REQUESTED,
        m.ACK_REQUESTED + m.ACKNOWLEDGMENT,
        checks.EBMS_SIGNAL_FORM,
        "//Header/Acknowledgment",
    ),
    "an ErrorList within": Against(
        m.ACK_REQUESTED,
        m.ACK_REQUESTED + m.ERROR_LIST,
        checks.EBMS_SIGNAL_FORM,
        "//Header/ErrorList",
    ),
    "TimeToLive over": Against(
        "</eb:MessageData>",
        f"<eb:TimeToLive>{PAST}</eb:TimeToLive></eb:MessageData>",
        checks.EBMS_TIME_TO_LIVE,
        f"{DATA}/TimeToLive",
    ),
    "a Timestamp in the future": Against(
        f"<eb:Timestamp>{m.TIMESTAMP}</eb:Timestamp></eb:MessageData>",
        f"<eb:Timestamp>{LATER}</eb:Timestamp></eb:MessageData>",
        checks.EBMS_TIME,
        f"{DATA}/Timestamp",
    ),
}


@pytest.mark.parametrize("name", AGAINST)
def test_what_was_not_agreed(reliable: Two, name: str) -> None:
    against = AGAINST[name]
    octets, content_type = m.package()
    assert octets.count(against.old.encode()) == 1
    changed = octets.replace(against.old.encode(), against.new.encode())
    reply = received(reliable, ours(changed, reliable, name), content_type)
    said = require(reliable, reply, against.check, against.at)
    assert said.status == (500 if against.fault else 200)


@pytest.mark.parametrize("by", ["vendor-a", None])
def test_another_peer(reliable: Two, g1: TestPki, by: str | None) -> None:
    octets, content_type = m.package()
    peer = None if by is None else g1.identities[by].certificate
    inbound = Inbound(content_type, ours(octets, reliable), peer, AT)
    reply = reliable.digipoort.service.receive(inbound)
    require(reliable, reply, checks.EBMS_PEER, f"{HEADER}/From/PartyId")
    assert reply.status == 500


# --- Signals are never answered with a signal -----------------------------------------

REF = f"<eb:RefToMessageId>{m.MESSAGE_ID}</eb:RefToMessageId>"
NO_REF = (checks.EBMS_REF_TO, f"{DATA}/RefToMessageId")
BAD_SIGNALS: dict[str, tuple[str, Check, str]] = {
    "an action that is none": (
        m.SIGNALS_SENT["Pong"].replace(">Pong<", ">Gong<"),
        checks.EBMS_ACTION,
        f"{HEADER}/Action",
    ),
    "an Acknowledgment without": (
        m.SIGNALS_SENT["Acknowledgment"].replace(m.ACKNOWLEDGMENT, ""),
        checks.EBMS_SIGNAL_FORM,
        "//Header/Acknowledgment",
    ),
    "a MessageError without": (
        m.SIGNALS_SENT["MessageError"].replace(m.ERROR_LIST, ""),
        checks.EBMS_SIGNAL_FORM,
        "//Header/ErrorList",
    ),
    "an Acknowledgment that asks for one": (
        m.SIGNALS_SENT["Acknowledgment"].replace(
            m.ACKNOWLEDGMENT, m.ACKNOWLEDGMENT + m.ACK_REQUESTED
        ),
        checks.EBMS_SIGNAL_FORM,
        "//Header/AckRequested",
    ),
    "an Acknowledgment of nothing": (
        m.SIGNALS_SENT["Acknowledgment"].replace(f"{REF}</eb:MessageData>", "</eb:MessageData>"),
        *NO_REF,
    ),
    "a Pong of nothing": (m.SIGNALS_SENT["Pong"].replace(REF, ""), *NO_REF),
    "an Acknowledgment of two": (
        m.SIGNALS_SENT["Acknowledgment"].replace(
            f"{REF}</eb:MessageData>", "<eb:RefToMessageId>x</eb:RefToMessageId></eb:MessageData>"
        ),
        checks.EBMS_REF_TO,
        "//Header/Acknowledgment/RefToMessageId",
    ),
    "a StatusResponse without": (
        m.SIGNALS_SENT["StatusResponse"].replace(m.STATUS_RESPONSE, ""),
        checks.EBMS_SIGNAL_FORM,
        "//Body/StatusResponse",
    ),
}


@pytest.mark.parametrize("name", BAD_SIGNALS)
def test_a_signal_that_is_wrong(reliable: Two, name: str) -> None:
    sent, check, at = BAD_SIGNALS[name]
    before = len(reliable.wire.seen)
    octets = ours(sent.encode(), reliable)
    peer = reliable.digipoort.side.certificate
    reply = reliable.agency.service.receive(Inbound("text/xml", octets, peer, AT))
    assert reply.status == 500
    assert b"Fault" in reply.body
    require(reliable, reply, check, at)
    assert len(reliable.wire.seen) == before


@pytest.mark.parametrize("name", ["Ping", "StatusRequest"])
def test_a_question_that_is_wrong_gets_an_error(reliable: Two, name: str) -> None:
    sent = m.SIGNALS_SENT[name].replace("</soap:Header>", m.ERROR_LIST + "</soap:Header>")
    octets = ours(sent.encode(), reliable)
    peer = reliable.digipoort.side.certificate
    reply = reliable.agency.service.receive(Inbound("text/xml", octets, peer, AT))
    said = require(reliable, reply, checks.EBMS_SIGNAL_FORM, "//Header/ErrorList")
    assert said.status == 200


# --- Signatures -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def signed(g1: TestPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with two_gateways(g1, tmp_path_factory.mktemp("rms"), Profile.RM_S, quirks=AT_ONCE) as found:
        yield found


@pytest.fixture(scope="module")
def written(signed: Two) -> tuple[bytes, str]:
    """Give a good signed message, as octets that never arrived."""
    kept: list[tuple[bytes, str]] = []

    def held(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        kept.append((octets, where.split("\n")[1]))
        return HttpReply(503)

    signed.agency.service.send(signed.agency.letter(signed.pair))
    signed.wire.hops.append(held)
    signed.wire.run()
    return kept[0]


_SIGNATURE = re.compile(rb"<ds:Signature .*</ds:Signature>", re.DOTALL)
AT_SIGNATURE = "//Header/Signature"
INFO = f"{AT_SIGNATURE}/SignedInfo"


def tampered(octets: bytes, old: bytes, new: bytes) -> bytes:
    assert old in octets, old
    return octets.replace(old, new, 1)


@dataclass(frozen=True)
class Tampering:
    """What somebody on the way does to a signed message, and what is said of it."""

    old: bytes
    new: bytes
    check: Check
    at: str | None = None


TAMPERINGS: dict[str, Tampering] = {
    "the conversation": Tampering(
        b"conversation-1<", b"conversation-2<", checks.EBMS_SIGNATURE_DIGEST
    ),
    "a payload": Tampering(b"<a>\r\n1</a>", b"<a>\r\n2</a>", checks.EBMS_SIGNATURE_DIGEST),
    "AckRequested": Tampering(b'eb:signed="true"', b'eb:signed="1"', checks.EBMS_SIGNATURE_DIGEST),
    "a reference less": Tampering(
        b'<ds:Reference URI="cid:one@example.nl">',
        b'<ds:Reference URI="cid:x@example.nl">',
        checks.EBMS_SIGNATURE_COVERAGE,
    ),
    "the value": Tampering(
        b"<ds:SignatureValue>", b"<ds:SignatureValue>AAAA", checks.EBMS_SIGNATURE_VALUE
    ),
    "the algorithm": Tampering(
        b"xmldsig-more#rsa-sha256", b"xmldsig-more#rsa-sha512", checks.EBMS_SIGNATURE_ALGORITHM
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_signed_message_that_was_altered(
    signed: Two, written: tuple[bytes, str], name: str
) -> None:
    what = TAMPERINGS[name]
    reply = received(signed, tampered(written[0], what.old, what.new), written[1])
    said = told(reply)
    assert said.text.startswith(f"[{what.check.id}]"), said
    assert said.code == "SecurityFailure"
    # Whoever did it may be anybody: nothing is held against the message that is yet to come.
    assert signed.digipoort.rows() == []


def test_a_signature_that_is_left_out(signed: Two, written: tuple[bytes, str]) -> None:
    octets, number = _SIGNATURE.subn(b"", written[0])
    assert number == 1
    reply = received(signed, octets, written[1])
    require(signed, reply, checks.EBMS_SIGNATURE_PRESENT, AT_SIGNATURE)


def test_two_signatures(signed: Two, written: tuple[bytes, str]) -> None:
    found = _SIGNATURE.search(written[0])
    assert found is not None
    octets = tampered(written[0], found.group(), found.group() * 2)
    said = told(received(signed, octets, written[1]))
    assert said.code in ("SecurityFailure", "OtherXml"), said
    assert signed.digipoort.rows() == []


def test_the_original_is_good_all_the_same(signed: Two, written: tuple[bytes, str]) -> None:
    """Run behind the others: what was done to copies of it is not held against it."""
    for octets, content_type in (written, written):
        reply = received(signed, octets, content_type)
        assert reply.status == 200
        assert b"Acknowledgment" in reply.body
    (row,) = signed.digipoort.rows(Direction.IN)
    assert row.state == "RECEIVED"


def test_there_are_enough_defects() -> None:
    names = (*ENVELOPES, *PACKAGES, *AGAINST, *BAD_SIGNALS, *TAMPERINGS)
    assert len(names) > 200


@pytest.mark.parametrize("octet", ["00", "01", "20", "7F"])
def test_a_cid_that_no_xml_can_repeat_is_refused_as_any_other(reliable: Two, octet: str) -> None:
    octets, content_type = m.package()
    octets = octets.replace(b'href="cid:', f'href="cid:%{octet}'.encode())
    reply = received(reliable, ours(octets, reliable, f"octet {octet}"), content_type)
    require(reliable, reply, checks.EBMS_MANIFEST_HREF, "//Body/Manifest/Reference[1]/@href")


def test_an_envelope_without_a_canonical_form_is_its_senders_mistake(reliable: Two) -> None:
    octets, content_type = m.package()
    octets = octets.replace(b"<eb:MessageHeader ", b'<eb:MessageHeader xmlns:q="a/b" ')
    reply = received(reliable, ours(octets, reliable, "relative"), content_type)
    require(reliable, reply, checks.EBMS_XML, "/Envelope")
    assert b"Client" in reply.body
