"""What ``filings show --trace`` prints: how a filing was judged, rule by rule.

The texts of findings are left out: they may hold what the filer wrote, and taking that out is
recorded (``--content``). The codes are explained by ``digipoort-wus rules explain``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from digipoort_wus.clock import format_utc

if TYPE_CHECKING:
    from digipoort_wus.store.ports import ValidationRow


def trace_of(row: "ValidationRow") -> dict[str, object]:
    """Return one validation as values that JSON has; of a purged one there is no report."""
    from digipoort_wus.process.validations import NotReadable, report_of

    head: dict[str, object] = {
        "stage": row.stage,
        "attempt": row.attempt,
        "at": format_utc(row.at),
        "outcome": row.outcome,
    }
    if row.report is None:
        return {**head, "report": "purged"}
    try:
        report = report_of(row.report)
    except NotReadable as error:
        return {**head, "report": str(error)}
    return {
        **head,
        "technical": report.technical,
        "findings": [
            {"code": one.code, "severity": one.severity, "where": one.where}
            for one in report.findings
        ],
        "rules": [
            {
                "rule": ran.rule,
                "came": ran.came.value,
                "microseconds": ran.microseconds,
                "set": ran.set_id,
                "digest": ran.digest,
                "layer": ran.layer,
                "why": ran.why,
            }
            for ran in report.trace
        ],
    }


def trace_lines(validations: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Yield validations as lines for a terminal.

    Args:
        validations: as :func:`trace_of` returns them.
    """
    for one in validations:
        yield f"{one['at']}  {one['stage']}, attempt {one['attempt']}: {one['outcome']}"
        if "report" in one:
            yield f"  {one['report']}"
        if one.get("technical"):
            yield f"  technical: {one['technical']}"
        for finding in _rows(one, "findings"):
            where = f"  {finding['where']}" if finding["where"] else ""
            yield f"  {finding['severity']:<9} {finding['code']:<20}{where}"
        for ran in _rows(one, "rules"):
            why = f"  ({ran['why']})" if ran["why"] else ""
            where = f"{ran['set']} {ran['digest']} {ran['layer']}"
            spent = f"{ran['microseconds']:>8} us"
            yield f"  {ran['came']:<9} {ran['rule']:<20} {spent}  {where}{why}"


def _rows(one: Mapping[str, object], key: str) -> Sequence[Mapping[str, object]]:
    rows = one.get(key, ())
    return rows if isinstance(rows, list) else ()
