"""What a run found: a line a case as it comes, then a table per family; also JSON and JUnit."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from rich.console import Console
from rich.table import Table

from digipoort_wus.conformance.attacks import Result, Verdict
from digipoort_wus.conformance.cases import Case, Expected


@dataclass(frozen=True, slots=True)
class Line:
    """Writes one line for each result, in columns that fit the cases of a run."""

    id_width: int
    expected_width: int

    def heading(self) -> str:
        """Return the line above the results."""
        return (
            f"{'case':<{self.id_width}}  {'expected':<{self.expected_width}}  "
            f"{'got':<{self.expected_width}}  {'ms':>6} {'cpu':>5} {'MiB':>4}  verdict"
        )

    def of(self, result: Result) -> str:
        """Return the line of a result; what was sent stands below it when it went wrong."""
        cost = result.cost
        cpu, mib = ("", "") if cost is None else (f"{cost.cpu_ms:.0f}", f"{cost.mib:.0f}")
        line = (
            f"{result.case.id:<{self.id_width}}  "
            f"{expectation(result.case.expected):<{self.expected_width}}  "
            f"{result.outcome!s:<{self.expected_width}}  {result.milliseconds:>6.0f} "
            f"{cpu:>5} {mib:>4}  {result.verdict.value}"
        )
        if result.note:
            line += f": {result.note}"
        if not result.verdict.is_good:
            line += f"\n{'':<{self.id_width}}  sent: {result.case.title}"
        return line


def line_for(cases: Sequence[Case]) -> Line:
    """Return the columns for cases."""
    ids = max((len(case.id) for case in cases), default=4)
    expected = max((len(expectation(case.expected)) for case in cases), default=8)
    return Line(ids, max(expected, 16))


def expectation(expected: Expected) -> str:
    """Return an expectation in the words of the report."""
    words: list[str] = [expected.answer]
    if expected.status and expected.answer != "accepted":
        words.append(str(expected.status))
    words.append(expected.check.id if expected.check else expected.alert)
    return " ".join(filter(None, words))


def case_line(line: Line, case: Case) -> str:
    """Return what a case sends and what must come back, on a line."""
    return (
        f"{case.id:<{line.id_width}}  {expectation(case.expected):<{line.expected_width}}  "
        f"{case.title}"
    )


def print_summary(console: Console, results: Sequence[Result]) -> None:
    """Print how many cases of each family went how, and what that means."""
    shown = [verdict for verdict in Verdict if any(result.verdict is verdict for result in results)]
    table = Table("family", "cases", *(verdict.value for verdict in shown), box=None)
    for family in sorted({result.case.family for result in results}):
        own = [result for result in results if result.case.family == family]
        counts = (sum(result.verdict is verdict for result in own) for verdict in shown)
        table.add_row(family, str(len(own)), *(str(count or "") for count in counts))
    table.add_row(
        "all",
        str(len(results)),
        *(str(sum(result.verdict is verdict for result in results)) for verdict in shown),
        style="bold",
    )
    console.print(table)
    console.print(summary(results), soft_wrap=True, markup=False, highlight=False)


def summary(results: Sequence[Result]) -> str:
    """Return the outcome of a run as sentences."""
    ran = [result for result in results if result.verdict is not Verdict.SKIPPED]
    good = sum(result.verdict.is_good for result in ran)
    sentences = [f"{good} of {len(ran)} cases as expected."]
    untold = sum(result.verdict is Verdict.NOT_TOLD for result in ran)
    if untold:
        sentences.append(
            f"{untold} were refused without telling the check: whether for the right reason "
            "is not known."
        )
    skipped = len(results) - len(ran)
    if skipped:
        sentences.append(
            f"{skipped} were not run, for want of a certificate, or of a row in the gateway's "
            "table of parties."
        )
    return " ".join(sentences)


def as_json(results: Sequence[Result]) -> str:
    """Return results as one JSON document."""
    return json.dumps(
        {
            "summary": summary(results),
            "good": all(result.verdict.is_good for result in results),
            "cases": [
                {
                    **_case_json(result.case),
                    "got": str(result.outcome),
                    "milliseconds": round(result.milliseconds, 1),
                    "cpu_ms": result.cost and round(result.cost.cpu_ms, 1),
                    "mib": result.cost and round(result.cost.mib, 1),
                    "verdict": result.verdict.name.lower().replace("_", "-"),
                    "note": result.note,
                }
                for result in results
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def list_as_json(cases: Sequence[Case]) -> str:
    """Return what would be sent as one JSON document, in the words of :func:`as_json`."""
    return json.dumps({"cases": [_case_json(case) for case in cases]}, indent=2, ensure_ascii=False)


def _case_json(case: Case) -> dict[str, object]:
    return {
        "id": case.id,
        "family": case.family,
        "sent": case.title,
        "refs": case.refs,
        "requirements": case.requirements,
        "expected": expectation(case.expected),
    }


def as_junit(results: Sequence[Result]) -> str:
    """Return results as JUnit XML, which CI systems show."""
    failures = sum(not result.verdict.is_good for result in results)
    skipped = sum(result.verdict is Verdict.SKIPPED for result in results)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="attacks" tests="{len(results)}" failures="{failures}" '
        f'skipped="{skipped}">',
    ]
    for result in results:
        lines.append(
            f"<testcase classname={quoteattr(result.case.family)} "
            f'name={quoteattr(result.case.id)} time="{result.milliseconds / 1000:.3f}">'
        )
        said = quoteattr(
            f"{result.verdict.value}; expected {expectation(result.case.expected)}, "
            f"got {result.outcome}; {result.note}"
        )
        if result.verdict is Verdict.SKIPPED:
            lines.append(f"<skipped message={said}/>")
        elif not result.verdict.is_good:
            lines.append(f"<failure message={said}/>")
        lines.append("</testcase>")
    return "\n".join([*lines, "</testsuite>", ""])
