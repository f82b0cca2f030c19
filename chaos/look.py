"""What is in the store after a run: rows by statements of its own, documents through the store."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import psycopg

from chaos.opening import open_storage
from chaos.parts import digest_of
from chaos.settings import Run
from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.chains import chain_findings
from digipoort_wus.evidence.merkle import root_of
from digipoort_wus.evidence.rows import EntryRow
from digipoort_wus.store.ports import FilingId, Store

Ask = Callable[[str], Sequence[tuple[Any, ...]]]
_KENMERKEN_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """A status as its row says it."""

    seq: int
    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredFiling:
    """A filing as its rows say it.

    Args:
        number: of the row.
        kenmerk: of the process.
        sender: OIN.
        message_id: wsa:MessageID.
        received_at: legal moment of receipt.
        statuses: in order of their numbers.
        jobs: how many it still has.
        messages: in the mailbox.
        content: SHA-256 of the document as it was read, hexadecimal; empty: it could not be.
        problem: why it could not be read.
    """

    number: int
    kenmerk: str
    sender: str
    message_id: str
    received_at: datetime
    statuses: tuple[StoredStatus, ...]
    jobs: int = 0
    messages: int = 0
    content: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that was found.

    Args:
        filings: in order of acceptance.
        problems: what the database says of itself.
        evidence: what is wrong with the evidence.
        entries: of evidence.
    """

    filings: tuple[StoredFiling, ...]
    problems: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    entries: int = 0


def look(run: Run) -> Stored:
    """Read everything; no node may run. What cannot be read at all is a problem like another."""
    try:
        # What a killed node left is recovered by opening it; only then others look at the file.
        with closing(open_storage(run).store) as store, asking(run) as ask:
            filings = tuple(_filings(ask, store))
            entries, evidence = _evidence(ask, {filing.kenmerk for filing in filings})
            return Stored(filings, tuple(_problems(run, ask)), evidence, entries)
    except (DigipoortError, sqlite3.Error, psycopg.Error) as error:
        return Stored((), (f"{type(error).__name__}: {error}",))


@contextmanager
def asking(run: Run) -> Iterator[Ask]:
    """Give what runs a statement over a connection that reads only."""
    if run.store == "sqlite":
        address = f"{(run.data / 'digipoort.db').absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            yield lambda statement: connection.execute(statement).fetchall()
        return
    with psycopg.connect(run.conninfo_file.read_text()) as server:

        def ask(statement: str) -> Sequence[tuple[Any, ...]]:
            cursor = server.execute(statement.encode())
            return cursor.fetchall() if cursor.description else ()

        yield ask


def _filings(ask: Ask, store: Store) -> Iterator[StoredFiling]:
    by_filing = itemgetter(0)
    rows = ask("SELECT filing_id, seq, code, at FROM status ORDER BY filing_id, seq")
    statuses = {
        number: tuple(StoredStatus(seq, code, _moment(at)) for _, seq, code, at in group)
        for number, group in itertools.groupby(rows, by_filing)
    }
    jobs: dict[int, int] = dict(ask("SELECT filing_id, count(*) FROM job GROUP BY filing_id"))
    messages: dict[int, int] = dict(
        ask("SELECT filing_id, count(*) FROM return_message GROUP BY filing_id")
    )
    for number, kenmerk, sender, message_id, received_at in ask(
        "SELECT id, kenmerk, sender, message_id, received_at FROM filing ORDER BY id"
    ):
        content, problem = _content(store, number)
        yield StoredFiling(
            number,
            kenmerk,
            sender,
            message_id,
            _moment(received_at),
            statuses.get(number, ()),
            jobs.get(number, 0),
            messages.get(number, 0),
            content,
            problem,
        )


def _content(store: Store, number: int) -> tuple[str, str]:
    """Return the digest of a document, or why it cannot be read."""
    try:
        return store.read(
            lambda reader: digest_of(reader.filing(FilingId(number)).delivery.document.content)
        ), ""
    except (DigipoortError, LookupError, OSError, ValueError) as error:
        return "", f"{type(error).__name__}: {error}"


def _problems(run: Run, ask: Ask) -> Iterator[str]:
    """Yield what the database finds wrong with itself."""
    if run.store == "sqlite":
        yield from (str(row[0]) for row in ask("PRAGMA integrity_check") if row[0] != "ok")
        yield from (f"foreign key of {row[0]}" for row in ask("PRAGMA foreign_key_check"))
        return
    # Reads every row of every table through its constraints' columns, and every index.
    for table in ("filing", "status", "job", "payload", "return_message", "evidence"):
        ask(f"SELECT count(*), count(t::text) FROM {table} AS t")  # noqa: S608, our own names
    if not ask("SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'"):
        return
    ask("CREATE EXTENSION IF NOT EXISTS amcheck")
    ask(
        """SELECT count(bt_index_check(index.indexrelid, true)) FROM pg_index AS index
        JOIN pg_class AS class ON class.oid = index.indexrelid
        JOIN pg_am AS am ON am.oid = class.relam
        JOIN pg_namespace AS space ON space.oid = class.relnamespace
        WHERE am.amname = 'btree' AND space.nspname = current_schema()"""
    )


def _evidence(ask: Ask, kenmerken: set[str]) -> tuple[int, tuple[str, ...]]:
    """Return how many entries there are, and what is wrong with them.

    A long run has half a million: not all of them are in memory at one time.
    """
    entries = int(ask("SELECT count(*) FROM evidence")[0][0])
    if not entries:
        return 0, ()
    batches: dict[int, bytes] = dict(ask("SELECT id, root FROM batch"))
    newest = max(batches, default=0)
    wrong: list[str] = []
    seen = set()
    for kenmerk, chain in itertools.groupby(_entries(ask), lambda row: row.kenmerk):
        seen.add(kenmerk)
        wrong += [str(finding) for finding in chain_findings(kenmerk, chain, newest)]
    wrong += [f"{kenmerk}: no chain" for kenmerk in sorted(kenmerken - seen)]
    for number, root in batches.items():
        leaves = ask(f"SELECT hash FROM evidence WHERE batch_id = {number} ORDER BY leaf")  # noqa: S608
        if root_of([bytes(row[0]) for row in leaves]) != bytes(root):
            wrong.append(f"batch {number}: another root")
    return entries, tuple(wrong)


def _entries(ask: Ask) -> Iterator[EntryRow]:
    """Yield all entries, those of one kenmerk together and in order."""
    last = ""
    while True:
        # Our own kenmerken: letters, digits and hyphens.
        names = ask(
            f"""SELECT DISTINCT kenmerk FROM evidence WHERE kenmerk > '{last}'
            ORDER BY kenmerk LIMIT {_KENMERKEN_AT_ONCE}"""  # noqa: S608
        )
        if not names:
            return
        for row in ask(
            f"""SELECT kenmerk, seq, at, kind, entry, hash, batch_id, leaf FROM evidence
            WHERE kenmerk > '{last}' AND kenmerk <= '{names[-1][0]}'
            ORDER BY kenmerk, seq"""  # noqa: S608
        ):
            yield EntryRow(
                *(row[0], row[1], _moment(row[2]), row[3]),
                *(row[4].encode(), row[5], row[6], row[7]),
            )
        last = names[-1][0]


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )
