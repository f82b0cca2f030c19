"""Messages of a program in this process: judged as an agency's, and in the evidence."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError
from digipoort_wus.filing.texts import NotSendable
from digipoort_wus.process.agency import Accepted, Delivered, Refused, Rejected
from digipoort_wus.process.api import MailboxQuery, Scope
from digipoort_wus.process.writing import write_message
from digipoort_wus.store.ports import JobState
from tests.unit.process.sandbox import HAPPY, START, Sandbox, caller, done, opened


@dataclass
class Program:
    """An agency of an embedder, in this process."""

    delivered: Delivered | Rejected = field(default_factory=Delivered)
    said: Accepted | Refused = field(default_factory=lambda: Accepted(None))

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected:
        return self.delivered

    def answer(self, filing: Filing) -> Accepted | Refused:
        return self.said


@dataclass
class House:
    sandbox: Sandbox
    program: Program
    executor: ThreadPoolExecutor

    def offer(self, message: ReturnMessage) -> None:
        store, now = self.sandbox.store, self.sandbox.clock.now
        done(write_message(store, self.executor, message, now))

    def mailbox(self) -> list[str]:
        found = done(self.sandbox.service.messages(caller(), MailboxQuery(), Scope.ALL))
        return [message.berichtkenmerk for message in found]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    program = Program()
    with opened(tmp_path / "data", agency=program) as sandbox, ThreadPoolExecutor(1) as executor:
        yield House(sandbox, program, executor)


def about(filing: Filing, content: bytes = b"<aanslag/>") -> ReturnMessage:
    return ReturnMessage(
        kenmerk=filing.kenmerk,
        berichtkenmerk="bericht",
        berichtsoort="Aanslag",
        offered_at=START,
        belanghebbende=filing.delivery.belanghebbende,
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", "aanslag.xml", content),
    )


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_repeat_changes_nothing_and_the_evidence_tells_of_one(house: House, size: int) -> None:
    filing = house.sandbox.accept()
    message = about(filing, b"x" * size)
    house.offer(message)
    house.offer(message)
    assert house.mailbox() == ["bericht"]
    entries = house.sandbox.store.read(lambda reader: reader.evidence(filing.kenmerk))
    assert [entry.kind for entry in entries].count("offered") == 1


@pytest.mark.parametrize("size", [10, 200_000])
def test_what_an_agency_may_not_offer_nobody_may(house: House, size: int) -> None:
    filing = house.sandbox.accept()
    message = about(filing, b"x" * size)
    house.offer(message)
    other = replace(message, berichtkenmerk="2")
    for changed, check in (
        (replace(other, kenmerk="unknown"), checks.KENMERK_KNOWN),
        (replace(other, belanghebbende=Party("9", "BSN")), checks.OFFER_PARTY),
        (replace(message, berichtsoort="Anders"), checks.BERICHTKENMERK_REUSED),
    ):
        with pytest.raises(Refusal) as caught:
            house.offer(changed)
        assert caught.value.check is check
    assert house.mailbox() == ["bericht"]


def test_what_no_answer_can_hold_is_not_offered(house: House) -> None:
    filing = house.sandbox.accept()
    message = about(filing)
    document = replace(message.document, file_name="naam\x0b.xml")
    with pytest.raises(NotSendable, match="bestandsnaam"):
        house.offer(replace(message, document=document))
    assert house.mailbox() == []


@pytest.mark.parametrize("what", ["details", "message", "error"])
def test_a_program_that_writes_what_no_answer_can_hold_is_mended_by_its_operator(
    house: House, what: str
) -> None:
    """The sender hears nothing of it: statuses and mailbox stay what can be sent."""
    house.program.said = Accepted("a\x0bb") if what == "details" else Accepted(None)
    if what == "error":
        house.program.delivered = Rejected(StatusError("AFS400", "\x00"))
    filing = house.sandbox.accept()
    if what == "message":
        bad = about(filing)
        house.program.said = Accepted(None, (replace(bad, rol_belanghebbende="\ud800"),))
    house.sandbox.run_until_quiet()
    (job,) = house.sandbox.store.read(lambda reader: reader.jobs_aside(10))
    assert job.state is JobState.ASIDE
    assert (job.reason or "").startswith("NotSendable at texts.py:")
    house.program.said, house.program.delivered = Accepted(None), Delivered()
    now = house.sandbox.clock.now
    done(house.sandbox.store.write(lambda t: t.offer_again(job.filing_id, now)))
    house.sandbox.run_until_quiet()
    assert house.sandbox.codes(filing.kenmerk) == HAPPY
