"""Statements about statuses, and about who has seen them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status
from digipoort_wus.store.sql.base import Rows
from digipoort_wus.store.sql.convert import error_pair, floor_ms, moment_of, selected, status_of
from digipoort_wus.store.sql.pending import STATUS
from digipoort_wus.store.values import FilingId, Selection, StatusRow


class StatusReads(Rows):
    """Looks up statuses."""

    def last_status_at(self, kenmerk: str) -> datetime | None:
        """Return the time of the newest status of a process."""
        row = self._one(
            """SELECT max(status.at) FROM filing JOIN status ON status.filing_id = filing.id
            WHERE filing.kenmerk = ?""",
            kenmerk,
        )
        return None if row is None or row[0] is None else moment_of(row[0])

    def statuses(self, selection: Selection, limit: int | None = None) -> Sequence[StatusRow]:
        """Return statuses ordered by time, then in order of insertion."""
        wanted, values = selected(selection, "status.at")
        wanted.insert(0, "filing.sender = ?")
        values.insert(0, selection.sender)
        if selection.unseen_by is not None:
            wanted.append("filing.purged_at IS NULL")
            wanted.append(
                """NOT EXISTS (SELECT 1 FROM seen_status AS seen WHERE seen.caller = ?
                AND seen.filing_id = status.filing_id AND seen.seq = status.seq)"""
            )
            values.append(selection.unseen_by)
        statement = f"""SELECT filing.id, status.seq, filing.kenmerk,
                filing.belanghebbende_number, filing.belanghebbende_type, status.code,
                status.at, status.error_code, status.error_text, status.details
            FROM filing JOIN status ON status.filing_id = filing.id
            WHERE {" AND ".join(wanted)} ORDER BY status.at, filing.id, status.seq"""  # noqa: S608
        if limit is not None:
            statement += " LIMIT ?"
            values.append(limit)
        return [
            StatusRow(FilingId(row[0]), row[1], row[2], Party(row[3], row[4]), status_of(*row[5:]))
            for row in self._all(statement, values)
        ]


class StatusWrites(StatusReads):
    """Keeps statuses."""

    def add_statuses(self, filing_id: FilingId, statuses: Iterable[Status]) -> None:
        """Append statuses to a delivery, in this order."""
        for status in statuses:
            self._add(
                STATUS,
                *(filing_id, status.code, floor_ms(status.at), *error_pair(status)),
                status.details,
            )

    def mark_statuses(self, caller: str, rows: Iterable[StatusRow]) -> int:
        """Remember that this OIN has been given these statuses; return how many it had not."""
        return sum(
            self._execute(
                """INSERT INTO seen_status (caller, filing_id, seq) VALUES (?,?,?)
                ON CONFLICT DO NOTHING""",
                (caller, row.filing_id, row.seq),
            ).rowcount
            for row in rows
        )
