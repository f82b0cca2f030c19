"""What is written: it asks for what was agreed, and signals go back to who is asked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from digipoort_wus import checks
from digipoort_wus.ebms import names
from digipoort_wus.ebms.composing import (
    acknowledgment,
    business,
    delivery_failure,
    finish,
    message_error,
    ping,
    pong,
    reported,
    status_response,
)
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_for_signal, terms_to_send
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode, Severity
from digipoort_wus.ebms.message import MessageStatus, Payload, Service
from digipoort_wus.ebms.opening import Inbound, Opened, open_message
from digipoort_wus.ebms.quirks import Quirks, SignalRoles
from digipoort_wus.ebms.terms import Agreed, SyncReply, Terms
from digipoort_wus.filing.content import read_content
from digipoort_wus.pki.testpki import TestPki
from tests.ebms_parties import AANLEVEREN, AT, Pair, pair

UNIQUE = "5ef1c7c2-5ac5-4f7c-8f9d-0a7d9a2c7b11"
LATER = AT + timedelta(minutes=1, microseconds=5)


def terms_of(two: Pair) -> Terms:
    return terms_to_send(two.agreement, two.agency.id, AANLEVEREN, "aanleveren", at=AT)


def opened(two: Pair) -> Opened:
    terms = terms_of(two)
    ready = finish(
        business(terms, message_id="1@a", conversation_id="c", at=AT),
        two.agency.ours.partner(two.agreement.cpa_id),
        unique=UNIQUE,
        terms=terms,
        signature=terms.signature,
        signer=two.agency.identity,
    )
    octets = read_content(ready.package.content)
    given = Inbound(ready.package.content_type, octets, two.agency.certificate, AT)
    found = open_message(given, two.digipoort.ours)
    assert isinstance(found, Opened), found.refusal
    return found


@pytest.mark.parametrize("profile", Profile)
def test_each_profile_asks_for_its_own(g1: TestPki, profile: Profile) -> None:
    said = business(
        terms_of(pair(g1, profile)),
        message_id="1@a",
        conversation_id="c",
        at=AT + timedelta(microseconds=7),
        ref_to_message_id="0@a",
        payloads=(Payload("x@y", "text/plain", b""),),
    )
    header = said.header
    assert (header.timestamp, header.ref_to_message_id) == (AT, "0@a")
    assert header.duplicate_elimination == profile.reliable
    assert (said.ack_requested is not None) == profile.reliable
    assert (header.time_to_live is not None) == profile.reliable
    assert said.sync_reply is False
    assert [one.content_id for one in said.manifest] == ["x@y"]
    if said.ack_requested is not None and header.time_to_live is not None:
        assert said.ack_requested.signed == profile.signed
        assert said.ack_requested.actor == names.ACTOR_TO_PARTY
        # Eight retries and the interval behind the last.
        assert header.time_to_live > AT + 9 * timedelta(hours=3)


def test_what_each_message_may_say_is_asked_for(g1: TestPki) -> None:
    either = {
        "ack_requested": Agreed.PER_MESSAGE,
        "ack_signed": Agreed.PER_MESSAGE,
        "duplicate_elimination": Agreed.PER_MESSAGE,
    }
    for profile, signed in ((Profile.BE, False), (Profile.BE_S, True)):
        terms = replace(terms_of(pair(g1, profile)), sync_reply=SyncReply.SIGNALS, **either)  # type: ignore[arg-type]
        said = business(terms, message_id="1@a", conversation_id="c", at=AT)
        assert said.header.duplicate_elimination
        assert said.ack_requested is not None
        assert said.ack_requested.signed is signed
        assert said.sync_reply


@pytest.mark.parametrize("roles", SignalRoles)
def test_signals_go_back_to_who_is_asked(g1: TestPki, roles: SignalRoles) -> None:
    two = pair(g1, Profile.RM_S, quirks=Quirks(signal_roles=roles))
    found = opened(two)
    about, more = found.message.header, {"message_id": "2@d", "at": LATER}
    signals = (
        acknowledgment(found, **more),  # type: ignore[arg-type]
        message_error(about, found.partner, [delivery_failure(certain=True)], **more),  # type: ignore[arg-type]
        pong(found, **more),  # type: ignore[arg-type]
        status_response(found, MessageStatus.RECEIVED, AT, **more),  # type: ignore[arg-type]
    )
    echoed = roles is SignalRoles.ECHOED
    for each in signals:
        header = each.header
        assert (header.sender.ids, header.receiver.ids) == (about.receiver.ids, about.sender.ids)
        assert header.sender.role == ("DIGIPOORT" if echoed else None)
        assert header.receiver.role == ("OVERHEID" if echoed else None)
        assert header.service == Service(names.SIGNALS)
        assert (header.cpa_id, header.conversation_id) == (about.cpa_id, about.conversation_id)
        assert (header.message_id, header.ref_to_message_id) == ("2@d", "1@a")
        assert header.timestamp == LATER.replace(microsecond=0)
        assert (header.duplicate_elimination, each.ack_requested) == (False, None)
    assert [each.header.action for each in signals] == [
        names.ACKNOWLEDGMENT,
        names.MESSAGE_ERROR,
        names.PONG,
        names.STATUS_RESPONSE,
    ]


def test_an_acknowledgment_repeats_the_digests_when_it_is_to_be_signed(g1: TestPki) -> None:
    for profile in (Profile.RM, Profile.RM_S):
        found = opened(pair(g1, profile))
        said = acknowledgment(found, message_id="2@d", at=LATER).acknowledgment
        assert said is not None
        assert said.ref_to_message_id == "1@a"
        assert said.sender == found.message.header.receiver.ids
        assert said.references == found.references
        assert bool(said.references) == profile.signed


def test_how_an_error_is_told() -> None:
    refusal = EbmsRefusal(checks.EBMS_ROLE, at="//x", expected="this", received="that")
    bare, explained = (reported(refusal, explain=explain) for explain in (False, True))
    assert (bare.code, bare.severity, bare.location) == (
        ErrorCode.INCONSISTENT,
        Severity.ERROR,
        "//x",
    )
    assert bare.description == "EBMS-ROLE"
    assert explained.description is not None
    assert "expected: this" in explained.description
    assert delivery_failure(certain=True).severity is Severity.ERROR
    assert delivery_failure(certain=False).severity is Severity.WARNING


def test_a_ping_asks_without_a_role(g1: TestPki) -> None:
    two = pair(g1, Profile.RM_S)
    terms = terms_for_signal(two.agreement, two.agency.id, names.PING, at=AT)
    header = ping(terms, message_id="1@a", conversation_id="c", at=LATER).header
    assert (header.sender.role, header.receiver.role) == (None, None)
    assert (header.service, header.action) == (Service(names.SIGNALS), names.PING)
    assert header.ref_to_message_id is None


def test_the_same_is_the_same_octets(g1: TestPki) -> None:
    """As every attempt has to be; RSA with PKCS#1 v1.5 has nothing that is drawn."""
    two = pair(g1, Profile.RM_S)
    terms = terms_of(two)
    said = business(terms, message_id="1@a", conversation_id="c", at=AT)
    partner = two.agency.ours.partner(two.agreement.cpa_id)
    ready = [
        finish(
            said,
            partner,
            unique=UNIQUE,
            terms=terms,
            signature=terms.signature,
            signer=two.agency.identity,
        )
        for _ in range(2)
    ]
    assert ready[0].envelope == ready[1].envelope
    assert ready[0].package == ready[1].package
