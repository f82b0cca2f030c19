"""Both halves of the handler against each other: what one writes, the other opens."""

from dataclasses import replace
from datetime import timedelta

import pytest

from digipoort_wus.ebms.composing import (
    Ready,
    acknowledgment,
    business,
    finish,
    message_error,
    ping,
    pong,
    reported,
)
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_for_signal, terms_to_send
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import ACKNOWLEDGMENT, PING
from digipoort_wus.ebms.opening import Inbound, Opened, Turned, open_message
from digipoort_wus.ebms.signals import Kind
from digipoort_wus.ebms.signature import same_references
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.filing.content import read_content
from digipoort_wus.pki.testpki import TestPki
from tests.ebms_parties import AANLEVEREN, AT, Pair, Side, pair

UNIQUE = "5ef1c7c2-5ac5-4f7c-8f9d-0a7d9a2c7b11"
PAYLOADS = (
    Payload("one@example.nl", "application/xml; charset=UTF-8", b"<a>\r\n1</a>"),
    Payload("two@example.nl", "application/octet-stream", bytes(range(256)) * 1_000, "b.bin"),
)


def sent(two: Pair, payloads: tuple[Payload, ...] = PAYLOADS) -> Ready:
    terms = terms_to_send(two.agreement, two.agency.id, AANLEVEREN, "aanleveren", at=AT)
    said = business(
        terms,
        message_id="1@agency.example",
        conversation_id="c-1",
        at=AT,
        payloads=payloads,
    )
    signer = None if terms.signature is None else two.agency.identity
    return finish(
        said,
        two.agency.ours.partner(two.agreement.cpa_id),
        unique=UNIQUE,
        payloads=payloads,
        terms=terms,
        signature=terms.signature,
        signer=signer,
    )


def opened(ready: Ready, by: Side, of: Side, *, at: timedelta = timedelta()) -> Opened | Turned:
    octets = read_content(ready.package.content)
    inbound = Inbound(ready.package.content_type, octets, of.certificate, AT + at)
    return open_message(inbound, by.ours)


@pytest.mark.parametrize("sync_reply", [SyncReply.NONE, SyncReply.SIGNALS])
@pytest.mark.parametrize("profile", Profile)
def test_a_message_and_its_acknowledgment(
    g1: TestPki, profile: Profile, sync_reply: SyncReply
) -> None:
    two = pair(g1, profile, sync_reply=sync_reply if profile.reliable else SyncReply.NONE)
    ready = sent(two)
    found = opened(ready, two.digipoort, two.agency)
    assert isinstance(found, Opened), found.refusal
    assert found.kind is Kind.BUSINESS
    assert found.message == ready.message
    assert [(each.content_id, each.media_type) for each in found.payloads] == [
        (each.content_id, each.media_type) for each in PAYLOADS
    ]
    assert [read_content(each.content) for each in found.payloads] == [
        read_content(each.content) for each in PAYLOADS
    ]
    assert found.digest == ready.digest
    assert found.references == ready.references
    assert bool(ready.references) == profile.signed
    asked = found.message.ack_requested
    assert (asked is not None) == profile.reliable
    if asked is None:
        return
    terms = terms_for_signal(two.agreement, two.digipoort.id, ACKNOWLEDGMENT, at=AT)
    answer = finish(
        acknowledgment(found, message_id="2@digipoort.example", at=AT),
        two.digipoort.ours.partner(two.agreement.cpa_id),
        unique=UNIQUE,
        signature=terms.signature if asked.signed else None,
        signer=two.digipoort.identity,
    )
    heard = opened(answer, two.agency, two.digipoort)
    assert isinstance(heard, Opened), heard.refusal
    assert heard.kind is Kind.ACKNOWLEDGMENT
    assert (heard.signer is not None) == profile.signed
    said = heard.message.acknowledgment
    assert said is not None
    same_references(ready.references, said.references)


def test_ping_and_pong(g1: TestPki) -> None:
    two = pair(g1, Profile.RM_S)
    terms = terms_for_signal(two.agreement, two.agency.id, PING, at=AT)
    partner = two.agency.ours.partner(two.agreement.cpa_id)
    asked = finish(
        ping(terms, message_id="1@a", conversation_id="c", at=AT), partner, unique=UNIQUE
    )
    found = opened(asked, two.digipoort, two.agency)
    assert isinstance(found, Opened), found.refusal
    answer = finish(pong(found, message_id="2@d", at=AT), partner, unique=UNIQUE)
    heard = opened(answer, two.agency, two.digipoort)
    assert isinstance(heard, Opened)
    assert heard.kind is Kind.PONG
    assert heard.message.header.ref_to_message_id == "1@a"


def test_an_error_comes_back(g1: TestPki) -> None:
    two = pair(g1, Profile.RM)
    ready = sent(two, payloads=())
    other = replace(ready.message.header, action="bevestigAanleveren")
    partner = two.agency.ours.partner(two.agreement.cpa_id)
    wrong = finish(replace(ready.message, header=other), partner, unique=UNIQUE)
    turned = opened(wrong, two.digipoort, two.agency)
    assert isinstance(turned, Turned)
    assert turned.refusal.check.id == "EBMS-ACTION"
    error = message_error(
        turned.header,
        partner,
        [reported(turned.refusal, explain=True)],
        message_id="2@d",
        at=AT,
    )
    heard = opened(finish(error, partner, unique=UNIQUE), two.agency, two.digipoort)
    assert isinstance(heard, Opened)
    assert heard.kind is Kind.MESSAGE_ERROR
    assert [each.code for each in heard.message.errors] == ["ValueNotRecognized"]
