"""An agency's way to the gateway: what it says, and what it makes of the answer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from digipoort_wus.client.errors import AnswerRefused, DigipoortFault
from digipoort_wus.clock import system_clock
from digipoort_wus.delivery.connection import NoAnswer
from digipoort_wus.delivery.example import (
    Conduct,
    offer_id,
    report_id,
    return_message,
    verdict_of,
)
from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.delivery.inbox import Inbox
from digipoort_wus.delivery.messenger import Messenger
from digipoort_wus.delivery.reporting import Reporting
from digipoort_wus.names import AANBIED, ZET_STATUS, Service
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.pki.testplan import GATEWAY_OIN
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.soap.fault import Fault, fault_envelope
from digipoort_wus.xmlsafe.parse import parse_message
from tests.unit.delivery.agencies import PATH, SHORT, Answer, Odd, answer_of_gateway, http, odd
from tests.unit.delivery.test_example import TAKEN
from tests.unit.delivery.test_inbox import ARRIVAL

NOW = datetime.now(UTC)
VERDICT = verdict_of(TAKEN, "500", NOW)
MESSAGE = return_message(TAKEN, "500", NOW)


@contextmanager
def gateway(pki: TestPki, answer: Answer | None = None) -> Iterator[tuple[Odd, Reporting]]:
    """Run a gateway that answers a function, well when there is none; give the way to it."""
    signing = pki.identities["gateway-signing"]
    usual: Answer = lambda request: http(answer_of_gateway(request, signing))  # noqa: E731
    identity = pki.identities["agency"]
    own = Credentials(identity, identity, pki.trust_store())
    with odd(pki, answer or usual, identity=pki.identities["gateway-tls"]) as made:
        base = made.url.removesuffix(PATH)
        reporting = Reporting(base, GATEWAY_OIN, lambda: own, timeouts=SHORT)
        try:
            yield made, reporting
        finally:
            reporting.close()


def asked(request: bytes) -> tuple[str, str, etree._Element]:
    """Return the action, the MessageID and the element of a request."""
    envelope = read_envelope(parse_message(request))
    addressing = read_addressing(envelope)
    return addressing.action, addressing.message_id, envelope.body_child


def test_a_verdict_is_reported(pki: TestPki) -> None:
    with gateway(pki) as (made, reporting):
        reporting.report(VERDICT, report_id(TAKEN))
        action, message_id, element = asked(made.requests.get(timeout=5))
    assert action == ZET_STATUS.request_action(ZET_STATUS.operations[0])
    assert message_id == report_id(TAKEN)
    assert element.findtext("{*}statuscode") == "500"
    assert element.findtext("{*}statusdetails") == VERDICT.details


def test_a_message_is_offered(pki: TestPki) -> None:
    with gateway(pki) as (made, reporting):
        reporting.offer(MESSAGE, offer_id(TAKEN))
        action, message_id, element = asked(made.requests.get(timeout=5))
    assert action == AANBIED.request_action(AANBIED.operations[0])
    assert message_id == offer_id(TAKEN)
    assert element.findtext("{*}berichtkenmerk") == MESSAGE.berichtkenmerk


def fault_from(service: Service) -> Answer:
    def answer(request: bytes) -> bytes:
        octets = fault_envelope(
            Fault("ZST150", "Onbekend.", "Client"),
            service,
            service.operations[0],
            message_id="urn:uuid:fault",
            relates_to=asked(request)[1],
        )
        return http(octets, status="500 Error")

    return answer


def test_a_fault_is_told(pki: TestPki) -> None:
    answer = fault_from(ZET_STATUS)
    with gateway(pki, answer) as (_, way), pytest.raises(DigipoortFault, match="ZST150"):
        way.report(VERDICT, report_id(TAKEN))


@pytest.mark.parametrize("name", ["kenmerk", "statuscode"])
def test_an_answer_about_something_else(pki: TestPki, name: str) -> None:
    signing = pki.identities["gateway-signing"]

    def answer(request: bytes) -> bytes:
        return http(answer_of_gateway(request, signing, **{name: "x"}))

    with gateway(pki, answer) as (_, way), pytest.raises(NoAnswer, match=f"another {name}"):
        way.report(VERDICT, report_id(TAKEN))


def test_an_answer_of_somebody_else(pki: TestPki) -> None:
    def answer(request: bytes) -> bytes:
        return http(answer_of_gateway(request, pki.identities["vendor-a"]))

    with gateway(pki, answer) as (_, way), pytest.raises(AnswerRefused, match="ANSWER-SIGNER"):
        way.offer(MESSAGE, offer_id(TAKEN))


def between() -> datetime:
    """Return a moment between two milliseconds, of which the second is nearer."""
    return system_clock().replace(microsecond=1_700)


def run_messenger(pki: TestPki, inbox: Inbox, answer: Answer | None, conduct: Conduct) -> list[str]:
    """Let a messenger say what it has to say, and return the MessageIDs of what it said."""
    with gateway(pki, answer) as (made, reporting):
        messenger = Messenger(inbox, reporting, conduct, between, pause=0.05)
        messenger.start()
        end = time.monotonic() + 20
        while inbox.unfinished():
            assert time.monotonic() < end
            time.sleep(0.01)
        messenger.stop()
        return [asked(made.requests.get())[1] for _ in range(made.requests.qsize())]


def test_the_messenger_offers_first_and_reports_then(pki: TestPki, tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    taken = inbox.take(ARRIVAL, NOW)
    assert run_messenger(pki, inbox, None, Conduct()) == [offer_id(taken), report_id(taken)]
    (done,) = inbox.all()
    assert (done.verdict, done.offered, done.reported) == ("500", True, True)
    inbox.close()


def test_the_messenger_says_everything_twice_on_command(pki: TestPki, tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    taken = inbox.take(ARRIVAL, NOW)
    said = run_messenger(pki, inbox, None, Conduct(double_report=True))
    assert said == [make(taken, time) for make in (offer_id, report_id) for time in (1, 2)]
    inbox.close()


def test_what_failed_is_said_again_in_the_same_words(pki: TestPki, tmp_path: Path) -> None:
    signing = pki.identities["gateway-signing"]
    answers = iter((fault_from(AANBIED), lambda _: None, lambda _: http(b"", status="503 Busy")))

    def answer(request: bytes) -> "bytes | Iterator[bytes] | None":
        usual: Answer = lambda octets: http(answer_of_gateway(octets, signing))  # noqa: E731
        return next(answers, usual)(request)

    inbox, bodies = Inbox(tmp_path), set()

    def noted(request: bytes) -> "bytes | Iterator[bytes] | None":
        bodies.add(etree.tostring(asked(request)[2], method="c14n"))
        return answer(request)

    taken = inbox.take(ARRIVAL, NOW)
    said = run_messenger(pki, inbox, noted, Conduct(refuse=True))
    assert len(bodies) == 2, "one of each kind"
    # A kept connection that is closed is tried once more by itself.
    assert said[-1] == report_id(taken)
    assert set(said[:-1]) == {offer_id(taken)}
    assert len(said) >= 5
    assert inbox.all()[0].verdict == "510"
    inbox.close()


def test_what_the_gateway_has_is_not_said_again(pki: TestPki, tmp_path: Path) -> None:
    signing, faults = pki.identities["gateway-signing"], iter((fault_from(ZET_STATUS),))
    usual: Answer = lambda octets: http(answer_of_gateway(octets, signing))  # noqa: E731

    def answer(request: bytes) -> "bytes | Iterator[bytes] | None":
        reports = asked(request)[0].startswith(ZET_STATUS.namespace)
        return (next(faults, usual) if reports else usual)(request)

    inbox = Inbox(tmp_path)
    taken = inbox.take(ARRIVAL, NOW)
    said = run_messenger(pki, inbox, answer, Conduct())
    assert said == [offer_id(taken), report_id(taken), report_id(taken)]
    inbox.close()


def test_a_verdict_that_was_reached_stays(pki: TestPki, tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    taken = inbox.take(ARRIVAL, NOW)
    inbox.judge(taken, "510", NOW)
    run_messenger(pki, inbox, None, Conduct())
    assert inbox.all()[0].verdict == "510"
    inbox.close()
