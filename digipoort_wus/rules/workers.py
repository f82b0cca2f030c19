"""The rule engine of a gateway: rules are judged in other processes, which may hang or break.

Every filing goes to a worker for cheap rules, which chooses the set. When dearer rules have to be
judged it says so, and a worker for those judges the whole. Threads call and wait: nothing here
knows a reactor.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.limits import RULE_CASES_SECONDS
from digipoort_wus.rules import lost, report, wire
from digipoort_wus.rules.api import Busy, EngineOptions, Outcome, Report, Stage
from digipoort_wus.rules.counts import Counts
from digipoort_wus.rules.crew import Crew, Retired
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.hired import Hello
from digipoort_wus.rules.model import Cost
from digipoort_wus.rules.subject import Envelope, subject_of
from digipoort_wus.rules.worker_main import Task

T = TypeVar("T")
_log = logging.getLogger("digipoort_wus.rules.workers")
_ENDED = "The rule engine has ended: start the gateway again."
_COSTLY = (Cost.HEAVY, Cost.FORKED)


def make(options: EngineOptions) -> "Workers":
    """Start the workers of a gateway.

    Raises:
        ConfigurationError: a rule set cannot be used, or a number of the options.
    """
    return Workers(options)


@dataclass(frozen=True, slots=True)
class _Shift:
    """Workers that have loaded the same state of the rule sets."""

    crews: Mapping[Cost, Crew]
    hello: Hello | None = None

    def retire(self) -> None:
        for crew in self.crews.values():
            crew.retire()

    def close(self) -> None:
        for crew in self.crews.values():
            crew.close()


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """A validation that no worker answered.

    Args:
        why: for the operator.
        began: nanoseconds of a clock that counts on, when it was asked.
        cost: of the worker that was asked; None: none was.
    """

    why: str
    began: int
    cost: Cost | None = None


class Workers:
    """Implements :class:`~digipoort_wus.rules.api.HostedEngine` with processes.

    Args:
        options: how many, and what they may take.

    Raises:
        ConfigurationError: a rule set cannot be used, or a number of the options.
    """

    def __init__(self, options: EngineOptions) -> None:
        _check(options)
        self._options = options
        self._counts = {cost: Counts() for cost in Cost}
        self._turned_away = 0
        self._reloads = 0
        self._closed = False
        self._lock = threading.Lock()
        self._reloading = threading.Lock()
        # One of them waits while others are judged: more would hold threads that cheap ones need.
        self._costly = threading.BoundedSemaphore(options.heavy_workers + 1)
        self._leaving: list[_Shift] = []
        self._coming: list[Crew] = []
        self._shift = self._begun()

    @property
    def pids(self) -> list[int]:
        """Of all workers that are there now."""
        with self._lock:
            shifts = [self._shift, *self._leaving]
        return [pid for shift in shifts for crew in shift.crews.values() for pid in crew.pids]

    def validate(self, filing: Filing, stage: Stage) -> Report:
        """Judge one filing at one stage; whatever happens to a worker is UNDETERMINED.

        Raises:
            Busy: no worker was free for long, too many wait for dear rules, or this is closed.
        """
        subject = subject_of(filing)
        began = time.perf_counter_ns()
        try:
            parcel = wire.Parcel(subject.content)
        except Exception as error:
            why = f"the document could not be read: {type(error).__name__}"
            return _undetermined(self._shift, subject.envelope, stage, _Unanswered(why, began))
        try:
            return self._validated(subject.envelope, stage, parcel)
        except Busy:
            with self._lock:
                self._turned_away += 1
            raise
        finally:
            parcel.close()

    def is_slow(self, filing: Filing, stage: Stage) -> bool:
        """Return whether dear rules may judge a filing, by its berichtsoort alone."""
        hello = self._shift.hello
        return hello is not None and hello.is_slow(filing.delivery.berichtsoort, stage)

    def reload(self) -> None:
        """Load the rule sets anew, run their cases, and let new workers take over.

        Raises:
            ConfigurationError: they cannot be used, a case does not hold, or this is closed; the
                old workers stay.
        """
        with self._reloading:
            fresh = self._begun()
            try:
                _prove(fresh)
                old = self._taken_over(fresh)
            except BaseException:
                fresh.close()
                raise
            old.retire()

    def _taken_over(self, fresh: _Shift) -> _Shift:
        with self._lock:
            if self._closed:
                raise ConfigurationError(_ENDED)
            old, self._shift, self._coming = self._shift, fresh, []
            self._leaving = [
                shift
                for shift in (*self._leaving, old)
                if shift is old or any(crew.pids for crew in shift.crews.values())
            ]
            self._reloads += 1
            return old

    def figures(self) -> Mapping[str, int]:
        """Return counters, and how many workers there are, judge, and are waited for."""
        with self._lock:
            crews = self._shift.crews
            figures = {"turned_away": self._turned_away, "reloads": self._reloads}
        for cost, counts in self._counts.items():
            crew = crews.get(cost)
            now = {
                "workers": 0 if crew is None else len(crew.pids),
                "busy": 0 if crew is None else crew.busy,
                "waiting": 0 if crew is None else crew.waiting,
                **counts.figures(),
            }
            figures |= {f"{cost.value}_{name}": value for name, value in now.items()}
        return figures

    def close(self) -> None:
        """End all workers; returns when their processes have ended."""
        with self._lock:
            self._closed = True
            shifts = [*self._leaving, self._shift]
            coming = self._coming
        for crew in coming:
            crew.close()
        for shift in shifts:
            shift.close()
        # Who loads anew is told by now that there is nothing to be loaded.
        with self._reloading:
            pass

    def _validated(self, about: Envelope, stage: Stage, parcel: wire.Parcel) -> Report:
        question = {"envelope": wire.envelope_values(about), "stage": stage.value}
        while True:
            shift = self._shift
            try:
                found = _answered(shift, Cost.CHEAP, question, parcel)
                if isinstance(found, Cost):
                    found = self._passed(shift, found, question, parcel)
            except Retired:
                # Others have the filing's rules now.
                continue
            if isinstance(found, Report):
                return found
            if self._closed:
                # Not an attempt: whoever judges next begins anew.
                raise Busy("the rule engine has ended")
            return _undetermined(shift, about, stage, found)

    def _passed(
        self, shift: _Shift, cost: Cost, question: Mapping[str, object], parcel: wire.Parcel
    ) -> Report | _Unanswered:
        if not self._costly.acquire(blocking=False):
            raise Busy("too many filings wait for dear rules")
        began = time.perf_counter_ns()
        try:
            found: Report | Cost | _Unanswered = cost
            # What is heavy may find that something is forked, and that judges everything.
            for _ in _COSTLY:
                if isinstance(found, Cost):
                    found = _answered(shift, found, question, parcel)
            if isinstance(found, Cost):
                return _Unanswered("no worker judges it", began)
            return found
        finally:
            self._costly.release()

    def _begun(self) -> _Shift:
        """Start workers of each cost that the rule sets have."""
        with self._lock:
            self._coming = []
        crews: dict[Cost, Crew] = {}
        shift = _Shift(crews)
        try:
            crews[Cost.CHEAP] = crew = self._crew(Cost.CHEAP)
            hello = crew.start()
            for cost in _COSTLY:
                if cost.value in hello.costs:
                    crews[cost] = crew = self._crew(cost)
                    if crew.start().digest != hello.digest:
                        raise ConfigurationError(
                            "The rule sets were changed while they were loaded: load them again."
                        )
        except BaseException:
            shift.close()
            raise
        return _Shift(crews, hello)

    def _crew(self, cost: Cost) -> Crew:
        """Return workers of a cost, not yet started."""
        crew = Crew(self._task(cost), self._most(cost), self._counts[cost])
        with self._lock:
            if self._closed:
                raise ConfigurationError(_ENDED)
            self._coming = [*self._coming, crew]
        return crew

    def _most(self, cost: Cost) -> int:
        return self._options.workers if cost is Cost.CHEAP else self._options.heavy_workers

    def _task(self, cost: Cost) -> Task:
        options = self._options
        cheap = cost is Cost.CHEAP
        return Task(
            cost,
            (SHIPPED.resolve(), *(each.resolve() for each in options.directories)),
            None if options.added is None else options.added.resolve(),
            options.seconds if cheap else options.heavy_seconds,
            options.memory if cheap else options.heavy_memory,
        )


def _check(options: EngineOptions) -> None:
    numbers = (options.workers, options.heavy_workers, options.memory, options.heavy_memory)
    if min(*numbers, options.seconds, options.heavy_seconds) <= 0:
        raise ConfigurationError(
            "Rule workers, their seconds and their memory must all be more than nothing."
        )


def _read(answer: Mapping[str, object]) -> Report | Cost | str:
    """Read what a worker says of a filing.

    Raises:
        ValueError: it says nothing that could be meant.
    """
    match answer:
        case {"report": values}:
            return report.from_values(values)
        case {"pass_to": "heavy" | "forked" as cost}:
            return Cost(cost)
        case {"broken": str(why)} | {"failed": str(why)}:
            return why
    raise ValueError("no answer")


def _answered(
    shift: _Shift, cost: Cost, question: Mapping[str, object], parcel: wire.Parcel
) -> Report | Cost | _Unanswered:
    began = time.perf_counter_ns()
    found = shift.crews[cost].ask(question, parcel, _read)
    return _Unanswered(found, began, cost) if isinstance(found, str) else found


def _undetermined(shift: _Shift, about: Envelope, stage: Stage, unanswered: _Unanswered) -> Report:
    """Say that a filing was not judged, and by which sets it would have been."""
    why, cost, hello = unanswered.why, unanswered.cost, shift.hello
    spent = (time.perf_counter_ns() - unanswered.began) // 1000
    traced = why if cost is None else f"asked a worker for {cost.value} rules: {why}"
    known, digest = ((), "") if hello is None else (hello.sets, hello.digest)
    trace = lost.trace_of(known, digest, about, stage, traced, spent)
    return Report(Outcome.UNDETERMINED, technical=why, trace=trace)


def _prove(shift: _Shift) -> None:
    """Run the cases of all sets, each by the workers that would judge its filings.

    Raises:
        ConfigurationError: one does not hold, or they take too long.
    """
    until = time.monotonic() + RULE_CASES_SECONDS
    for crew in shift.crews.values():
        for name in _asked(crew, {"cases": None}, until, _names):
            number, wrong, skipped, said = _asked(crew, {"cases": name}, until, _trial)
            if wrong:
                raise ConfigurationError(
                    f"{wrong} of {number} cases of {name} do not hold: {'; '.join(said)}."
                )
            _log.info(
                "%d cases of %s hold, %d were skipped",
                number - skipped,
                name,
                skipped,
                extra={"event": "rule-cases-hold"},
            )


def _asked(
    crew: Crew,
    question: Mapping[str, object],
    until: float,
    read: Callable[[Mapping[str, object]], T],
) -> T:
    left = until - time.monotonic()
    try:
        found = crew.ask(question, None, lambda answer: _unless_failed(answer, read), seconds=left)
    except (Busy, Retired):
        found = "no worker was there"
    if isinstance(found, str):
        raise ConfigurationError(f"The cases of the rule sets cannot be run: {found}")
    return found


def _unless_failed(
    answer: Mapping[str, object], read: Callable[[Mapping[str, object]], T]
) -> T | str:
    match answer:
        case {"broken": str(why)} | {"failed": str(why)}:
            return why
    return read(answer)


def _names(answer: Mapping[str, object]) -> tuple[str, ...]:
    match answer:
        case {"sets": list(names)}:
            return tuple(map(str, names))
    raise ValueError("no names of sets")


def _trial(answer: Mapping[str, object]) -> tuple[int, int, int, tuple[str, ...]]:
    match answer:
        case {"cases": int(number), "wrong": int(wrong), "skipped": int(skipped), "said": [*said]}:
            return number, wrong, skipped, tuple(map(str, said))
    raise ValueError("no trial")
