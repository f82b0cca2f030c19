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
from digipoort_wus.store.sql.pending import FINISHED, HELD_ON, JOB_ROWS, LET_GO, Gathered
from digipoort_wus.store.sql.session import Dialect, Row, Value
from digipoort_wus.store.values import LONGEST_WAIT, FilingId, Job, QueueCounts

# Deliveries of one process wait for each other, or their statuses would mix.
_NOT_WAITING = """NOT EXISTS (SELECT 1 FROM job AS older
    WHERE older.kenmerk = job.kenmerk AND older.filing_id < job.filing_id)"""


_CRASHED, _ENDED = 1, 2
"""Why a job is suspected: its step raised or died before, or its lease has ended just now."""
_TOKENS = 1 << 32
"""More than one job is ever claimed."""
_ENTERED = "AND (job.since <= ? OR job.since > ?)"
"""Of what is due at once: entered by a moment, or by a clock that ran ahead of it."""


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
            f"""SELECT {greatest}(?, lease_until - {clock} + ?) FROM job
            WHERE lease_until IS NOT NULL ORDER BY lease_until LIMIT 1""",  # noqa: S608
            *(floor_ms(now), floor_ms(now)),
        )
        due = [moment_of(row[0]) for row in (free, leased) if row is not None]
        if free is not None and due[0] > now + LONGEST_WAIT:
            return now
        return min(due, default=None)

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
        """Return the kenmerken of jobs that could be claimed now, in the order of a claim."""
        statement = _claimable(replace(self._dialect, lock=""), "", _ENTERED)
        moment, far = floor_ms(now), floor_ms(now + LONGEST_WAIT)
        values = (moment, far, limit, moment, limit, far, limit, limit)
        rows = _in_order(self._all(statement, values))[:limit]
        return [row[3] for row in rows]

    def counts(self, now: datetime) -> QueueCounts:
        """Return how many jobs there are; looks at each."""
        row = self._one(
            f"""SELECT count(CASE WHEN free AND due THEN 1 END),
                count(CASE WHEN free AND NOT due THEN 1 END),
                count(CASE WHEN state = 'ready' AND NOT free THEN 1 END),
                count(CASE WHEN state = 'aside' THEN 1 END),
                min(CASE WHEN free AND due THEN place END)
            FROM (SELECT state, run_at <= ? OR run_at > ? AS due,
                CASE WHEN run_at = 0 THEN since ELSE run_at END AS place, state = 'ready'
                AND (lease_until IS NULL OR lease_until <= {self._dialect.clock}) AS free
                FROM job) AS seen""",  # noqa: S608
            *(floor_ms(now), floor_ms(now + LONGEST_WAIT)),
        )
        return QueueCounts(0, 0, 0, 0, None) if row is None else _counted(row)


