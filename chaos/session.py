"""Plays a run, judges it, and prints what happened."""

import json
import os
import platform
import resource
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chaos.check import (
    DEATHS,
    INVARIANTS,
    KILLED,
    Evidence,
    Violation,
    acknowledged,
    check,
    recoveries,
    redeliveries,
)
from chaos.controller import Controller, Database, gather, prepare
from chaos.journal import now
from chaos.mutants import MUTANTS
from chaos.nodes import CannotRun
from chaos.power import cut_power
from chaos.settings import Front, Run, StoreKind
from digipoort_wus.process.cluster import THREADS

ENOUGH: dict[Front, float] = {"lines": 3, "tls": 3, "wus": 1, "ebms": 1}
"""Acknowledged filings for each death: with fewer a run proves too little."""
_SHOWN = 3
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run."""

    run: Run
    evidence: Evidence
    violations: tuple[Violation, ...]
    seconds: float
    judging: float = 0.0

    @property
    def acked(self) -> int:
        """Return how many filings were acknowledged."""
        return len({event.message_id for event in acknowledged(self.evidence.history)})

    @property
    def kills(self) -> int:
        """Return how many nodes died."""
        return sum(fault.kind in DEATHS for fault in self.evidence.faults)


def have(what: str, *, found: bool, install: str) -> bool:
    """Return whether something is here; without it a run leaves a part out, and says so.

    Raises:
        CannotRun: it is not, and everything must run.
    """
    if not found:
        if os.environ.get("REQUIRE_ALL"):
            raise CannotRun(f"there are no {what}: {install}")
        print(f"without {what}: {install}", flush=True)
    return found


def settings_for(directory: Path, seed: int, store: StoreKind, front: Front) -> Run:
    """Return the settings of a run that suit a store and a front.

    Args:
        directory: of its files.
        seed: of what is chosen at random.
        store: on PostgreSQL there are three nodes.
        front: the whole gateway, over TLS, has one engine, and its own batch; two of them share
            a PostgreSQL.
    """
    run = Run(directory, seed, store, front)
    if store == "postgres":
        run = replace(run, nodes=3, engines=1, pause=0.03)
    if front != "lines" and store == "sqlite":
        run = replace(run, engines=1, senders=1, lease=60.0, batch=64)
    elif front != "lines":
        run = replace(run, nodes=2, senders=1, lease=3.0, batch=THREADS)
    return run


def play(run: Run) -> Outcome:
    """Play a run, and judge it.

    Raises:
        CannotRun: it did not work.
    """
    began = now()
    prepare(run)
    failing = shutil.which("fiu-run") is not None
    if run.store == "sqlite":
        have("injected errors of the disk", found=failing, install="apt-get install fiu-utils")
    with _database(run) as database:
        Controller(run, database, failing=failing).play()
        played = now()
        evidence = gather(run)
    violations = check(evidence)
    return Outcome(run, evidence, violations, now() - began, now() - played)


def figures_of(outcome: Outcome) -> dict[str, str | int]:
    """Return what happened in a run."""
    evidence = outcome.evidence
    filed = [event for event in evidence.history if event.op == "file"]
    reads = [event for event in evidence.history if event.op == "read" and event.kind == "ok"]
    faults, recovered = evidence.faults, recoveries(evidence)
    kinds = Counter(fault.kind for fault in faults)
    first = max((one.first for one in recovered), default=0)
    last = max((one.last for one in recovered), default=0)
    told = Counter(fault.detail for fault in faults if fault.kind == "agency")
    return {
        "acknowledged filings": outcome.acked,
        "stored filings": len(evidence.stored.filings),
        "answers, repeats included": len(acknowledged(filed)),
        "replies lost": sum(event.kind == "info" for event in filed),
        "refused for a reused MessageID": sum(event.kind == "fail" for event in filed),
        "status queries answered": len(reads),
        "deaths": f"{outcome.kills}: {kinds['kill']} by SIGKILL, {kinds['crash']} at a point",
        "lives with errors of the disk": sum(f.kind == "kill" and f.detail != "" for f in faults),
        "starts that they prevented": kinds["refusal"],
        "ends in order": kinds["end"],
        "stops beyond the lease": kinds["stop"],
        "crashes of the database": kinds["database"],
        "jumps of the clock": kinds["clock"],
        "agency killed, down, slow": f"{told[KILLED]}, {told['down']}, {told['late']}",
        "set aside, and offered again": sum(int(f.detail) for f in faults if f.kind == "offered"),
        "acknowledgements lost or late": sum(h.fate != "sent" for h in evidence.agency),
        "redeliveries": redeliveries(evidence.agency),
        "orphans, of so many deaths": f"{sum(r.orphans for r in recovered)}, {len(recovered)}",
        "longest wait for the first, the last": f"{first:.1f} s, {last:.1f} s",
        "allowed for the first": f"{evidence.bounds.lease + evidence.bounds.slack:.1f} s",
        "entries of evidence": evidence.stored.entries,
        "time, of which judging": f"{outcome.seconds:.0f} s, {outcome.judging:.0f} s",
        "most memory of the judge": f"{_memory()} MB",
    }


def report(outcome: Outcome) -> None:
    """Print what happened in a run, and what must not have."""
    points = _points(outcome)
    for name, value in figures_of(outcome).items():
        print(f"  {name:<36} {value}")
    if points:
        print("  at", ", ".join(f"{name} {number}" for name, number in sorted(points.items())))
    _print_violations(outcome.violations)


def summary(outcome: Outcome) -> dict[str, object]:
    """Return the same as values that can be written as JSON."""
    run = outcome.run
    found = Counter(violation.invariant for violation in outcome.violations)
    return {
        "seed": run.seed,
        "store": run.store,
        "front": run.front,
        "mutant": run.mutant,
        "nodes": run.nodes,
        "asked": {"kills": run.kills, "acknowledged": run.least},
        "figures": figures_of(outcome),
        "points": _points(outcome),
        "violations": {name: found[name] for name in INVARIANTS},
        "examples": [f"{one.invariant}: {one.what}" for one in outcome.violations[:_LONGEST]],
        "held": not outcome.violations,
        "enough happened": is_enough(outcome),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def _points(outcome: Outcome) -> dict[str, int]:
    """Return how many nodes died at which point."""
    faults = outcome.evidence.faults
    return dict(Counter(fault.detail for fault in faults if fault.kind == "crash"))


def _memory() -> int:
    """Return how many MB this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_000


