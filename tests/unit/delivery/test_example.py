"""What the example agency says, and how its misbehaviour can be repeated."""

from dataclasses import replace

import pytest
from lxml import etree

from digipoort_wus.contract.schema import validate
from digipoort_wus.delivery.example import (
    Conduct,
    aflever_response,
    judged,
    offer_id,
    read_arrival,
    report_id,
    return_message,
    verdict_of,
)
from digipoort_wus.delivery.inbox import Taken
from digipoort_wus.delivery.messages import aflever_request, zet_status_request
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.writing import octets_of
from digipoort_wus.names import TYPES
from tests.unit.delivery.filings import BERICHTKENMERK, DOCUMENT, KENMERK, RECEIVED, filing
from tests.unit.delivery.test_inbox import ARRIVAL, NOW

TAKEN = Taken(1, ARRIVAL, NOW, 1, None, None, reported=False, offered=False)


def test_what_was_written_is_read() -> None:
    root = etree.fromstring(b"".join(octets_of(aflever_request(filing()))))
    arrival = read_arrival(
        root, DOCUMENT, sender="gateway", message_id="urn:uuid:1", digest=b"digest"
    )
    assert (arrival.kenmerk, arrival.berichtkenmerk) == (KENMERK, BERICHTKENMERK)
    assert arrival.belanghebbende == Party("001000044B37", "Fi")
    assert (arrival.aanleverkenmerk, arrival.aanleveraar) == ("ref-1", "00000099000000002000")


def test_the_answer_is_the_same_each_time() -> None:
    first, again = (aflever_response(replace(TAKEN, times=times)) for times in (1, 2))
    validate(first)
    assert etree.tostring(first) == etree.tostring(again)
    assert first.findtext(f"{{{TYPES}}}tijdstempelAfgeleverd") == "2026-06-01T12:00:00.005Z"


def test_xml_is_accepted_and_nothing_else() -> None:
    garbage = replace(TAKEN, arrival=replace(ARRIVAL, content=b"no XML"))
    assert judged(TAKEN, Conduct()) == "500"
    assert judged(garbage, Conduct()) == "510"
    assert judged(TAKEN, Conduct(refuse=True)) == "510"


@pytest.mark.parametrize("verdict", ["500", "510"])
def test_a_report_follows_the_schema(verdict: str) -> None:
    report = verdict_of(TAKEN, verdict, RECEIVED)
    root = etree.fromstring(b"".join(octets_of(zet_status_request(report))))
    validate(root)
    assert (report.error is None) == (verdict == "500")
    details = etree.fromstring(report.details or "")
    assert details.findtext("Identification/MessageId") == ARRIVAL.berichtkenmerk
    assert details.findtext("Identification/RefersToMessageId") == ARRIVAL.kenmerk


@pytest.mark.parametrize("verdict", ["500", "510"])
def test_a_message_goes_back_to_who_filed(verdict: str) -> None:
    message = return_message(TAKEN, verdict, RECEIVED)
    assert message.kenmerk == ARRIVAL.kenmerk
    assert message.belanghebbende == ARRIVAL.belanghebbende
    assert message.ontvanger == Party("00000099000000002000", "OIN")
    assert message == return_message(TAKEN, verdict, RECEIVED)
    assert message.berichtkenmerk != ARRIVAL.berichtkenmerk


def test_identifiers_are_stable_and_differ() -> None:
    ids = [make(TAKEN, time) for make in (report_id, offer_id) for time in (1, 2)]
    assert len(set(ids)) == 4
    assert ids[0] == report_id(replace(TAKEN, times=7))


def test_answers_are_lost_as_often_as_told_and_the_same_ones_each_time() -> None:
    def lost(conduct: Conduct) -> list[bool]:
        arrivals = (replace(ARRIVAL, message_id=f"urn:uuid:{index}") for index in range(1000))
        return [conduct.loses(replace(TAKEN, arrival=arrival)) for arrival in arrivals]

    tenth = lost(Conduct(lose_answers=0.1))
    assert 70 < sum(tenth) < 130
    assert lost(Conduct(lose_answers=0.1)) == tenth
    assert lost(Conduct(lose_answers=0.1, seed=2)) != tenth
    assert not any(lost(Conduct()))
    assert all(lost(Conduct(lose_answers=1.0)))


def test_a_lost_answer_is_lost_by_chance_again() -> None:
    conduct = Conduct(lose_answers=0.5)
    assert {conduct.loses(replace(TAKEN, times=times)) for times in range(20)} == {True, False}