class JobWrites(JobReads):
    """Gives out jobs and takes what became of them."""

    def add_job(self, job: Job) -> None:
        """Keep the first job of a delivery."""
        self._add(
            JOB_ROWS,
            *(job.filing_id, job.kenmerk, job.step, floor_ms(job.run_at), floor_ms(job.since)),
        )
        self._announced.append(job.kenmerk)

    def claim(self, now: datetime, lease: timedelta, limit: int) -> Sequence[Job]:
        """Lease one job whose lease has ended, or else jobs that are due, the longest due first."""
        far = floor_ms(now + LONGEST_WAIT)
        values = (limit, floor_ms(now), limit, far, limit, 1)
        return self._claim(self._all(_claimable(self._dialect), values), lease, limit)

    def claim_one(self, kenmerk: str, now: datetime, lease: timedelta) -> Job | None:
        """Lease the job of one process that is due and not leased."""
        statement = _claimable(self._dialect, "AND job.kenmerk = ?")
        moment, far = floor_ms(now), floor_ms(now + LONGEST_WAIT)
        of_it = (kenmerk, 1)
        found = self._all(statement, (*of_it, moment, *of_it, far, *of_it, *of_it))
        jobs = self._claim(found, lease, 1)
        return jobs[0] if jobs else None

    def _claim(self, found: Sequence[Row], lease: timedelta, limit: int) -> Sequence[Job]:
        if not found:
            return []
        found = _in_order(found)
        # What a process died of may be one of these: each goes alone, so that it shows.
        sound = [row[0] for row in found if not row[2]][:limit]
        chosen = [found[0][0]] if found[0][2] else sound
        rows = self._all(_lease(self._dialect, len(chosen)), (as_ms(lease), *chosen))
        ended = {row[0] for row in found if row[2] == _ENDED}
        jobs = {row[0]: job_of(row) for row in rows}
        taken = [jobs[number] for number in chosen if number in jobs]
        return [replace(job, expired=True) if job.filing_id in ended else job for job in taken]

    def extend(self, jobs: Iterable[Job], lease: timedelta) -> Sequence[Job]:
        """Lease jobs anew for so long from now, and return those that are still held."""
        statement = f"""UPDATE job SET lease_until = {self._dialect.clock} + ?
            WHERE filing_id = ? AND token = ? AND lease_until IS NOT NULL"""  # noqa: S608
        return [
            job
            for job in jobs
            if self._execute(statement, (as_ms(lease), job.filing_id, job.token)).rowcount == 1
        ]

    def release(self, jobs: Iterable[Job]) -> None:
        """End the leases of those that are still held, as if they had not been claimed."""
        for job in jobs:
            self._execute(
                """UPDATE job SET lease_until = NULL,
                    attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END
                WHERE filing_id = ? AND token = ? AND lease_until IS NOT NULL""",
                (job.filing_id, job.token),
            )

    def move(self, job: Job, to: Job, lease: timedelta | None) -> None:
        """Replace the job held under its token by another, keeping or ending the lease."""
        kind = LET_GO if lease is None else HELD_ON
        self._change(
            job,
            kind,
            *(to.step, floor_ms(to.run_at), floor_ms(to.since), to.attempts, to.crashes),
            *(to.reason, *(() if lease is None else (as_ms(lease),))),
        )

    def finish(self, job: Job) -> None:
        """Remove the job held under its token."""
        self._change(job, FINISHED)

    def _change(self, job: Job, kind: Gathered, *values: Value) -> None:
        """Have the one job changed that is still held under its token."""
        if job.filing_id in self._moved or JOB_ROWS in self._pending:
            self.flush()
        self._moved.add(job.filing_id)
        self._add(kind, job.filing_id, job.token, *values)

    def set_aside(self, job: Job, reason: str) -> None:
        """Take the job held under its token out of the queue until somebody offers it again."""
        self._fenced(
            """UPDATE job SET state = 'aside', reason = ?, lease_until = NULL
            WHERE filing_id = ? AND token = ? AND state = 'ready'""",
            *(reason, job.filing_id, job.token),
        )

    def offer_again(self, filing_id: FilingId, now: datetime) -> Job:
        """Put a job that was set aside back into the queue, due at once, at its first attempt."""
        row = self._one(
            f"""UPDATE job SET state = 'ready', reason = NULL, run_at = 0, since = ?,
                attempts = 0, crashes = 0, lease_until = NULL, token = token + 1
            WHERE filing_id = ? AND state = 'aside' RETURNING {JOB}""",  # noqa: S608
            *(floor_ms(now), filing_id),
        )
        if row is None:
            raise KeyError(filing_id)
        job = job_of(row)
        self._announce([job.kenmerk])
        return job

    def replace_job(self, job: Job) -> None:
        """Give a delivery this job instead of the one it has, whoever holds that."""
        # The job before may be gone, and with it its token; who claimed it may still be there.
        row = self._one(
            "UPDATE filing SET resent = resent + 1 WHERE id = ? RETURNING resent", job.filing_id
        )
        if row is None:
            raise KeyError(job.filing_id)
        moments = (floor_ms(job.run_at), floor_ms(job.since))
        self._execute(
            """INSERT INTO job (filing_id, kenmerk, step, run_at, since, attempts, lease_until,
                token, state, crashes, reason) VALUES (?,?,?,?,?,0,NULL,?,'ready',0,NULL)
            ON CONFLICT (filing_id) DO UPDATE SET step = excluded.step,
                run_at = excluded.run_at, since = excluded.since, attempts = 0,
                lease_until = NULL, token = excluded.token, state = 'ready', crashes = 0,
                reason = NULL""",
            (job.filing_id, job.kenmerk, job.step, *moments, row[0] * _TOKENS),
        )
        self._announce([job.kenmerk])

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


def _in_order(found: Sequence[Row]) -> Sequence[Row]:
    """Return what was found as it is claimed: first what somebody had begun and left."""
    return sorted(found, key=lambda row: (row[2] != _ENDED, row[1], row[0]))


@cache
def _claimable(dialect: Dialect, more: str = "", entered: str = "") -> str:
    """Return the statement that finds jobs: the free and the leased each by their index.

    The free ones are due at once, due by the moment, or so far ahead that no clock which is
    right can have said so. A job with a lease was due when it was claimed: of one whose lease
    has ended that is not asked again, or it would wait for a clock that was set back since.

    Its columns are number, place in the queue, suspicion and kenmerk; its values, each time
    followed by what the condition needs and the most of the kind: what ``entered`` needs; the
    moment; what is too far ahead of it; none.
    """
    waits = f"{more} AND {_NOT_WAITING}"
    free = f"""SELECT * FROM (SELECT job.filing_id, {{place}} AS place,
            CASE WHEN job.crashes > 0 THEN {_CRASHED} ELSE 0 END AS suspect, job.kenmerk FROM job
            WHERE job.lease_until IS NULL AND job.state = 'ready' AND {{due}} {waits}
            ORDER BY job.run_at, job.filing_id LIMIT ? {dialect.lock}) AS {{name}}
        UNION ALL """  # noqa: S608
    at_once = free.format(place="job.since", due=f"job.run_at = 0 {entered}", name="at_once")
    due = free.format(place="job.run_at", due="job.run_at > 0 AND job.run_at <= ?", name="due")
    absurd = free.format(place="0", due="job.run_at > ?", name="absurd")
    return f"""{at_once}{due}{absurd}SELECT * FROM (SELECT job.filing_id, job.lease_until AS place,
            {_ENDED} AS suspect, job.kenmerk FROM job
            WHERE job.lease_until <= {dialect.clock} AND job.state = 'ready' {waits}
            ORDER BY job.lease_until, job.filing_id LIMIT ? {dialect.lock}) AS ended"""  # noqa: S608


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
