"""Leases, tokens, and jobs that were set aside, on SQLite and on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from digipoort_wus.store.ports import (
    AT_ONCE,
    LONGEST_WAIT,
    FilingId,
    Job,
    JobState,
    LostLease,
    QueueCounts,
    Store,
    Transaction,
)
from digipoort_wus.store.sql.jobs import _claimable
from digipoort_wus.store.sql.session import SQLITE
from tests.unit.store.conftest import House, sqlite_house
from tests.unit.store.samples import (
    MINUTE,
    NOW,
    SECOND,
    add_with_job,
    claim,
    done,
    write,
)


def extend(store: Store, jobs: Sequence[Job], lease: timedelta = MINUTE) -> Sequence[Job]:
    return write(store, lambda transaction: transaction.extend(jobs, lease))


def move(store: Store, job: Job, to: Job, lease: timedelta | None = None) -> None:
    write(store, lambda transaction: transaction.move(job, to, lease))


def test_jobs_are_claimed_when_they_are_due_the_longest_due_first(store: Store) -> None:
    ids = [add_with_job(store, n, at=NOW - n * SECOND) for n in (1, 3, 2)]
    later = add_with_job(store, 4, at=NOW + SECOND)
    assert [job.filing_id for job in claim(store, limit=2)] == [ids[1], ids[2]]
    assert [job.filing_id for job in claim(store)] == [ids[0]]
    assert claim(store) == []
    (job,) = claim(store, NOW + SECOND)
    assert (job.filing_id, job.attempts, job.token, job.crashes) == (later, 1, 1, 0)


def test_a_lease_that_ended_is_a_crash_and_its_job_comes_alone(house: House) -> None:
    with house.open() as store:
        for number in range(4):
            add_with_job(store, number)
        first = claim(store, limit=3)
        house.expire(store)
        again = [claim(store) for _ in range(5)]
        assert [len(jobs) for jobs in again] == [1, 1, 1, 1, 0]
        assert [jobs[0].crashes for jobs in again[:4]] == [1, 1, 1, 0]
        assert [jobs[0].token for jobs in again[:4]] == [2, 2, 2, 1]
        for job in first:
            with pytest.raises(LostLease):
                write(store, partial(_finish, job=job))
        for jobs in again[:4]:
            write(store, partial(_finish, job=jobs[0]))
        assert store.read(lambda reader: reader.next_run_at(NOW)) is None


def test_what_a_dead_one_left_comes_before_ten_thousand_others(house: House) -> None:
    """However long these have been due, and whatever the clock says of the orphan."""
    with house.open() as store:
        orphans = {add_with_job(store, 0), add_with_job(store, 1)}
        (_, held) = claim(store)
        # The clock is set back by an hour behind this.
        move(store, held, replace(held, run_at=NOW + 60 * MINUTE), MINUTE)
        write(store, _ten_thousand_more)
        assert store.read(lambda reader: reader.due_kenmerken(NOW, 1))[0].startswith("copy-")
        house.expire(store)
        found = store.read(lambda reader: reader.due_kenmerken(NOW, 64))
        assert (set(found[:2]), len(found)) == ({"kenmerk-0", "kenmerk-1"}, 64)
        ((first,), (second,)) = claim(store, limit=64), claim(store, limit=64)
        assert {first.filing_id, second.filing_id} == orphans
        assert (first.crashes, first.expired) == (second.crashes, second.expired) == (1, True)
        assert len(claim(store, limit=64)) == 64


def _ten_thousand_more(transaction: Transaction) -> None:
    """Copy the first filing and its job, free and long due."""
    copied = """sender, body_digest, received_at, berichtsoort, belanghebbende_number,
        belanghebbende_type, rol_belanghebbende, secret_id"""
    numbers = """WITH RECURSIVE numbers (n) AS
        (SELECT 100 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10099)"""
    execute = transaction._execute  # type: ignore[attr-defined]
    execute(
        f"""INSERT INTO filing (kenmerk, berichtkenmerk, message_id, {copied})
        {numbers} SELECT 'copy-' || n, 'copy-' || n, 'copy-' || n, {copied}
        FROM numbers, filing WHERE filing.kenmerk = 'kenmerk-0'""",
        (),
    )
    execute(
        """INSERT INTO job
            (filing_id, kenmerk, step, run_at, since, attempts, token, state, crashes)
        SELECT filing.id, filing.kenmerk, 'begin', job.run_at - 1000, job.since, 0, 0, 'ready', 0
        FROM filing, job WHERE filing.kenmerk <> 'kenmerk-0'
            AND filing.kenmerk <> 'kenmerk-1' AND job.kenmerk = 'kenmerk-0'""",
        (),
    )


def test_each_half_of_a_claim_goes_by_an_index(tmp_path: Path) -> None:
    with sqlite_house(tmp_path).open() as store:
        statement = "EXPLAIN QUERY PLAN " + _claimable(SQLITE, "")
        values = [1] * statement.count("?")
        explain = lambda t: t._execute(statement, values).fetchall()  # noqa: E731
        plan = "\n".join(row[3] for row in store.write(explain).result())
    assert "SEARCH job USING INDEX job_leased (lease_until<?)" in plan
    assert "SEARCH job USING INDEX job_free (" in plan
    assert "SCAN job" not in plan
    assert "TEMP B-TREE" not in plan


def _finish(transaction: Transaction, job: Job) -> None:
    transaction.finish(job)


def test_who_moves_on_is_suspected_no_more(house: House) -> None:
    with house.open() as store:
        add_with_job(store)
        claim(store)
        house.expire(store)
        (job,) = claim(store)
        move(store, job, replace(job, step="next", crashes=0))
        (job,) = claim(store)
        assert (job.step, job.crashes) == ("next", 0)


def test_a_lease_is_kept_as_long_as_it_is_extended(house: House) -> None:
    with house.open() as store:
        add_with_job(store)
        add_with_job(store, 2)
        jobs = claim(store)
        house.expire(store)
        assert extend(store, jobs) == jobs, "nobody else has claimed them in the meantime"
        assert claim(store) == []
        house.expire(store)
        (taken,) = claim(store, limit=1)
        assert extend(store, jobs) == [job for job in jobs if job.filing_id != taken.filing_id]
        move(store, taken, taken)
        assert extend(store, [taken]) == [], "it was given back"


def test_a_job_moves_on_under_its_lease_or_gives_it_back(store: Store) -> None:
    add_with_job(store)
    (job,) = claim(store)
    step = replace(job, step="second", run_at=NOW + SECOND, attempts=1)
    move(store, job, step, MINUTE)
    assert claim(store, NOW + MINUTE) == []
    move(store, job, step)
    assert claim(store) == [], "not due"
    (job,) = claim(store, NOW + SECOND)
    assert (job.step, job.attempts, job.token) == ("second", 2, 2)
    with pytest.raises(LostLease):
        move(store, step, step)


def test_when_the_next_job_can_be_claimed(store: Store) -> None:
    def due() -> timedelta | None:
        found = store.read(lambda reader: reader.next_run_at(NOW))
        return None if found is None else found - NOW

    assert due() is None
    add_with_job(store, 1, at=NOW + SECOND)
    assert due() == SECOND
    add_with_job(store, 2)
    assert due() == timedelta()
    claim(store)
    assert due() == SECOND
    claim(store, NOW + SECOND)
    remaining = due()
    assert remaining is not None
    assert MINUTE - 20 * SECOND < remaining <= MINUTE


def test_deliveries_of_one_process_wait_for_each_other(store: Store) -> None:
    first = add_with_job(store, 1, "one")
    second = add_with_job(store, 2, "one", NOW - SECOND)
    other = add_with_job(store, 3)
    (a, b) = claim(store)
    assert {a.filing_id, b.filing_id} == {first, other}
    assert claim(store) == []
    assert write(store, lambda t: t.claim_one("one", NOW, MINUTE)) is None
    held = a if a.filing_id == first else b
    write(store, partial(_finish, job=held))
    (job,) = claim(store)
    assert job.filing_id == second


def test_one_job_is_claimed_by_its_kenmerk(store: Store) -> None:
    for number in (1, 2):
        add_with_job(store, number)
    assert store.read(lambda reader: reader.due_kenmerken(NOW, 10)) == ["kenmerk-1", "kenmerk-2"]
    job = write(store, lambda t: t.claim_one("kenmerk-2", NOW, MINUTE))
    assert job is not None
    assert job.kenmerk == "kenmerk-2"
    assert write(store, lambda t: t.claim_one("kenmerk-2", NOW, MINUTE)) is None
    assert write(store, lambda t: t.claim_one("unknown", NOW, MINUTE)) is None
    assert store.read(lambda reader: reader.due_kenmerken(NOW, 10)) == ["kenmerk-1"]


def test_what_is_aside_waits_for_somebody(store: Store) -> None:
    filing_id = add_with_job(store)
    (job,) = claim(store)
    write(store, lambda t: t.set_aside(job, "it died five times"))
    assert claim(store, NOW + timedelta(days=400)) == []
    assert store.read(lambda reader: reader.next_run_at(NOW)) is None
    (aside,) = store.read(lambda reader: reader.jobs_aside(10))
    assert (aside.state, aside.reason) == (JobState.ASIDE, "it died five times")
    for late in (job, aside):
        with pytest.raises(LostLease):
            move(store, late, late)
    offered = write(store, lambda t: t.offer_again(filing_id, NOW + SECOND))
    assert (offered.attempts, offered.crashes, offered.state) == (0, 0, JobState.READY)
    with pytest.raises(LostLease):
        move(store, job, job)
    with pytest.raises(KeyError):
        write(store, lambda t: t.offer_again(filing_id, NOW))
    (job,) = claim(store, NOW + SECOND)
    assert job.reason is None
    with pytest.raises(KeyError):
        write(store, lambda t: t.offer_again(FilingId(99), NOW))


def test_an_operator_takes_a_job_from_who_holds_it(store: Store) -> None:
    filing_id = add_with_job(store)
    (held,) = claim(store)
    new = replace(held, step="again", run_at=NOW, since=NOW)
    write(store, lambda t: t.replace_job(new))
    with pytest.raises(LostLease):
        move(store, held, held)
    (job,) = claim(store)
    assert (job.step, job.attempts) == ("again", 1)
    assert job.token > held.token
    assert store.read(lambda reader: reader.job(filing_id)) == job
    assert write(store, lambda t: t.drop_job(filing_id))
    assert not write(store, lambda t: t.drop_job(filing_id))
    with pytest.raises(LostLease):
        write(store, partial(_finish, job=job))
    assert store.read(lambda reader: reader.job(filing_id)) is None
    write(store, lambda t: t.replace_job(new))
    (newest,) = claim(store)
    assert newest.token > job.token, "also where there is none any more"
    with pytest.raises(LostLease):
        write(store, partial(_finish, job=job))
    write(store, partial(_finish, job=newest))
    write(store, lambda t: t.replace_job(new))
    with pytest.raises(LostLease):
        write(store, partial(_finish, job=newest))
    with pytest.raises(KeyError):
        write(store, lambda t: t.replace_job(replace(new, filing_id=FilingId(99))))


def test_what_is_due_at_once_asks_no_clock_and_keeps_its_turn(store: Store) -> None:
    first, later, ahead = (add_with_job(store, n, at=NOW + n * SECOND) for n in (0, 2, 1))

    def at_once(transaction: Transaction) -> None:
        for filing_id, since in ((later, NOW + 2 * SECOND), (ahead, NOW + timedelta(days=30))):
            job = Job(filing_id, f"kenmerk-{filing_id}", "begin", AT_ONCE, since)
            transaction.replace_job(job)

    write(store, at_once)
    assert counts(store) == QueueCounts(3, 0, 0, 0, NOW)
    assert len(store.read(lambda reader: reader.due_kenmerken(NOW, 10))) == 2, (
        "what was entered a moment ago is left to who was told of it"
    )
    assert [job.filing_id for job in claim(store, limit=2)] == [first, later]
    (job,) = claim(store, NOW - timedelta(days=30))
    assert (job.filing_id, job.run_at) == (ahead, AT_ONCE)


def test_no_job_waits_longer_than_the_longest_wait(store: Store) -> None:
    """What a clock put off that was days ahead is done when it is right again."""
    far = add_with_job(store, 1, at=NOW + LONGEST_WAIT + SECOND)
    near = add_with_job(store, 2, at=NOW + LONGEST_WAIT)
    assert counts(store) == QueueCounts(1, 1, 0, 0, NOW + LONGEST_WAIT + SECOND)
    assert store.read(lambda reader: reader.due_kenmerken(NOW, 10)) == ["kenmerk-1"]
    assert [job.filing_id for job in claim(store)] == [far]
    assert claim(store) == []
    found = store.read(lambda reader: reader.next_run_at(NOW))
    assert found is not None
    assert NOW + 50 * SECOND <= found <= NOW + MINUTE, "the end of the lease"
    write(store, lambda t: t.drop_job(near))
    far = add_with_job(store, 3, at=NOW + timedelta(days=30))
    assert store.read(lambda reader: reader.next_run_at(NOW)) == NOW
    assert write(store, lambda t: t.claim_one("kenmerk-3", NOW, MINUTE)) is not None


def test_jobs_are_counted(house: House) -> None:
    with house.open() as store:
        assert counts(store) == QueueCounts(0, 0, 0, 0, None)
        for number in range(6):
            add_with_job(store, number, at=NOW - number * SECOND)
        add_with_job(store, 9, at=NOW + SECOND)
        aside, *_ = claim(store, limit=2)
        write(store, lambda t: t.set_aside(aside, "x"))
        assert counts(store) == QueueCounts(4, 1, 1, 1, NOW - 3 * SECOND)
        house.expire(store)
        assert counts(store) == QueueCounts(5, 1, 0, 1, NOW - 4 * SECOND)


def counts(store: Store) -> QueueCounts:
    return store.read(lambda reader: reader.counts(NOW))


def test_no_job_is_claimed_by_two(store: Store) -> None:
    for number in range(60):
        add_with_job(store, number)
    futures = [store.write(lambda t: t.claim(NOW, MINUTE, 7)) for _ in range(12)]
    claimed = [job.filing_id for future in futures for job in done(future)]
    assert len(set(claimed)) == len(claimed)
    while jobs := claim(store):
        claimed += [job.filing_id for job in jobs]
    assert len(set(claimed)) == len(claimed) == 60


def test_leases_are_ended_when_a_data_directory_is_opened(house: House) -> None:
    """One process has it: who held the leases is dead. Of a server that cannot be said."""
    with house.open() as store:
        add_with_job(store)
        claim(store)
    with house.open() as store:
        found = claim(store)
        if found:
            assert found[0].crashes == 1
        else:
            house.expire(store)
            assert claim(store)[0].crashes == 1
