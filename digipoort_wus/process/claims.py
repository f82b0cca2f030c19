"""What was claimed, on its way from the claim to the commit."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.keeping import Loaded
from digipoort_wus.process.watching import Stepped
from digipoort_wus.process.working import Taken
from digipoort_wus.store.ports import Job, Reader, Transaction

_CARRY_BELOW = 128 * 1024


class Where(Enum):
    """In which thread a delivery to an agency outside is done."""

    OF_THE_DESTINATION = "of the destination"
    OF_THE_CALLER = "of the caller"


@dataclass(frozen=True, slots=True)
class Work:
    """A job that is held; ``loaded``: its filing and the salt of its evidence, unless large."""

    job: Job
    loaded: Loaded | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """Steps that were done, and wait for their commit.

    Args:
        job: as it was claimed.
        taken: what was done.
        commit: gives what to go on with under the same claim.
        loaded: for the next step.
        stepped: what is told once it is committed.
    """

    job: Job
    taken: Taken
    commit: "Future[Job | None]"
    loaded: Loaded | None = None
    stepped: tuple[Stepped, ...] = ()


class Placed(Enum):
    """What became of a delivery that is not done by who claimed it."""

    ELSEWHERE = "a thread of the destination does it"
    LATER = "it is claimed again later"
    LOST = "somebody else has it"


def carried(loaded: Loaded) -> Loaded | None:
    """Return what is kept in memory for the next step: all but large filings."""
    return loaded if _in_memory(loaded[0]) < _CARRY_BELOW else None


def _in_memory(filing: Filing) -> int:
    """Return how many octets of contents a filing holds; a handle holds none."""
    delivery = filing.delivery
    contents = (item.content for item in (delivery.document, *delivery.attachments))
    return sum(len(content) for content in contents if isinstance(content, bytes))


def claim(transaction: Transaction, now: datetime, lease: timedelta, limit: int) -> Sequence[Job]:
    """Lease what is due, as a work."""
    return transaction.claim(now, lease, limit)


def claim_one(
    transaction: Transaction, kenmerk: str, now: datetime, lease: timedelta
) -> Job | None:
    """Lease what is due of one process, as a work."""
    return transaction.claim_one(kenmerk, now, lease)


def next_run_at(reader: Reader, now: datetime) -> datetime | None:
    """Return when the next job can be claimed."""
    return reader.next_run_at(now)


def oldest_job(reader: Reader, kenmerk: str) -> Job | None:
    """Return the job of a process that comes first, None when there is none."""
    for row in reader.filings_of(kenmerk):
        job = reader.job(row.filing_id)
        if job is not None:
            return job
    return None
