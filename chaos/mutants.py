"""Six mistakes that a gateway could make; the suite must notice each, or it proves nothing.

They are built into the process of a node when it starts, and are nowhere in the package.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast
from uuid import uuid4

from chaos.settings import Front


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake.

    Args:
        about: what is wrong.
        build_in: makes it so in this process.
        shows: what a run needs so that the mistake can show: ``kill``; ``zombie``: a node that
            comes back after its lease; ``power``: a machine that loses what was not synced.
        front: of the run.
    """

    about: str
    build_in: Callable[[], None]
    shows: str = "kill"
    front: Front = "lines"


def _replace(owner: object, **parts: Any) -> None:
    for name, part in parts.items():
        # What is replaced must be there: a mutant of something that has gone mutates nothing.
        getattr(owner, name)
        setattr(owner, name, part)


def _answer_before_commit() -> None:
    """Tell of an acceptance as soon as its rows are written."""
    from digipoort_wus.filing.filing import Filing
    from digipoort_wus.store.works import Work

    run, tell = Work.run, Work.tell

    def early(item: Any, transaction: Any) -> None:
        run(item, transaction)
        if isinstance(item._result[0], Filing) and not item.future.done():
            item.future.set_result(item._result[0])

    def late(item: Any) -> None:
        if not item.future.done():
            tell(item)

    _replace(Work, run=early, tell=late)


def _no_outbox() -> None:
    """Keep the job of a filing in a transaction of its own, after that of the filing."""
    from digipoort_wus.process import intake
    from digipoort_wus.process.service import ProcessService

    accept, take = ProcessService.accept, intake.accept
    jobs: dict[str, Any] = {}

    class WithoutJob:
        def __init__(self, transaction: Any) -> None:
            self._transaction = transaction

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transaction, name)

        def add_job(self, job: Any) -> None:
            jobs[job.kenmerk] = job

    def taken(transaction: Any, *args: Any, **options: Any) -> Any:
        return take(cast(Any, WithoutJob(transaction)), *args, **options)

    def accepted(service: ProcessService, caller: Any, delivery: Any) -> "Future[Any]":
        future = accept(service, caller, delivery)

        def enqueue(done: "Future[Any]") -> None:
            if done.exception() is None:
                job = jobs.pop(done.result().kenmerk, None)
                if job is not None:
                    added = service.store.write(lambda transaction: transaction.add_job(job))
                    added.add_done_callback(lambda _: service.wake())

        future.add_done_callback(enqueue)
        return future

    _replace(intake, accept=taken)
    _replace(ProcessService, accept=accepted)


def _no_deduplication() -> None:
    """Take every message for a new one."""
    from digipoort_wus.process import intake
    from digipoort_wus.store.sql.transaction import SqlTransaction

    add = SqlTransaction.add_filing

    def added(
        rows: Any, filing: Any, message_id: str, *args: Any, head: bytes | None = None
    ) -> Any:
        if rows.receipt(filing.sender, message_id) is not None:
            # The head has the MessageID.
            message_id, head = f"{message_id} {uuid4()}", None
        return add(rows, filing, message_id, *args, head=head)

    _replace(intake, _repeated=lambda *_: None)
    _replace(SqlTransaction, add_filing=added)


def _no_fencing() -> None:
    """Let whoever once held a job write to it, whoever holds it now."""
    from digipoort_wus.store.sql.base import Rows
    from digipoort_wus.store.sql.transaction import SqlTransaction

    change = SqlTransaction._change

    def unfenced(rows: Any, statement: str, *values: Any) -> None:
        rows._execute(statement.replace("AND token = ?", "AND ? IS NOT NULL"), values)

    def changed(rows: Any, job: Any, *values: Any) -> None:
        row = rows._one("SELECT token FROM job WHERE filing_id = ?", job.filing_id)
        if row is not None:
            change(rows, replace(job, token=row[0]), *values)

    _replace(Rows, _fenced=unfenced)
    _replace(SqlTransaction, _change=changed)


def _no_fsync() -> None:
    """Acknowledge what the operating system, or the database server, has yet to write."""
    from digipoort_wus.store import pg_session, postgres, sqlite, sqlite_file

    connect, defaults = sqlite_file.connect, pg_session.with_defaults

    def forgetful(*args: Any) -> Any:
        connection = connect(*args)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def asynchronous(conninfo: str) -> str:
        return defaults(conninfo).replace("synchronous_commit=on", "synchronous_commit=off")

    _replace(sqlite, connect=forgetful)
    _replace(postgres, with_defaults=asynchronous, check_durability=lambda _: None)


def _no_stable_message_id() -> None:
    """Give a delivery another wsa:MessageID at each attempt."""
    from digipoort_wus.delivery import wus

    _replace(wus, message_id_of=lambda _filing: f"urn:uuid:{uuid4()}")


MUTANTS = MappingProxyType(
    {
        "answer-before-commit": Mutant("answers before the commit", _answer_before_commit),
        "no-outbox": Mutant("adds the job after the commit", _no_outbox),
        "no-deduplication": Mutant("files a repeat again", _no_deduplication),
        "no-fencing": Mutant("lets a zombie write", _no_fencing, shows="zombie"),
        "no-fsync": Mutant("syncs nothing", _no_fsync, shows="power"),
        "no-stable-message-id": Mutant(
            "delivers again as something new", _no_stable_message_id, front="wus"
        ),
    }
)
"""By the name for ``--mutant``."""
