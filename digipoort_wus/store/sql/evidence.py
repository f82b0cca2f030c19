"""Statements about evidence: chains of entries, batches over them, and the keys behind both."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from digipoort_wus.store.sql.base import Rows
from digipoort_wus.store.sql.convert import (
    ENTRY_OF_CHAIN,
    entry_of,
    floor_ms,
    moment_of,
    optional_moment,
    optional_ms,
)
from digipoort_wus.store.sql.pending import EVIDENCE
from digipoort_wus.store.sql.session import Row
from digipoort_wus.store.values import BatchRow, EvidenceRow, FilingId

_BATCH = """id, sealed_at, leaves, root, previous, signature, signer_sha256, token, stamped_at"""


class EvidenceReads(Rows):
    """Looks up evidence."""

    def last_evidence(self, kenmerk: str) -> EvidenceRow | None:
        """Return the end of a chain, None when it has no entry yet."""
        waiting = self._heads.get(kenmerk)
        if waiting is not None:
            return waiting
        row = self._beside(
            f"SELECT {ENTRY_OF_CHAIN} FROM evidence WHERE kenmerk = ? ORDER BY seq DESC LIMIT 1",  # noqa: S608
            kenmerk,
        )
        return None if row is None else entry_of(row)

    def ends(
        self, kenmerken: Sequence[str]
    ) -> Mapping[str, tuple[datetime | None, EvidenceRow | None]]:
        """Return the time of the newest status, and the end of the chain, of each process."""
        rows = self._all(_ends(len(kenmerken)), kenmerken)
        return {
            row[0]: (optional_moment(row[1]), None if row[2] is None else entry_of(row[2:]))
            for row in rows
        }

    def evidence(self, kenmerk: str) -> Sequence[EvidenceRow]:
        """Return the whole chain of a kenmerk, in order."""
        statement = f"SELECT {ENTRY_OF_CHAIN} FROM evidence WHERE kenmerk = ? ORDER BY seq"  # noqa: S608
        return [entry_of(row) for row in self._all(statement, (kenmerk,))]

    def unsealed(self, limit: int) -> Sequence[EvidenceRow]:
        """Return entries that are in no batch yet, oldest first."""
        rows = self._all(
            f"SELECT {ENTRY_OF_CHAIN} FROM evidence WHERE batch_id IS NULL ORDER BY id LIMIT ?",  # noqa: S608
            (limit,),
        )
        return [entry_of(row) for row in rows]

    def evidence_of_batch(self, number: int) -> Sequence[EvidenceRow]:
        """Return the entries of a batch in the order of its leaves."""
        rows = self._all(
            f"SELECT {ENTRY_OF_CHAIN} FROM evidence WHERE batch_id = ? ORDER BY leaf",  # noqa: S608
            (number,),
        )
        return [entry_of(row) for row in rows]

    def last_batch(self) -> BatchRow | None:
        """Return the newest batch, None when there is none."""
        row = self._one(f"SELECT {_BATCH} FROM batch ORDER BY id DESC LIMIT 1")  # noqa: S608
        return None if row is None else _batch(row)

    def batches(self, after: int, limit: int) -> Sequence[BatchRow]:
        """Return batches with a number above this one, in order."""
        statement = f"SELECT {_BATCH} FROM batch WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608
        return [_batch(row) for row in self._all(statement, (after, limit))]

    def unstamped(self, limit: int) -> Sequence[BatchRow]:
        """Return batches without a time stamp, oldest first."""
        rows = self._all(
            f"SELECT {_BATCH} FROM batch WHERE token IS NULL ORDER BY id LIMIT ?",  # noqa: S608
            (limit,),
        )
        return [_batch(row) for row in rows]

    def evidence_salt(self, filing_id: FilingId) -> bytes | None:
        """Return the key of personal data in the evidence of a delivery."""
        found = self._secret_of(filing_id)
        return None if found is None else self._vault.evidence_salt(found[1])

    def secret(self, filing_id: FilingId) -> tuple[str, bytes | None] | None:
        """Return ring and wrapped secret of a delivery; None: it was stored without one."""
        row = self._one(
            """SELECT ring, wrapped FROM filing JOIN secret ON secret.id = filing.secret_id
            WHERE filing.id = ?""",
            filing_id,
        )
        return None if row is None else (row[0], row[1])

    def secrets_outside(
        self, ring: str, after: int, limit: int
    ) -> Sequence[tuple[int, str, bytes]]:
        """Return number, ring and wrapping of secrets that another key than this wrapped.

        Args:
            ring: name of the key that should wrap all.
            after: only those with a higher number.
            limit: at most so many, lowest number first.
        """
        rows = self._all(
            """SELECT id, ring, wrapped FROM secret
            WHERE id > ? AND ring <> ? AND wrapped IS NOT NULL ORDER BY id LIMIT ?""",
            (after, ring, limit),
        )
        return [(row[0], row[1], row[2]) for row in rows]


class EvidenceWrites(EvidenceReads):
    """Keeps evidence."""

    def add_evidence(self, *rows: EvidenceRow) -> None:
        """Append entries to the chains of their kenmerken."""
        for row in rows:
            self._add(
                EVIDENCE,
                *(row.kenmerk, row.seq, row.filing_id, floor_ms(row.at)),
                *(row.kind, row.entry.decode(), row.hash),
            )
            self._heads[row.kenmerk] = row

    def evidence_salt(self, filing_id: FilingId) -> bytes:
        """Return the key of personal data in the evidence of a delivery."""
        return self._vault.evidence_salt(self._given_secret(filing_id)[1])

    def add_batch(self, batch: BatchRow, entries: Sequence[EvidenceRow]) -> None:
        """Keep a batch over these entries, of which none is in another."""
        self._execute(
            """INSERT INTO batch (id, sealed_at, leaves, root, previous, signature,
                signer_sha256, token, stamped_at) VALUES (?,?,?,?,?,?,?,?,?)""",
            (
                *(batch.number, floor_ms(batch.sealed_at), batch.leaves, batch.root),
                *(batch.previous, batch.signature, batch.signer_sha256, batch.token),
                optional_ms(batch.stamped_at),
            ),
        )
        for leaf, entry in enumerate(entries):
            changed = self._execute(
                "UPDATE evidence SET batch_id = ?, leaf = ? WHERE id = ? AND batch_id IS NULL",
                (batch.number, leaf, entry.row_id),
            )
            if changed.rowcount != 1:
                raise KeyError(entry.row_id)

    def stamp(self, number: int, token: bytes, at: datetime) -> None:
        """Keep the time-stamp token of a batch that has none."""
        changed = self._execute(
            "UPDATE batch SET token = ?, stamped_at = ? WHERE id = ? AND token IS NULL",
            (token, floor_ms(at), number),
        )
        if changed.rowcount != 1:
            raise KeyError(number)

    def rewrap(self, secret_id: int, before: bytes, ring: str, wrapped: bytes) -> bool:
        """Replace the wrapping of a secret, unless it changed since; tells whether it did."""
        changed = self._execute(
            "UPDATE secret SET ring = ?, wrapped = ? WHERE id = ? AND wrapped = ?",
            (ring, wrapped, secret_id, before),
        )
        return changed.rowcount == 1


@cache
def _ends(kenmerken: int) -> str:
    """Return the question about so many processes."""
    marks = ",".join(["(?)"] * kenmerken)
    return f"""SELECT given.column1, (SELECT max(status.at) FROM filing
            JOIN status ON status.filing_id = filing.id WHERE filing.kenmerk = given.column1),
            {ENTRY_OF_CHAIN}
        FROM (VALUES {marks}) AS given LEFT JOIN evidence ON evidence.kenmerk = given.column1
            AND evidence.seq = (SELECT max(seq) FROM evidence AS last
                WHERE last.kenmerk = given.column1)"""  # noqa: S608


def _batch(row: Row) -> BatchRow:
    return BatchRow(
        number=row[0],
        sealed_at=moment_of(row[1]),
        leaves=row[2],
        root=row[3],
        previous=row[4],
        signature=row[5],
        signer_sha256=row[6],
        token=row[7],
        stamped_at=optional_moment(row[8]),
    )
