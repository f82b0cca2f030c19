"""Messages made by hand, over real mutual TLS: each is refused for what it is, none is kept."""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import requests
from lxml import etree

from digipoort_wus.ebms.composing import business
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_to_send
from digipoort_wus.ebms.errors import ErrorCode, Severity
from digipoort_wus.ebms.message import (
    Acknowledgment,
    DigestReference,
    Message,
    MessageHeader,
    Party,
    Payload,
    ReportedError,
    Service,
)
from digipoort_wus.ebms.names import (
    ACKNOWLEDGMENT,
    ACTOR_NEXT,
    ACTOR_NEXT_MSH,
    EB,
    MESSAGE_ERROR,
    SIGNALS,
)
from digipoort_wus.ebms.signing import sign
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.ebms.writing import octets_of, write_envelope
from digipoort_wus.names import DS, SOAP
from tests.ebms_parties import AANLEVEREN, Pair, pair
from tests.wire.ebms import AFLEVER, AGENCY_URL, DIGIPOORT_URL, Side, Two, prepared, wait_for

NOWHERE = "https://localhost:1/ebms"
CONTENT = b"<a>1</a>"
PAYLOAD = Payload("one@example.nl", "application/xml", CONTENT)
CONTENT_TYPE = 'multipart/related; boundary="b-1"; type="text/xml"; start="<root@x>"'
XML = "text/xml; charset=UTF-8"


@dataclass(frozen=True)
class Target:
    """A gateway, and what it has agreed: plain and signed with the agency, plain with another."""

    gateway: Side
    plain: Pair
    signed: Pair
    other: Pair

    def post(
        self, body: bytes, content_type: str = CONTENT_TYPE, *, name: str = "agency"
    ) -> requests.Response:
        headers = {"Content-Type": content_type, "SOAPAction": '"ebXML"'}
        return self.gateway.process.post(self.gateway.url, body, name=name, **headers)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    two = prepared(tmp_path_factory.mktemp("ebms"))
    try:
        two.digipoort.start()
        agreed = [
            _agree(two, Profile("osb-rm"), "agency"),
            _agree(two, Profile("osb-rm-s"), "agency"),
            _agree(two, Profile("osb-rm"), "vendor-a"),
        ]
        yield Target(two.digipoort, *agreed)
        assert "Traceback" not in two.digipoort.log()
        assert "ebMS failed" not in two.digipoort.log()
    finally:
        two.digipoort.stop()


def _agree(two: Two, profile: Profile, government: str) -> Pair:
    urls = (AGENCY_URL, DIGIPOORT_URL)
    at = datetime.now(UTC)
    made = pair(
        *(two.pki, profile), sync_reply=SyncReply.SIGNALS, urls=urls, at=at, government=government
    )
    two.digipoort.add(made.octets, {AGENCY_URL: NOWHERE, DIGIPOORT_URL: two.digipoort.url})
    return made


def _id() -> str:
    return f"{uuid4()}@example.nl"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


Change = Callable[[etree._Element], object]


def message(
    two: Pair,
    message_id: str,
    *,
    before: Change | None = None,
    after: Change | None = None,
    at: datetime | None = None,
    conversation: str = "c",
) -> bytes:
    """Return an envelope that is changed before or after it is signed."""
    agency = two.agency
    terms = terms_to_send(two.agreement, agency.id, AANLEVEREN, "aanleveren", at=_now())
    said = business(
        terms,
        message_id=message_id,
        conversation_id=conversation,
        at=_now() if at is None else at,
        payloads=(PAYLOAD,),
    )
    envelope = write_envelope(said)
    if before is not None:
        before(envelope)
    if terms.signature is not None:
        sign(envelope, (PAYLOAD,), agency.identity, terms.signature)
    if after is not None:
        after(envelope)
    return octets_of(envelope)


def package(envelope: bytes, *payloads: tuple[str, bytes], end: bytes = b"--b-1--\r\n") -> bytes:
    parts = [("text/xml", "root@x", envelope), *(("text/plain", *each) for each in payloads)]
    return b"".join(_part(*each) for each in parts) + end


def _part(media_type: str, content_id: str, octets: bytes) -> bytes:
    head = f"--b-1\r\nContent-Type: {media_type}\r\nContent-ID: <{content_id}>\r\n\r\n"
    return head.encode() + octets + b"\r\n"


# --- What is changed -----------------------------------------------------------------------