def _print_violations(violations: Sequence[Violation]) -> None:
    found = Counter(violation.invariant for violation in violations)
    for name, sentence in INVARIANTS.items():
        if number := found[name]:
            print(f"  VIOLATED {name}: {sentence}: {number}")
            for example in [one.what for one in violations if one.invariant == name][:_SHOWN]:
                print(f"      {example[:_LONGEST]}")


def cut(run: Run) -> bool:
    """Cut the power of an embedded gateway, print what was left, and say whether that is good.

    Raises:
        CannotRun: it did not work.
    """
    began = now()
    violations, acked, cuts = cut_power(run)
    print(f"  {acked} filings acknowledged, power cut at {cuts} moments, {now() - began:.0f} s")
    _print_violations(violations)
    if violations:
        print(f"FAIL: {len(violations)} violations; seed {run.seed}")
        return False
    print(f"PASS: everything was there that had been acknowledged; seed {run.seed}")
    return True


def one(run: Run, to: Path | None = None) -> bool:
    """Play and print one run; say whether every invariant held and enough happened.

    Args:
        run: what is asked.
        to: file for the same in JSON.

    Raises:
        CannotRun: it did not work.
    """
    outcome = play(run)
    report(outcome)
    if to is not None:
        to.write_text(json.dumps(summary(outcome), indent=2) + "\n")
    return verdict(outcome)


def is_enough(outcome: Outcome) -> bool:
    """Return whether so much happened that a run without violations proves something."""
    run = outcome.run
    least = max(run.least, ENOUGH[run.front] * run.kills)
    return outcome.kills >= run.kills and outcome.acked >= least


def needs_power(run: Run) -> bool:
    """Return whether its mutant shows only when the power of the machine is cut."""
    return run.store == "sqlite" and bool(run.mutant) and MUTANTS[run.mutant].shows == "power"


def verdict(outcome: Outcome) -> bool:
    """Print the verdict on a run, and return whether it is good."""
    if outcome.violations:
        print(f"FAIL: {len(outcome.violations)} violations; seed {outcome.run.seed}")
        return False
    if not is_enough(outcome):
        print(f"FAIL: too little happened to prove anything; seed {outcome.run.seed}")
        return False
    print(f"PASS: {len(INVARIANTS)} invariants held; seed {outcome.run.seed}")
    return True


@contextmanager
def _database(run: Run) -> Iterator[Database | None]:
    """Run a server of the run's own, with everything durable, when the store is one."""
    if run.store == "sqlite":
        yield None
        return
    from tests.postgres import programs, running

    if programs() is None:
        raise CannotRun("PostgreSQL is not here: apt-get install postgresql")
    with running({}) as cluster, cluster.database() as conninfo:
        run.conninfo_file.write_text(conninfo)
        yield cluster


@contextmanager
def directory(keep: Path | None) -> Iterator[Path]:
    """Give a directory; it is left where one was named."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as scratch:
        yield Path(scratch)
