"""Domain values as columns and back."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.store.sql.session import Row
from digipoort_wus.store.values import EvidenceRow, FilingId, FilingRow, Job, JobState, Selection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def floor_ms(moment: datetime) -> int:
    """Return milliseconds since 1970; raises TypeError for a naive datetime."""
    return (moment - _EPOCH) // _MILLISECOND


def ceil_ms(moment: datetime) -> int:
    """Return milliseconds since 1970, of the next one where it lies between two."""
    return -((_EPOCH - moment) // _MILLISECOND)


def optional_ms(moment: datetime | None) -> int | None:
    """Return milliseconds since 1970, None for none."""
    return None if moment is None else floor_ms(moment)


def as_ms(span: timedelta) -> int:
    """Return a duration in milliseconds."""
    return span // _MILLISECOND


def moment_of(milliseconds: int) -> datetime:
    """Return the moment so many milliseconds after 1970."""
    return _EPOCH + milliseconds * _MILLISECOND


def optional_moment(milliseconds: int | None) -> datetime | None:
    """Return the moment so many milliseconds after 1970, None for none."""
    return None if milliseconds is None else moment_of(milliseconds)


def day_number(day: date) -> int:
    """Return days since 1970."""
    return (day - _EPOCH.date()).days


def pair_of(party: Party | None) -> tuple[str | None, str | None]:
    """Return number and type of a party, and two times None for none."""
    return (None, None) if party is None else (party.number, party.type)


def party_of(number: str | None, type_: str | None) -> Party | None:
    """Return the party of a number and type; the opposite of :func:`pair_of`."""
    return None if number is None or type_ is None else Party(number, type_)


def error_pair(status: Status) -> tuple[str | None, str | None]:
    """Return code and text of a status's error."""
    return (None, None) if status.error is None else (status.error.code, status.error.text)


def status_of(
    code: str, at: int, error_code: str | None, error_text: str | None, details: str | None
) -> Status:
    """Return a status of its columns."""
    error = None if error_code is None else StatusError(error_code, error_text or "")
    return Status(code, moment_of(at), error, details)


FILING_ROW = """filing.id, filing.kenmerk, filing.sender, filing.berichtsoort,
    filing.aanleverkenmerk, filing.belanghebbende_number, filing.belanghebbende_type,
    filing.ontvanger_number, filing.ontvanger_type"""
"""Columns of :func:`filing_row`."""


def filing_row(row: Row) -> FilingRow:
    """Return a filing without its documents."""
    return FilingRow(
        filing_id=FilingId(row[0]),
        kenmerk=row[1],
        sender=row[2],
        berichtsoort=row[3],
        aanleverkenmerk=row[4],
        belanghebbende=Party(row[5], row[6]),
        ontvanger=party_of(row[7], row[8]),
    )


JOB = """job.filing_id, job.kenmerk, job.step, job.run_at, job.since, job.attempts,
    job.token, job.crashes, job.state, job.reason"""
"""Columns of :func:`job_of`."""


def job_of(row: Row) -> Job:
    """Return a job."""
    return Job(
        filing_id=FilingId(row[0]),
        kenmerk=row[1],
        step=row[2],
        run_at=moment_of(row[3]),
        since=moment_of(row[4]),
        attempts=row[5],
        token=row[6],
        crashes=row[7],
        state=JobState(row[8]),
        reason=row[9],
    )


ENTRY_OF_CHAIN = """evidence.kenmerk, evidence.seq, evidence.filing_id, evidence.at,
    evidence.kind, evidence.entry, evidence.hash, evidence.id, evidence.batch_id, evidence.leaf"""
"""Columns of :func:`entry_of`."""


def entry_of(row: Row) -> EvidenceRow:
    """Return an entry of the evidence."""
    return EvidenceRow(
        kenmerk=row[0],
        seq=row[1],
        filing_id=FilingId(row[2]),
        at=moment_of(row[3]),
        kind=row[4],
        entry=row[5].encode(),
        hash=row[6],
        row_id=row[7],
        batch_id=row[8],
        leaf=row[9],
    )


def conditions(
    wanted: Sequence[tuple[str, str | int | None]],
) -> tuple[list[str], list[str | int]]:
    """Return the conditions that have a value, and their values."""
    given = [(condition, value) for condition, value in wanted if value is not None]
    return [condition for condition, _ in given], [value for _, value in given]


def selected(
    selection: Selection, moment: str, table: str = "filing"
) -> tuple[list[str], list[str | int]]:
    """Return the conditions of a selection but that of its sender, and their values.

    Args:
        selection: what is wanted.
        moment: column that start and end are about.
        table: whose berichtsoort and belanghebbende are meant.
    """
    party, start, end = selection.belanghebbende, selection.start, selection.end
    return conditions(
        (
            ("filing.kenmerk = ?", selection.kenmerk),
            (f"{table}.berichtsoort = ?", selection.berichtsoort),
            (f"{table}.belanghebbende_number = ?", None if party is None else party.number),
            (
                f"lower({table}.belanghebbende_type) = ?",
                None if party is None else party.register,
            ),
            (f"{moment} >= ?", None if start is None else ceil_ms(start)),
            (f"{moment} <= ?", None if end is None else floor_ms(end)),
        )
    )