def _twice(actor: str) -> Change:
    """Add a second MessageHeader, for somebody on the way."""

    def change(envelope: etree._Element) -> None:
        (header,) = envelope.iterfind(f"{{{SOAP}}}Header/{{{EB}}}MessageHeader")
        second = deepcopy(header)
        second.set(f"{{{SOAP}}}actor", actor)
        header.addprevious(second)

    return change


def _again(envelope: etree._Element) -> None:
    (signature,) = envelope.iterfind(f"{{{SOAP}}}Header/{{{DS}}}Signature")
    signature.addnext(deepcopy(signature))


def _unsign(envelope: etree._Element) -> None:
    (signature,) = envelope.iterfind(f"{{{SOAP}}}Header/{{{DS}}}Signature")
    envelope[0].remove(signature)


def _uri(value: str) -> Change:
    def change(envelope: etree._Element) -> None:
        *_, reference = envelope.iter(f"{{{DS}}}Reference")
        reference.set("URI", value)

    return change


def _href(value: str) -> Change:
    def change(envelope: etree._Element) -> None:
        (reference,) = envelope.iter(f"{{{EB}}}Reference")
        reference.set("{http://www.w3.org/1999/xlink}href", value)

    return change


ONE = (PAYLOAD.content_id, CONTENT)
ENTITY = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
OLD = timedelta(days=3)
Made = Callable[[Target, str], bytes]


def _plain(*payloads: tuple[str, bytes], **how: object) -> Made:
    return lambda on, number: package(message(on.plain, number, **how), *payloads)  # type: ignore[arg-type]


def _signed(*payloads: tuple[str, bytes], **how: object) -> Made:
    return lambda on, number: package(message(on.signed, number, **how), *payloads)  # type: ignore[arg-type]


def _spelled(old: bytes, new: bytes) -> Made:
    def make(on: Target, number: str) -> bytes:
        envelope = message(on.plain, number)
        assert old in envelope
        return package(envelope.replace(old, new, 1), ONE)

    return make


