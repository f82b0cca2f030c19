"""Evidence is written with what it speaks of, and a whole store of it verifies."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus.evidence.batch import believed
from digipoort_wus.evidence.verify import Trust, verify_history
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.status import StatusError
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import keys_from, make_pki
from digipoort_wus.process import proving, recording, sealing
from digipoort_wus.process.agency import Delivered, Rejected
from digipoort_wus.process.api import MailboxQuery, Period, Scope
from digipoort_wus.process.recording import Happened, record, subject_of
from digipoort_wus.process.sealing import BATCH_MAX, seal_batch, seal_due
from digipoort_wus.store.ports import Reader, Transaction
from tests.conftest import CERTS_TEST
from tests.unit.process.sandbox import (
    DELIVERY,
    HAPPY,
    OTHER,
    START,
    Sandbox,
    TurnableClock,
    caller,
    done,
    opened,
)
from tests.unit.process.test_engine import ScriptedAgency

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="session")
def signer() -> Identity:
    pki = make_pki("g1", now=START, key_source=keys_from(CERTS_TEST / "g1"))
    return pki.identities["gateway-signing"]


def kinds(house: Sandbox, kenmerk: str) -> list[str]:
    return [row.kind for row in house.store.read(lambda reader: reader.evidence(kenmerk))]


def findings(house: Sandbox, signer: Identity, *kenmerken: str) -> list[str]:
    def look(reader: Reader) -> list[str]:
        report = verify_history(
            proving.sealed_batches(reader),
            [proving.chain_of(reader, kenmerk) for kenmerk in kenmerken],
            Trust(believed(signer.certificate)),
            house.clock(),
        )
        return [str(finding) for finding in report.findings]

    return house.store.read(look)


def test_every_status_and_delivery_of_a_filing_is_in_its_chain(
    sandbox: Sandbox, signer: Identity
) -> None:
    filing = sandbox.accept()
    assert kinds(sandbox, filing.kenmerk) == ["received", *["status"] * 3]
    sandbox.run()
    expected = ["received", *["status"] * 7, "delivered", "status", "offered", "status"]
    assert kinds(sandbox, filing.kenmerk) == expected
    assert seal_batch(sandbox.store, signer, sandbox.clock()) is not None
    assert findings(sandbox, signer, filing.kenmerk) == []
    entries = sandbox.store.read(lambda reader: reader.evidence(filing.kenmerk))
    text = b"".join(entry.entry for entry in entries).decode()
    assert DELIVERY.belanghebbende.number not in text
    assert "Omzetbelasting" in text
    assert [f'"code":"{code}"' in text for code in HAPPY] == [True] * 9


def test_large_contents_are_blinded_as_well(sandbox: Sandbox, signer: Identity) -> None:
    content = DELIVERY.document.content + b"<!--" + b"x" * 300_000 + b"-->"  # type: ignore[operator]
    attachment = Document("text/plain", "bijlage.txt", b"bijlage")
    document = replace(DELIVERY.document, content=content)
    filing = sandbox.accept(replace(DELIVERY, document=document, attachments=(attachment,)))
    sandbox.run()
    seal_batch(sandbox.store, signer, sandbox.clock())
    assert findings(sandbox, signer, filing.kenmerk) == []


def test_a_process_that_is_continued_has_one_chain(sandbox: Sandbox, signer: Identity) -> None:
    first = sandbox.accept()
    second = sandbox.accept(replace(DELIVERY, kenmerk=first.kenmerk))
    sandbox.run_until_quiet()
    assert second.kenmerk == first.kenmerk
    assert kinds(sandbox, first.kenmerk).count("received") == 2
    seal_batch(sandbox.store, signer, sandbox.clock())
    assert findings(sandbox, signer, first.kenmerk) == []


def test_a_repeat_adds_nothing(sandbox: Sandbox) -> None:
    who = caller()
    filing = sandbox.accept(who=who)
    before = kinds(sandbox, filing.kenmerk)
    assert sandbox.accept(who=who) == filing
    assert kinds(sandbox, filing.kenmerk) == before


def test_what_an_agency_answered_to_a_delivery_is_kept(tmp_path: Path) -> None:
    outcome = Delivered("00000099000000004000", "urn:uuid:1", bytes(32))
    with opened(tmp_path / "data", agency=ScriptedAgency([outcome])) as house:
        filing = house.accept()
        house.run()
        entries = house.store.read(lambda reader: reader.evidence(filing.kenmerk))
        (entry,) = (entry.entry for entry in entries if entry.kind == "delivered")
        for part in (b"00000099000000004000", b"urn:uuid:1", b'"attempt":1', b"sha256:00"):
            assert part in entry


def test_a_code_of_an_agency_is_never_too_long(tmp_path: Path) -> None:
    rejected = Rejected(StatusError("X" * 1000, "Te lang."))
    with opened(tmp_path / "data", agency=ScriptedAgency([rejected])) as house:
        filing = house.accept()
        house.run()
        found = house.service.process_statuses(caller(), filing.kenmerk, Period(), Scope.ALL, None)
        last = done(found)[-1].status
        assert (last.code, last.error) == ("410", StatusError("X" * 20, "Te lang."))


def test_a_message_that_was_handed_out_is_recorded_once(sandbox: Sandbox, signer: Identity) -> None:
    filing = sandbox.accept()
    sandbox.run()
    for scope, times in ((Scope.ALL, 0), (Scope.NEW, 1), (Scope.NEW, 1)):
        query = MailboxQuery(kenmerk=filing.kenmerk)
        done(sandbox.service.messages(caller(), query, scope))
        assert kinds(sandbox, filing.kenmerk).count("fetched") == times
    seal_batch(sandbox.store, signer, sandbox.clock())
    assert findings(sandbox, signer, filing.kenmerk) == []
    with pytest.raises(Exception, match="KENMERK-KNOWN"):
        done(sandbox.service.messages(caller(OTHER), query, Scope.NEW))


def test_a_work_that_fails_leaves_no_entry(sandbox: Sandbox) -> None:
    filing = sandbox.accept()
    (row,) = sandbox.store.read(lambda reader: reader.filings_of(filing.kenmerk))
    before = kinds(sandbox, filing.kenmerk)

    def work(transaction: Transaction) -> None:
        subject = subject_of(transaction, row.filing_id, filing.berichtkenmerk)
        event = recording.delivered(Delivered(), 1, START)
        record(transaction, subject, [event] * 3)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        done(sandbox.store.write(work))
    assert kinds(sandbox, filing.kenmerk) == before


def test_entries_are_sealed_when_they_are_a_minute_old_or_fill_a_batch(
    sandbox: Sandbox, signer: Identity
) -> None:
    def due() -> datetime:
        return seal_due(sandbox.store, signer, sandbox.clock())

    def batches() -> list[int]:
        return [one.leaves for one in sandbox.store.read(lambda reader: reader.batches(0, 10))]

    assert due() == START + MINUTE
    filing = sandbox.accept()
    sandbox.clock.turn(seconds=59)
    assert due() == START + MINUTE
    assert batches() == []
    sandbox.clock.turn(seconds=1)
    assert due() == sandbox.clock.now + MINUTE
    assert batches() == [4]
    (row,) = sandbox.store.read(lambda reader: reader.filings_of(filing.kenmerk))

    def many(transaction: Transaction) -> None:
        subject = subject_of(transaction, row.filing_id, filing.berichtkenmerk)
        event = recording.delivered(Delivered(), 1, START).event
        record(transaction, subject, [Happened(sandbox.clock(), event)] * (2 * BATCH_MAX + 1))

    done(sandbox.store.write(many))
    assert due() == sandbox.clock.now + MINUTE
    assert batches() == [4, BATCH_MAX, BATCH_MAX]
    sandbox.clock.turn(days=-1)
    due()
    assert batches() == [4, BATCH_MAX, BATCH_MAX, 1], "a clock that went back keeps nothing open"
    # What the clock said is told; of what came before nothing is.
    told = findings(sandbox, signer, filing.kenmerk)
    assert len(told) == 2
    assert all("EVIDENCE-BATCH-TIME" in one and "batch=4" in one for one in told)


def test_two_workers_seal_every_entry_once(
    tmp_path: Path, signer: Identity, postgres_database: str
) -> None:
    clock = TurnableClock()
    with opened(tmp_path / "data", clock=clock, database=postgres_database) as house:
        kenmerken = [house.accept().kenmerk for _ in range(10)]
        house.run_until_quiet()
        works = [house.store.write(lambda t: sealing._seal(t, signer, clock.now)) for _ in range(6)]
        sealed = [row for work in works if (row := done(work)) is not None]
        assert sum(row.leaves for row in sealed) == 10 * 12
        assert findings(house, signer, *kenmerken) == []
