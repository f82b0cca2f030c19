"""Statements about what is counted and remembered of senders, not of filings."""

from datetime import date, datetime

from digipoort_wus.store.sql.base import Rows
from digipoort_wus.store.sql.convert import day_number, floor_ms


class MarkReads(Rows):
    """Looks up counts."""

    def volume(self, oin: str, day: date) -> int:
        """Return how many octets were counted for an OIN on a day."""
        row = self._one(
            "SELECT bytes FROM volume WHERE oin = ? AND day = ?", *(oin, day_number(day))
        )
        return 0 if row is None else int(row[0])


class MarkWrites(MarkReads):
    """Counts and remembers."""

    def add_volume(self, oin: str, day: date, size: int) -> int:
        """Count octets for an OIN, and return what the day has so far; other days are forgotten."""
        return self._insert(
            """INSERT INTO volume (oin, day, bytes) VALUES (?,?,?)
            ON CONFLICT (oin) DO UPDATE SET bytes = excluded.bytes
                + CASE WHEN volume.day = excluded.day THEN volume.bytes ELSE 0 END,
                day = excluded.day
            RETURNING bytes""",
            *(oin, day_number(day), size),
        )

    def remember(self, signature: bytes, valid_until: datetime) -> bool:
        """Remember a signature, and return whether it is new."""
        added = self._execute(
            """INSERT INTO question (signature, valid_until) VALUES (?,?)
            ON CONFLICT (signature) DO NOTHING""",
            (signature, floor_ms(valid_until)),
        )
        return added.rowcount == 1

    def forget(self, before: datetime, most: int) -> int:
        """Forget at most so many signatures that were valid until earlier than this."""
        return self._execute(
            """DELETE FROM question WHERE id IN
            (SELECT id FROM question WHERE valid_until < ? ORDER BY valid_until LIMIT ?)""",
            (floor_ms(before), most),
        ).rowcount

    def forget_volumes(self, before: date) -> int:
        """Forget what was counted on earlier days of who has filed nothing since."""
        return self._execute("DELETE FROM volume WHERE day < ?", (day_number(before),)).rowcount
