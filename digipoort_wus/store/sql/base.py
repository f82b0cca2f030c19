"""What every group of statements stands on: one transaction, and what opens payloads."""

from collections.abc import Callable, Mapping, Sequence

from digipoort_wus.filing.filing import Document
from digipoort_wus.store.secrets import WrappedSecret
from digipoort_wus.store.sql.pending import IN_ORDER, PAYLOAD_ROWS, SECRET, Gathered, at_once
from digipoort_wus.store.sql.session import Cursor, Dialect, Execute, Row, Value
from digipoort_wus.store.values import (
    EvidenceRow,
    FilingId,
    LostLease,
    Prepared,
    Receipt,
    StoredPayload,
)
from digipoort_wus.store.vault import Vault, secret_of

PAYLOAD = """secret.ring, secret.wrapped, payload.salt, payload.sha256, payload.size,
    payload.content, payload.place"""
"""Columns of :meth:`Rows.content`."""
RINGS = "SELECT DISTINCT ring FROM secret WHERE wrapped IS NOT NULL"
"""Names of the ring keys that are needed; looks at every secret."""
IDENTITY = "SELECT id FROM identity"
"""The random name of the database, by which its payloads are known."""
SOME_FILES = "SELECT sha256 FROM payload WHERE place = 'file' LIMIT 50"
"""A few payloads that are files, by their SHA-256."""
SOME_OBJECTS = "SELECT sha256 FROM payload WHERE place = 'object' LIMIT 10"
"""A few that are objects."""
PAYLOAD_JOINED = "payload LEFT JOIN secret ON secret.id = payload.secret_id"


