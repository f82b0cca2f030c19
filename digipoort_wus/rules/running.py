"""Judges one filing by one plan, in the process where it is called.

An error or a fatal finding makes a filing invalid, even when another rule broke. A rule that
could not be judged makes it undetermined: that is never the filer's mistake.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from digipoort_wus.errors import Refusal
from digipoort_wus.filing.finding import Finding, Severity
from digipoort_wus.rules.api import Came, Outcome, Ran, Report, Stage
from digipoort_wus.rules.model import (
    Hit,
    Layer,
    Listen,
    Look,
    Parsing,
    Plan,
    Read,
    Rule,
)
from digipoort_wus.rules.reading import Broken, Judged, Walked, guarded, read_octets, walk
from digipoort_wus.rules.subject import Subject
from digipoort_wus.rules.texts import filled, shown


def run(plan: Plan, subject: Subject, stage: Stage) -> Report:
    """Judge one filing at one stage.

    Args:
        plan: the layers of both stages.
        subject: the filing; for one validation alone.
        stage: which layers are judged.
    """
    layers = [layer for layer in plan.layers if layer.stage is stage]
    mime_type = subject.envelope.document.mime_type.partition(";")[0].strip().lower()
    judged_layers = [each for each in layers if not each.mime_types or mime_type in each.mime_types]
    document = _Document(subject, [rule for layer in judged_layers for rule in layer.rules])
    trace: list[Ran] = []
    findings: list[Finding] = []
    technical: list[str] = []
    stopped = ""
    for layer in layers:
        worst = 0
        skipped = stopped or ("" if layer in judged_layers else "not for this MIME type")
        for rule in layer.rules:
            began = time.perf_counter_ns()
            judged = _Skipped(skipped) if skipped else document.judge(rule)
            came, found, why = _came(rule, judged)
            spent = (time.perf_counter_ns() - began) // 1000
            trace.append(_ran(layer, rule, came, spent, why))
            findings += found
            if came is Came.TECHNICAL:
                technical.append(f"{layer.set_id} {rule.code}: {why}")
            worst = max([worst, *(_WEIGHT[finding.severity] for finding in found)])
            if worst == _FATAL and not stopped:
                stopped = skipped = f"{rule.code} left nothing to judge"
        if worst >= _ERROR and not layer.goes_on and not stopped:
            stopped = f"layer {layer.id} found an error"
    refused = any(_WEIGHT[finding.severity] >= _ERROR for finding in findings)
    if document.unsaid and not refused and not technical:
        technical.append(document.unsaid)
    unknown = Outcome.UNDETERMINED if technical else Outcome.VALID
    outcome = Outcome.INVALID if refused else unknown
    return Report(outcome, tuple(findings), _joined(technical), tuple(trace))


_WEIGHT: Mapping[Severity, int] = {"info": 0, "warning": 0, "error": 1, "fatal": 2}
_ERROR = _WEIGHT["error"]
_FATAL = _WEIGHT["fatal"]
_WHERE_MAX = 500
_TECHNICAL_MAX = 20


@dataclass(frozen=True, slots=True)
class _Skipped:
    """A rule had nothing that it could judge."""

    why: str


class _Document:
    """The document of one validation, which is read when the first rule needs it."""

    def __init__(self, subject: Subject, rules: Sequence[Rule]) -> None:
        self._subject = subject
        self._rules = rules
        self._octets: Mapping[int, Judged] | None = None
        self._walked: Walked | None = None
        self._poison = ""
        self.unsaid = ""
        """Why the document was not judged, when no rule says so."""

    def judge(self, rule: Rule) -> Judged | _Skipped:
        """Return what a rule found."""
        match rule.compiled.way:
            case Read():
                return self._read()[id(rule)]
            case Look(look, tree=False):
                return guarded(lambda: look(self._subject))
            case Look(look):
                return self._unless_broken(lambda: guarded(lambda: look(self._subject)))
            case Listen():
                return self._unless_broken(lambda: self._walk().judged[id(rule)])
            case Parsing(judge):
                return self._parsing(judge)

    def _read(self) -> Mapping[int, Judged]:
        if self._octets is None:
            readers = {
                id(rule): rule.compiled.way
                for rule in self._rules
                if isinstance(rule.compiled.way, Read)
            }
            self._octets = read_octets(self._subject, readers)
            # By its findings, not its hits: one that is disabled or only a warning refuses
            # nothing, so the others have to judge.
            self._poison = next(
                (
                    rule.code
                    for rule in self._rules
                    if id(rule) in self._octets
                    for finding in _came(rule, self._octets[id(rule)])[1]
                    if finding.severity == "fatal"
                ),
                "",
            )
        return self._octets

    def _walk(self) -> Walked:
        if self._walked is None:
            listeners = {
                id(rule): rule.compiled.way
                for rule in self._rules
                if isinstance(rule.compiled.way, Listen)
            }
            tree = any(
                isinstance(rule.compiled.way, Look) and rule.compiled.way.tree
                for rule in self._rules
            )
            self._walked = walk(self._subject, listeners, tree=tree)
        return self._walked

    def _unless_broken(self, judge: Callable[[], Judged]) -> Judged | _Skipped:
        self._read()
        if self._poison:
            return _Skipped(f"{self._poison} left nothing to parse")
        walked = self._walk()
        if walked.technical:
            return Broken(walked.technical)
        if walked.refusal is not None:
            self.unsaid = "the document cannot be parsed, and no rule of the sets says so"
            return _Skipped("the document cannot be parsed")
        return judge()

    def _parsing(self, judge: Callable[[Refusal], Iterable[Hit]]) -> Judged | _Skipped:
        def about() -> Judged:
            return ()

        judged = self._unless_broken(about)
        refusal = None if self._walked is None else self._walked.refusal
        return judged if refusal is None else guarded(lambda: judge(refusal))


def _came(rule: Rule, judged: Judged | _Skipped) -> tuple[Came, tuple[Finding, ...], str]:
    match judged:
        case _Skipped(why):
            return Came.SKIPPED, (), why
        case Broken(why, hits):
            found = _findings(rule, hits)
            # It is refused whatever else would have been found.
            if isinstance(found, tuple) and any(_WEIGHT[one.severity] >= _ERROR for one in found):
                return Came.FAILED, found, ""
            return Came.TECHNICAL, (), why
    found = _findings(rule, judged)
    if isinstance(found, Broken):
        return Came.TECHNICAL, (), found.why
    return (Came.FAILED if found else Came.PASSED), found, ""


def _findings(rule: Rule, hits: Sequence[Hit]) -> tuple[Finding, ...] | Broken:
    """Return what is said of hits, unless the kind did not say that it may give them."""
    if not all(_code(rule, hit) in rule.compiled.codes for hit in hits):
        return Broken("gave a code that it did not declare")
    try:
        return tuple(_finding(rule, hit) for hit in hits if _code(rule, hit) not in rule.disabled)
    except Exception as error:
        return Broken(f"has a text that cannot be filled: {type(error).__name__}")


def _joined(technical: Sequence[str]) -> str:
    more = len(technical) - _TECHNICAL_MAX
    return "; ".join([*technical[:_TECHNICAL_MAX], *([f"and {more} more"] if more > 0 else [])])


def _ran(layer: Layer, rule: Rule, came: Came, microseconds: int, why: str) -> Ran:
    return Ran(rule.code, layer.set_id, layer.digest[:12], layer.id, came, microseconds, why)


def _code(rule: Rule, hit: Hit) -> str:
    return hit.code or rule.code


def _severity(rule: Rule, hit: Hit) -> Severity:
    code = _code(rule, hit)
    declared = rule.compiled.codes[code]
    return rule.severities.get(code) or hit.severity or declared.severity


def _finding(rule: Rule, hit: Hit) -> Finding:
    code = _code(rule, hit)
    text = filled(rule.compiled.codes[code].text.nl, hit.values)
    return Finding(code, _severity(rule, hit), text, _where(hit))


def _where(hit: Hit) -> str:
    path = shown(hit.where, _WHERE_MAX)
    if hit.line < 1:
        return path
    return f"{path} (regel {hit.line})" if path else f"regel {hit.line}"
