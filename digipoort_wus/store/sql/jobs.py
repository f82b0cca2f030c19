"""Statements about jobs: who does what next, under which lease and token."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from digipoort_wus.store.sql.base import Rows
from digipoort_wus.store.sql.convert import (
    JOB,
    as_ms,
    floor_ms,
    job_of,
    moment_of,
    optional_moment,
)
from digipoort_wus.store.sql.session import Dialect, Row, Value
from digipoort_wus.store.values import FilingId, Job, QueueCounts

# Deliveries of one process wait for each other, or their statuses would mix.
_NOT_WAITING = """NOT EXISTS (SELECT 1 FROM job AS older
    WHERE older.kenmerk = job.kenmerk AND older.filing_id < job.filing_id)"""


_CRASHED, _ENDED = 1, 2
"""Why a job is suspected: its step raised or died before, or its lease has ended just now."""


class JobReads(Rows):
    """Looks up jobs."""

    def next_run_at(self, now: datetime) -> datetime | None:
        """Return when the next job can be claimed, None when there is no job."""
        clock, greatest = self._dialect.clock, self._dialect.greatest
        free = self._one(
            f"""SELECT run_at FROM job WHERE lease_until IS NULL AND state = 'ready'
            AND {_NOT_WAITING} ORDER BY run_at LIMIT 1"""  # noqa: S608
        )
        leased = self._one(
            f"""SELECT {greatest}(run_at, lease_until - {clock} + ?) FROM job
            WHERE lease_until IS NOT NULL ORDER BY lease_until LIMIT 1""",  # noqa: S608
            floor_ms(now),
        )
        return min((moment_of(row[0]) for row in (free, leased) if row is not None), default=None)

    def job(self, filing_id: FilingId) -> Job | None:
        """Return the job of a delivery, None when it has none."""
        row = self._one(f"SELECT {JOB} FROM job WHERE filing_id = ?", filing_id)  # noqa: S608
        return None if row is None else job_of(row)

    def jobs_aside(self, limit: int) -> Sequence[Job]:
        """Return jobs that were set aside, oldest filing first."""
        rows = self._all(
            f"SELECT {JOB} FROM job WHERE state = 'aside' ORDER BY filing_id LIMIT ?",  # noqa: S608
            (limit,),
        )
        return [job_of(row) for row in rows]

    def due_kenmerken(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the kenmerken of jobs that could be claimed now, the longest due first."""
        rows = _candidates(self, replace(self._dialect, lock=""), now, limit, "", ())
        return [row[3] for row in rows]

    def counts(self, now: datetime) -> QueueCounts:
        """Return how many jobs there are; looks at each."""
        moment = floor_ms(now)
        row = self._one(
            f"""SELECT count(CASE WHEN free AND run_at <= ? THEN 1 END),
                count(CASE WHEN free AND run_at > ? THEN 1 END),
                count(CASE WHEN state = 'ready' AND NOT free THEN 1 END),
                count(CASE WHEN state = 'aside' THEN 1 END),
                min(CASE WHEN free AND run_at <= ? THEN run_at END)
            FROM (SELECT run_at, state, state = 'ready'
                AND (lease_until IS NULL OR lease_until <= {self._dialect.clock}) AS free
                FROM job) AS seen""",  # noqa: S608
            *(moment, moment, moment),
        )
        return QueueCounts(0, 0, 0, 0, None) if row is None else _counted(row)


