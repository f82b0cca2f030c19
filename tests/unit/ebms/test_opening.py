"""What is believed of a message, and what is known of one that is refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms import opening
from digipoort_wus.ebms.composing import Ready, business, finish, ping
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_for_signal, terms_to_send
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Message, Payload
from digipoort_wus.ebms.names import ACTOR_NEXT, EB, PING
from digipoort_wus.ebms.opening import Inbound, Opened, Turned, open_message
from digipoort_wus.ebms.quirks import CanonicalForm, Quirks, TransferEncoding
from digipoort_wus.ebms.signals import Kind
from digipoort_wus.ebms.signature import Verified, verify
from digipoort_wus.filing.content import read_content
from digipoort_wus.pki.testpki import TestPki
from tests.ebms_parties import AANLEVEREN, AT, Pair, der, pair

UNIQUE = "5ef1c7c2-5ac5-4f7c-8f9d-0a7d9a2c7b11"
OTHER = "0a7d9a2c-5ac5-4f7c-8f9d-7b115ef1c7c2"
PAYLOADS = (
    Payload("b@example.nl", "application/xml", b"<a>\r\n1</a>"),
    Payload("a@example.nl", "text/plain", b"hello"),
)


def written(
    two: Pair,
    *,
    unique: str = UNIQUE,
    quirks: Quirks | None = None,
    payloads: tuple[Payload, ...] = PAYLOADS,
    change: object = None,
) -> Ready:
    terms = terms_to_send(two.agreement, two.agency.id, AANLEVEREN, "aanleveren", at=AT)
    said = business(terms, message_id="1@a", conversation_id="c", at=AT, payloads=payloads)
    if callable(change):
        said = change(said)
    partner = two.agency.ours.partner(two.agreement.cpa_id)
    return finish(
        said,
        partner if quirks is None else replace(partner, quirks=quirks),
        unique=unique,
        payloads=payloads,
        terms=terms,
        signature=terms.signature,
        signer=two.agency.identity,
    )


def inbound(two: Pair, ready: Ready, octets: bytes | None = None) -> Inbound:
    body = read_content(ready.package.content) if octets is None else octets
    return Inbound(ready.package.content_type, body, two.agency.certificate, AT)


def opened(two: Pair, ready: Ready, octets: bytes | None = None) -> Opened:
    found = open_message(inbound(two, ready, octets), two.digipoort.ours)
    assert isinstance(found, Opened), found.refusal
    return found


def turned(two: Pair, ready: Ready, octets: bytes | None = None) -> Turned:
    found = open_message(inbound(two, ready, octets), two.digipoort.ours)
    assert isinstance(found, Turned)
    return found


@pytest.mark.parametrize("profile", Profile)
def test_repeats_have_one_digest_however_they_are_packed(g1: TestPki, profile: Profile) -> None:
    """Boundary, encryption, encoding and signature may all be made anew."""
    two = pair(g1, profile)
    first = written(two)
    exclusive = Quirks(
        transfer_encoding=TransferEncoding.BASE64, canonicalization=CanonicalForm.EXCLUSIVE
    )
    digests = {
        first.digest,
        opened(two, first).digest,
        opened(two, written(two, unique=OTHER)).digest,
        opened(two, written(two, quirks=exclusive)).digest,
    }
    assert len(digests) == 1


def test_what_differs_has_another_digest(g1: TestPki) -> None:
    two = pair(g1, Profile.BE)
    one = Payload("b@example.nl", "application/xml", b"<a/>")
    digests = [
        opened(two, written(two, payloads=payloads)).digest
        for payloads in (
            (),
            (one,),
            (replace(one, content=b"<b/>"),),
            (replace(one, content_id="c@example.nl"),),
            PAYLOADS,
            tuple(reversed(PAYLOADS)),
        )
    ]
    assert len(set(digests)) == len(digests)


def ordered(message: Message) -> Message:
    header = replace(message.header, duplicate_elimination=not message.header.duplicate_elimination)
    return replace(message, header=header)


def test_what_is_refused_is_held_against_a_certain_sender_only(g1: TestPki) -> None:
    for profile in (Profile.RM, Profile.BE):
        two = pair(g1, profile)
        ready = written(two, change=ordered)
        found = turned(two, ready)
        assert found.refusal.check is checks.EBMS_DUPLICATE_ELIMINATION
        assert (found.certain, found.digest, found.kind) == (True, ready.digest, Kind.BUSINESS)
    for profile in (Profile.RM_S, Profile.BE_E):
        two = pair(g1, profile)
        found = turned(two, written(two, change=ordered))
        assert (found.certain, found.digest) == (False, None)


@pytest.mark.parametrize("profile", [Profile.RM, Profile.RM_S])
def test_what_was_not_agreed_on_at_all_is_held_against_nobody(
    g1: TestPki, profile: Profile
) -> None:
    """Whether it would have been signed is not known, so neither is who said it."""
    two = pair(g1, profile)
    ready = written(two)
    octets = read_content(ready.package.content).replace(b">aanleveren<", b">x<")
    found = turned(two, ready, octets)
    assert found.refusal.check is checks.EBMS_ACTION
    assert (found.terms, found.certain, found.digest) == (None, False, None)
    assert (found.kind, found.header.action, found.at) == (Kind.BUSINESS, "x", AT)


def test_the_digest_of_a_message_is_that_of_when_it_was_refused(g1: TestPki) -> None:
    """Should the same come again when the agreement is mended, it is known."""
    two = pair(g1, Profile.RM)
    ready = written(two)
    octets = read_content(ready.package.content)
    missing = octets.replace(b"<a@example.nl>", b"<c@example.nl>")
    found = turned(two, ready, missing)
    assert found.refusal.check is checks.EBMS_MANIFEST_PART
    assert found.digest is not None
    assert found.digest != ready.digest


@pytest.mark.parametrize("profile", [Profile.RM, Profile.RM_S, Profile.RM_E])
def test_a_second_header_for_somebody_on_the_way_is_refused_and_not_read(
    g1: TestPki, profile: Profile
) -> None:
    """The signature would hold with and without it."""
    two = pair(g1, profile)
    ready = written(two)
    octets = read_content(ready.package.content)
    start = octets.index(b"<eb:MessageHeader")
    end = octets.index(b"</eb:MessageHeader>") + len(b"</eb:MessageHeader>")
    second = octets[start:end].replace(b">aanleveren<", b">verwijderen<")
    second = second.replace(
        b"<eb:MessageHeader", f'<eb:MessageHeader soap:actor="{ACTOR_NEXT}"'.encode(), 1
    )
    for position in (start, end):
        changed = octets[:position] + second + octets[position:]
        found = turned(two, ready, changed)
        assert found.refusal.check is checks.EBMS_ACTOR
        assert found.header == ready.message.header


def test_who_is_no_party_gets_no_signal(g1: TestPki) -> None:
    two = pair(g1, Profile.RM)
    ready = written(two)
    octets = read_content(ready.package.content)
    other = two.agency.id.value.encode()
    cases = (
        (octets.replace(two.agreement.cpa_id.encode(), b"another"), checks.EBMS_CPA),
        (octets.replace(other, b"00000099000000009000"), checks.EBMS_PARTY),
    )
    for changed, check in cases:
        assert changed != octets
        with pytest.raises(EbmsRefusal) as raised:
            open_message(inbound(two, ready, changed), two.digipoort.ours)
        assert raised.value.check is check


def test_the_peer_is_asked_before_anything_is_told(g1: TestPki) -> None:
    """What is wrong with a message is not told to somebody who is not its sender."""
    two = pair(g1, Profile.RM)
    ready = written(two, change=ordered)
    octets = read_content(ready.package.content).replace(b">aanleveren<", b">x<")
    stranger = g1.identities["vendor-a"].certificate
    for body in (read_content(ready.package.content), octets):
        given = replace(inbound(two, ready, body), peer=stranger)
        with pytest.raises(EbmsRefusal) as raised:
            open_message(given, two.digipoort.ours)
        assert raised.value.check is checks.EBMS_PEER
        # Whom the caller names is as good as whom the agreement names, for that agreement.
        named = replace(given, named=(der(g1.identities["vendor-a"]),))
        for cpa_id in ("", "another"):
            with pytest.raises(EbmsRefusal, match="EBMS-PEER"):
                open_message(replace(named, named_by=cpa_id), two.digipoort.ours)
        named = replace(named, named_by=two.agreement.cpa_id)
        assert isinstance(open_message(named, two.digipoort.ours), Turned)


@pytest.mark.parametrize("days", [-2, 366])
def test_an_agreement_that_is_not_in_force(g1: TestPki, days: int) -> None:
    two = pair(g1, Profile.RM_S)
    given = replace(inbound(two, written(two)), at=AT + timedelta(days=days))
    with pytest.raises(EbmsRefusal) as raised:
        open_message(given, two.digipoort.ours)
    assert raised.value.check is checks.EBMS_CPA


def test_a_signal_may_be_signed_and_then_it_is_verified(g1: TestPki) -> None:
    two = pair(g1, Profile.RM_S)
    terms = terms_for_signal(two.agreement, two.agency.id, PING, at=AT)
    ready = finish(
        ping(terms, message_id="1@a", conversation_id="conv", at=AT),
        two.agency.ours.partner(two.agreement.cpa_id),
        unique=UNIQUE,
        signature=terms.signature,
        signer=two.agency.identity,
    )
    found = opened(two, ready)
    assert (found.kind, found.signer is not None) == (Kind.PING, True)
    octets = read_content(ready.package.content).replace(b">conv<", b">other<")
    refused = turned(two, ready, octets)
    assert refused.refusal.check is checks.EBMS_SIGNATURE_DIGEST
    assert refused.kind is Kind.PING


def test_what_was_read_is_what_was_signed(g1: TestPki, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the verifier ever judge another tree than the one that was read, neither counts."""
    two = pair(g1, Profile.RM_S)
    ready = written(two)
    assert opened(two, ready).signer is not None

    def judged(envelope: etree._Element, *rest: Any, **options: Any) -> Verified:
        verified = verify(envelope, *rest, **options)
        (action,) = verified.tree.iter(f"{{{EB}}}Action")
        action.text = "another"
        return verified

    monkeypatch.setattr(opening, "verify", judged)
    refused = turned(two, ready, read_content(ready.package.content))
    assert refused.refusal.check is checks.EBMS_SIGNATURE_COVERAGE


