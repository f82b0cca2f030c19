"""The workers of one cost: who is free, who has to be replaced, who waits."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.limits import (
    RULE_WORKER_BACK_OFF_SECONDS,
    RULE_WORKER_GRACE_SECONDS,
    RULE_WORKER_START_SECONDS,
)
from digipoort_wus.repeats import Repeats
from digipoort_wus.rules import wire
from digipoort_wus.rules.api import Busy
from digipoort_wus.rules.counts import Counts
from digipoort_wus.rules.hired import Hello, Hired
from digipoort_wus.rules.model import Cost
from digipoort_wus.rules.worker_main import Task

T = TypeVar("T")
_log = logging.getLogger("digipoort_wus.rules.workers")
_FIRST_BACK_OFF = 0.1
_TRIES = 3
_LOOK_SECONDS = 1.0


class Retired(Exception):
    """These workers judge nothing any more; others do."""


class Crew:
    """Workers of one cost, for any number of threads.

    Args:
        task: of each.
        most: how many.
        counts: what they come to is counted here.
    """

    def __init__(self, task: Task, most: int, counts: Counts) -> None:
        self._task = task
        self._most = most
        self._counts = counts
        self._changed = threading.Condition()
        self._free: list[Hired] = []
        self._all: list[Hired] = []
        self._starting: list[Hired] = []
        self._waiting = 0
        self._retired = False
        self._closed = False
        self._failed: ConfigurationError | None = None
        self._hello: Hello | None = None
        self._failures = 0
        self._not_before = 0.0
        self._bad_starts = Repeats()
        # A worker ends with the thread that started it: this one lives as long as they do.
        self._keeper = threading.Thread(
            target=self._keep, name=f"rules-{task.cost.value}", daemon=True
        )

    @property
    def cost(self) -> Cost:
        """Of the rules that they judge."""
        return self._task.cost

    @property
    def pids(self) -> list[int]:
        """Of the processes that are there now."""
        with self._changed:
            return [each.pid for each in self._all]

    @property
    def waiting(self) -> int:
        """How many threads wait for a worker."""
        return self._waiting

    @property
    def busy(self) -> int:
        """How many workers judge."""
        return len(self._all) - len(self._free)

    def start(self) -> Hello:
        """Start all workers, and wait until they have loaded the rule sets.

        Raises:
            ConfigurationError: the sets cannot be used, or a worker did not come so far; none is
                left then.
        """
        self._keeper.start()
        with self._changed:
            while not (self._failed or self._closed or len(self._all) == self._most):
                self._changed.wait()
            failed, hello = self._failed, self._hello
        if failed is not None or hello is None:
            self.close()
            raise failed or ConfigurationError("The rule engine has ended.")
        return hello

    def ask(
        self,
        values: Mapping[str, object],
        parcel: wire.Parcel | None,
        read: Callable[[Mapping[str, object]], T],
        *,
        seconds: float | None = None,
    ) -> T | str:
        """Ask a worker, and return what is read from its answer; or why there is none.

        Args:
            values: the question.
            parcel: the document.
            read: reads an answer, and raises ValueError when it is none.
            seconds: that the answer may take; None: those of a filing.

        Raises:
            Busy: no worker was free for a long time, or there will be none any more.
            Retired: others have taken over.
        """
        seconds = self._task.seconds if seconds is None else seconds
        for _ in range(_TRIES):
            try:
                return self._asked(self._taken(seconds), values, parcel, read, seconds)
            except wire.Unheard as error:
                # Whatever ended that worker, it was not this filing.
                why = str(error)
        return why

    def _asked(
        self,
        worker: Hired,
        values: Mapping[str, object],
        parcel: wire.Parcel | None,
        read: Callable[[Mapping[str, object]], T],
        seconds: float,
    ) -> T | str:
        # What forks watches its clock itself, and stays.
        grace = RULE_WORKER_GRACE_SECONDS if self.cost is Cost.FORKED else 0
        try:
            answer = worker.ask(values, parcel, seconds + grace)
            found = read(answer)
        except wire.TooLate:
            self._counts.time_outs += 1
            return self._lost(worker, f"it took longer than {seconds:g} s")
        except wire.Unheard as error:
            self._lost(worker, str(error))
            raise
        except wire.WireError as error:
            return self._lost(worker, f"{error}{worker.how_it_ended()}")
        except ValueError:
            return self._lost(worker, "its worker answered what is no answer")
        except BaseException:
            # Such as an interrupt: the answer would be that of the next question.
            self._lost(worker, "nobody waited for its answer")
            raise
        if answer.get("last") is True:
            self._lost(worker, "a rule left something behind")
        else:
            self._give_back(worker)
        return found

    def retire(self) -> None:
        """Judge nothing more; who judges now ends when that is done."""
        with self._changed:
            self._retired = True
            free = self._without_free()
        for each in free:
            _end(each)

    def close(self) -> None:
        """End all workers, also those that judge, and wait until they have ended."""
        with self._changed:
            self._closed = self._retired = True
            free = self._without_free()
            judging = [*self._all, *self._starting]
        for each in free:
            _end(each)
        for each in judging:
            # Its own thread is told, and forgets it.
            each.end()
        if self._keeper.ident is not None:
            self._keeper.join()

    def _without_free(self) -> list[Hired]:
        """Take the free ones out of the crew; the lock is held."""
        free, self._free = self._free, []
        self._all = [each for each in self._all if each not in free]
        self._changed.notify_all()
        return free

    def _taken(self, seconds: float) -> Hired:
        # Who has a cheap filing may have many that could go on meanwhile.
        patience = 0 if self.cost is Cost.CHEAP else seconds
        until = time.monotonic() + patience + RULE_WORKER_GRACE_SECONDS
        with self._changed:
            self._waiting += 1
            try:
                while True:
                    if self._closed:
                        raise Busy("the rule engine has ended")
                    if self._retired:
                        raise Retired
                    while self._free:
                        worker = self._free.pop()
                        if worker.is_there:
                            return worker
                        self._remove(worker)
                        _end(worker)
                    left = until - time.monotonic()
                    # Sets that cannot be loaded stay so: who waits keeps others waiting.
                    if left <= 0 or (self._bad_starts.times and not self._all):
                        raise Busy("no rule worker was free")
                    self._changed.wait(left)
            finally:
                self._waiting -= 1

    def _remove(self, worker: Hired) -> None:
        """Count with one less; the lock is held."""
        self._all.remove(worker)
        self._changed.notify_all()

    def _give_back(self, worker: Hired) -> None:
        with self._changed:
            self._counts.judged += 1
            self._failures = 0
            if not self._retired and not self._is_replaced(worker):
                self._free.append(worker)
                self._changed.notify_all()
                return
            if not self._retired:
                self._counts.recycled += 1
            self._remove(worker)
        _end(worker)

    def _is_replaced(self, worker: Hired) -> bool:
        return worker.tired and len(self._all) > self._most

    def _lost(self, worker: Hired, why: str) -> str:
        _end(worker)
        with self._changed:
            self._counts.lost += 1
            self._put_off()
            self._remove(worker)
            closed = self._closed
        if closed:
            return why
        _log.warning(
            "a worker for %s rules was lost: %s",
            self.cost.value,
            why,
            extra={"event": "rule-worker-lost"},
        )
        return why

    def _put_off(self) -> None:
        """Start the next one at once, and each that is lost directly after it later."""
        delay = 0.0
        if self._failures:
            doubled = _FIRST_BACK_OFF * 2 ** min(self._failures - 1, 20)
            delay = min(doubled, RULE_WORKER_BACK_OFF_SECONDS)
        self._failures += 1
        self._not_before = time.monotonic() + delay

    def _keep(self) -> None:
        while True:
            with self._changed:
                while not (missing := self._missing()):
                    if self._retired and not self._all:
                        return
                    put_off = self._not_before - time.monotonic()
                    self._changed.wait(put_off if 0 < put_off < _LOOK_SECONDS else _LOOK_SECONDS)
                    # Nobody is told of one that has ended while it was free.
                    gone = [each for each in self._free if not each.is_there]
                    self._free = [each for each in self._free if each not in gone]
                    for each in gone:
                        self._remove(each)
                        _end(each)
            self._start(missing)

    def _missing(self) -> int:
        if self._retired or time.monotonic() < self._not_before:
            return 0
        return max(0, self._most - sum(not each.tired for each in self._all))

    def _start(self, missing: int) -> None:
        try:
            # All at once, for each takes its time to load.
            for _ in range(missing):
                self._begin()
            for each in tuple(self._starting):
                self._welcome(each, each.load(RULE_WORKER_START_SECONDS))
        except ConfigurationError as error:
            self._was_not_started(error)
        except Exception as error:
            # All workers end with this thread, so it goes on.
            why = f"No rule worker could be started: {type(error).__name__}: {error}."
            self._was_not_started(ConfigurationError(why))
        finally:
            with self._changed:
                left, self._starting = self._starting, []
            for each in left:
                _end(each)

    def _begin(self) -> None:
        worker = Hired(self._task)
        with self._changed:
            self._starting.append(worker)
            closed = self._closed
        if closed:
            worker.end()

    def _welcome(self, worker: Hired, hello: Hello) -> None:
        with self._changed:
            if self._hello is None:
                self._hello = hello
                self._tell(hello)
            elif self._hello.digest != hello.digest:
                # A set that is being written is not to be in force because a worker ended.
                raise ConfigurationError(
                    "The rule sets were changed since they were loaded: put them back, or let "
                    "the gateway load them (SIGHUP)."
                )
            self._counts.started += 1
            failures = self._bad_starts.succeeded()
            if self._retired:
                return
            self._starting.remove(worker)
            self._all.append(worker)
            self._free.append(worker)
            replaced = [each for each in self._free if each.tired]
            replaced = replaced[: max(0, len(self._all) - self._most)]
            for each in replaced:
                self._free.remove(each)
                self._counts.recycled += 1
                self._remove(each)
            self._changed.notify_all()
        if failures:
            _log.info(
                "a worker for %s rules could be started again, after %d failures",
                *(self.cost.value, failures),
                extra={"event": "rule-worker-again"},
            )
        for each in replaced:
            _end(each)

    def _tell(self, hello: Hello) -> None:
        for reason in hello.open:
            _log.warning(
                "workers for %s rules: %s",
                self.cost.value,
                reason,
                extra={"event": "rule-worker-open"},
            )
        for rule in hello.unready:
            # A filing that this leaves undetermined is warned of itself.
            _log.info("cannot be judged: %s", rule, extra={"event": "rule-unready"})

    def _was_not_started(self, error: ConfigurationError) -> None:
        with self._changed:
            self._counts.not_started += 1
            telling = self._bad_starts.failed(str(error))
            self._put_off()
            self._not_before = max(self._not_before, time.monotonic() + _FIRST_BACK_OFF)
            self._failed = error
            self._changed.notify_all()
            telling = telling and not self._closed
        if telling:
            _log.error(
                "a worker for %s rules could not be started: %s",
                *(self.cost.value, error),
                extra={"event": "rule-worker-not-started"},
            )


def _end(worker: Hired) -> None:
    """End a worker that nobody asks."""
    worker.end()
    worker.forget()
