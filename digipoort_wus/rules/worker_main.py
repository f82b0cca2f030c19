"""The program of a rule worker: loads the rule sets, judges what it is asked, answers.

A gateway starts it with an empty environment and one open socket. A worker for forked rules does
not judge itself: it forks for each filing, so that no filing sees what another left behind.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules import confine, lost, wire
from digipoort_wus.rules.api import Came, Outcome, Report, Stage
from digipoort_wus.rules.case_files import cases_of
from digipoort_wus.rules.cases import Held, run_cases
from digipoort_wus.rules.catalogue import Catalogue, catalogue_of
from digipoort_wus.rules.compiling import ANY_COST
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import choose
from digipoort_wus.rules.forking import in_a_fork, reaped
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.model import Cost, Look, Plan
from digipoort_wus.rules.report import to_values
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import LARGE_TREE_MAX, TREE_MAX, Subject
from digipoort_wus.rules.texts import shown

FILINGS_MAX = 10_000
"""Filings after which a worker would like to be replaced."""
_GROWN = 4
# The part of the memory it may have by which it may grow, for good, before that too.
_TOLD_MAX = 5
_WHY_MAX = 300
_ENDING_SECONDS = 0.2
_BY_COST = (Cost.FORKED, Cost.HEAVY)

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is there for.

    Args:
        cost: of the rules that it judges, beside cheap ones.
        directories: of the rule sets.
        added: of artefacts that the operator adds.
        seconds: of CPU time for one filing, and of wall clock where it forks.
        memory: octets of data that it may hold.
    """

    cost: Cost
    directories: tuple[Path, ...]
    added: Path | None
    seconds: float
    memory: int

    def values(self) -> dict[str, object]:
        """Return it as values that JSON has."""
        return {
            "cost": self.cost.value,
            "directories": [str(each) for each in self.directories],
            "added": None if self.added is None else str(self.added),
            "seconds": self.seconds,
            "memory": self.memory,
        }

    @classmethod
    def of(cls, values: Values) -> "Task":
        """Return the task that :meth:`values` made values of.

        Raises:
            WireError: it did not make these.
        """
        match values:
            case {
                "cost": str(cost),
                "directories": list(directories),
                "added": None | str() as added,
                "seconds": int() | float() as seconds,
                "memory": int(memory),
            }:
                return cls(
                    Cost(cost),
                    tuple(Path(str(each)) for each in directories),
                    None if added is None else Path(added),
                    seconds,
                    memory,
                )
        raise wire.WireError("these values are no task")


