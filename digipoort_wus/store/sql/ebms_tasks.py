"""Statements about what has to be sent over ebMS: under which lease and token, and how it went."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from digipoort_wus.store.ebms_values import EbmsAttempt, EbmsId, EbmsTask
from digipoort_wus.store.sql.contents import ContentReads
from digipoort_wus.store.sql.convert import (
    as_ms,
    floor_ms,
    moment_of,
    optional_moment,
)
from digipoort_wus.store.sql.session import Dialect, Row

_TASK = "message_id, run_at, attempts, last_at, token"
"""Columns of :func:`_task`."""
_TOKENS = 1 << 32
"""More than one task is ever claimed."""


class EbmsTaskReads(ContentReads):
    """Looks up tasks and attempts."""

    def ebms_task(self, ebms_id: EbmsId) -> EbmsTask | None:
        """Return the task of a message, None when nothing has to be sent."""
        row = self._one(f"SELECT {_TASK} FROM ebms_task WHERE message_id = ?", ebms_id)  # noqa: S608
        return None if row is None else _task(row)

    def next_ebms_task_at(self, now: datetime) -> datetime | None:
        """Return when the next task can be claimed, None when there is none."""
        clock, greatest = self._dialect.clock, self._dialect.greatest
        free = self._one(
            "SELECT run_at FROM ebms_task WHERE lease_until IS NULL ORDER BY run_at LIMIT 1"
        )
        leased = self._one(
            f"""SELECT {greatest}(?, lease_until - {clock} + ?) FROM ebms_task
            WHERE lease_until IS NOT NULL ORDER BY lease_until LIMIT 1""",  # noqa: S608
            *(floor_ms(now), floor_ms(now)),
        )
        return min((moment_of(row[0]) for row in (free, leased) if row is not None), default=None)

    def ebms_attempts(self, ebms_id: EbmsId) -> Sequence[EbmsAttempt]:
        """Return how often sending was tried for a message, in order."""
        rows = self._all(
            """SELECT seq, at, url, ended_at, outcome, status FROM ebms_attempt
            WHERE message_id = ? ORDER BY seq""",
            (ebms_id,),
        )
        return [
            EbmsAttempt(row[0], moment_of(row[1]), row[2], optional_moment(row[3]), *row[4:])
            for row in rows
        ]


class EbmsTaskWrites(EbmsTaskReads):
    """Gives out tasks and takes what became of them."""

    def put_ebms_task(self, ebms_id: EbmsId, run_at: datetime) -> None:
        """Have something sent; of one that has a task already, not later than this."""
        row = self._one(
            "UPDATE ebms_message SET tasks = tasks + 1 WHERE id = ? RETURNING tasks", ebms_id
        )
        if row is None:
            raise KeyError(ebms_id)
        self._execute(
            """INSERT INTO ebms_task (message_id, run_at, attempts, last_at, lease_until, token)
            VALUES (?,?,0,NULL,NULL,?) ON CONFLICT (message_id) DO UPDATE SET run_at =
                CASE WHEN excluded.run_at < ebms_task.run_at THEN excluded.run_at
                ELSE ebms_task.run_at END""",
            (ebms_id, floor_ms(run_at), row[0] * _TOKENS),
        )
        self._tell(str(ebms_id))

    def claim_ebms_tasks(
        self, now: datetime, lease: timedelta, limit: int, passing_over: Collection[str] = ()
    ) -> Sequence[EbmsTask]:
        """Lease tasks that are due and not leased: first those whose lease has ended by itself."""
        over = tuple(passing_over)
        found = self._all(
            _claimable(self._dialect, len(over)), (floor_ms(now), *over, limit, *over, limit)
        )
        if not found:
            return []
        found = sorted(found, key=lambda row: (not row[2], row[1], row[0]))[:limit]
        marks = ",".join("?" * len(found))
        rows = self._all(
            f"""UPDATE ebms_task SET token = token + 1, lease_until = {self._dialect.clock} + ?
            WHERE message_id IN ({marks}) RETURNING {_TASK}""",  # noqa: S608
            (as_ms(lease), *(row[0] for row in found)),
        )
        tasks = {row[0]: _task(row) for row in rows}
        return [
            replace(tasks[number], expired=bool(ended))
            for number, _, ended in found
            if number in tasks
        ]

    def extend_ebms_tasks(self, tasks: Iterable[EbmsTask], lease: timedelta) -> Sequence[EbmsTask]:
        """Lease tasks anew for so long from now, and return those that are still held."""
        statement = f"""UPDATE ebms_task SET lease_until = {self._dialect.clock} + ?
            WHERE message_id = ? AND token = ? AND lease_until IS NOT NULL"""  # noqa: S608
        return [
            task
            for task in tasks
            if self._execute(statement, (as_ms(lease), task.ebms_id, task.token)).rowcount == 1
        ]

    def release_ebms_tasks(self, tasks: Iterable[EbmsTask]) -> None:
        """End the leases of those that are still held, as if they had not been claimed."""
        for task in tasks:
            self._execute(
                """UPDATE ebms_task SET lease_until = NULL
                WHERE message_id = ? AND token = ? AND lease_until IS NOT NULL""",
                (task.ebms_id, task.token),
            )

    def begin_ebms_attempt(self, task: EbmsTask, at: datetime, url: str) -> EbmsAttempt:
        """Count an attempt of a task that is held, before it is made."""
        self._fenced(
            """UPDATE ebms_task SET attempts = attempts + 1, last_at = ?
            WHERE message_id = ? AND token = ? AND lease_until IS NOT NULL""",
            *(floor_ms(at), task.ebms_id, task.token),
        )
        row = self._one(
            """INSERT INTO ebms_attempt (message_id, seq, at, url) SELECT ?,
                (SELECT coalesce(max(seq), 0) + 1 FROM ebms_attempt WHERE message_id = ?), ?, ?
            RETURNING seq""",
            *(task.ebms_id, task.ebms_id, floor_ms(at), url),
        )
        return EbmsAttempt(0 if row is None else row[0], at, url)

    def end_ebms_attempt(
        self,
        ebms_id: EbmsId,
        seq: int,
        ended_at: datetime,
        outcome: str,
        status: int | None = None,
    ) -> None:
        """Note how an attempt went, whoever holds the task by now."""
        self._execute(
            """UPDATE ebms_attempt SET ended_at = ?, outcome = ?, status = ?
            WHERE message_id = ? AND seq = ? AND outcome IS NULL""",
            (floor_ms(ended_at), outcome, status, ebms_id, seq),
        )

    def move_ebms_task(self, task: EbmsTask, run_at: datetime) -> None:
        """Let go of a task that is held, until it is due again."""
        self._fenced(
            """UPDATE ebms_task SET run_at = ?, lease_until = NULL
            WHERE message_id = ? AND token = ? AND lease_until IS NOT NULL""",
            *(floor_ms(run_at), task.ebms_id, task.token),
        )

    def finish_ebms_task(self, task: EbmsTask) -> None:
        """Remove a task that is held."""
        self._fenced(
            """DELETE FROM ebms_task
            WHERE message_id = ? AND token = ? AND lease_until IS NOT NULL""",
            *(task.ebms_id, task.token),
        )

    def drop_ebms_task(self, ebms_id: EbmsId) -> bool:
        """Remove the task of a message, whoever holds it; False when it has none."""
        dropped = self._execute("DELETE FROM ebms_task WHERE message_id = ?", (ebms_id,))
        return dropped.rowcount == 1

    def end_ebms_leases(self) -> int:
        """End every lease of a task as if by itself, and return how many there were."""
        return self._execute(
            f"""UPDATE ebms_task SET lease_until = {self._dialect.clock}
            WHERE lease_until IS NOT NULL""",  # noqa: S608
            (),
        ).rowcount


@cache
def _claimable(dialect: Dialect, over: int = 0) -> str:
    """Return the statement that finds tasks: the free and the leased each by their index.

    Its columns are number, place in the queue, and whether a lease has ended by itself; its
    values the moment, and twice so many CPAIds that are passed over and the most.
    """
    marks = ",".join("?" * over)
    cpa_id = "SELECT cpa_id FROM ebms_message WHERE ebms_message.id = ebms_task.message_id"
    others = f"AND ({cpa_id}) NOT IN ({marks})" if over else ""
    lock = dialect.lock.replace("job", "ebms_task")
    return f"""SELECT * FROM (SELECT message_id, run_at AS place, 0 AS ended FROM ebms_task
            WHERE lease_until IS NULL AND run_at <= ? {others}
            ORDER BY run_at, message_id LIMIT ? {lock}) AS due
        UNION ALL SELECT * FROM (SELECT message_id, lease_until AS place, 1 AS ended FROM ebms_task
            WHERE lease_until <= {dialect.clock} {others}
            ORDER BY lease_until, message_id LIMIT ? {lock}) AS ended"""  # noqa: S608


def _task(row: Row) -> EbmsTask:
    return EbmsTask(EbmsId(row[0]), moment_of(row[1]), row[2], optional_moment(row[3]), row[4])
