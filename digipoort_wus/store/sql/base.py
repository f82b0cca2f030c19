"""What every group of statements stands on: one transaction, and what opens payloads."""

from collections.abc import Callable, Sequence

from digipoort_wus.filing.filing import Document
from digipoort_wus.store.secrets import WrappedSecret
from digipoort_wus.store.sql.session import Dialect, Execute, Row, Value
from digipoort_wus.store.values import FilingId, LostLease, Prepared, StoredPayload
from digipoort_wus.store.vault import Vault, secret_of

PAYLOAD = """secret.ring, secret.wrapped, payload.salt, payload.sha256, payload.size,
    payload.content, payload.place"""
"""Columns of :meth:`Rows.content`."""
RINGS = "SELECT DISTINCT ring FROM secret WHERE wrapped IS NOT NULL"
"""Names of the ring keys that are needed; looks at every secret."""
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
        self._execute = execute
        self._dialect = dialect
        self._vault = vault
        self._enqueue = enqueue

    def _one(self, statement: str, *values: Value) -> Row | None:
        """Return the only row of an answer, None when there is none."""
        return self._execute(statement, values).fetchone()

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
        made = self._vault.prepare(document.content for document in documents)
        # Nobody else knows these files; if the work fails, a later start removes them.
        self._vault.release(made)
        return made

    def _add_secret(self, ring: str, wrapped: bytes | None) -> int:
        return self._insert(
            "INSERT INTO secret (ring, wrapped) VALUES (?,?) RETURNING id", ring, wrapped
        )

    def _add_payload(self, secret_id: int | None, payload: StoredPayload) -> int:
        return self._insert(
            """INSERT INTO payload (secret_id, salt, sha256, size, content, place)
            VALUES (?,?,?,?,?,?) RETURNING id""",
            *(secret_id, payload.salt, payload.sha256, payload.size),
            *(payload.content, payload.place),
        )

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
        found = self._secret_of(filing_id)
        if found is None:
            wrapped = self._vault.wrapped_secret()
            secret_id = self._add_secret(wrapped.ring, wrapped.wrapped)
            self._execute("UPDATE filing SET secret_id = ? WHERE id = ?", (secret_id, filing_id))
            found = secret_id, wrapped
        return found

    def _add_under_filing(self, filing_id: FilingId, octets: bytes) -> int:
        """Seal one more payload under the secret of a filing."""
        secret_id, wrapped = self._given_secret(filing_id)
        return self._add_payload(secret_id, self._vault.seal_under(wrapped, octets))


def stored(row: Row) -> StoredPayload:
    """Return a payload of its columns, of which the first two are its secret's."""
    return StoredPayload(*row[2:7])