def main() -> NoReturn:
    """Serve one gateway on the socket that it passed, until it closes that."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    confine.end_with(parent)
    # Libraries for numbers start threads otherwise, and what forks must have none.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    with suppress(wire.WireError):
        serve(socket.socket(fileno=descriptor))
    # Not by the interpreter's end, which waits for threads that a rule may have left behind.
    os._exit(0)


def serve(channel: socket.socket) -> None:
    """Load, say hello, and answer until the other side closes.

    Raises:
        WireError: it has closed, or says what nobody can read.
    """
    frame = wire.receive(channel)
    if frame is None:
        return
    task = Task.of(frame.values)
    confine.adopt()
    network = confine.give_up_network()
    confine.hold_at_most(task.memory)
    # An engine that is to be forked has no threads, and may have to write while it gets warm;
    # another one may start threads, which keep what they can do.
    files = () if task.cost is Cost.FORKED else confine.give_up_files()
    try:
        catalogue = _loaded(task, frozenset({Cost.CHEAP, task.cost}))
    except ConfigurationError as error:
        wire.send(channel, {"failed": str(error)})
        return
    except BaseException as error:
        wire.send(channel, {"failed": f"loading the rule sets raised {type(error).__name__}."})
        return
    if task.cost is Cost.FORKED:
        files = confine.give_up_files()
    wire.send(
        channel,
        {
            "digest": catalogue.digest,
            "costs": sorted(each.value for each in _costs(catalogue)),
            "named": sorted({name for each in catalogue.sets for name in each.berichtsoorten}),
            "slow": {stage.value: _slow(catalogue, stage) for stage in Stage},
            "unready": _unready(catalogue, task.cost),
            "open": [each for each in (network, *files) if each],
            "sets": lost.values_of(catalogue),
        },
    )
    _Worker(channel, task, catalogue).work()


class _Worker:
    def __init__(self, channel: socket.socket, task: Task, catalogue: Catalogue) -> None:
        self._channel = channel
        self._task = task
        self._catalogue = catalogue
        self._pid = os.getpid()
        self._room = confine.resident() + task.memory // _GROWN
        self._judge = _Judge(task, catalogue)

    def work(self) -> None:
        served = 0
        while (frame := wire.receive(self._channel)) is not None:
            served += 1
            answer = self._answer(frame)
            if frame.descriptor is not None:
                with suppress(OSError):
                    os.close(frame.descriptor)
            number = frame.values.get("number")
            last = bool(answer.pop("last", False))
            tired = served >= FILINGS_MAX or confine.resident() > self._room
            wire.send(self._channel, {**answer, "number": number, "tired": tired, "last": last})
            if last:
                return

    def _answer(self, frame: wire.Frame) -> dict[str, object]:
        if self._task.cost is Cost.FORKED:
            return in_a_fork(
                lambda: self._judge.answer(frame), self._channel, seconds=self._task.seconds
            )
        threads = self._threads()
        confine.allow_seconds(self._task.seconds)
        answer = self._judge.answer(frame)
        if os.getpid() != self._pid:
            # A rule has forked, and this is its copy of us.
            os._exit(1)
        if reaped():
            return {"broken": "a rule left a process behind", "last": True}
        if self._has_more_than(threads):
            return {**answer, "last": True}
        return answer

    def _has_more_than(self, threads: int) -> bool:
        # One that has been waited for is still there for a moment.
        until, pause = time.monotonic() + _ENDING_SECONDS, 0.0
        while self._threads() > threads:
            if time.monotonic() > until:
                return True
            # Mostly it only has to be let.
            time.sleep(pause)
            pause = min(2 * pause + 0.0001, _ENDING_SECONDS / 20)
        return False

    def _threads(self) -> int:
        """Count those that a rule may leave behind; engines of heavy rules have their own."""
        cheap = self._task.cost is Cost.CHEAP
        return confine.threads() if cheap else threading.active_count()


class _Judge:
    """Answers one question; in a fork, or again and again."""

    def __init__(self, task: Task, catalogue: Catalogue) -> None:
        self._task = task
        self._catalogue = catalogue

    def answer(self, frame: wire.Frame) -> dict[str, object]:
        """Return what is answered; raises nothing."""
        try:
            match frame.values:
                case {"envelope": envelope, "stage": str(stage)}:
                    tree_max = TREE_MAX if self._task.cost is Cost.CHEAP else LARGE_TREE_MAX
                    about = wire.envelope_of(envelope)
                    subject = Subject(about, frame.content, tree_max=tree_max)
                    return self._judged(subject, Stage(stage))
                case {"cases": str(name)}:
                    return self._tried(name)
                case {"cases": None}:
                    return {"sets": self._to_try()}
            return {"broken": "the worker was asked what it does not know"}
        except ConfigurationError as error:
            return {"failed": str(error)}
        except BaseException as error:
            # Its message may hold what was filed.
            return {"broken": f"judging raised {type(error).__name__}"}

    def _judged(self, subject: Subject, stage: Stage) -> dict[str, object]:
        plan = choose(self._catalogue, subject).plan
        report = run(plan, subject, stage)
        elsewhere = self._asked_elsewhere(plan, report)
        undecided = report.outcome is Outcome.UNDETERMINED
        if subject.lacked_a_tree and undecided and self._task.cost is Cost.CHEAP:
            # Where dear rules are judged there is memory for a larger one.
            elsewhere.add(Cost.HEAVY)
        if not elsewhere:
            return {"report": to_values(report)}
        if self._task.cost is not Cost.FORKED:
            # What is forked may be judged with what is heavy, not the other way round.
            return {"pass_to": next(each.value for each in _BY_COST if each in elsewhere)}
        # Both in one plan, which hardly anybody has: an engine with threads cannot be forked.
        everything = _loaded(self._task, ANY_COST)
        if everything.digest != self._catalogue.digest:
            return {"broken": "the rule sets were changed since they were loaded"}
        return {"report": to_values(run(choose(everything, subject).plan, subject, stage))}

    def _asked_elsewhere(self, plan: Plan, report: Report) -> set[Cost]:
        """Return the costs of rules that had to be judged, and are not compiled here.

        Where an earlier layer has refused the filing, that is what all of them would have said.
        """
        here = {Cost.CHEAP, self._task.cost}
        absent = {
            (layer.set_id, rule.code): rule.cost
            for layer in plan.layers
            for rule in layer.rules
            if rule.cost not in here
        }
        return {
            absent[ran.set_id, ran.rule]
            for ran in report.trace
            if ran.came is not Came.SKIPPED and (ran.set_id, ran.rule) in absent
        }

    def _to_try(self) -> list[str]:
        """Return the sets with cases whose dearest rule is of the cost that is judged here."""
        names = cases_of(self._task.directories)
        for name in sorted(set(names) - set(self._catalogue.stacks)):
            raise ConfigurationError(f"There are cases for {name}, which is not there: mend that.")
        return sorted(
            name for name in names if _dearest(self._catalogue.stacks[name].plan) is self._task.cost
        )

    def _tried(self, name: str) -> dict[str, object]:
        cases = cases_of(self._task.directories).get(name, [])
        trial = run_cases(self._catalogue, name, cases)
        broken = [each for each in trial.verdicts if each.held is Held.BROKEN]
        said = [shown(f"{each.case}: {each.why}", _WHY_MAX) for each in broken[:_TOLD_MAX]]
        skipped = sum(each.held is Held.SKIPPED for each in trial.verdicts)
        return {"cases": len(cases), "wrong": len(broken), "skipped": skipped, "said": said}


def _loaded(task: Task, costs: frozenset[Cost]) -> Catalogue:
    return catalogue_of(load_sets(task.directories, installed_kinds(), task.added, costs=costs))


def _costs(catalogue: Catalogue) -> set[Cost]:
    """Return the costs of rules, and that of the trees that some need of large documents."""
    rules = [rule for each in catalogue.sets for layer in each.layers for rule in layer.rules]
    trees = any(isinstance(rule.compiled.way, Look) and rule.compiled.way.tree for rule in rules)
    return {rule.cost for rule in rules} | ({Cost.HEAVY} if trees else set())


def _unready(catalogue: Catalogue, cost: Cost) -> list[str]:
    """Return what cannot be judged although it should be, here and nowhere else: reasons."""
    found = []
    for each in catalogue.sets:
        costs = {rule.code: rule.cost for layer in each.layers for rule in layer.rules}
        # One that is left out has no cost any more.
        found += [
            f"{each.name} {one.rule}{' is left out' if one.left_out else ''}: {one.why}"
            for one in each.unready
            if costs.get(one.rule, Cost.CHEAP) is cost
        ]
    return found


def _slow(catalogue: Catalogue, stage: Stage) -> list[str]:
    """Return the berichtsoorten of which some set, on some day, has dear rules at a stage."""
    return sorted(
        {
            name
            for each in catalogue.sets
            for layer in catalogue.stacks[each.name].plan.layers
            if layer.stage is stage and any(rule.cost is not Cost.CHEAP for rule in layer.rules)
            for name in each.berichtsoorten
        }
    )


def _dearest(plan: Plan) -> Cost:
    costs = {rule.cost for layer in plan.layers for rule in layer.rules}
    return next((each for each in _BY_COST if each in costs), Cost.CHEAP)
