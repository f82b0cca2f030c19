"""What agencies report and offer: in order, once, and only on what is theirs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus import checks
from digipoort_wus.clock import format_utc
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.evidence.blinded import blind
from digipoort_wus.evidence.chains import chain_findings, kept_findings
from digipoort_wus.evidence.entry import Entry, read_entry
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Delivery, Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.process.agency import Accepted, Delivered, Refused, Rejected, Unreachable
from digipoort_wus.process.api import AgencyReport, Caller, MailboxQuery, Period, Scope
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.operator import purge
from digipoort_wus.process.proving import chain_of, entry_row
from digipoort_wus.process.recording import Proof
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.signed import SignedRequest
from digipoort_wus.store.ports import Reader, Transaction
from tests.postgres import Cluster
from tests.unit.process.sandbox import (
    DELIVERY,
    HAPPY,
    OTHER,
    SENDER,
    START,
    Sandbox,
    caller,
    done,
    opened,
    times,
)

AGENCY = "00000099000000004000"
STRANGER = "00000099000000005000"
BEFORE = HAPPY[:7]
SOON = RetryPolicy(timedelta(seconds=1), timedelta(seconds=1), attempts=3)


@dataclass
class Slow:
    """An agency that says nothing of its own accord; what it does meanwhile is scripted."""

    outcomes: list[Delivered | Rejected | Unreachable] = field(default_factory=list)
    meanwhile: list[Callable[[Filing], object]] = field(default_factory=list)

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        if self.meanwhile:
            self.meanwhile.pop(0)(filing)
        return self.outcomes.pop(0) if self.outcomes else Delivered()

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        return None


@dataclass
class House:
    sandbox: Sandbox
    agency: Slow

    def delivered(self, delivery: Delivery = DELIVERY) -> Filing:
        filing = self.sandbox.accept(delivery)
        assert self.sandbox.run() is None
        assert self.sandbox.codes(filing.kenmerk)[-1] == "400"
        return filing

    def report(self, report: AgencyReport, who: Caller | None = None) -> None:
        done(self.sandbox.service.report(who or caller(AGENCY), report))

    def refused(self, report: AgencyReport, who: Caller | None = None) -> Check:
        with pytest.raises(Refusal) as caught:
            self.report(report, who)
        return caught.value.check

    def offer(self, message: ReturnMessage, who: Caller | None = None) -> None:
        done(self.sandbox.service.offer(who or caller(AGENCY), message))

    def offer_refused(self, message: ReturnMessage, who: Caller | None = None) -> Check:
        with pytest.raises(Refusal) as caught:
            self.offer(message, who)
        return caught.value.check

    def statuses(self, filing: Filing) -> list[Status]:
        found = self.sandbox.service.process_statuses(
            caller(), filing.kenmerk, Period(), Scope.ALL, None
        )
        rows = [row.status for row in done(found)]
        assert times([row.at for row in rows])
        return rows

    def codes(self, filing: Filing) -> list[str]:
        return [status.code for status in self.statuses(filing)]

    def mailbox(self, oin: str = SENDER, scope: Scope = Scope.ALL) -> Sequence[ReturnMessage]:
        query = MailboxQuery(belanghebbende=DELIVERY.belanghebbende)
        return done(self.sandbox.service.messages(caller(oin), query, scope))


@contextmanager
def a_house(directory: Path, database: str | None = None) -> Iterator[House]:
    agency = Slow()
    policies = Policies(delivery=SOON)
    with opened(directory, agency=agency, policies=policies, database=database) as sandbox:
        yield House(sandbox, agency)


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as around:
        database = None
        if request.param == "postgres":
            cluster: Cluster = request.getfixturevalue("postgres")
            database = around.enter_context(cluster.database())
        yield around.enter_context(a_house(tmp_path / "data", database))


def verdict(filing: Filing, code: str = "500", **more: object) -> AgencyReport:
    values = {"berichtkenmerk": filing.berichtkenmerk, **more}
    return AgencyReport(filing.kenmerk, code, START, **values)  # type: ignore[arg-type]


def about(filing: Filing, **more: object) -> ReturnMessage:
    message = ReturnMessage(
        kenmerk=filing.kenmerk,
        berichtkenmerk=f"bericht-{filing.kenmerk}",
        berichtsoort="Aanslag",
        offered_at=START - timedelta(days=9999),
        belanghebbende=filing.delivery.belanghebbende,
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", "aanslag.xml", b"<aanslag/>"),
    )
    return replace(message, **more)  # type: ignore[arg-type]


def signed_by_agency(request: SignedRequest) -> Caller:
    """Return the agency with what shows its request, as the gate brings it."""
    proof = Proof("digipoort-1.2", bytes(32), request, request.kept(), bytes(32))
    return replace(caller(AGENCY), proof=proof)


def has_job(house: House) -> bool:
    def rows(reader: Reader) -> bool:
        return reader.next_run_at(house.sandbox.clock()) is not None

    return house.sandbox.store.read(rows)


# --- Reports ----------------------------------------------------------------------------


def test_a_filing_waits_without_a_job_until_its_agency_reports(house: House) -> None:
    filing = house.delivered()
    assert not has_job(house)
    house.report(verdict(filing, details="<goed>\n</goed>"))
    last = house.statuses(filing)[-1]
    assert house.codes(filing) == HAPPY
    assert (last.error, last.details) == (None, "<goed>\n</goed>")
    assert house.sandbox.run() is None


def test_a_refusal_has_a_statusfoutcode_of_the_agency_or_of_ours(house: House) -> None:
    first, second = house.delivered(), house.delivered()
    house.report(verdict(first, "510", error=StatusError("BD123", "Onjuist.")))
    house.report(verdict(second, "510"))
    assert house.statuses(first)[-1].error == StatusError("BD123", "Onjuist.")
    error = house.statuses(second)[-1].error
    assert error is not None
    assert error.code == "UVP500"


def test_the_clock_of_the_agency_changes_no_order(house: House) -> None:
    filing = house.delivered()
    house.report(replace(verdict(filing), at=START - timedelta(days=400)))
    assert house.statuses(filing)[-1].at >= START


def test_the_berichtkenmerk_may_be_left_out_where_there_is_one_filing(house: House) -> None:
    filing = house.delivered()
    house.report(verdict(filing, berichtkenmerk=None))
    assert house.codes(filing)[-1] == "500"


def test_where_there_are_several_the_berichtkenmerk_says_which(house: House) -> None:
    first = house.delivered()
    second = house.delivered(replace(DELIVERY, kenmerk=first.kenmerk))
    assert house.refused(verdict(first, berichtkenmerk=None)) is checks.BERICHTKENMERK_KNOWN
    house.report(verdict(second, "510"))
    house.report(verdict(first))
    assert house.codes(first)[-2:] == ["510", "500"]


def test_another_berichtkenmerk_is_refused(house: House) -> None:
    filing = house.delivered()
    assert house.refused(verdict(filing, berichtkenmerk="x")) is checks.BERICHTKENMERK_KNOWN
    assert house.codes(filing)[-1] == "400"


@pytest.mark.parametrize("oin", [SENDER, OTHER, STRANGER, "00000002003214394002"])
def test_for_everybody_else_the_kenmerk_is_unknown(house: House, oin: str) -> None:
    filing = house.delivered()
    assert house.refused(verdict(filing), caller(oin)) is checks.KENMERK_KNOWN
    unknown = replace(verdict(filing), kenmerk="ffffffff-0000-4000-8000-000000000000")
    assert house.refused(unknown) is checks.KENMERK_KNOWN
    assert house.refused(unknown, caller(oin)) is checks.KENMERK_KNOWN
    assert house.codes(filing)[-1] == "400"


def test_whom_a_sender_names_as_receiver_is_no_agency(house: House) -> None:
    named = replace(DELIVERY, ontvanger=Party(STRANGER, "OIN"), rol_ontvanger="overheid")
    filing = house.delivered(named)
    assert house.refused(verdict(filing), caller(STRANGER)) is checks.KENMERK_KNOWN


def test_a_berichtsoort_without_an_agency_has_nobody_who_reports(house: House) -> None:
    filing = house.delivered(replace(DELIVERY, berichtsoort="TEST"))
    assert house.refused(verdict(filing)) is checks.KENMERK_KNOWN


@pytest.mark.parametrize("code", ["", "400", "501", "5000", "x" * 20, "420"])
def test_an_agency_reports_500_or_510_and_nothing_else(house: House, code: str) -> None:
    filing = house.delivered()
    assert house.refused(verdict(filing, code)) is checks.REPORT_CODE
    assert house.codes(filing)[-1] == "400"


def test_a_500_has_no_statusfoutcode(house: House) -> None:
    filing = house.delivered()
    wrong = verdict(filing, error=StatusError("X", "y"))
    assert house.refused(wrong) is checks.REPORT_CODE


def test_what_was_not_offered_to_the_agency_is_not_reported_on(house: House) -> None:
    filing = house.sandbox.accept()
    assert house.refused(verdict(filing)) is checks.REPORT_EXPECTED
    assert house.sandbox.run() is None
    assert house.codes(filing)[-1] == "400"


def test_what_the_agency_would_not_take_is_not_reported_on(house: House) -> None:
    house.agency.outcomes = [Rejected(StatusError("AFS400", "Nee."))]
    filing = house.sandbox.accept()
    house.sandbox.run()
    assert house.refused(verdict(filing)) is checks.REPORT_EXPECTED
    assert house.codes(filing)[-1] == "410"


# --- A report before the answer to the delivery ---------------------------------------------


def test_a_report_during_the_first_delivery_comes_behind_it(house: House) -> None:
    house.agency.meanwhile = [lambda filing: house.report(verdict(filing))]
    filing = house.sandbox.accept()
    assert house.sandbox.run() is None
    assert house.codes(filing) == HAPPY
    assert not has_job(house)


def test_the_receipt_of_a_delivery_that_was_overtaken_is_evidence(house: House) -> None:
    house.agency.outcomes = [Delivered(AGENCY, "urn:uuid:d", bytes(32))]
    house.agency.meanwhile = [lambda filing: house.report(verdict(filing))]
    filing = house.sandbox.accept()
    assert house.sandbox.run() is None
    rows = house.sandbox.store.read(lambda reader: reader.evidence(filing.kenmerk))
    entries = [read_entry(row.entry) for row in rows]
    assert [entry.kind for entry in entries][-4:] == ["reported", "status", "status", "delivered"]
    assert entries[-1].facts["receipt"] == f"sha256:{bytes(32).hex()}"
    assert house.codes(filing) == HAPPY
    assert list(chain_findings(filing.kenmerk, [entry_row(row) for row in rows], 0)) == []


def test_the_signed_requests_of_an_agency_are_kept_until_the_purge(house: House) -> None:
    filing = house.delivered()
    report = SignedRequest((b"<report/>",))
    offer = SignedRequest((b"<a>", 0, b"</a>"), (b"<aanslag/>",))
    house.offer(about(filing), signed_by_agency(offer))
    house.report(verdict(filing), signed_by_agency(report))

    def look(reader: Reader) -> list[str]:
        chain = chain_of(reader, filing.kenmerk)
        assert chain.kept is not None
        (known,) = chain.kept[filing.berichtkenmerk].reports
        assert known.request is not None
        assert read_content(known.request) == b"<report/>"
        (message,) = chain.messages.values()
        assert message.offered is not None
        assert message.offered.request is not None
        assert read_content(message.offered.request) == b"<a>PGFhbnNsYWcvPg==</a>"
        found = kept_findings(filing.kenmerk, chain.rows, chain.kept, chain.messages)
        return [str(one) for one in found]

    assert house.sandbox.store.read(look) == []

    def purged(transaction: Transaction) -> None:
        row = transaction.filings_of(filing.kenmerk)[-1]
        purge(transaction, row.filing_id, "retention", house.sandbox.clock())

    house.sandbox.store.write(purged).result()

    def after(reader: Reader) -> None:
        chain = chain_of(reader, filing.kenmerk)
        assert chain.kept is not None
        assert [one.salt for one in chain.messages.values()] == [None]
        assert chain.kept[filing.berichtkenmerk].reports == ()
        found = kept_findings(filing.kenmerk, chain.rows, chain.kept, chain.messages)
        assert list(found) == []

    house.sandbox.store.read(after)


def test_a_kept_request_that_was_lost_is_a_finding(house: House) -> None:
    filing = house.delivered()
    house.report(verdict(filing), signed_by_agency(SignedRequest((b"<report/>",))))
    house.offer(about(filing))

    def look(reader: Reader) -> list[tuple[str, str]]:
        chain = chain_of(reader, filing.kenmerk)
        kept = chain.kept or {}
        lost = {name: replace(one, reports=()) for name, one in kept.items()}
        other = {name: replace(one, contents=(b"x",)) for name, one in chain.messages.items()}
        found = [
            *kept_findings(filing.kenmerk, chain.rows, lost, chain.messages),
            *kept_findings(filing.kenmerk, chain.rows, kept, other),
            *kept_findings(filing.kenmerk, chain.rows, kept, {}),
        ]
        return [(one.problem.name, one.detail) for one in found]

    assert house.sandbox.store.read(look) == [
        ("KEPT_CHANGED", "request"),
        ("KEPT_CHANGED", "contents"),
        ("KEPT_MISSING", ""),
    ]


@pytest.mark.parametrize("code", ["500", "510"])
def test_a_report_whose_delivery_got_no_answer_ends_the_attempts(house: House, code: str) -> None:
    house.agency.outcomes = [Unreachable()] * 5
    filing = house.sandbox.accept()
    assert house.sandbox.run() is not None
    assert house.codes(filing) == [*BEFORE, "420"]
    house.report(verdict(filing, code))
    assert house.codes(filing) == [*BEFORE, "420", "405", "400", code]
    house.sandbox.clock.turn(days=1)
    assert house.sandbox.run() is None
    assert len(house.agency.outcomes) == 4


def test_a_report_during_a_further_delivery_comes_behind_it(house: House) -> None:
    house.agency.outcomes = [Unreachable()]
    house.agency.meanwhile = [lambda _: None, lambda filing: house.report(verdict(filing, "510"))]
    filing = house.sandbox.accept()
    house.sandbox.run()
    house.sandbox.clock.turn(seconds=1)
    assert house.sandbox.run() is None
    assert house.codes(filing) == [*BEFORE, "420", "405", "400", "510"]


def test_a_filing_that_waited_for_one_that_is_reported_goes_on(house: House) -> None:
    house.agency.outcomes = [Unreachable()]
    first = house.sandbox.accept()
    house.sandbox.run()
    second = house.sandbox.accept(replace(DELIVERY, kenmerk=first.kenmerk))
    house.sandbox.run()
    assert house.codes(first) == [*BEFORE, "420", *HAPPY[:3]]
    house.report(verdict(first))
    house.sandbox.run()
    house.report(verdict(second))
    assert house.codes(first)[-1] == "500"
    assert not has_job(house)


def test_an_agency_that_had_72_hours_comes_too_late(house: House) -> None:
    house.agency.outcomes = [Unreachable()] * 5
    filing = house.sandbox.accept()
    house.sandbox.run_until_quiet()
    assert house.statuses(filing)[-1].error is not None
    assert house.refused(verdict(filing)) is checks.REPORT_EXPECTED


# --- Repeats --------------------------------------------------------------------------------


def test_a_repeat_is_answered_as_the_first_time(house: House) -> None:
    filing = house.delivered()
    who = caller(AGENCY, body=b"report")
    for _ in range(3):
        house.report(verdict(filing), who)
    assert house.codes(filing) == HAPPY


def test_another_body_under_the_same_message_id_is_refused(house: House) -> None:
    filing = house.delivered()
    who = caller(AGENCY)
    house.report(verdict(filing), who)
    other = replace(who, body_digest=b"other")
    assert house.refused(verdict(filing), other) is checks.MESSAGE_ID_REUSED
    assert house.offer_refused(about(filing), other) is checks.MESSAGE_ID_REUSED
    assert house.mailbox() == []


def test_the_same_message_id_of_somebody_else_is_another_message(house: House) -> None:
    filing = house.delivered()
    who = caller(AGENCY)
    house.report(verdict(filing), who)
    assert house.refused(verdict(filing), replace(who, oin=STRANGER)) is checks.KENMERK_KNOWN


def test_the_same_verdict_in_another_message_changes_nothing(house: House) -> None:
    filing = house.delivered()
    house.report(verdict(filing, "510", details="eerst"))
    who = caller(AGENCY)
    house.report(verdict(filing, "510", details="later"), who)
    house.report(verdict(filing, "510", details="later"), who)
    assert house.codes(filing) == [*BEFORE, "400", "510"]
    assert house.statuses(filing)[-1].details == "eerst"


@pytest.mark.parametrize(
    ("first", "second"),
    [("500", "510"), ("510", "500")],
)
def test_another_verdict_is_refused(house: House, first: str, second: str) -> None:
    filing = house.delivered()
    house.report(verdict(filing, first))
    assert house.refused(verdict(filing, second)) is checks.REPORT_FINAL
    assert house.codes(filing) == [*BEFORE, "400", first]


def test_another_reason_for_a_refusal_is_another_verdict(house: House) -> None:
    filing = house.delivered()
    house.report(verdict(filing, "510", error=StatusError("A", "een")))
    other = verdict(filing, "510", error=StatusError("B", "twee"))
    assert house.refused(other) is checks.REPORT_FINAL


def test_what_was_refused_may_be_said_again_when_it_is_time(house: House) -> None:
    filing = house.sandbox.accept()
    who = caller(AGENCY)
    assert house.refused(verdict(filing), who) is checks.REPORT_EXPECTED
    house.sandbox.run()
    house.report(verdict(filing), who)
    assert house.codes(filing) == HAPPY


def test_a_repeat_is_known_after_a_restart(tmp_path: Path) -> None:
    who = caller(AGENCY)
    with a_house(tmp_path / "data") as house:
        filing = house.delivered()
        house.report(verdict(filing), who)
    with a_house(tmp_path / "data") as house:
        house.report(verdict(filing), who)
        assert house.refused(verdict(filing), replace(who, body_digest=b"x")) is (
            checks.MESSAGE_ID_REUSED
        )
        assert house.codes(filing) == HAPPY


def test_of_many_reports_at_the_same_time_one_is_written(house: House) -> None:
    filing = house.delivered()
    service = house.sandbox.service
    futures = [service.report(caller(AGENCY), verdict(filing)) for _ in range(8)]
    futures += [service.report(caller(AGENCY), verdict(filing, "510")) for _ in range(8)]
    errors = [future.exception(timeout=20) for future in futures]
    refused = [error for error in errors if error is not None]
    assert all(
        isinstance(error, Refusal) and error.check is checks.REPORT_FINAL for error in refused
    )
    assert len(refused) == 8
    assert len(house.codes(filing)) == len(HAPPY)


# --- Return messages ------------------------------------------------------------------------


def test_a_message_is_in_the_mailbox_of_who_filed(house: House) -> None:
    filing = house.delivered()
    attachments = tuple(Document("text/plain", f"{n}.txt", b"%d" % n) for n in range(2))
    house.offer(about(filing, attachments=attachments, elements=(("naam", "waarde"),)))
    (found,) = house.mailbox()
    assert found.offered_at == START
    assert found.attachments == attachments
    assert found.elements == (("naam", "waarde"),)
    assert house.mailbox(OTHER) == []


def test_a_large_message_is_kept_too_and_a_refused_one_leaves_no_file(
    house: House, tmp_path: Path
) -> None:
    filing = house.delivered()
    before = {path for path in (tmp_path / "data").rglob("*") if path.is_file()}
    big = Document("text/xml", "groot.xml", bytes(300_000))
    wrong = about(filing, document=big, belanghebbende=Party("123", "Fi"))
    assert house.offer_refused(wrong) is checks.OFFER_PARTY
    after = {path for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert {path.suffix for path in after - before} <= {".db-wal", ".db-shm"}
    house.offer(about(filing, document=big))
    house.offer(about(filing, document=big))
    (found,) = house.mailbox()
    assert read_content(found.document.content) == bytes(300_000)


@pytest.mark.parametrize("oin", [SENDER, STRANGER])
def test_nobody_else_offers(house: House, oin: str) -> None:
    filing = house.delivered()
    assert house.offer_refused(about(filing), caller(oin)) is checks.KENMERK_KNOWN
    assert house.offer_refused(about(filing, kenmerk="onbekend")) is checks.KENMERK_KNOWN
    assert house.mailbox() == []


def test_a_message_about_somebody_else_is_refused(house: House) -> None:
    filing = house.delivered()
    same = Party(filing.delivery.belanghebbende.number, "FI")
    house.offer(about(filing, belanghebbende=same))
    other = Party(filing.delivery.belanghebbende.number, "BTW")
    assert house.offer_refused(about(filing, belanghebbende=other)) is checks.OFFER_PARTY


def test_a_repeated_offer_is_kept_once(house: House) -> None:
    filing = house.delivered()
    who = caller(AGENCY)
    for each in (who, who, caller(AGENCY), caller(AGENCY)):
        house.offer(about(filing), each)
    assert len(house.mailbox()) == 1
    assert house.offer_refused(about(filing), replace(who, body_digest=b"x")) is (
        checks.MESSAGE_ID_REUSED
    )


@pytest.mark.parametrize(
    "change",
    [
        {"document": Document("text/xml", "aanslag.xml", b"<anders/>")},
        {"document": Document("text/xml", "aanslag.xml", b"<ander/>  ")},
        {"document": Document("text/xml", "anders.xml", b"<aanslag/>")},
        {"attachments": (Document("text/xml", "x", b""),)},
        {"berichtsoort": "Anders"},
        {"elements": (("a", "b"),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_berichtkenmerk_is_of_one_message(house: House, change: dict[str, object]) -> None:
    filing = house.delivered()
    house.offer(about(filing))
    assert house.offer_refused(about(filing, **change)) is checks.BERICHTKENMERK_REUSED
    assert [message.document.content for message in house.mailbox()] == [b"<aanslag/>"]


def test_a_message_may_come_before_and_after_the_verdict(house: House) -> None:
    filing = house.delivered()
    house.offer(about(filing))
    house.report(verdict(filing))
    house.offer(about(filing, berichtkenmerk="tweede"))
    assert len(house.mailbox(scope=Scope.NEW)) == 2
    assert house.codes(filing) == HAPPY


# --- Evidence -------------------------------------------------------------------------------


def entries(house: House, filing: Filing) -> list[Entry]:
    """Return the evidence of a process, whose chain must be whole."""
    rows = house.sandbox.store.read(lambda reader: reader.evidence(filing.kenmerk))
    assert not list(chain_findings(filing.kenmerk, map(entry_row, rows), 0))
    return [read_entry(row.entry) for row in rows]


def test_a_report_is_in_the_evidence_before_the_statuses_that_it_led_to(house: House) -> None:
    filing, who = house.delivered(), caller(AGENCY)
    before = len(entries(house, filing))
    judged = START - timedelta(hours=1)
    house.report(replace(verdict(filing, "510"), at=judged), who)
    told, status = entries(house, filing)[before:]
    assert (told.kind, told.facts["agency"], told.facts["code"]) == ("reported", AGENCY, "510")
    assert told.facts["judged_at"] == format_utc(judged)
    assert (status.kind, status.facts["code"], status.facts["error"]) == ("status", "510", "UVP500")

    def salt(reader: Reader) -> bytes | None:
        return reader.evidence_salt(reader.filings_of(filing.kenmerk)[0].filing_id)

    key = house.sandbox.store.read(salt)
    assert key is not None
    assert told.facts["report"] == str(blind(key, "report", who.body_digest))
    assert told.facts["message_id"] == str(blind(key, "message_id", who.message_id.encode()))


def test_a_repeated_report_leaves_one_entry(house: House) -> None:
    filing, who = house.delivered(), caller(AGENCY)
    for each in (who, who, caller(AGENCY)):
        house.report(verdict(filing), each)
    assert [entry.kind for entry in entries(house, filing)].count("reported") == 1


def test_an_offered_message_is_in_the_evidence_once(house: House) -> None:
    filing, who = house.delivered(), caller(AGENCY)
    for each in (who, who, caller(AGENCY)):
        house.offer(about(filing), each)
    (told,) = [entry for entry in entries(house, filing) if entry.kind == "offered"]
    assert (told.facts["agency"], told.bericht) == (AGENCY, f"bericht-{filing.kenmerk}")


def test_what_was_purged_is_neither_reported_on_nor_written_about(house: House) -> None:
    filing = house.delivered()

    def purge(transaction: Transaction) -> None:
        row = transaction.filings_of(filing.kenmerk)[0]
        transaction.purge(row.filing_id, START)

    done(house.sandbox.store.write(purge))
    assert house.refused(verdict(filing, details="persoonlijk")) is checks.REPORT_EXPECTED
    assert house.offer_refused(about(filing)) is checks.OFFER_PARTY
    assert house.codes(filing)[-1] == "400"


def remembered(house: House, filing: Filing) -> int:
    def look(reader: Reader) -> int:
        return len(reader.inbox_of(reader.filings_of(filing.kenmerk)[0].filing_id))

    return house.sandbox.store.read(look)


def test_what_changes_nothing_is_not_remembered_however_often_it_comes(house: House) -> None:
    filing = house.delivered()
    for _ in range(5):
        house.offer(about(filing))
        house.report(verdict(filing))
    assert remembered(house, filing) == 2
    assert len(house.mailbox()) == 1


def test_a_purge_is_final_whatever_is_repeated(house: House) -> None:
    """No digest of a report, and nothing of a message, comes back."""
    filing, who = house.delivered(), caller(AGENCY, body=b"500")
    house.offer(about(filing))
    house.report(verdict(filing), who)

    def purge_it(transaction: Transaction) -> None:
        row = transaction.filings_of(filing.kenmerk)[0]
        purge(transaction, row.filing_id, "rule", house.sandbox.clock())

    done(house.sandbox.store.write(purge_it))
    for each in (who, caller(AGENCY, body=b"500")):
        house.report(verdict(filing), each)
        house.offer(about(filing))
    assert remembered(house, filing) == 0
    assert house.mailbox() == []
    other = house.delivered()
    taken = about(filing, kenmerk=other.kenmerk)
    assert house.offer_refused(taken) is checks.BERICHTKENMERK_REUSED
