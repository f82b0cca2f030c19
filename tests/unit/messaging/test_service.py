"""What the message service does beside plain exchange: questions, resending, giving up."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_to_send
from digipoort_wus.ebms.message import MessageStatus, Service
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.ebms.reliability import Impossible
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import read_content
from digipoort_wus.messaging.outbox import Outbox
from digipoort_wus.messaging.posting import HttpReply, NoAnswer
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction, EbmsId, EbmsWanted, Quirk
from digipoort_wus.store.ports import Transaction
from tests.ebms_parties import AANLEVEREN, AT
from tests.unit.messaging.parties import Two, Wire, answering, lost, passed, two_gateways
from tests.unit.store.samples import until


@pytest.fixture
def two(g1: TestPki, tmp_path: Path) -> Iterator[Two]:
    with two_gateways(g1, tmp_path) as found:
        yield found


# --- Questions ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["asynchronous", "synchronous"])
def test_a_ping_is_answered(g1: TestPki, tmp_path: Path, path: str) -> None:
    quirks: dict[str, Quirk] = {"acknowledgment_path": path}
    with two_gateways(g1, tmp_path, quirks=quirks) as two:
        asked = two.agency.service.ping(two.pair.agreement.cpa_id, two.agency.side.id)
        assert asked.result(0) is None
        assert len(two.wire.seen) == (2 if path == "asynchronous" else 1)
        assert [one.rows() for one in (two.agency, two.digipoort)] == [[], []]


@pytest.mark.parametrize("hop", [lost, answering(503), answering(404)])
def test_a_ping_that_nobody_takes(two: Two, hop: object) -> None:
    two.wire.hops.append(hop)  # type: ignore[arg-type]
    asked = two.agency.service.ping(two.pair.agreement.cpa_id, two.agency.side.id)
    with pytest.raises(NoAnswer):
        asked.result(0)


@pytest.mark.parametrize("path", ["asynchronous", "synchronous"])
def test_a_ping_that_is_refused(g1: TestPki, tmp_path: Path, path: str) -> None:
    """Whoever waits is told so, and does not wait until its time is over."""

    def changed(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        more = b'<eb:AckRequested eb:version="2.0" soap:mustUnderstand="1" eb:signed="false"/>'
        return passed(
            wire, sender, octets.replace(b"</soap:Header>", more + b"</soap:Header>"), where
        )

    quirks: dict[str, Quirk] = {"acknowledgment_path": path}
    with two_gateways(g1, tmp_path, Profile.RM, quirks=quirks) as two:
        two.wire.hops.append(changed)
        asked = two.agency.service.ping(two.pair.agreement.cpa_id, two.agency.side.id)
        with pytest.raises(NoAnswer, match="refuses the question: 'Inconsistent'"):
            asked.result(0)


def test_the_status_of_a_message(two: Two) -> None:
    two.agency.service.send(two.agency.letter(two.pair))
    (row,) = two.agency.rows()

    def status() -> tuple[MessageStatus, bool]:
        found = two.agency.service.ask_status(row.ebms_id).result(0)
        assert found is not None
        assert found.ref_to_message_id == row.head.key.message_id
        return found.status, found.timestamp is not None

    assert status() == (MessageStatus.NOT_RECOGNIZED, False)
    two.wire.run()
    assert status() == (MessageStatus.RECEIVED, True)
    two.digipoort.backend.mark_processed([two.digipoort.rows()[0].ebms_id])
    assert status() == (MessageStatus.PROCESSED, True)
    # Of a message that it did not send itself, nobody is told anything.
    with pytest.raises(KeyError):
        two.digipoort.service.ask_status(two.digipoort.rows()[0].ebms_id)


def test_who_may_not_ask(two: Two) -> None:
    with pytest.raises(ConfigurationError, match="no usable CPA"):
        two.agency.service.ping("another", two.agency.side.id)
    with pytest.raises(ConfigurationError, match="no party of this gateway"):
        two.agency.service.ping(two.pair.agreement.cpa_id, two.digipoort.side.id)


# --- Sending --------------------------------------------------------------------------


def test_what_was_not_agreed_is_not_kept(two: Two) -> None:
    letter = two.agency.letter(two.pair)
    wrong = (
        replace(letter, cpa_id="another"),
        replace(letter, sender=two.digipoort.side.id),
        replace(letter, service=Service("x")),
        replace(letter, action="x"),
        replace(letter, payloads=(letter.payloads[0], letter.payloads[0])),
        replace(letter, payloads=(replace(letter.payloads[0], media_type="x"),)),
    )
    for one in wrong:
        with pytest.raises(ConfigurationError):
            two.agency.service.send(one)
    assert two.agency.rows() == []


def test_a_message_is_kept_with_what_the_caller_keeps(two: Two) -> None:
    letter = two.agency.letter(two.pair, "one@agency.example")
    service = two.agency.service
    with service.compose(letter) as composed:

        def fails(transaction: Transaction) -> None:
            composed.keep(transaction)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            service.write(fails)
    assert two.agency.rows() == []
    seen: list[EbmsId] = []
    service.on_change(seen.append)
    with service.compose(letter) as composed:
        kept = service.write(composed.keep)
    assert seen == [kept]
    assert [row.ebms_id for row in two.agency.rows()] == [kept]


def test_large_payloads_of_what_is_not_kept_leave_no_file(two: Two) -> None:
    letter = two.agency.letter(two.pair, "one@agency.example")
    large = replace(letter.payloads[0], content=bytes(300_000))
    for _ in range(2):
        two.agency.service.send(replace(letter, payloads=(large,)))
    until(lambda: len(two.agency.house.files()) == 1)
    for _ in range(2):
        two.wire.run()
        two.time.pass_by(timedelta(hours=3))
    (row,) = two.digipoort.backend.unprocessed()
    (part,) = two.digipoort.backend.get(row.ebms_id).content.parts
    assert read_content(part.content) == bytes(300_000)


def test_a_message_is_sent_again_as_a_new_one(two: Two) -> None:
    first = two.agency.service.send(two.agency.letter(two.pair))
    two.wire.run()
    (row,) = two.agency.rows()
    second = two.agency.service.resend(row.ebms_id)
    two.wire.run()
    assert first != second
    came = two.digipoort.backend.unprocessed()
    assert [each.head.key.message_id for each in came] == [first, second]
    held = [two.digipoort.backend.get(each.ebms_id).content.parts for each in came]
    read = [[(one.content_id, read_content(one.content)) for one in parts] for parts in held]
    assert read[0] == read[1]
    with pytest.raises(KeyError):
        two.digipoort.service.resend(came[0].ebms_id)


def test_encrypted_payloads_cannot_be_sent_again(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM_E) as two:
        two.agency.service.send(two.agency.letter(two.pair))
        with pytest.raises(ConfigurationError, match="encrypted"):
            two.agency.service.resend(two.agency.rows()[0].ebms_id)


def test_the_attempts_are_kept_with_their_url(two: Two) -> None:
    two.wire.hops.append(answering(503))
    two.agency.service.send(two.agency.letter(two.pair))
    two.wire.run()
    two.time.pass_by(timedelta(hours=3))
    two.wire.run()
    progress = two.agency.backend.progress(two.agency.rows()[0].ebms_id)
    assert [(one.outcome, one.status, one.url) for one in progress.attempts] == [
        ("unreached", 503, "https://digipoort.invalid/ebms"),
        ("accepted", 204, "https://digipoort.invalid/ebms"),
    ]
    assert [event.kind for event in progress.events] == ["DELIVERED"]
    assert progress.answer is not None
    assert b"Acknowledgment" in progress.answer.octets


# --- What the application does --------------------------------------------------------


def test_a_message_that_is_given_up_is_told_to_its_sender(two: Two) -> None:
    two.agency.service.send(two.agency.letter(two.pair))
    two.wire.run()
    (came,) = two.digipoort.backend.unprocessed()
    assert two.digipoort.backend.give_up(came.ebms_id)
    assert not two.digipoort.backend.give_up(came.ebms_id)
    assert two.digipoort.backend.unprocessed() == []
    two.wire.run()
    assert b"DeliveryFailure" in two.wire.seen[-1][1]
    (notification,) = two.digipoort.rows(Direction.OUT)
    assert (notification.state, notification.head.action) == ("DELIVERED", "MessageError")
    # It was acknowledged, which was true: it had been received and stored.
    assert two.agency.rows()[0].state == "DELIVERED"
    with pytest.raises(Impossible):
        two.digipoort.backend.mark_processed([came.ebms_id])


def test_what_the_application_has_is_not_given_up(two: Two) -> None:
    two.agency.service.send(two.agency.letter(two.pair))
    two.wire.run()
    (came,) = two.digipoort.backend.unprocessed()
    assert two.digipoort.backend.mark_processed([came.ebms_id]) == 1
    with pytest.raises(Impossible):
        two.digipoort.backend.give_up(came.ebms_id)
    assert two.digipoort.rows(Direction.OUT) == []
    with pytest.raises(KeyError):
        two.agency.backend.give_up(two.agency.rows()[0].ebms_id)


def test_messages_are_found_by_what_they_are(two: Two) -> None:
    for _ in range(3):
        two.agency.service.send(two.agency.letter(two.pair))
    two.wire.run()
    backend = two.digipoort.backend
    assert len(backend.unprocessed(EbmsWanted(action="aanleveren", limit=2))) == 2
    assert backend.unprocessed(EbmsWanted(action="afleveren")) == []
    assert len(backend.messages(EbmsWanted(conversation_id="conversation-1"))) == 3


def test_a_listener_that_fails_harms_nobody(two: Two, caplog: pytest.LogCaptureFixture) -> None:
    def fails(ebms_id: EbmsId) -> None:
        raise ZeroDivisionError

    two.digipoort.service.on_change(fails)
    two.agency.service.send(two.agency.letter(two.pair))
    with caplog.at_level(logging.ERROR):
        two.wire.run()
    assert two.agency.rows()[0].state == "DELIVERED"
    events = [getattr(record, "event", "") for record in caplog.records]
    assert "ebms-listener-failed" in events


# --- Ways of a partner ----------------------------------------------------------------

WAYS = {
    "prefixes": ({"prefix_soap": "SOAP-ENV", "prefix_eb": "e"}, b"<SOAP-ENV:Envelope"),
    "base64": ({"transfer_encoding": "base64"}, b"Content-Transfer-Encoding: base64"),
    "roles on signals": ({"signal_roles": "echoed"}, b"<eb:Role>"),
    "signals in packages": ({"signal_package": "multipart"}, b"multipart"),
    "exclusive": ({"canonicalization": "exclusive"}, b"http://www.w3.org/2001/10/xml-exc-c14n#"),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_partner_with_its_own_ways(g1: TestPki, tmp_path: Path, name: str) -> None:
    quirks, sign = WAYS[name]
    with two_gateways(g1, tmp_path, quirks=dict(quirks)) as two:
        two.wire.hops.append(lost)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        two.time.pass_by(timedelta(hours=3))
        two.wire.run()
        assert two.agency.rows()[0].state == "DELIVERED"
        sent = [octets for url, octets in two.wire.seen if "digipoort" in url]
        assert sent[0] == sent[1], "the way does not change what is sent again"
        kept = two.digipoort.backend.progress(two.digipoort.rows()[0].ebms_id).answer
        assert kept is not None
        assert any(sign in one for one in (sent[0], kept.octets, kept.content_type.encode()))


def test_what_is_sent_again_stays_the_same_when_the_ways_change(two: Two) -> None:
    two.wire.hops.append(lost)
    two.agency.service.send(two.agency.letter(two.pair))
    two.wire.run()
    book = two.agency.service.house.book
    book.put(two.pair.octets, quirks={"transfer_encoding": "base64", "prefix_eb": "x"})
    two.time.pass_by(timedelta(hours=3))
    two.wire.run()
    first, second = (octets for url, octets in two.wire.seen if "digipoort" in url)
    assert first == second
    assert two.agency.rows()[0].state == "DELIVERED"


# --- Answers that are not to be believed ----------------------------------------------


def test_an_answer_of_somebody_else_is_not_believed(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, sync_reply=SyncReply.SIGNALS) as two:

        def swapped(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            reply = passed(wire, sender, octets, where)
            return replace(reply, peer=g1.identities["vendor-a"].certificate)

        two.wire.hops.append(swapped)
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        assert two.agency.rows()[0].state == "WAITING_FOR_ACK"


def test_a_partner_does_not_answer_in_the_name_of_another(g1: TestPki, tmp_path: Path) -> None:
    """The certificate that its CPA names for its server is worth nothing under another CPA."""
    with two_gateways(g1, tmp_path, Profile.RM, sync_reply=SyncReply.SIGNALS) as two:
        kept: list[HttpReply] = []

        def held(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
            kept.append(passed(wire, sender, octets, where))
            raise NoAnswer("held back")

        two.wire.hops.append(held)
        service, other = two.agency.service, g1.identities["vendor-a"].certificate
        service.send(two.agency.letter(two.pair))
        two.wire.run()
        terms = terms_to_send(
            two.pair.agreement, two.agency.side.id, AANLEVEREN, "aanleveren", at=two.time.now
        )
        named = (other.public_bytes(Encoding.DER),)
        theirs = replace(terms, cpa_id="of-another-partner", receiver_tls=named)
        service.answered(replace(kept[0], peer=other), theirs)
        assert two.agency.rows()[0].state == "WAITING_FOR_ACK"
        # Its own CPA may name a server of any OIN.
        service.answered(replace(kept[0], peer=other), replace(terms, receiver_tls=named))
        assert two.agency.rows()[0].state == "DELIVERED"


def test_a_business_message_in_an_answer_is_not_read(two: Two) -> None:
    def echoed(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        content_type = where.split("\n")[1]
        return HttpReply(200, content_type, octets, two.agency.side.certificate)

    two.wire.hops.append(echoed)
    two.agency.service.send(two.agency.letter(two.pair))
    two.wire.run()
    assert [row.state for row in two.agency.rows()] == ["WAITING_FOR_ACK"]


def test_what_is_not_explained_names_the_check_alone(two: Two) -> None:
    two.digipoort.service.house.explain = False
    peer = two.agency.side.certificate
    reply = two.digipoort.service.receive(Inbound("text/xml", b"<x/>", peer, AT))
    assert reply.status == 500
    assert b"<faultstring>EBMS-" in reply.body
    assert b"expected" not in reply.body


# --- In threads -----------------------------------------------------------------------


def test_the_outbox_works_by_itself(two: Two) -> None:
    outboxes = [
        Outbox(one.service, two.wire.post_of(one.name), concurrency=3)
        for one in (two.agency, two.digipoort)
    ]
    for outbox in outboxes:
        outbox.start()
    assert [outbox.trouble for outbox in outboxes] == ["", ""]
    two.wire.hops += [lost, passed]
    for _ in range(12):
        two.agency.service.send(two.agency.letter(two.pair))

    def delivered() -> int:
        return sum(row.state == "DELIVERED" for row in two.agency.rows())

    until(lambda: delivered() == 11)
    two.time.pass_by(timedelta(hours=3))
    outboxes[0].wake()
    until(lambda: delivered() == 12)
    asked = two.agency.service.ping(two.pair.agreement.cpa_id, two.agency.side.id)
    assert asked.result(20) is None
    for outbox in outboxes:
        outbox.close()
    assert len(two.digipoort.backend.unprocessed()) == 12
    assert len(two.digipoort.told()) == 12
    assert "has ended" in outboxes[0].trouble


def test_a_partner_that_hangs_holds_up_no_other_work(two: Two) -> None:
    gate, hanging = threading.Event(), threading.Event()

    def hangs(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        hanging.set()
        gate.wait(20)
        return passed(wire, sender, octets, where)

    outbox = Outbox(two.agency.service, two.wire.post_of("agency"), concurrency=4)
    outbox.start()
    two.wire.hops.append(hangs)
    try:
        two.agency.service.send(two.agency.letter(two.pair))
        assert hanging.wait(20)
        two.agency.service.send(two.agency.letter(two.pair))
        until(lambda: len(two.digipoort.rows()) == 1)
        gate.set()
        until(lambda: len(two.digipoort.rows()) == 2)
    finally:
        gate.set()
        outbox.close()


def test_an_outbox_that_takes_no_tasks_posts_what_nobody_keeps(two: Two) -> None:
    outbox = Outbox(two.agency.service, two.wire.post_of("agency"), takes_tasks=False)
    outbox.start()
    two.agency.service.send(two.agency.letter(two.pair))
    asked = two.agency.service.ping(two.pair.agreement.cpa_id, two.agency.side.id)
    assert asked.result(20) is None
    outbox.close()
    assert outbox.trouble == ""
    assert two.agency.rows()[0].state == "CREATED"
