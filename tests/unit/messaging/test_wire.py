"""Whatever the wire does: a message is received once, and its sender learns what is true."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.ebms.composing import acknowledgment, finish
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_for_signal
from digipoort_wus.ebms.errors import ErrorCode
from digipoort_wus.ebms.message import DigestReference
from digipoort_wus.ebms.names import ACKNOWLEDGMENT
from digipoort_wus.ebms.opening import Inbound, Opened, open_message
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.filing.content import read_content
from digipoort_wus.messaging.posting import HttpReply, NoAnswer
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction
from tests.unit.messaging.parties import (
    Hop,
    Two,
    Wire,
    answer_lost,
    answering,
    delivered_but,
    doubled,
    lost,
    passed,
    two_gateways,
)
from tests.unit.store.conftest import House, postgres_house, sqlite_house

INTERVAL = timedelta(hours=3)
BOTH = pytest.mark.parametrize("sync_reply", [SyncReply.NONE, SyncReply.SIGNALS])


@pytest.fixture(params=["sqlite", "postgres"])
def two_houses(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[House, House]:
    """Give the receiver a store of each kind."""
    agency = sqlite_house(tmp_path / "agency")
    if request.param == "sqlite":
        return agency, sqlite_house(tmp_path / "digipoort")
    return agency, postgres_house(
        tmp_path / "payloads", request.getfixturevalue("postgres_database")
    )


@pytest.fixture
def two(g1: TestPki, tmp_path: Path) -> Iterator[Two]:
    with two_gateways(g1, tmp_path) as found:
        yield found


def until_its_end(two: Two, most: int = 20) -> None:
    """Have both work until nothing waits any more, whatever time that takes."""
    for _ in range(most):
        two.wire.run()
        two.time.pass_by(INTERVAL)


def received_once(two: Two) -> None:
    (row,) = two.digipoort.rows(Direction.IN)
    assert row.state == "RECEIVED"
    assert two.digipoort.told() == ["RECEIVED"]


def sent_and_told(two: Two, state: str) -> None:
    (row,) = two.agency.rows(Direction.OUT)
    assert row.state == state
    assert two.agency.told() == [state]


def unsigned(octets: bytes) -> bytes:
    found, number = re.subn(rb"<ds:Signature[ >].*</ds:Signature>", b"", octets, flags=re.DOTALL)
    assert number == 1
    return found


JUNK: dict[str, Hop] = {
    "lost": lost,
    "its answer lost": answer_lost,
    "doubled": doubled,
    "503": answering(503),
    "500": answering(500),
    "429": answering(429),
    "a Server fault": answering(500, b"<x/>", "text/xml"),
    "taken, and 200 with junk": delivered_but(200, b"junk"),
    "200 with junk and nothing taken": answering(200, b"<junk", "text/xml"),
    "204 and nothing taken": answering(204),
    "taken, and 503": delivered_but(503),
}


@BOTH
@pytest.mark.parametrize("name", JUNK)
def test_whatever_happens_to_the_first_attempt(
    g1: TestPki, tmp_path: Path, name: str, sync_reply: SyncReply
) -> None:
    with two_gateways(g1, tmp_path, sync_reply=sync_reply) as two:
        two.wire.hops.append(JUNK[name])
        two.agency.service.send(two.agency.letter(two.pair))
        until_its_end(two)
        received_once(two)
        sent_and_told(two, "DELIVERED")
        sends = {octets for url, octets in two.wire.seen if "digipoort" in url}
        assert len(sends) == 1, "every attempt has the same octets"


def test_an_acknowledgment_that_is_lost_comes_again_the_same(
    g1: TestPki, tmp_path: Path, two_houses: tuple[House, House]
) -> None:
    with two_gateways(g1, tmp_path, houses=two_houses) as two:
        two.wire.hops += [passed, lost, lost, lost, lost, lost]
        two.agency.service.send(two.agency.letter(two.pair))
        for _ in range(5):
            two.wire.run()
            two.time.pass_by(timedelta(minutes=1))
        sent_and_waiting = two.agency.rows(Direction.OUT)[0].state
        assert sent_and_waiting == "WAITING_FOR_ACK"
        two.time.pass_by(INTERVAL)
        two.wire.run()
        received_once(two)
        sent_and_told(two, "DELIVERED")
        answers = {octets for url, octets in two.wire.seen if "agency" in url}
        assert len(answers) == 1


@pytest.mark.parametrize("retries", [0, 1, 8])
def test_attempts_end_as_the_agreement_says(g1: TestPki, tmp_path: Path, retries: int) -> None:
    with two_gateways(g1, tmp_path, retries=retries) as two:
        two.wire.hops += [lost] * 50
        two.agency.service.send(two.agency.letter(two.pair))
        begun = two.time.now
        moments = []
        while two.agency.rows(Direction.OUT)[0].state != "EXPIRED":
            before = len(two.wire.seen)
            two.wire.run()
            if len(two.wire.seen) > before:
                moments.append(two.time.now - begun)
            two.time.pass_by(timedelta(minutes=30))
            assert two.time.now < begun + timedelta(days=10)
        assert moments == [INTERVAL * number for number in range(retries + 1)]
        # An interval is left behind the last, for its answer.
        ended = two.agency.rows(Direction.OUT)[0].settled_at
        assert ended == begun + INTERVAL * (retries + 1)
        sent_and_told(two, "EXPIRED")
        assert two.digipoort.rows() == []


def test_best_effort_is_tried_once(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.BE) as two:
        two.wire.hops.append(answering(503))
        two.agency.service.send(two.agency.letter(two.pair))
        until_its_end(two, 3)
        sent_and_told(two, "FAILED")
        assert len(two.wire.seen) == 1


def test_best_effort_keeps_every_copy(g1: TestPki, tmp_path: Path) -> None:
    """Nobody asked to leave repeats out, and Digikoppeling's receiver should not."""
    with two_gateways(g1, tmp_path, Profile.BE) as two:
        two.wire.hops.append(doubled)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        assert len(two.digipoort.backend.unprocessed()) == 2
        sent_and_told(two, "DELIVERED")


