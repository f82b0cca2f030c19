"""What ``rules test`` runs and prints."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from digipoort_wus.cli.options import note, number_of
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.case_files import cases_of as cases_of
from digipoort_wus.rules.cases import Case, Held, Trial, run_cases
from digipoort_wus.rules.catalogue import Catalogue
from digipoort_wus.rules.ruleset import EVERYTHING, RuleSet
from digipoort_wus.rules.xbrl_cases import Filed, load_testcases

Cases = dict[str, list[Case]]
_HEAD = ("set", "held", "broken", "skipped", "")


@dataclass(frozen=True, slots=True)
class Suite:
    """Test cases of XBRL, and what they do not say themselves.

    Args:
        path: of the XML file.
        berichtsoort: None: the first of the set.
        received: moment of receipt.
        party: the belanghebbende of all; None: of none.
    """

    path: Path
    berichtsoort: str | None
    received: datetime
    party: Party | None


def chosen(catalogue: Catalogue, names: Sequence[str]) -> tuple[RuleSet, ...]:
    """Return the sets that are named by id or by ``id@version``; all when none is.

    Raises:
        ConfigurationError: there is none of a name.
    """
    for name in names:
        if not any(name in (each.id, each.name) for each in catalogue.sets):
            known = ", ".join(each.name for each in catalogue.sets)
            raise ConfigurationError(f"There is no rule set {name} to test; there is {known}.")
    return tuple(
        each for each in catalogue.sets if not names or each.id in names or each.name in names
    )


def add_testcases(cases: Cases, ruleset: RuleSet, suite: Suite) -> None:
    """Put the test cases of a suite behind the cases of a set.

    Raises:
        ConfigurationError: a file cannot be read, or is no such list.
    """
    own = [each for each in ruleset.berichtsoorten if each != EVERYTHING]
    filed = Filed(suite.berichtsoort or (own or ["TEST"])[0], suite.received, suite.party)
    try:
        found = load_testcases(suite.path, filed)
    except RecursionError:
        raise ConfigurationError(f"{suite.path} lists itself, or lists that do.") from None
    cases.setdefault(ruleset.name, []).extend(found)


def run(catalogue: Catalogue, sets: Sequence[RuleSet], cases: Cases) -> list[Trial]:
    """Run the cases of sets, and tell on stderr which is being run.

    Raises:
        ConfigurationError: cases are for a set that is not there.
    """
    known = {each.name for each in catalogue.sets}
    for name in cases:
        if name not in known:
            raise ConfigurationError(
                f"There are cases for {name}, which is not there; there is "
                f"{', '.join(sorted(known))}."
            )
    found = []
    for number, each in enumerate(sets, 1):
        own = cases.get(each.name, [])
        note(f"{number}/{len(sets)} {each.name}: {number_of(len(own), 'case', 'cases')}")
        found.append(run_cases(catalogue, each.name, own))
    return found


def incomplete(catalogue: Catalogue, tested: Sequence[Trial]) -> frozenset[str]:
    """Return the names of the sets with a rule that they need and that cannot be judged here."""
    return frozenset(
        trial.set_name
        for trial in tested
        for each in catalogue.stacks[trial.set_name].sets
        if any(not one.left_out for one in each.unready)
    )


def print_table(tested: Sequence[Trial], in_part: frozenset[str]) -> None:
    """Print a line for each set, and what is wrong with it below.

    Args:
        tested: in the order of the table.
        in_part: names of those that :func:`incomplete` gives.
    """
    rows = [_HEAD, *(_row(trial, in_part) for trial in tested)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row, trial in zip(rows, (None, *tested), strict=True):
        name, *counts, result = row
        cells = [name.ljust(widths[0]), *map(str.rjust, counts, widths[1:-1]), result]
        click.echo("  ".join(cells).rstrip())
        for line in () if trial is None else _below(trial):
            click.echo(f"  {line}")
    count = sum(len(trial.verdicts) for trial in tested)
    sets = number_of(len(tested), "set", "sets")
    click.echo(f"{sets}, {number_of(count, 'case', 'cases')}")


def values(tested: Sequence[Trial], in_part: frozenset[str]) -> dict[str, object]:
    """Return what came of it as JSON values, as :func:`print_table` prints it."""
    return {
        "sets": [
            {
                "name": trial.set_name,
                "result": _result(trial, in_part),
                "cases": [
                    {"name": each.case, "came": each.held.value, "why": each.why}
                    for each in trial.verdicts
                ],
                "unproven": list(trial.unproven),
                "unseen": list(trial.unseen),
                "unready": list(trial.unready),
            }
            for trial in tested
        ]
    }


def _row(trial: Trial, in_part: frozenset[str]) -> tuple[str, ...]:
    held = [each.held for each in trial.verdicts]
    counts = (str(held.count(one)) for one in (Held.HELD, Held.BROKEN, Held.SKIPPED))
    return trial.set_name, *counts, _result(trial, in_part)


def _result(trial: Trial, in_part: frozenset[str]) -> str:
    if not trial.passed:
        return "failed"
    return "incomplete" if trial.set_name in in_part else "passed"


def _below(trial: Trial) -> Iterator[str]:
    if not trial.verdicts:
        yield "it has no case"
    for each in trial.verdicts:
        if each.held is Held.BROKEN:
            yield f"broken: {each.case}: {each.why}"
    skipped = Counter(each.why for each in trial.verdicts if each.held is Held.SKIPPED)
    for why, count in skipped.items():
        yield f"skipped {count}: {why}"
    if trial.verdicts and trial.unproven:
        yield f"no case breaks {', '.join(trial.unproven)}"
    if trial.unseen:
        yield f"no case brings about {', '.join(trial.unseen)}"
    for one in trial.unready:
        yield f"cannot be judged here: {one}"