def test_a_header_that_cannot_be_read_is_refused_for_what_is_wrong(g1: TestPki) -> None:
    two = pair(g1, Profile.BE)
    ready = written(two, payloads=())
    octets = read_content(ready.package.content).replace(b"/envelope/", b"/envelop/")
    with pytest.raises(EbmsRefusal) as raised:
        open_message(inbound(two, ready, octets), two.digipoort.ours)
    assert raised.value.check is checks.EBMS_XML


def test_a_header_that_cannot_be_read_is_refused_whatever_the_rest_is(
    g1: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the reader of everything ever take what the reader of the header does not."""
    two = pair(g1, Profile.BE)
    ready = written(two, payloads=())
    octets = read_content(ready.package.content).replace(b":CPAId>", b":CPAID>")
    monkeypatch.setattr(opening, "read_message", lambda *_, **__: None)
    with pytest.raises(EbmsRefusal) as raised:
        open_message(inbound(two, ready, octets), two.digipoort.ours)
    assert raised.value.check is checks.EBMS_SCHEMA


def test_what_has_no_canonical_form_is_neither_believed_nor_remembered(g1: TestPki) -> None:
    """Nothing tells it from another."""

    def strange(two: Pair, ready: Ready) -> bytes:
        octets = read_content(ready.package.content)
        changed = octets.replace(b"<eb:MessageHeader ", b'<eb:MessageHeader xmlns:q="a/b" ')
        assert changed != octets
        return changed

    for profile in (Profile.BE, Profile.RM):
        two = pair(g1, profile)
        ready = written(two)
        with pytest.raises(EbmsRefusal, match="no canonical form") as raised:
            open_message(inbound(two, ready, strange(two, ready)), two.digipoort.ours)
        assert raised.value.check is checks.EBMS_XML
    two = pair(g1, Profile.RM_S)
    ready = written(two)
    found = turned(two, ready, strange(two, ready))
    assert (found.refusal.check, found.certain) == (checks.EBMS_XML, False)