@pytest.mark.parametrize("status", [400, 403, 404, 413, 301, 501])
def test_what_http_will_not_take_has_failed(two: Two, status: int) -> None:
    two.wire.hops.append(answering(status))
    two.agency.service.send(two.agency.letter(two.pair))
    until_its_end(two, 3)
    sent_and_told(two, "FAILED")
    assert len(two.wire.seen) == 1


def test_a_fault_that_blames_the_client_ends_it(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path) as two:
        two.digipoort.service.house.book.remove(two.pair.agreement.cpa_id)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        sent_and_told(two, "FAILED")
        assert two.digipoort.rows() == []


def test_a_late_acknowledgment_flips_nothing(two: Two) -> None:
    kept: list[tuple[str, bytes, str]] = []

    def held(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        kept.append((sender, octets, where))
        raise NoAnswer("held back")

    two.wire.hops += [passed, *[held] * 100]
    two.agency.service.send(two.agency.letter(two.pair))
    until_its_end(two)
    sent_and_told(two, "EXPIRED")
    two.wire.hops.clear()
    sender, octets, where = next(one for one in kept if "agency" in one[2])
    assert passed(two.wire, sender, octets, where).status == 204
    sent_and_told(two, "EXPIRED")
    (row,) = two.agency.rows(Direction.OUT)
    assert row.answered_at is not None, "it is kept, for who asks"


def test_an_acknowledgment_of_something_else_is_refused(two: Two, g1: TestPki) -> None:
    """It is signed, by whom it should be, and repeats the digests of another message."""
    service, kept = two.agency.service, []

    def held(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        kept.append(octets)
        return HttpReply(503)

    first = service.send(two.agency.letter(two.pair))
    two.wire.run()
    other = service.send(two.agency.letter(two.pair))
    two.wire.hops += [passed, held]
    two.wire.run()
    (ack,) = kept
    peer = two.digipoort.side.certificate
    swapped = ack.replace(other.encode(), first.encode())
    assert swapped != ack
    for octets in (swapped, ack.replace(b"<ds:DigestValue>", b"<ds:DigestValue>AAAA", 1)):
        reply = service.receive(Inbound("text/xml", octets, peer, two.time.now))
        assert reply.status == 500
        assert ErrorCode.SECURITY_FAILURE.encode() in reply.body
    states = [row.state for row in two.agency.rows(Direction.OUT)]
    assert states == ["DELIVERED", "WAITING_FOR_ACK"]
    assert service.receive(Inbound("text/xml", ack, peer, two.time.now)).status == 204
    assert two.agency.rows(Direction.OUT)[1].state == "DELIVERED"


def test_a_good_signature_over_the_digests_of_another_message_is_refused(two: Two) -> None:
    """Who acknowledges says what it received: that is what a signed acknowledgment is for."""
    service, digipoort = two.agency.service, two.digipoort
    kept = []

    def held(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        kept.append((octets, where.split("\n")[1]))
        return HttpReply(503)

    two.wire.hops += [held, held]
    for _ in range(2):
        service.send(two.agency.letter(two.pair))
    two.wire.run()
    found = []
    for octets, content_type in kept:
        inbound = Inbound(content_type, octets, two.agency.side.certificate, two.time.now)
        one = open_message(inbound, digipoort.side.ours)
        assert isinstance(one, Opened)
        found.append(one)
    terms = terms_for_signal(two.pair.agreement, digipoort.side.id, ACKNOWLEDGMENT, at=two.time.now)

    def acknowledged(references: tuple[DigestReference, ...]) -> HttpReply:
        about = replace(found[0], references=references)
        ready = finish(
            acknowledgment(about, message_id="forged@digipoort", at=two.time.now),
            found[0].partner,
            unique="5ef1c7c2-5ac5-4f7c-8f9d-0a7d9a2c7b11",
            signature=terms.signature,
            signer=digipoort.side.identity,
        )
        octets = read_content(ready.package.content)
        peer = digipoort.side.certificate
        return service.receive(Inbound("text/xml", octets, peer, two.time.now))

    first, other = found[0].references, found[1].references
    for references in ((), first[:1], other, (*first, other[0])):
        reply = acknowledged(references)
        assert reply.status == 500
        assert b"[EBMS-ACK-REFERENCES]" in reply.body
    assert [row.state for row in two.agency.rows()] == ["WAITING_FOR_ACK"] * 2
    assert acknowledged(first).status == 204
    assert [row.state for row in two.agency.rows()] == ["DELIVERED", "WAITING_FOR_ACK"]


def test_an_unsigned_acknowledgment_of_a_signed_message_is_refused(two: Two) -> None:
    service, kept = two.agency.service, []

    def held(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        kept.append(octets)
        return HttpReply(503)

    service.send(two.agency.letter(two.pair))
    two.wire.hops += [passed, held]
    two.wire.run()
    (ack,) = kept
    octets = unsigned(ack)
    peer = two.digipoort.side.certificate
    reply = service.receive(Inbound("text/xml", octets, peer, two.time.now))
    assert b"EBMS-SIGNATURE-PRESENT" in reply.body
    assert two.agency.rows(Direction.OUT)[0].state == "WAITING_FOR_ACK"


def refused_at(two: Two) -> tuple[bytes, list[str]]:
    """Have a message refused that was spoilt on the way; return the MessageError, and states."""
    service, kept = two.agency.service, []

    def spoilt(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        return passed(wire, sender, octets.replace(b"<a>\r\n1</a>", b"<a>\r\n2</a>"), where)

    def held(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        kept.append(octets)
        return HttpReply(503)

    service.send(two.agency.letter(two.pair))
    two.wire.hops += [spoilt, held]
    two.wire.run()
    (error,) = kept
    peer = two.digipoort.side.certificate
    states = []
    plain = error if b"<ds:Signature" not in error else unsigned(error)
    for octets in (plain, error):
        reply = service.receive(Inbound("text/xml", octets, peer, two.time.now))
        assert reply.status == 204
        states.append(two.agency.rows(Direction.OUT)[0].state)
    return error, states


def test_an_unsigned_error_ends_a_message_unless_errors_are_signed_here(two: Two) -> None:
    error, states = refused_at(two)
    assert b"<ds:Signature" not in error
    assert states == ["FAILED", "FAILED"]


def test_an_unsigned_error_is_only_noted_where_errors_are_signed(
    g1: TestPki, tmp_path: Path
) -> None:
    with two_gateways(g1, tmp_path, quirks={"error_signature": "required"}) as two:
        error, states = refused_at(two)
        assert b"<ds:Signature" in error, "ours are signed"
        assert states == ["WAITING_FOR_ACK", "FAILED"]
        assert two.agency.told() == ["FAILED"]


def test_an_acknowledgment_of_nothing_changes_nothing(two: Two) -> None:
    kept = []

    def held(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        kept.append(octets)
        return HttpReply(503)

    message_id = two.agency.service.send(two.agency.letter(two.pair))
    two.wire.hops += [passed, held]
    two.wire.run()
    # Who sent nothing hears it: both are parties of the agreement.
    octets = kept[0].replace(message_id.encode(), b"never@agency.example")
    octets = unsigned(octets)
    peer = two.digipoort.side.certificate
    reply = two.agency.service.receive(Inbound("text/xml", octets, peer, two.time.now))
    assert reply.status == 204
    assert [row.state for row in two.agency.rows()] == ["WAITING_FOR_ACK"]


@BOTH
def test_another_content_under_a_known_id(
    g1: TestPki, tmp_path: Path, sync_reply: SyncReply
) -> None:
    with two_gateways(g1, tmp_path, Profile.RM, sync_reply=sync_reply) as two:

        def changed(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            passed(wire, sender, octets, where)
            return passed(wire, sender, octets.replace(b"<a>\r\n1</a>", b"<a>\r\n2</a>"), where)

        two.wire.hops.append(changed)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        received_once(two)
        errors = [octets for _, octets in two.wire.seen if b"EBMS-ID-REUSED" in octets]
        assert len(errors) == (1 if sync_reply is SyncReply.NONE else 0)
        # The error says that the message was refused, and whoever sent it is told.
        assert two.agency.rows(Direction.OUT)[0].state == "FAILED"


def test_what_is_refused_for_good_is_refused_again_the_same(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:

        def late(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            wire.time.pass_by(timedelta(days=3))
            for _ in range(2):
                passed(wire, sender, octets, where)
                wire.run()
            wire.time.pass_by(-timedelta(days=3))
            # Its time is not over any more, but it was refused.
            return passed(wire, sender, octets, where)

        two.wire.hops.append(late)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        answers = {octets for url, octets in two.wire.seen if "agency" in url}
        assert len(answers) == 1
        assert b"TimeToLiveExpired" in next(iter(answers))
        (row,) = two.digipoort.rows(Direction.IN)
        assert row.state == "REFUSED"
        assert two.digipoort.backend.get(row.ebms_id).content.envelope is None
        assert two.digipoort.told() == []
        assert two.digipoort.backend.unprocessed() == []
        assert two.agency.rows(Direction.OUT)[0].state == "FAILED"


def test_a_store_that_fails_is_an_answer_that_passes(two: Two) -> None:
    two.agency.service.send(two.agency.letter(two.pair))
    two.digipoort.store.close()
    two.wire.hops.append(passed)
    two.agency.outbox.run_once()
    assert two.agency.rows(Direction.OUT)[0].state == "WAITING_FOR_ACK"
    (attempt,) = two.agency.backend.progress(two.agency.rows()[0].ebms_id).attempts
    assert attempt.outcome == "unreached"


def test_an_agreement_that_is_removed_holds_up_what_waits(two: Two) -> None:
    book, row = two.agency.service.house.book, None
    two.agency.service.send(two.agency.letter(two.pair))
    book.remove(two.pair.agreement.cpa_id)
    two.wire.run()
    (row,) = two.agency.rows()
    assert (row.state, two.wire.seen) == ("WAITING_FOR_ACK", [])
    book.put(two.pair.octets)
    two.time.pass_by(INTERVAL)
    two.wire.run()
    sent_and_told(two, "DELIVERED")
    assert len(two.digipoort.backend.unprocessed()) == 1


def test_a_message_that_lost_a_part_on_the_way_is_taken_when_it_comes_whole(
    g1: TestPki, tmp_path: Path
) -> None:
    """Nobody signed it, so it is certain who sent it; and it is not held against its id."""
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        kept = []

        def torn(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            # The last part is gone, and the package ends well all the same.
            boundary = re.search(rb"--[^\r\n]+", octets)
            assert boundary is not None
            pieces = octets.split(boundary[0])
            kept.append(boundary[0].join([*pieces[:-2], pieces[-1]]))
            reply = passed(wire, sender, kept[0], where)
            assert two.digipoort.rows(Direction.IN) == [], "nothing is remembered of it"
            del reply
            return HttpReply(503)

        def gone(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            return HttpReply(204)

        two.wire.hops += [torn, gone]
        two.agency.service.send(two.agency.letter(two.pair))
        until_its_end(two)
        received_once(two)
        sent_and_told(two, "DELIVERED")
