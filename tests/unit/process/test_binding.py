"""Who writes to the database and has no key: what he changes is refused, or found."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.evidence.findings import Problem
from digipoort_wus.evidence.verify import Report, Trust
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.process.checking import verify_store
from digipoort_wus.store.values import FilingId, PayloadDamaged
from tests.unit.process.sandbox import DELIVERY, OTHER, SENDER, XBRL, caller, done
from tests.unit.process.test_reports import House, a_house, about

NUMBER = DELIVERY.belanghebbende.number


class Insider:
    """A house with two filings and return messages, of two senders, and a hand in its database."""

    def __init__(self, house: House, database: Path) -> None:
        self.house = house
        self.database = database
        self.delivered: list[tuple[str, bytes]] = []
        take = house.agency.deliver

        def deliver(filing: Filing, attempt: int) -> object:
            content = read_content(filing.delivery.document.content)
            self.delivered.append((filing.sender, content))
            return take(filing, attempt)

        house.agency.deliver = deliver  # type: ignore[assignment, method-assign]
        self.one = house.sandbox.accept(self.delivery(b"<!-- one -->"))
        self.other = house.sandbox.accept(self.delivery(b"<!-- other -->"), oin=OTHER)

    def delivery(self, more: bytes) -> Delivery:
        octets = XBRL.format(NUMBER).encode() + more
        return replace(DELIVERY, document=Document("text/xml", "a.xml", octets))

    def do(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
            for statement in statements:
                assert connection.execute(statement).rowcount > 0, statement

    def verified(self) -> Report:
        store, clock = self.house.sandbox.store, self.house.sandbox.clock
        return store.read(lambda reader: verify_store(reader, Trust({}), clock()))

    def found(self) -> set[tuple[Problem, str]]:
        told = self.verified().findings
        return {
            (one.problem, one.detail) for one in told if one.problem is not Problem.BATCH_SIGNER
        }

    def id_of(self, filing: Filing) -> FilingId:
        rows = self.house.sandbox.store.read(lambda reader: reader.filings_of(filing.kenmerk))
        return rows[-1].filing_id


@pytest.fixture
def insider(tmp_path: Path) -> Iterator[Insider]:
    with a_house(tmp_path / "data") as house:
        made = Insider(house, tmp_path / "data" / "digipoort.db")
        assert made.found() == set()
        yield made


def test_contents_of_two_filings_are_exchanged(insider: Insider) -> None:
    ids = [insider.id_of(one) for one in (insider.one, insider.other)]
    rows = "(SELECT payload_id FROM filing_document AS d WHERE d.filing_id = {})"
    total = f"{rows.format(ids[0])} + {rows.format(ids[1])}"
    insider.do(f"UPDATE filing_document SET payload_id = {total} - payload_id")
    assert insider.found() == {(Problem.KEPT_CHANGED, "contents")}
    insider.house.sandbox.run()
    assert insider.delivered == []
    with pytest.raises(PayloadDamaged):
        insider.house.sandbox.store.read(lambda reader: reader.filing(ids[0]))


@pytest.mark.parametrize(
    "column",
    [
        f"sender = '{OTHER}', message_id = 'x'",
        "belanghebbende_number = '999'",
        "belanghebbende_type = 'x'",
        "berichtsoort = 'Aanslag'",
        "aanleverkenmerk = 'x'",
        "ontvanger_number = '1', ontvanger_type = 'OIN'",
        "received_at = received_at + 1",
        "berichtkenmerk = 'x'",
        "body_digest = x'00'",
        "tls_oin = '1'",
        "mac = x'00'",
        "mac = NULL",
    ],
)
def test_a_filing_is_given_away_or_changed(insider: Insider, column: str) -> None:
    filing_id = insider.id_of(insider.other)
    insider.do(f"UPDATE filing SET {column} WHERE id = {filing_id}")
    problems = {problem for problem, _ in insider.found()}
    assert problems & {Problem.KEPT_CHANGED, Problem.KEPT_UNTOLD}
    insider.house.sandbox.run()
    assert [sender for sender, _ in insider.delivered] == [SENDER]


def test_a_document_is_called_otherwise_or_left_out(insider: Insider) -> None:
    filing_id = insider.id_of(insider.one)
    insider.do(f"UPDATE filing_document SET file_name = 'x' WHERE filing_id = {filing_id}")
    assert (Problem.KEPT_CHANGED, "contents") in insider.found()
    insider.house.sandbox.run()
    assert [sender for sender, _ in insider.delivered] == [OTHER]


FORGED = (
    "INSERT INTO filing ({columns}) SELECT {values} FROM filing WHERE id = {source}",
    """INSERT INTO filing_document SELECT (SELECT max(id) FROM filing), position, mime_type,
        file_name, payload_id FROM filing_document WHERE filing_id = {source}""",
    """INSERT INTO job (filing_id, kenmerk, step, run_at, since, attempts, token, state, crashes)
        SELECT max(id), 'forged', 'deliver', 0, 0, 0, 0, 'ready', 0 FROM filing""",
)


@pytest.mark.parametrize("mac", ["mac", "NULL", "x'00'"])
def test_a_forged_filing_is_not_delivered_and_is_found(insider: Insider, mac: str) -> None:
    insider.house.sandbox.run()
    insider.delivered.clear()
    source = insider.id_of(insider.one)
    with closing(sqlite3.connect(insider.database)) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(filing)")]
    names.remove("id")
    forged = {
        "kenmerk": "'forged'",
        "berichtkenmerk": "'forged-b'",
        "message_id": "'urn:uuid:forged'",
        "mac": mac,
    }
    columns, values = ", ".join(names), ", ".join(forged.get(name, name) for name in names)
    insider.do(
        *(one.format(columns=columns, values=values, source=source) for one in FORGED),
    )
    assert insider.found() == {(Problem.KEPT_UNTOLD, "no entry received")}
    insider.house.sandbox.run()
    assert insider.delivered == []


def test_an_answer_of_another_filing_is_not_given(insider: Insider) -> None:
    service, clock = insider.house.sandbox.service, insider.house.sandbox.clock
    until = clock() + timedelta(minutes=10)
    callers = [caller(), caller()]
    for who, octets in zip(callers, (b"one", b"two"), strict=True):
        insider.house.sandbox.accept(DELIVERY, who)
        done(service.answered(who, octets, until))
    insider.do(
        """UPDATE answer SET payload_id = (SELECT sum(payload_id) FROM answer) - payload_id""",
    )
    assert insider.found() == {(Problem.KEPT_CHANGED, "answer")}
    assert done(service.answered(callers[0], b"anew", until)) == b"anew"


MESSAGE_CHANGES = {
    "content of another": (
        """UPDATE return_document SET payload_id =
            (SELECT sum(payload_id) FROM return_document) - payload_id""",
        {Problem.KEPT_CHANGED},
    ),
    "to another process": (
        """UPDATE return_message SET filing_id = (SELECT sum(id) FROM filing) - filing_id""",
        {Problem.KEPT_CHANGED, Problem.KEPT_UNTOLD},
    ),
    "about somebody else": (
        "UPDATE return_message SET belanghebbende_number = '999'",
        {Problem.KEPT_CHANGED},
    ),
    "another time": (
        "UPDATE return_message SET offered_at = offered_at + 1",
        {Problem.KEPT_CHANGED},
    ),
    "another kind": (
        "UPDATE return_message SET berichtsoort = 'Omzetbelasting'",
        {Problem.KEPT_CHANGED},
    ),
}


@pytest.mark.parametrize("name", MESSAGE_CHANGES)
def test_a_return_message_is_changed(insider: Insider, name: str) -> None:
    for filing in (insider.one, insider.other):
        insider.house.offer(about(filing))
    statement, problems = MESSAGE_CHANGES[name]
    insider.do(statement)
    assert {problem for problem, _ in insider.found()} == problems
    read = insider.house.sandbox.store.read
    for number, _ in read(lambda reader: reader.messages_about(insider.one.kenmerk)):
        with pytest.raises(PayloadDamaged):
            read(lambda reader, number=number: reader.message(number))  # type: ignore[misc]


def test_a_return_message_is_dropped_or_forged(insider: Insider) -> None:
    insider.house.offer(about(insider.one))
    with closing(sqlite3.connect(insider.database)) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(return_message)")]
    names.remove("id")
    columns = ", ".join(names)
    values = columns.replace("berichtkenmerk", "'forged'", 1)
    insider.do(
        f"INSERT INTO return_message ({columns}) SELECT {values} FROM return_message",
        """INSERT INTO return_document SELECT (SELECT max(id) FROM return_message), position,
            mime_type, file_name, payload_id FROM return_document""",
    )
    assert insider.found() == {(Problem.KEPT_UNTOLD, "no entry offered")}
    read = insider.house.sandbox.store.read
    first, forged = (n for n, _ in read(lambda r: r.messages_about(insider.one.kenmerk)))
    with pytest.raises(PayloadDamaged):
        read(lambda reader: reader.message(forged))
    insider.do(
        f"DELETE FROM return_document WHERE message_id IN ({first}, {forged})",
        f"DELETE FROM return_message WHERE id IN ({first}, {forged})",
    )
    assert {problem for problem, _ in insider.found()} == {Problem.KEPT_MISSING}


def test_what_is_not_sealed_is_no_content_of_a_filing_that_was(insider: Insider) -> None:
    insider.do(
        """UPDATE payload SET secret_id = NULL, salt = NULL, content = x'3c782f3e', size = 4,
            sha256 = x'a5d9b5fc93a9b42ad9a5f7c4be3bd8a1d1e9a5c6d7e8f90a1b2c3d4e5f607182'
        WHERE id IN (SELECT payload_id FROM filing_document)""",
    )
    insider.house.sandbox.run()
    assert insider.delivered == []
