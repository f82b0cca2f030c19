"""Statements about how filings were judged."""

from collections.abc import Iterable, Sequence

from digipoort_wus.store.sql.base import Rows
from digipoort_wus.store.sql.convert import conditions, floor_ms, moment_of
from digipoort_wus.store.sql.pending import VALIDATION
from digipoort_wus.store.values import FilingId, ValidationRow


class ValidationReads(Rows):
    """Looks up validations."""

    def validations(
        self, kenmerk: str, berichtkenmerk: str | None = None
    ) -> Sequence[ValidationRow]:
        """Return how the deliveries of a process were judged, in order of delivery and time."""
        terms, values = conditions(
            (("filing.kenmerk = ?", kenmerk), ("filing.berichtkenmerk = ?", berichtkenmerk))
        )
        rows = self._all(
            f"""SELECT filing.id, validation.stage, validation.attempt, validation.at,
                validation.outcome, validation.report
            FROM filing JOIN validation ON validation.filing_id = filing.id
            WHERE {" AND ".join(terms)} ORDER BY filing.id, validation.seq""",  # noqa: S608
            values,
        )
        return [
            ValidationRow(FilingId(row[0]), row[1], row[2], moment_of(row[3]), row[4], row[5])
            for row in rows
        ]


class ValidationWrites(ValidationReads):
    """Keeps validations."""

    def add_validations(self, rows: Iterable[ValidationRow]) -> None:
        """Append how deliveries were judged, those of one in this order."""
        for row in rows:
            self._add(
                VALIDATION,
                *(row.filing_id, row.stage, row.attempt, floor_ms(row.at), row.outcome),
                row.report,
            )
