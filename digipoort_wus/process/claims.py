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
from digipoort_wus.store.ports import Job, Reader, Store, Transaction

_CARRY_BELOW = 128 * 1024


@dataclass(frozen=True, slots=True)
class Work:
    """A job that is held; ``loaded``: its filing and the salt of its evidence, unless large."""

    job: Job
    loaded: Loaded | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a commit gave that has been waited for; a future would take a lock of its own."""

    following: Job | None

    def result(self) -> Job | None:
        """Return it."""
        return self.following


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
    commit: "Future[Job | None] | Known"
    loaded: Loaded | None = None
    stepped: tuple[Stepped, ...] = ()


class Placed(Enum):
    """What became of a delivery that is not done by who claimed it."""

    ELSEWHERE = "a thread for whom it asks does it"
    LATER = "it is claimed again later"
    LOST = "somebody else has it"


def never() -> bool:
    """Return False: nobody wants the engine to stop."""
    return False


def nobody(filing: Filing) -> str | None:
    """Return None: whoever is asked whether this may be filed is quick."""
    del filing
    return None


def nowhere(berichtsoort: str) -> str | None:
    """Return None: the agency of every berichtsoort is in this process, and quick."""
    del berichtsoort
    return None


def carried(loaded: Loaded) -> Loaded | None:
    """Return what is kept in memory for the next step: all but large filings."""
    return loaded if _in_memory(loaded[0]) < _CARRY_BELOW else None


def load(store: Store, job: Job) -> Loaded:
    """Return a filing and the salt of its evidence; one that has no secret gets it now."""

    def look(reader: Reader) -> tuple[Filing, bytes | None]:
        return reader.filing(job.filing_id), reader.evidence_salt(job.filing_id)

    filing, salt = store.read(look)
    if salt is None:
        salt = store.write(lambda t: t.evidence_salt(job.filing_id)).result()
    return filing, salt


def load_all(store: Store, works: Sequence[Work]) -> list[Work]:
    """Read the filings of works together; those that cannot be read are left as they are."""
    numbers = [work.job.filing_id for work in works]
    found = store.read(lambda reader: reader.loaded(numbers)) if numbers else {}
    return [Work(work.job, found.get(work.job.filing_id)) for work in works]


def release(transaction: Transaction, jobs: Sequence[Job]) -> None:
    """Let jobs be claimed again, as a work."""
    transaction.release(jobs)


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
