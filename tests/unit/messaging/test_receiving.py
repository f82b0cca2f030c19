"""What receiving does beside answering: it tells the operator, and signs no more than it has to."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.ebms.composing import acknowledgment
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.message import MessageStatus
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.messaging import receiving
from digipoort_wus.messaging.posting import HttpReply
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction, EbmsId, Quirk
from tests.unit.messaging.parties import Hop, Two, Wire, passed, two_gateways

AT_ONCE: dict[str, Quirk] = {"acknowledgment_path": "synchronous"}
ONCE = b"<eb:DuplicateElimination/>"
HOUR = timedelta(hours=1)


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        getattr(record, "check", "")
        for record in caplog.records
        if getattr(record, "event", "") == "ebms-refused"
    ]


def agree(two: Two, octets: bytes, quirks: dict[str, Quirk] | None = None) -> None:
    """Have both work under a changed agreement."""
    assert octets != two.pair.octets
    for gateway in (two.agency, two.digipoort):
        gateway.service.house.book.put(octets, quirks=quirks or {})


def twice(answers: list[bytes], between: Callable[[], object] = lambda: None) -> Hop:
    """Pass a message on two times, with something in between."""

    def hop(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        reply = passed(wire, sender, octets, where)
        between()
        answers.extend((reply.body, passed(wire, sender, octets, where).body))
        return reply

    return hop


def without_elimination(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
    assert octets.count(ONCE) == 1
    return passed(wire, sender, octets.replace(ONCE, b""), where)


def test_the_operator_is_told_what_was_too_late(
    g1: TestPki, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:

        def late(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            wire.time.pass_by(timedelta(days=3))
            return passed(wire, sender, octets, where)

        two.wire.hops.append(late)
        two.agency.service.send(two.agency.letter(two.pair))
        with caplog.at_level(logging.WARNING):
            two.wire.run()
        assert refusals(caplog) == ["EBMS-TIME-TO-LIVE"]


def test_the_operator_is_told_of_an_id_for_something_else(
    g1: TestPki, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:

        def changed(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            passed(wire, sender, octets, where)
            return passed(wire, sender, octets.replace(b"<a>\r\n1</a>", b"<a>\r\n2</a>"), where)

        two.wire.hops.append(changed)
        two.agency.service.send(two.agency.letter(two.pair))
        with caplog.at_level(logging.WARNING):
            two.wire.run()
        assert refusals(caplog) == ["EBMS-ID-REUSED"]


def test_a_repeat_gets_the_first_answer_and_nothing_is_signed_for_it(
    g1: TestPki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_gateways(g1, tmp_path, quirks=AT_ONCE) as two:
        answers: list[bytes] = []

        def twice(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            answers.append(passed(wire, sender, octets, where).body)
            monkeypatch.delattr(receiving, "acknowledgment")
            reply = passed(wire, sender, octets, where)
            answers.append(reply.body)
            return reply

        two.wire.hops.append(twice)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        assert b"Acknowledgment" in answers[0]
        assert answers[0] == answers[1]
        (row,) = two.digipoort.rows(Direction.IN)
        assert row.state == "RECEIVED"
        assert two.agency.rows()[0].state == "DELIVERED"


@pytest.mark.parametrize("quirks", [AT_ONCE, {}])
def test_a_copy_that_is_not_left_out_has_an_acknowledgment_of_its_own(
    g1: TestPki, tmp_path: Path, quirks: dict[str, Quirk]
) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        old, new = (b'duplicateElimination="' + word for word in (b"always", b"never"))
        agree(two, two.pair.octets.replace(old, new), quirks)
        answers: list[bytes] = []
        two.wire.hops.append(twice(answers))
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        if quirks:
            assert all(b"Acknowledgment" in answer for answer in answers)
            assert answers[0] != answers[1]
        else:
            sent = [octets for _, octets in two.wire.seen if b"Acknowledgment" in octets]
            assert len(set(sent)) == 2
        rows = two.digipoort.rows(Direction.IN)
        assert [row.state for row in rows] == ["RECEIVED", "RECEIVED"]
        progress = [two.digipoort.backend.progress(row.ebms_id) for row in rows]
        assert len({each.answer.message_id for each in progress if each.answer}) == 2


@pytest.mark.parametrize("word", [b"always", b"never"])
def test_only_a_copy_that_is_left_out_may_be_late(
    g1: TestPki, tmp_path: Path, caplog: pytest.LogCaptureFixture, word: bytes
) -> None:
    """What is not left out is a message like any other, and its time is over."""
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        octets = two.pair.octets.replace(
            b'duplicateElimination="always', b'duplicateElimination="' + word
        )
        for gateway in (two.agency, two.digipoort):
            gateway.service.house.book.put(octets, quirks=AT_ONCE)
        answers: list[bytes] = []
        two.wire.hops.append(twice(answers, lambda: two.time.pass_by(timedelta(days=3))))
        two.agency.service.send(two.agency.letter(two.pair))
        with caplog.at_level(logging.WARNING):
            two.wire.run()
        # Its sender has the answer of when it came in time.
        assert b"Acknowledgment" in answers[0]
        assert answers[0] == answers[1]
        assert refusals(caplog) == ([] if word == b"always" else ["EBMS-TIME-TO-LIVE"])
        assert len(two.digipoort.backend.unprocessed()) == 1


@pytest.mark.parametrize(
    ("left", "signed"),
    [(HOUR + timedelta(milliseconds=1), 1), (HOUR, 2), (timedelta(minutes=1), 2)],
)
def test_a_repeat_of_what_is_soon_forgotten_is_acknowledged_anew(
    g1: TestPki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: timedelta, signed: int
) -> None:
    """Were it forgotten a moment before it is looked up to be answered, there would be none."""
    made: list[str] = []

    def counted(*given: object, **named: object) -> object:
        made.append("one")
        return acknowledgment(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(receiving, "acknowledgment", counted)
    with two_gateways(g1, tmp_path, Profile.RM, quirks=AT_ONCE) as two:

        def wait() -> None:
            (row,) = two.digipoort.rows(Direction.IN)
            two.time.now = row.head.persist_until - left

        answers: list[bytes] = []
        two.wire.hops.append(twice(answers, wait))
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        assert len(made) == signed
        # While it is there, the first answer counts all the same.
        assert b"Acknowledgment" in answers[0]
        assert answers[0] == answers[1]


@pytest.mark.parametrize(("hop", "state"), [(passed, "RECEIVED"), (without_elimination, "REFUSED")])
def test_who_listens_is_told_of_what_comes(
    g1: TestPki, tmp_path: Path, hop: Hop, state: str
) -> None:
    """Nothing else wakes the desks of Digipoort."""
    with two_gateways(g1, tmp_path, Profile.RM, quirks=AT_ONCE) as two:
        changed: list[EbmsId] = []
        two.digipoort.service.on_change(changed.append)
        two.wire.hops.append(hop)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        (row,) = two.digipoort.rows(Direction.IN)
        assert (row.state, changed) == (state, [row.ebms_id])


def test_of_a_message_that_was_refused_no_time_is_told(g1: TestPki, tmp_path: Path) -> None:
    """It has none: it was not received (ebMS 2.0 §7.1.2)."""
    with two_gateways(g1, tmp_path, Profile.RM, quirks=AT_ONCE) as two:
        two.wire.hops += [without_elimination, passed]
        for _ in range(2):
            two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        refused, received = two.agency.rows(Direction.OUT)
        answer = two.agency.service.ask_status(refused.ebms_id).result(5)
        assert answer is not None
        assert (answer.status, answer.timestamp) == (MessageStatus.NOT_RECOGNIZED, None)
        answer = two.agency.service.ask_status(received.ebms_id).result(5)
        assert answer is not None
        assert (answer.status, answer.timestamp is None) == (MessageStatus.RECEIVED, False)


BACK = (b"A_R1.1", b"B_S1.1", b"A_R2.1", b"B_S2.1")
"""What the agency gets; the names are of who makes the agreement."""
CONFIRMED = (b"A_S2.1", b"B_R2.1")


def in_two_modes(octets: bytes, mode: bytes, others: tuple[bytes, ...], theirs: bytes) -> bytes:
    """Return an agreement in which some actions have another mode than the rest."""
    for side in (b"A", b"B"):
        found = re.search(
            rb'<tns:DeliveryChannel tns:channelId="%s_Messages".*?</tns:DeliveryChannel>' % side,
            octets,
            re.DOTALL,
        )
        assert found is not None
        one, other = (
            re.sub(rb'syncReplyMode="\w+"', b'syncReplyMode="%s"' % each, found[0])
            for each in (mode, theirs)
        )
        octets = octets.replace(found[0], one + other.replace(b"_Messages", b"_Others", 1))
    for action in others:
        channel = rb'(tns:id="%s".*?<tns:ChannelId>%s)_Messages' % (re.escape(action), action[:1])
        octets, number = re.subn(channel, rb"\1_Others", octets, count=1, flags=re.DOTALL)
        assert number == 1
    return octets


@pytest.mark.parametrize(
    ("mode", "others", "theirs", "status"),
    [
        (b"mshSignalsOnly", BACK, b"none", 200),
        (b"none", BACK, b"mshSignalsOnly", 204),
        # It may have been either of the two.
        (b"mshSignalsOnly", CONFIRMED, b"none", 204),
        (b"none", CONFIRMED, b"mshSignalsOnly", 204),
    ],
)
def test_an_error_about_an_action_that_there_is_not_goes_the_way_of_its_sender(
    g1: TestPki,
    tmp_path: Path,
    mode: bytes,
    others: tuple[bytes, ...],
    theirs: bytes,
    status: int,
) -> None:
    """How the other party gets its signals says nothing of it."""
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        agree(two, in_two_modes(two.pair.octets, mode, others, theirs))
        replies: list[HttpReply] = []

        def changed(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            replies.append(passed(wire, sender, octets.replace(b">aanleveren<", b">x<"), where))
            return replies[0]

        two.wire.hops.append(changed)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        assert (replies[0].status, b"ErrorList" in replies[0].body) == (status, status == 200)
        assert two.agency.rows()[0].state == "FAILED"


@pytest.mark.parametrize("sync_reply", [SyncReply.NONE, SyncReply.SIGNALS])
@pytest.mark.parametrize("old", [b">aanleveren<", b"<eb:DuplicateElimination/>"])
def test_an_error_goes_the_way_that_was_agreed(
    g1: TestPki, tmp_path: Path, sync_reply: SyncReply, old: bytes
) -> None:
    """Also where it is not known which action the message was of."""
    with two_gateways(g1, tmp_path, Profile.RM, sync_reply=sync_reply) as two:
        replies: list[HttpReply] = []

        def changed(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            assert octets.count(old) == 1
            new = b">x<" if b">" in old[:1] else b""
            replies.append(passed(wire, sender, octets.replace(old, new), where))
            return replies[0]

        two.wire.hops.append(changed)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        back = sync_reply is SyncReply.SIGNALS
        assert (replies[0].status, b"ErrorList" in replies[0].body) == (200 if back else 204, back)
        assert two.agency.rows()[0].state == "FAILED"
