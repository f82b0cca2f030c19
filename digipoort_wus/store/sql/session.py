"""One transaction of a database, SQLite or PostgreSQL, and the little in which they differ.

Statements are written once, with ``?`` where a value goes, and no per cent sign.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

Value = str | int | bytes | None
Row = tuple[Any, ...]


class Cursor(Protocol):
    """What a statement returned."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Row | None:
        """Return the next row, None behind the last."""

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Row]:
        """Go through the rows."""


Execute = Callable[[str, Sequence[Value]], Cursor]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a database spells what the two do not spell alike.

    Args:
        clock: expression for the milliseconds by which leases are counted.
        greatest: function that returns the greatest of its arguments.
        pairs: subselect of (number, type) from a JSON list of pairs in one value.
        lock: behind a selection of jobs: take them, and leave those that others take.
        notify: statement that wakes whoever listens; empty where nobody can.
        tell: statement that tells other processes its value, once this is committed; empty where
            there are none.
        hold: statements that make two writers of one process collide, each with the kenmerk
            as its value; none where there is one writer.
        turn: question that only one of all who purge gets a yes to, until its transaction ends;
            empty where there is one writer.
        next_number: expression that takes the next number of a table; empty where there is one
            writer, who counts.
    """

    clock: str
    greatest: str
    pairs: str
    lock: str
    notify: str
    tell: str
    hold: tuple[str, ...]
    turn: str
    next_number: str


SQLITE = Dialect(
    clock="store_clock()",
    greatest="max",
    pairs="SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)",
    lock="",
    notify="",
    tell="",
    hold=(),
    turn="",
    next_number="",
)
POSTGRES = Dialect(
    clock="CAST(extract(epoch FROM statement_timestamp()) * 1000 AS bigint)",
    greatest="greatest",
    pairs="SELECT value ->> 0, value ->> 1 FROM jsonb_array_elements(CAST(? AS jsonb)) AS value",
    lock="FOR UPDATE OF job SKIP LOCKED",
    notify="SELECT pg_notify('digipoort_job', '')",
    tell="SELECT pg_notify('digipoort_ebms', ?)",
    # Whoever changes the same row second is told so, and begins again with what the first left.
    hold=(
        "UPDATE filing SET kenmerk = kenmerk WHERE kenmerk = ?",
        "UPDATE job SET kenmerk = kenmerk WHERE kenmerk = ?",
    ),
    next_number="nextval('{}_id_seq')",
    # Any number that nobody else locks in the same database.
    turn="SELECT CASE WHEN pg_try_advisory_xact_lock(1145653074) THEN 1 ELSE 0 END",
)


@cache
def in_postgres(statement: str) -> bytes:
    """Return a statement as PostgreSQL's protocol wants it: values have numbers."""
    first, *others = statement.split("?")
    return "".join((first, *(f"${n}{text}" for n, text in enumerate(others, 1)))).encode()
