"""Rows that wait for the end of their transaction, on SQLite and on PostgreSQL."""

from concurrent.futures import Future
from datetime import timedelta

import pytest

from digipoort_wus.filing.status import Status
from digipoort_wus.store.ports import (
    EvidenceRow,
    FilingId,
    Job,
    LostLease,
    Receipt,
    Selection,
    Store,
    Transaction,
)
from tests.unit.store.conftest import House
from tests.unit.store.samples import (
    MINUTE,
    NOW,
    SECOND,
    add,
    add_with_job,
    claim,
    contents,
    done,
    filing,
    message,
    write,
)


def statuses(first: int, number: int) -> list[Status]:
    return [Status("105", NOW + at * SECOND) for at in range(first, first + number)]


def sequence(store: Store, kenmerk: str) -> list[int]:
    rows = store.read(lambda reader: reader.statuses(Selection("sender", kenmerk)))
    return [row.seq for row in rows]


def entry(filing_id: FilingId, seq: int, kenmerk: str = "kenmerk-1") -> EvidenceRow:
    return EvidenceRow(kenmerk, seq, filing_id, NOW, "status", b"{}", bytes(32))


def test_statuses_of_many_filings_are_counted_for_each(store: Store) -> None:
    """More than one statement takes, in turn, and behind those of an earlier transaction."""
    numbers = [done(add(store, number)) for number in (1, 2)]

    def work(transaction: Transaction) -> None:
        for at in range(0, 150, 3):
            for filing_id in numbers:
                transaction.add_statuses(filing_id, statuses(at, 3))

    write(store, work)
    assert sequence(store, "kenmerk-1") == sequence(store, "kenmerk-2") == [*range(1, 151)]
    write(store, lambda transaction: transaction.add_statuses(numbers[0], statuses(200, 2)))
    assert sequence(store, "kenmerk-1") == [*range(1, 153)]


def test_a_transaction_sees_what_it_has_added(store: Store) -> None:
    def work(transaction: Transaction) -> None:
        first = transaction.add_filing(filing(), "message-1", b"digest")
        assert transaction.receipt("sender", "message-1") == Receipt(first, b"digest")
        assert transaction.receipt("sender", "message-2") is None
        transaction.add_evidence(entry(first, 1), entry(first, 2))
        assert transaction.last_evidence("kenmerk-1") == entry(first, 2)
        transaction.add_statuses(first, statuses(0, 2))
        assert transaction.last_status_at("kenmerk-1") == NOW + SECOND
        found = transaction.last_evidence("kenmerk-1")
        assert found is not None
        assert (found.seq, found.filing_id) == (2, first)
        second = transaction.add_filing(filing(2), "message-2", b"digest")
        assert second > first
        assert [row.filing_id for row in transaction.filings_of("kenmerk-2")] == [second]
        third = transaction.add_filing(filing(3), "message-3", b"digest")
        transaction.offer(message(1, "kenmerk-3"))
        assert transaction.offered("terug-1") is not None
        asked = transaction.to_answer("sender", "message-3")
        assert asked is not None
        assert (asked.filing_id, asked.valid_until, asked.last) == (third, None, None)

    write(store, work)


def test_of_a_group_of_works_only_the_one_that_fails_is_undone(store: Store) -> None:
    for number in range(1, 6):
        add_with_job(store, number)
    jobs = claim(store)
    futures: list[Future[None]] = []

    def finish(job: Job, code: str) -> None:
        def work(transaction: Transaction) -> None:
            transaction.finish(job)
            transaction.add_statuses(job.filing_id, [Status(code, NOW)])

        futures.append(store.write(work))

    lost = Job(jobs[2].filing_id, jobs[2].kenmerk, "begin", NOW, NOW, 1, jobs[2].token + 1)
    for job in (*jobs[:2], lost, *jobs[3:]):
        finish(job, "200")
    for future, job in zip(futures, jobs, strict=True):
        if job is jobs[2]:
            with pytest.raises(LostLease):
                done(future)
        else:
            done(future)
    for job in jobs:
        assert sequence(store, job.kenmerk) == ([] if job is jobs[2] else [1])
    left = store.read(lambda reader: [reader.job(job.filing_id) for job in jobs])
    assert [job is not None for job in left] == [False, False, True, False, False]


