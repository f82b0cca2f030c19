"""Keeps what a claim led to: statuses, messages, evidence and the next job, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from digipoort_wus.clock import Clock, to_milliseconds
from digipoort_wus.evidence import events
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.status import Status
from digipoort_wus.process import recording
from digipoort_wus.process.recording import Happened, Subject
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.steps import timed
from digipoort_wus.process.working import Taken
from digipoort_wus.store.ports import AT_ONCE, EvidenceRow, Job, Store, Transaction

Loaded = tuple[Filing, bytes]
"""A filing, and the salt of its evidence."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What was done of one filing, before it is kept.

    Args:
        job: as it was claimed.
        loaded: its filing; None when that could not be read.
        taken: what was done.
    """

    job: Job
    loaded: Loaded | None
    taken: Taken


@dataclass(frozen=True, slots=True)
class Keeper:
    """Writes what was done, under the fence of its claim.

    Args:
        clock: gives statuses their times.
        crash: how a step that raised is tried again.
        chance: gives a share between 0 and 1 of the longest delay.
        lease: of a job that is gone on with.
        aside_after: so many crashes in a row are too much.
    """

    clock: Clock
    crash: RetryPolicy
    chance: Callable[[], float] = field(repr=False)
    lease: timedelta
    aside_after: int

    def is_too_much(self, crashes: int) -> bool:
        """Return whether a job that crashed so often waits for an operator."""
        return crashes >= self.aside_after

    def keep(self, transaction: Transaction, ready: Ready) -> Job | None:
        """Record steps; return the job to go on with under the same claim.

        Args:
            transaction: nothing is kept unless it commits.
            ready: what was done.

        Raises:
            LostLease: somebody else claimed the job since.
        """
        if ready.loaded is None or not ready.taken.done:
            return self.move(transaction, ready.job, ready.taken)
        return self.keep_all(transaction, (ready,))[0]

    def keep_all(self, transaction: Transaction, ready: Sequence[Ready]) -> Sequence[Job | None]:
        """Record steps of filings of different processes, like :meth:`keep`, all or none."""
        ends = transaction.ends([one.job.kenmerk for one in ready])
        return [self._keep(transaction, one, *ends[one.job.kenmerk]) for one in ready]

    def _keep(
        self,
        transaction: Transaction,
        ready: Ready,
        last: datetime | None,
        entry: EvidenceRow | None,
    ) -> Job | None:
        job, taken = ready.job, ready.taken
        held = self.move(transaction, job, taken)
        if ready.loaded is None or not taken.done:
            return held
        filing, salt = ready.loaded
        earliest = max(to_milliseconds(self.clock()), filing.received_at)
        happened: list[Happened] = []
        reached: list[Status] = []
        for done in taken.done:
            result = done.result
            statuses = timed(result.codes, earliest, last, result.error, result.details)
            if statuses:
                reached += statuses
                last = statuses[-1].at
            for message, sealed in zip(result.messages, done.prepared, strict=True):
                transaction.offer(message, sealed)
            happened += [*done.entries, *recording.statuses_reached(salt, statuses)]
        transaction.add_statuses(job.filing_id, reached)
        transaction.add_validations(done.judged for done in taken.done if done.judged)
        if happened:
            subject = Subject(job.kenmerk, job.filing_id, filing.berichtkenmerk, salt)
            recording.record_behind(transaction, subject, entry, happened)
        return held

    def move(self, transaction: Transaction, job: Job, taken: Taken) -> Job | None:
        """Replace a job by what follows; return that when it goes on under the same claim.

        Raises:
            LostLease: somebody else claimed the job since.
        """
        following = taken.follow
        if following is None:
            transaction.finish(job)
            return None
        if taken.crash is None:
            # What is to be tried again waits, also when steps before it were done just now.
            at_once = following.attempts > 0 and following.run_at == AT_ONCE
            goes_on = following.step != job.step and at_once
            transaction.move(job, following, self.lease if goes_on else None)
            return following if goes_on else None
        crashes = following.crashes + 1
        now = to_milliseconds(self.clock())
        run_at = self.crash.next_at(crashes, following.since, now, self.chance())
        crashed = replace(following, run_at=run_at, crashes=crashes, reason=taken.crash)
        transaction.move(job, crashed, None)
        if self.is_too_much(crashes):
            transaction.set_aside(job, taken.crash)
        return None


def keep_receipts(store: Store, job: Job, loaded: Loaded | None, taken: Taken) -> None:
    """Record what an agency answered to a delivery of which the result comes too late.

    Its report may have come first, and ended the job. That it has the filing, and the digest of
    its answer, are evidence all the same; nothing else of what was done is kept.

    Args:
        store: takes the entry.
        job: that was lost.
        loaded: its filing; None when that could not be read.
        taken: what was done under the lost claim.

    Raises:
        StoreFailed: the store takes no writes.
    """
    entries = [one for done in taken.done for one in done.entries if _is_receipt(one)]
    if loaded is None or not entries:
        return
    filing, salt = loaded
    subject = Subject(job.kenmerk, job.filing_id, filing.berichtkenmerk, salt)
    store.write(lambda transaction: recording.record(transaction, subject, entries)).result()


def _is_receipt(happened: Happened) -> bool:
    event = happened.event
    return isinstance(event, events.Delivered) and event.receipt is not None