class JobWrites(JobReads):
    """Gives out jobs and takes what became of them."""

    def add_job(self, job: Job) -> None:
        """Keep the first job of a delivery."""
        self._execute(
            """INSERT INTO job (filing_id, kenmerk, step, run_at, since, attempts, lease_until,
                token, state, crashes, reason) VALUES (?,?,?,?,?,0,NULL,0,'ready',0,NULL)""",
            (job.filing_id, job.kenmerk, job.step, floor_ms(job.run_at), floor_ms(job.since)),
        )
        self._announce(job.kenmerk)

    def claim(self, now: datetime, lease: timedelta, limit: int) -> Sequence[Job]:
        """Lease jobs that are due and not leased, the longest due first."""
        return self._claim(_candidates(self, self._dialect, now, limit, "", ()), lease)

    def claim_one(self, kenmerk: str, now: datetime, lease: timedelta) -> Job | None:
        """Lease the job of one process that is due and not leased."""
        found = _candidates(self, self._dialect, now, 1, "AND job.kenmerk = ?", (kenmerk,))
        jobs = self._claim(found, lease)
        return jobs[0] if jobs else None

    def _claim(self, found: Sequence[Row], lease: timedelta) -> Sequence[Job]:
        if not found:
            return []
        # What a process died of may be one of these: each goes alone, so that it shows.
        sound = [row[0] for row in found if not row[2]]
        chosen = [found[0][0]] if found[0][2] else sound
        rows = self._all(_lease(self._dialect, len(chosen)), (as_ms(lease), *chosen))
        ended = {row[0] for row in found if row[2] == _ENDED}
        jobs = [job_of(row) for row in sorted(rows, key=lambda row: (row[3], row[0]))]
        return [replace(job, expired=True) if job.filing_id in ended else job for job in jobs]

    def extend(self, jobs: Iterable[Job], lease: timedelta) -> Sequence[Job]:
        """Lease jobs anew for so long from now, and return those that are still held."""
        statement = f"""UPDATE job SET lease_until = {self._dialect.clock} + ?
            WHERE filing_id = ? AND token = ? AND lease_until IS NOT NULL"""  # noqa: S608
        return [
            job
            for job in jobs
            if self._execute(statement, (as_ms(lease), job.filing_id, job.token)).rowcount == 1
        ]

    def move(self, job: Job, to: Job, lease: timedelta | None) -> None:
        """Replace the job held under its token by another, keeping or ending the lease."""
        until = "NULL" if lease is None else f"{self._dialect.clock} + {as_ms(lease)}"
        self._fenced(
            f"""UPDATE job SET step = ?, run_at = ?, since = ?, attempts = ?, crashes = ?,
                reason = ?, lease_until = {until}
            WHERE filing_id = ? AND token = ? AND state = 'ready'""",  # noqa: S608
            *(to.step, floor_ms(to.run_at), floor_ms(to.since), to.attempts, to.crashes),
            *(to.reason, job.filing_id, job.token),
        )

    def finish(self, job: Job) -> None:
        """Remove the job held under its token."""
        self._fenced(
            "DELETE FROM job WHERE filing_id = ? AND token = ? AND state = 'ready'",
            *(job.filing_id, job.token),
        )

    def set_aside(self, job: Job, reason: str) -> None:
        """Take the job held under its token out of the queue until somebody offers it again."""
        self._fenced(
            """UPDATE job SET state = 'aside', reason = ?, lease_until = NULL
            WHERE filing_id = ? AND token = ? AND state = 'ready'""",
            *(reason, job.filing_id, job.token),
        )

    def offer_again(self, filing_id: FilingId, now: datetime) -> Job:
        """Put a job that was set aside back into the queue, due now, as if at its first attempt."""
        moment = floor_ms(now)
        row = self._one(
            f"""UPDATE job SET state = 'ready', reason = NULL, run_at = ?, since = ?,
                attempts = 0, crashes = 0, lease_until = NULL, token = token + 1
            WHERE filing_id = ? AND state = 'aside' RETURNING {JOB}""",  # noqa: S608
            *(moment, moment, filing_id),
        )
        if row is None:
            raise KeyError(filing_id)
        job = job_of(row)
        self._announce(job.kenmerk)
        return job

    def replace_job(self, job: Job) -> None:
        """Give a delivery this job instead of the one it has, whoever holds that."""
        self._execute(
            """INSERT INTO job (filing_id, kenmerk, step, run_at, since, attempts, lease_until,
                token, state, crashes, reason) VALUES (?,?,?,?,?,0,NULL,0,'ready',0,NULL)
            ON CONFLICT (filing_id) DO UPDATE SET step = excluded.step,
                run_at = excluded.run_at, since = excluded.since, attempts = 0,
                lease_until = NULL, token = job.token + 1, state = 'ready', crashes = 0,
                reason = NULL""",
            (job.filing_id, job.kenmerk, job.step, floor_ms(job.run_at), floor_ms(job.since)),
        )
        self._announce(job.kenmerk)

    def drop_job(self, filing_id: FilingId) -> bool:
        """Remove the job of a delivery, whoever holds it; False when it has none."""
        return self._execute("DELETE FROM job WHERE filing_id = ?", (filing_id,)).rowcount == 1

    def end_leases(self) -> int:
        """End every lease as if by itself, and return how many there were."""
        return self._execute(
            f"""UPDATE job SET lease_until = {self._dialect.clock}
            WHERE lease_until IS NOT NULL""",  # noqa: S608
            (),
        ).rowcount

    def _announce(self, kenmerk: str) -> None:
        """Tell others, once this is committed, that there is a job."""
        if self._enqueue is not None:
            self._enqueue(kenmerk)
        elif self._dialect.notify:
            self._execute(self._dialect.notify, ())


def _candidates(
    rows: Rows, dialect: Dialect, now: datetime, limit: int, more: str, values: tuple[Value, ...]
) -> Sequence[Row]:
    """Return number, run_at, suspicion and kenmerk of jobs that can be claimed, in order."""
    statement = _claimable(dialect, more)
    half: tuple[Value, ...] = (floor_ms(now), *values, limit)
    found = rows._all(statement, (*half, *half))
    return sorted(found, key=lambda row: (row[1], row[0]))[:limit]


@cache
def _claimable(dialect: Dialect, more: str) -> str:
    """Return the statement that finds jobs: the free and the leased each by their index."""
    columns = "job.filing_id, job.run_at"
    due = f"job.state = 'ready' AND job.run_at <= ? {more} AND {_NOT_WAITING}"
    end = f"ORDER BY job.run_at, job.filing_id LIMIT ? {dialect.lock}"
    return f"""SELECT * FROM (SELECT {columns},
            CASE WHEN job.crashes > 0 THEN {_CRASHED} ELSE 0 END AS suspect, job.kenmerk FROM job
            WHERE job.lease_until IS NULL AND {due} {end}) AS free
        UNION ALL SELECT * FROM (SELECT {columns}, {_ENDED} AS suspect, job.kenmerk FROM job
            WHERE job.lease_until <= {dialect.clock} AND {due} {end}) AS ended"""  # noqa: S608


@cache
def _lease(dialect: Dialect, number: int) -> str:
    """Return the statement that leases so many jobs."""
    marks = ",".join("?" * number)
    return f"""UPDATE job SET token = token + 1, attempts = attempts + 1,
            crashes = crashes + CASE WHEN lease_until IS NULL THEN 0 ELSE 1 END,
            lease_until = {dialect.clock} + ?
        WHERE filing_id IN ({marks}) RETURNING {JOB}"""  # noqa: S608


def _counted(row: Row) -> QueueCounts:
    return QueueCounts(row[0], row[1], row[2], row[3], optional_moment(row[4]))