class Rows:
    """The transaction of one thread.

    Args:
        execute: runs a statement in it.
        dialect: how the database spells some things.
        vault: opens what is sealed.
        enqueue: hands the kenmerk of a new job to a queue within the transaction; without it
            the dialect says how others are woken.
    """

    def __init__(
        self,
        execute: Execute,
        dialect: Dialect,
        vault: Vault,
        enqueue: Callable[[str], None] | None = None,
    ) -> None:
        self._run = execute
        self._dialect = dialect
        self._vault = vault
        self._enqueue = enqueue
        self.begin()

    def begin(self) -> None:
        """Forget what an earlier transaction left, for there is a new one."""
        self._pending: dict[Gathered, list[Value]] = {}
        self._numbers: dict[str, int] = {}
        self._reserved: dict[str, list[int]] = {}
        self._announced: list[str] = []
        self._told: dict[str, None] = {}
        # What can be told of rows that wait without adding them first.
        self._receipts: dict[tuple[str, str], Receipt] = {}
        self._heads: dict[str, EvidenceRow] = {}
        self._processes: set[str] = set()
        self._answered: set[tuple[str, str]] = set()
        # What was looked up in this transaction, and only it can change.
        self._secrets: dict[FilingId, tuple[int, WrappedSecret]] = {}
        self._unanswered: set[FilingId] = set()
        self._moved: set[FilingId] = set()

    def flush(self) -> None:
        """Write what waits; to be called before the transaction is committed.

        Raises:
            LostLease: a job that was to be changed is held by somebody else.
        """
        if self._pending:
            self._flush()

    def complete(self) -> None:
        """Write what waits and have others told, as the last thing before a commit.

        Raises:
            LostLease: as :meth:`flush`.
        """
        self.flush()
        told, self._told = self._told, {}
        for said in told:
            self._run(self._dialect.tell, (said,))

    def _flush(self) -> None:
        pending, self._pending = self._pending, {}
        announced, self._announced = self._announced, []
        self._receipts.clear()
        self._heads.clear()
        self._processes.clear()
        self._answered.clear()
        self._moved.clear()
        self._write(pending)
        self._announce(announced)

    def _write(self, pending: Mapping[Gathered, list[Value]]) -> None:
        clock = self._dialect.clock
        is_held = True
        if self._dialect.next_number:
            # Each statement is a question to a server, and an answer.
            statement, values, expected = at_once(pending, clock)
            row = self._run(statement, values).fetchone()
            is_held = not expected or (row is not None and list(row) == expected)
        else:
            for kind in IN_ORDER:
                # Most of the fifty kinds have none.
                if kind not in pending:
                    continue
                for statement, given, rows in kind.parts(pending[kind], clock):
                    changed = self._run(statement, given)
                    is_held = is_held and (not kind.changes or changed.rowcount == rows)
        if not is_held:
            raise LostLease("a job was claimed by somebody else since")

    def _announce(self, kenmerken: Sequence[str]) -> None:
        """Tell others, once this is committed, that there are jobs."""
        if self._enqueue is not None:
            for kenmerk in kenmerken:
                self._enqueue(kenmerk)
        elif kenmerken and self._dialect.notify:
            self._run(self._dialect.notify, ())

    def _tell(self, said: str) -> None:
        """Have other processes on this store told, once this is committed; once of the same."""
        if self._dialect.tell:
            self._told[said] = None

    def _add(self, kind: Gathered, *values: Value) -> None:
        """Have a row written at the end, or before the next statement that may ask for it."""
        waiting = self._pending.get(kind)
        if waiting is None:
            self._pending[kind] = list(values)
        else:
            waiting += values

    def _reserve(self, *tables: str) -> None:
        """Take the numbers of rows that are about to be added with one question to the server."""
        if self._dialect.next_number:
            numbers = ", ".join(map(self._dialect.next_number.format, tables))
            row = self._run(f"SELECT {numbers}", ()).fetchone() or ()
            for table, number in zip(tables, row, strict=True):
                self._reserved.setdefault(table, []).append(int(number))

    def _number(self, table: str) -> int:
        """Return the number of a row that is about to be added."""
        if self._reserved.get(table):
            return self._reserved[table].pop(0)
        if self._dialect.next_number:
            row = self._run(f"SELECT {self._dialect.next_number.format(table)}", ()).fetchone()
            return 0 if row is None else int(row[0])
        last = self._numbers.get(table)
        if last is None:
            # Rows that wait have taken theirs from here already.
            row = self._run(f"SELECT coalesce(max(id), 0) FROM {table}", ()).fetchone()  # noqa: S608
            last = 0 if row is None else int(row[0])
        self._numbers[table] = last + 1
        return last + 1

    def _execute(self, statement: str, values: Sequence[Value]) -> Cursor:
        """Run a statement that may ask for anything, and change anything."""
        self.flush()
        self._secrets.clear()
        self._unanswered.clear()
        return self._run(statement, values)

    def _one(self, statement: str, *values: Value) -> Row | None:
        """Return the only row of an answer, None when there is none."""
        return self._execute(statement, values).fetchone()

    def _beside(self, statement: str, *values: Value) -> Row | None:
        """Return the only row of an answer to which rows that wait make no difference."""
        return self._run(statement, values).fetchone()

    def _all(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        return self._execute(statement, values).fetchall()

    def _insert(self, statement: str, *values: Value) -> int:
        """Run a statement that returns the number of the row it added."""
        row = self._execute(statement, values).fetchone()
        return 0 if row is None else int(row[0])

    def _fenced(self, statement: str, *values: Value) -> None:
        """Change the one job that is still held under its token."""
        if self._execute(statement, values).rowcount != 1:
            raise LostLease("the job was claimed by somebody else since")

    def _prepared(self, prepared: Prepared | None, documents: Sequence[Document]) -> Prepared:
        """Return what was prepared, or prepare it now, at the price of everybody's waiting."""
        if prepared is not None:
            return prepared
        made = self._vault.prepare(documents)
        # Nobody else knows these files; if the work fails, a sweep removes them.
        self._vault.release(made)
        return made

    def _add_secret(self, ring: str, wrapped: bytes | None) -> int:
        number = self._number("secret")
        self._add(SECRET, number, ring, wrapped)
        return number

    def _add_payload(self, secret_id: int | None, payload: StoredPayload) -> int:
        number = self._number("payload")
        self._add(
            PAYLOAD_ROWS,
            *(number, secret_id, payload.salt, payload.sha256, payload.size),
            *(payload.content, payload.place),
        )
        return number

    def _secret_of(self, filing_id: FilingId) -> tuple[int, WrappedSecret] | None:
        """Return number and wrapping of a filing's secret; None when it was stored without one."""
        row = self._one(
            """SELECT secret.id, secret.ring, secret.wrapped FROM filing
            LEFT JOIN secret ON secret.id = filing.secret_id WHERE filing.id = ?""",
            filing_id,
        )
        if row is None:
            raise KeyError(filing_id)
        wrapped = secret_of(row[1], row[2])
        return None if wrapped is None else (int(row[0]), wrapped)

    def _given_secret(self, filing_id: FilingId) -> tuple[int, WrappedSecret]:
        """Return a filing's secret; one of version 3 or earlier gets it now."""
        known = self._secrets.get(filing_id)
        if known is not None:
            return known
        found = self._secret_of(filing_id)
        if found is None:
            wrapped = self._vault.wrapped_secret()
            secret_id = self._add_secret(wrapped.ring, wrapped.wrapped)
            self._execute("UPDATE filing SET secret_id = ? WHERE id = ?", (secret_id, filing_id))
            found = secret_id, wrapped
        return found

    def _add_under_filing(self, filing_id: FilingId, octets: bytes, label: bytes) -> int:
        """Seal one more payload under the secret of a filing, as what its label says."""
        secret_id, wrapped = self._given_secret(filing_id)
        return self._add_payload(secret_id, self._vault.seal_under(wrapped, octets, label))


def stored(row: Row) -> StoredPayload:
    """Return a payload of its columns, of which the first two are its secret's."""
    return StoredPayload(*row[2:7])
