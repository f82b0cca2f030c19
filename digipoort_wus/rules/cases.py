"""Runs the cases of a rule set: documents of which it is known what the rules must find.

A case is judged as a filing is: the set is chosen for it, the envelope comes first and the content
only when that was valid. A set without a case that fails for each of its rules fails itself: of a
rule that nothing breaks, nobody knows whether it looks at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.api import Came, Outcome, Ran, Report, Stage
from digipoort_wus.rules.catalogue import Catalogue
from digipoort_wus.rules.head import head_of
from digipoort_wus.rules.model import Plan, Rule
from digipoort_wus.rules.ruleset import RuleSet
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import Envelope, Subject


class Expected(Enum):
    """What else may be found than a case names."""

    EXACTLY = "exactly"
    """Nothing: the codes are all that is found, each any number of times."""
    AT_LEAST = "at least"
    """Anything: as in suites that test one rule at a time, by other engines."""


@dataclass(frozen=True, slots=True)
class Case:
    """A filing, and what must be found in it.

    Args:
        name: for people; a suite's own where it has one.
        envelope: what the filing says about itself.
        octets: of its document.
        codes: of findings.
        outcome: of the first stage that is not valid, or of both.
        expected: whether other codes may be found.
        needs: kinds of rules without which the case says nothing.
        without: kinds of rules with which it says nothing.
        left_out: why it cannot be run at all; empty: it can.
    """

    name: str
    envelope: Envelope
    octets: bytes
    codes: frozenset[str]
    outcome: Outcome
    expected: Expected = Expected.EXACTLY
    needs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    left_out: str = ""


class Held(Enum):
    """What became of a case."""

    HELD = "held"
    BROKEN = "broken"
    """The rules found something else."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case that was run.

    Args:
        case: its name.
        held: whether the rules found what they must.
        why: what they found instead, or why it was skipped.
    """

    case: str
    held: Held
    why: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the cases of one set came to.

    Args:
        set_name: ``id@version``.
        verdicts: in order of the cases.
        unproven: rules of the set that no case breaks; those that cannot be judged here and those
            that are disabled are not among them.
        unseen: codes of its rules that no case brings about; to know, not a failure.
        unready: rules that cannot be judged here, and why.
    """

    set_name: str
    verdicts: tuple[Verdict, ...]
    unproven: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    unready: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there are cases, all hold, and each rule is broken by one."""
        broken = any(each.held is Held.BROKEN for each in self.verdicts)
        return bool(self.verdicts) and not broken and not self.unproven


def run_cases(catalogue: Catalogue, name: str, cases: Sequence[Case]) -> Trial:
    """Run the cases of one set.

    Args:
        catalogue: that has the set and those that it requires.
        name: ``id@version`` of the set.
        cases: of this set.

    Raises:
        ConfigurationError: there is no such set.
    """
    ruleset = _named(catalogue, name)
    stack = catalogue.stacks[name].sets
    waiting = [f"{one.rule}: {one.why}" for each in stack for one in each.unready]
    blocked = {
        (each.name, one.rule): one.why for each in stack for one in each.unready if not one.left_out
    }
    kinds = {rule.kind for each in stack for rule in _rules(each)}
    verdicts: list[Verdict] = []
    proven: set[str] = set()
    seen: set[str] = set()
    for case in cases:
        if skip := case.left_out or _unfit(case, kinds):
            verdicts.append(Verdict(case.name, Held.SKIPPED, skip))
            continue
        plan, why = _plan(catalogue, ruleset, case)
        reports = () if why else tuple(_reports(plan, case))
        why = why or _mistake(case, reports)
        if why and (waits := _waits(reports, blocked)):
            # What comes before such a rule is judged all the same, and may have decided.
            skip = f"the set cannot be judged here: {waits}"
            verdicts.append(Verdict(case.name, Held.SKIPPED, skip))
            continue
        verdicts.append(Verdict(case.name, Held.BROKEN if why else Held.HELD, why))
        if not why:
            proven |= {ran.rule for ran in _failed(reports) if ran.set_id == name}
            seen |= _codes(reports)
    own = [] if blocked else [rule for rule in _rules(ruleset) if not _is_off(rule, ruleset)]
    given = dict.fromkeys(code for rule in own for code in rule.compiled.codes)
    return Trial(
        name,
        tuple(verdicts),
        tuple(rule.code for rule in own if rule.code not in proven),
        tuple(code for code in given if code not in seen and code not in ruleset.disabled),
        tuple(waiting),
    )


def _named(catalogue: Catalogue, name: str) -> RuleSet:
    for each in catalogue.sets:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in catalogue.sets)
    raise ConfigurationError(f"There is no rule set {name} to test; there is {known}.")


def _unfit(case: Case, kinds: set[str]) -> str:
    """Say why a case says nothing of a set that uses these kinds; empty when it does."""
    for kind in case.needs:
        if kind not in kinds:
            return f"no rule uses {kind}"
    for kind in case.without:
        if kind in kinds:
            return f"a rule uses {kind}"
    return ""


def _plan(catalogue: Catalogue, ruleset: RuleSet, case: Case) -> tuple[Plan, str]:
    """Return what a case is judged by, and why that is not what was to be tested."""
    if not ruleset.berichtsoorten:
        # Nothing chooses a set that only others require.
        return catalogue.stacks[ruleset.name].plan, ""
    about = case.envelope
    family = _family(catalogue, ruleset)
    if family.named(about.berichtsoort):
        # A set of another id that takes its place says nothing of this one.
        catalogue = family
    choice = catalogue.choose(about.berichtsoort, about.received, lambda: head_of(case.octets))
    if choice.chosen is None or choice.chosen.name == ruleset.name:
        return choice.plan, ""
    return choice.plan, f"{choice.chosen.name} judges it, and not {ruleset.name}"


def _family(catalogue: Catalogue, ruleset: RuleSet) -> Catalogue:
    """Return a catalogue of all versions of a set, and what they require."""
    versions = [each.name for each in catalogue.sets if each.id == ruleset.id]
    names = frozenset[str]().union(*(catalogue.stacks[name].names for name in versions))
    return replace(catalogue, sets=tuple(each for each in catalogue.sets if each.name in names))


def _reports(plan: Plan, case: Case) -> Iterator[Report]:
    for stage in Stage:
        report = run(plan, Subject(case.envelope, case.octets), stage)
        yield report
        if report.outcome is not Outcome.VALID:
            return


def _mistake(case: Case, reports: Sequence[Report]) -> str:
    """Say how what was found differs from what must be; empty when it does not."""
    outcome, found = reports[-1].outcome, _codes(reports)
    missing = sorted(case.codes - found)
    surplus = sorted(found - case.codes) if case.expected is Expected.EXACTLY else []
    said = []
    if outcome is not case.outcome:
        said.append(f"it is {outcome.value} and must be {case.outcome.value}")
    if missing:
        said.append(f"not found: {', '.join(missing)}")
    if surplus:
        said.append(f"found too: {', '.join(surplus)}")
    said += [report.technical for report in reports if said and report.technical]
    return "; ".join(said)


def _waits(reports: Iterable[Report], blocked: Mapping[tuple[str, str], str]) -> str:
    """Say why a rule could not be judged that cannot be judged here; empty when all were."""
    for report in reports:
        for ran in report.trace:
            if ran.came is Came.TECHNICAL and (ran.set_id, ran.rule) in blocked:
                return blocked[ran.set_id, ran.rule]
    return ""


def _codes(reports: Iterable[Report]) -> set[str]:
    return {finding.code for report in reports for finding in report.findings}


def _failed(reports: Iterable[Report]) -> Iterator[Ran]:
    return (ran for report in reports for ran in report.trace if ran.came is Came.FAILED)


def _rules(ruleset: RuleSet) -> Iterator[Rule]:
    return (rule for layer in ruleset.layers for rule in layer.rules)


def _is_off(rule: Rule, ruleset: RuleSet) -> bool:
    return rule.code in ruleset.disabled or set(rule.compiled.codes) <= set(ruleset.disabled)