ATTACKS: dict[str, tuple[Made, str]] = {
    "an unsigned one": (_signed(ONE, after=_unsign), "EBMS-SIGNATURE-PRESENT"),
    "another payload": (_signed((ONE[0], b"<a>2</a>")), "EBMS-SIGNATURE-DIGEST"),
    "two signatures": (_signed(ONE, after=_again), "EBMS-SIGNATURE-FORM"),
    "a file is signed": (_signed(ONE, after=_uri("file:///x")), "EBMS-SIGNATURE-COVERAGE"),
    "a URL is signed": (_signed(ONE, after=_uri("http://localhost:1/")), "EBMS-SIGNATURE-COVERAGE"),
    "a header for next": (_signed(ONE, after=_twice(ACTOR_NEXT)), "EBMS-ACTOR"),
    "a header for nextMSH": (_signed(ONE, before=_twice(ACTOR_NEXT_MSH)), "EBMS-ACTOR"),
    "a Manifest of a file": (_plain(ONE, before=_href("file:///x")), "EBMS-MANIFEST-HREF"),
    "a Manifest of a URL": (_plain(ONE, before=_href("http://x/")), "EBMS-MANIFEST-HREF"),
    "a part too many": (_plain(ONE, ("two@x", b"x")), "EBMS-MANIFEST-LISTED"),
    "a part too few": (_plain(), "EBMS-MANIFEST-PART"),
    "a part twice": (_plain(ONE, ONE), "EBMS-MIME-FORM"),
    "a thousand parts": (
        _plain(ONE, *((f"{number}@x", b"x") for number in range(1_000))),
        "EBMS-MIME-LIMIT",
    ),
    "a header of five megabytes": (
        _plain(ONE, (f"a>\r\nX-A: {'a' * 5_000_000}", b"x")),
        "EBMS-MIME-LIMIT",
    ),
    "an entity": (_spelled(b"<soap:Envelope", ENTITY + b"<soap:Envelope"), "EBMS-XML"),
    "U+0000": (_spelled(b"<eb:Action>", b"<eb:Action>&#0;"), "EBMS-XML"),
    "a deep one": (_spelled(b"<soap:Body>", b"<soap:Body>" + b"<a>" * 90_000), "EBMS-XML"),
    "a long ConversationId": (_plain(ONE, conversation="c" * 1_025), "EBMS-SCHEMA"),
    "one that is too late": (_plain(ONE, at=_now() - OLD), "EBMS-TIME-TO-LIVE"),
    "one of later": (_plain(ONE, at=_now() + OLD), "EBMS-TIME"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_wrong_is_refused_and_not_kept(target: Target, name: str) -> None:
    make, check = ATTACKS[name]
    message_id = _id()
    answer = target.post(make(target, message_id))
    assert answer.status_code in (200, 500)
    assert f"[{check}]" in answer.text
    assert "errorCode=" in answer.text
    assert not re.search("Action>Acknowledgment<", answer.text)
    assert {row.state for row in target.gateway.came(message_id)} <= {"REFUSED"}


def test_what_is_not_changed_is_taken(target: Target) -> None:
    for two in (target.plain, target.signed):
        message_id = _id()
        answer = target.post(package(message(two, message_id), ONE))
        assert "Action>Acknowledgment<" in answer.text
        (row,) = target.gateway.came(message_id)
        assert row.state == "RECEIVED"
    cut = package(message(target.plain, _id()), ONE, end=b"")
    assert "[EBMS-MIME-FORM]" in target.post(cut).text


def test_of_many_contents_under_one_id_at_once_one_is_kept(target: Target) -> None:
    message_id = _id()
    sent = [
        package(message(target.signed, message_id, conversation=f"c{number}"), ONE)
        for number in range(12)
    ]
    with ThreadPoolExecutor(len(sent)) as pool:
        answers = [answer.text for answer in pool.map(target.post, sent)]
    assert sum("Action>Acknowledgment<" in answer for answer in answers) == 1
    assert sum("[EBMS-ID-REUSED]" in answer for answer in answers) == len(sent) - 1
    assert len(target.gateway.came(message_id)) == 1


# --- Signals that were not asked for --------------------------------------------------------


def acknowledgment(
    two: Pair, about: str, *, of: Pair | None = None, references: Sequence[DigestReference] = ()
) -> Message:
    """Return an acknowledgment under the agreement of ``two``, from the party of ``of``."""
    sender = (two if of is None else of).agency.id
    header = MessageHeader(
        Party((sender,)),
        Party((two.digipoort.id,)),
        two.agreement.cpa_id,
        "c",
        Service(SIGNALS),
        ACKNOWLEDGMENT,
        _id(),
        _now(),
        about,
    )
    said = Acknowledgment(_now(), about, (sender,), tuple(references))
    return Message(header, acknowledgment=said)


def signal(target: Target, said: Message, *, name: str = "agency") -> requests.Response:
    return target.post(octets_of(write_envelope(said)), XML, name=name)


def test_forged_acknowledgments_end_nothing(target: Target) -> None:
    plain, signed, other = target.plain, target.signed, target.other
    ids = [target.gateway.send(two.agreement.cpa_id, AFLEVER) for two in (plain, signed)]
    for each in ids:
        target.gateway.wait_for(each, "WAITING_FOR_ACK")
    by_other = signal(target, acknowledgment(plain, ids[0]), name="vendor-a")
    assert "[EBMS-PEER]" in by_other.text
    as_other = signal(target, acknowledgment(plain, ids[0], of=other), name="vendor-a")
    assert "[EBMS-PARTY]" in as_other.text
    under_another = signal(target, acknowledgment(other, ids[0]), name="vendor-a")
    of_another = signal(target, acknowledgment(plain, ids[1]))
    unknown = signal(target, acknowledgment(plain, _id()))
    for answer in (under_another, of_another, unknown):
        assert (answer.status_code, answer.content) == (204, b"")
    unsigned = signal(target, acknowledgment(signed, ids[1]))
    assert "[EBMS-SIGNATURE-PRESENT]" in unsigned.text
    for each in ids:
        assert target.gateway.went(each).state == "WAITING_FOR_ACK"
    assert signal(target, acknowledgment(plain, ids[0])).status_code == 204
    target.gateway.wait_for(ids[0], "DELIVERED")


def test_an_error_is_never_answered_with_an_error(target: Target) -> None:
    acknowledged = acknowledgment(target.plain, _id())
    header = replace(acknowledged.header, action=MESSAGE_ERROR)
    error = ReportedError(ErrorCode.UNKNOWN, Severity.ERROR, "//Header", "x")
    answer = signal(target, Message(header, errors=(error,)))
    assert (answer.status_code, answer.content) == (204, b"")
    wrong = Message(header, errors=(error,), acknowledgment=acknowledged.acknowledgment)
    answer = signal(target, wrong)
    assert answer.status_code == 500
    assert "Fault>" in answer.text
    assert "Action>MessageError<" not in answer.text
    wait_for(target.gateway.log, lambda log: "EBMS-SIGNAL-FORM" in log, target.gateway.log)
