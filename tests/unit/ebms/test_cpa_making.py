"""Agreements are made as the profiles say, the same each time, and fit to be used."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from lxml import etree

from digipoort_wus.ebms.cpa import Persistence, exchanges
from digipoort_wus.ebms.cpa_making import make_agreement
from digipoort_wus.ebms.cpa_plan import (
    Credentials,
    Plan,
    Profile,
    ServicePlan,
    cpa_id_of,
    persist_of,
    profile_of,
)
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.cpa_terms import terms_of
from digipoort_wus.ebms.message import PartyId, Service
from digipoort_wus.ebms.names import CPA
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.errors import ConfigurationError
from tests.messages import NOW
from tests.unit.ebms.agreements import made, plan


@pytest.mark.parametrize("profile", Profile)
def test_every_action_of_an_agreement_is_of_its_profile(profile: Profile) -> None:
    agreement = read_agreement(made(profile))
    found = [profile_of(terms_of(agreement, each)) for each in exchanges(agreement)]
    assert found == [profile] * 4


@pytest.mark.parametrize("profile", Profile)
def test_characteristics_are_those_of_the_profile(profile: Profile) -> None:
    for each in exchanges(read_agreement(made(profile))):
        business = each.sent.business
        lasting = Persistence.BOTH if profile.signed else Persistence.TRANSIENT
        assert {business.authenticated, business.tamper_proof} == {lasting}
        assert {business.non_repudiation, business.receipt} == {profile.signed}
        wanted = Persistence.BOTH if profile.encrypted else Persistence.TRANSIENT
        assert business.confidential is wanted
        assert business.authorization


def test_digipoort_has_two_services_each_way() -> None:
    found = [
        (each.role, each.receiver_role, each.service.value, each.sent.action)
        for each in exchanges(read_agreement(made()))
    ]
    submitting, delivering = "osb:aanleveren:1.1$1.0", "osb:afleveren:1.1$1.0"
    assert found == [
        ("OVERHEID", "DIGIPOORT", submitting, "aanleveren"),
        ("OVERHEID", "DIGIPOORT", delivering, "bevestigAfleveren"),
        ("DIGIPOORT", "OVERHEID", submitting, "bevestigAanleveren"),
        ("DIGIPOORT", "OVERHEID", delivering, "afleveren"),
    ]


def test_the_same_plan_makes_the_same_octets() -> None:
    assert make_agreement(plan(), at=NOW) == make_agreement(plan(), at=NOW + timedelta(days=1))
    assert make_agreement(plan(), at=NOW)[0] == made()
    assert made().startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n")
    # Every attribute is of a namespace, as the schema has it.
    names = {str(name) for each in etree.fromstring(made()).iter() for name in each.attrib}
    assert {name.startswith("{") for name in names} == {True}


@pytest.mark.parametrize(
    "changes",
    [
        {"profile": Profile.RM},
        {"end": NOW + timedelta(days=364)},
        {"retries": 7},
        {"services": (ServicePlan(Service("osb:aanleveren:1.1$1.0", "x"), ("a",)),)},
    ],
)
def test_another_plan_has_another_id(changes: dict[str, Any]) -> None:
    assert cpa_id_of(plan(**changes)) != cpa_id_of(plan())


def test_an_id_is_made_of_plain_characters() -> None:
    first, second = plan().parties
    named = replace(plan(), parties=(replace(first, name="Gemeente 's-Gravenhage/é"), second))
    assert cpa_id_of(named).startswith("osb-aanleveren-1.1-1.0_Gemeente--s-Gravenhage--_Gateway_")
    assert cpa_id_of(replace(named, cpa_id="mine")) == "mine"


@pytest.mark.parametrize(
    ("retries", "interval", "expected"),
    [
        # What the best practices name fits in no day.
        (8, timedelta(hours=3), timedelta(days=2)),
        (7, timedelta(hours=3), timedelta(days=2)),
        (6, timedelta(hours=3), timedelta(days=1)),
        (0, timedelta(), timedelta(days=1)),
    ],
)
def test_a_message_is_kept_longer_than_it_is_tried(
    retries: int, interval: timedelta, expected: timedelta
) -> None:
    assert persist_of(retries, interval) == expected
    assert persist_of(retries, interval) > (retries + 1) * interval


def test_numbers_of_the_plan_are_in_the_agreement() -> None:
    planned = plan(
        Profile.RM_S, retries=2, interval=timedelta(minutes=5), sync_reply=SyncReply.SIGNALS
    )
    octets, warnings = make_agreement(planned, at=NOW)
    assert warnings == ()
    for each in exchanges(read_agreement(octets)):
        found = terms_of(read_agreement(octets), each)
        assert found.reliability is not None
        assert (found.reliability.retries, found.reliability.interval) == (
            2,
            timedelta(minutes=5),
        )
        assert (found.persist, found.sync_reply) == (timedelta(days=1), SyncReply.SIGNALS)
    short = replace(planned, persist=timedelta(minutes=15))
    _, warnings = make_agreement(short, at=NOW)
    assert {each.kind.id for each in warnings} == {"CPA-PERSIST"}


def test_times_are_written_in_utc() -> None:
    moved = plan(start=NOW.astimezone(timezone(timedelta(hours=2))))
    assert read_agreement(make_agreement(moved, at=NOW)[0]).start == NOW


def test_what_is_not_needed_is_left_out() -> None:
    first, second = plan().parties
    bare = Credentials(first.credentials.client, first.credentials.server)
    parties = (replace(first, credentials=bare), replace(second, credentials=bare))
    octets, _ = make_agreement(plan(Profile.BE, parties=parties), at=NOW)
    root = etree.fromstring(octets)
    names = {etree.QName(each).localname for each in root.iter(f"{{{CPA}}}*")}
    assert names.isdisjoint(
        {"ReliableMessaging", "PersistDuration", "SenderNonRepudiation", "SecurityDetails"}
    )
    assert len(list(root.iter(f"{{{CPA}}}Certificate"))) == 4


def test_one_way_services_and_untyped_parties_can_be_made() -> None:
    first, second = plan().parties
    service = ServicePlan(Service("urn:stock:1"), ("report",))
    parties = (replace(first, id=PartyId("urn:org:a")), second)
    octets, warnings = make_agreement(plan(parties=parties, services=(service,)), at=NOW)
    agreement = read_agreement(octets)
    (only,) = exchanges(agreement)
    assert (only.service, only.sender.ids) == (Service("urn:stock:1"), (PartyId("urn:org:a"),))
    assert {each.kind.id for each in warnings} == {"CPA-PARTY-TYPE"}


def no_signing(planned: Plan) -> Plan:
    first, second = planned.parties
    return replace(
        planned,
        parties=(first, replace(second, credentials=replace(second.credentials, signing=None))),
    )


def no_encryption(planned: Plan) -> Plan:
    first, second = planned.parties
    held = replace(first.credentials, encryption=None)
    return replace(planned, parties=(replace(first, credentials=held), second))


def one_role(planned: Plan) -> Plan:
    first, second = planned.parties
    return replace(planned, parties=(first, replace(second, role=first.role)))


def plain_http(planned: Plan) -> Plan:
    first, second = planned.parties
    return replace(planned, parties=(first, replace(second, url="http://localhost/")))


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        (lambda: no_signing(plan()), "osb-rm-e signs: give a certificate for it of Gateway"),
        (
            lambda: no_encryption(plan()),
            "osb-rm-e encrypts payloads: give a certificate for it of Agency",
        ),
        (lambda: one_role(plan()), "Both parties are 'OVERHEID'"),
        (lambda: plan(services=(ServicePlan(Service("urn:x")),)), "No action is planned"),
        (
            lambda: plan(sync_reply=SyncReply.RESPONSE),
            "Profiles know the reply modes none and mshSignalsOnly",
        ),
        (lambda: plan(interval=timedelta()), "The interval is no whole number of seconds"),
        (lambda: plan(persist=timedelta(seconds=1.5)), "The persist is no whole number"),
        (lambda: plan(cpa_id="a\x00b"), "A name, URL or service of the plan holds control"),
        (lambda: plan(end=NOW), "This would be no CPA to use: [CPA-PERIOD]"),
        (lambda: plain_http(plan()), "This would be no CPA to use: [CPA-URL]"),
        (
            lambda: plan(services=(ServicePlan(Service("urn:x"), ("a", "a")),)),
            "This would be no CPA to use: [CPA-ACTION-TWICE]",
        ),
    ],
)
def test_a_plan_that_cannot_be_used_is_refused(planned: Callable[[], Plan], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_agreement(planned(), at=NOW)
    assert str(caught.value).startswith(told)
