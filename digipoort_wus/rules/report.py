"""A report as JSON, for workers and the store, and as text for a terminal."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar, get_args

from digipoort_wus.filing.finding import Finding, Severity
from digipoort_wus.rules.api import Came, Outcome, Ran, Report

T = TypeVar("T")
FORM = 1
"""Of the JSON; another number is another form, which this module does not read."""
_SEVERITIES: Mapping[str, Severity] = {each: each for each in get_args(Severity)}
_OUTCOMES: Mapping[str, Outcome] = {each.value: each for each in Outcome}
_CAME: Mapping[str, Came] = {each.value: each for each in Came}


class NotAReport(ValueError):
    """JSON is not that of a report; the message names a key and nothing of what stands there."""


def to_json(report: Report) -> str:
    """Return a report as JSON on one line, in ASCII."""
    return json.dumps(to_values(report), separators=(",", ":"))


def from_json(text: str | bytes) -> Report:
    """Return the report that :func:`to_json` wrote.

    Raises:
        NotAReport: it did not write this.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAReport("this is no JSON") from None
    return from_values(values)


def to_values(report: Report) -> dict[str, object]:
    """Return a report as values that JSON has."""
    return {
        "form": FORM,
        "outcome": report.outcome.value,
        "findings": [
            {"code": one.code, "severity": one.severity, "text": one.text, "where": one.where}
            for one in report.findings
        ],
        "technical": report.technical,
        "trace": [
            {
                "rule": ran.rule,
                "set": ran.set_id,
                "digest": ran.digest,
                "layer": ran.layer,
                "came": ran.came.value,
                "microseconds": ran.microseconds,
                "why": ran.why,
            }
            for ran in report.trace
        ],
    }


def from_values(values: object) -> Report:
    """Return the report that :func:`to_values` made values of.

    Raises:
        NotAReport: it did not make these.
    """
    found = _object(values, "", ("form", "outcome", "findings", "technical", "trace"))
    if _number(found["form"], "form") != FORM:
        raise NotAReport(f"form is not {FORM}: another version of this program wrote it")
    return Report(
        _one_of(found["outcome"], "outcome", _OUTCOMES),
        _each(found["findings"], "findings", _finding),
        _text(found["technical"], "technical"),
        _each(found["trace"], "trace", _ran),
    )


def to_text(report: Report, *, trace: bool = False) -> str:
    """Return a report for a terminal: the outcome, findings, and what ran when ``trace``."""
    return "\n".join(_lines(report, trace))


def _lines(report: Report, trace: bool) -> Iterator[str]:
    yield report.outcome.value
    for one in report.findings:
        yield f"  {one.severity:<8} {one.code:<20} {one.text}"
        if one.where:
            yield f"  {'':<8} {'':<20} {one.where}"
    if report.technical:
        yield f"  technical: {report.technical}"
    if not trace:
        return
    for ran in report.trace:
        why = f"  ({ran.why})" if ran.why else ""
        where = f"{ran.set_id} {ran.digest} {ran.layer}"
        yield f"  {ran.came.value:<9} {ran.rule:<20} {ran.microseconds:>8} us  {where}{why}"


def _finding(value: object, key: str) -> Finding:
    found = _object(value, key, ("code", "severity", "text", "where"))
    return Finding(
        _text(found["code"], f"{key}.code"),
        _one_of(found["severity"], f"{key}.severity", _SEVERITIES),
        _text(found["text"], f"{key}.text"),
        _text(found["where"], f"{key}.where"),
    )


def _ran(value: object, key: str) -> Ran:
    found = _object(value, key, ("rule", "set", "digest", "layer", "came", "microseconds", "why"))
    return Ran(
        _text(found["rule"], f"{key}.rule"),
        _text(found["set"], f"{key}.set"),
        _text(found["digest"], f"{key}.digest"),
        _text(found["layer"], f"{key}.layer"),
        _one_of(found["came"], f"{key}.came", _CAME),
        _number(found["microseconds"], f"{key}.microseconds"),
        _text(found["why"], f"{key}.why"),
    )


def _object(value: object, key: str, names: Sequence[str]) -> Mapping[str, object]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise NotAReport(f"{key or 'the whole'} is not an object of {', '.join(names)}")
    return value


def _each(value: object, key: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
    if not isinstance(value, list):
        raise NotAReport(f"{key} is not a list")
    return tuple(read(one, f"{key}[{number}]") for number, one in enumerate(value))


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise NotAReport(f"{key} is not a text")
    return value


def _number(value: object, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NotAReport(f"{key} is not a number from 0")
    return value


def _one_of(value: object, key: str, known: Mapping[str, T]) -> T:
    text = _text(value, key)
    if text not in known:
        raise NotAReport(f"{key} is not one of {', '.join(known)}")
    return known[text]