def test_one_lost_lease_undoes_the_whole_work(store: Store) -> None:
    for number in (1, 2):
        add_with_job(store, number)
    jobs = claim(store)

    def work(transaction: Transaction) -> None:
        for job in jobs:
            transaction.add_statuses(job.filing_id, statuses(0, 1))
            transaction.finish(job)
        transaction.finish(jobs[0])

    with pytest.raises(LostLease):
        write(store, work)
    assert [sequence(store, job.kenmerk) for job in jobs] == [[], []]
    assert len(store.read(lambda reader: reader.due_kenmerken(NOW, 9))) == 0


def test_a_job_is_changed_more_than_once(store: Store) -> None:
    def work(transaction: Transaction) -> FilingId:
        filing_id = transaction.add_filing(filing(), "message-1", b"digest")
        new = Job(filing_id, "kenmerk-1", "begin", NOW, NOW)
        transaction.add_job(new)
        transaction.move(new, Job(filing_id, "kenmerk-1", "later", NOW, NOW, 1), MINUTE)
        transaction.move(new, Job(filing_id, "kenmerk-1", "last", NOW + MINUTE, NOW, 2), None)
        return filing_id

    filing_id = write(store, work)
    found = store.read(lambda reader: reader.job(filing_id))
    assert found == Job(filing_id, "kenmerk-1", "last", NOW + MINUTE, NOW, 2)
    assert claim(store) == []


def test_what_is_released_is_claimed_as_if_for_the_first_time(house: House) -> None:
    with house.open() as store:
        for number in (1, 2, 3):
            add_with_job(store, number)
        jobs = claim(store)
        write(store, lambda transaction: transaction.finish(jobs[1]))
        house.expire(store)
        again = claim(store)
        assert [job.filing_id for job in again] == [jobs[0].filing_id]
        write(store, lambda transaction: transaction.release(jobs))
        assert claim(store, limit=1)[0].filing_id == jobs[2].filing_id
        held = store.read(lambda reader: reader.job(jobs[0].filing_id))
        assert held is not None
        assert (held.token, held.crashes) == (again[0].token, 1)
        third = store.read(lambda reader: reader.job(jobs[2].filing_id))
        assert third is not None
        assert (third.attempts, third.crashes) == (1, 0)


def test_filings_are_read_together_but_for_what_cannot_be_read(house: House) -> None:
    with house.open() as store:
        large = done(add(store, 1, b"x" * 200_000))
        small = done(add(store, 2, b"<y/>"))
        for file in house.files():
            file.unlink()
        found = store.read(lambda reader: reader.loaded([large, small, FilingId(99)]))
        assert set(found) == {small}
        filed, salt = found[small]
        assert filed == store.read(lambda reader: reader.filing(small))
        assert salt == store.read(lambda reader: reader.evidence_salt(small))
        assert contents(store, small) == [b"<y/>"]


def test_ends_are_those_of_each_process(store: Store) -> None:
    first, _ = (done(add(store, number)) for number in (1, 2))

    def work(transaction: Transaction) -> None:
        transaction.add_statuses(first, statuses(0, 2))
        transaction.add_evidence(entry(first, 1), entry(first, 2))

    write(store, work)
    ends = store.read(lambda reader: reader.ends(["kenmerk-1", "kenmerk-2", "kenmerk-3"]))
    assert set(ends) == {"kenmerk-1", "kenmerk-2", "kenmerk-3"}
    assert ends["kenmerk-2"] == ends["kenmerk-3"] == (None, None)
    assert ends["kenmerk-1"] == (
        NOW + SECOND,
        store.read(lambda reader: reader.last_evidence("kenmerk-1")),
    )


def test_who_is_to_be_answered_has_the_answer_that_is_kept(store: Store) -> None:
    filing_id = done(add(store))
    assert store.read(lambda reader: reader.to_answer("sender", "message-9")) is None

    def work(transaction: Transaction) -> None:
        for minutes in (1, 2):
            asked = transaction.to_answer("sender", "message-1")
            assert asked is not None
            before = None if minutes == 1 else NOW + timedelta(minutes=1)
            assert (asked.filing_id, asked.kenmerk) == (filing_id, "kenmerk-1")
            assert (asked.berichtkenmerk, asked.valid_until) == ("bericht-1", before)
            octets = b"answer %d" % minutes
            transaction.put_answer(filing_id, octets, NOW + timedelta(minutes=minutes))

    write(store, work)
    kept = store.read(lambda reader: reader.answer(filing_id))
    assert kept is not None
    assert kept.octets == b"answer 2"
    # That of the first one is gone.
    assert len(store.read(lambda reader: reader.payloads(0, 9))) == 2
