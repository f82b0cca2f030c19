import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.filing.finding import Finding
from digipoort_wus.rules.api import Came, Outcome, Ran, Report
from digipoort_wus.rules.report import (
    NotAReport,
    from_json,
    from_values,
    to_json,
    to_text,
    to_values,
)

FOUND = Report(
    Outcome.INVALID,
    (
        Finding("OB-ID", "error", "Het nummer is een ander: “é”.", "/a (regel 2)"),
        Finding("OB-W", "warning", "Let op."),
    ),
    "s@1 BROKEN: raised ValueError",
    (
        Ran("OB-ID", "s@1", "0123456789ab", "identity", Came.FAILED, 12),
        Ran("OB-W", "s@1", "0123456789ab", "identity", Came.FAILED),
        Ran("BROKEN", "s@1", "0123456789ab", "content", Came.TECHNICAL, 7, "raised ValueError"),
    ),
)

TEXTS = st.text(st.characters(), max_size=8)
FINDINGS = st.builds(
    Finding, TEXTS, st.sampled_from(["info", "warning", "error", "fatal"]), TEXTS, TEXTS
)
TRACES = st.builds(
    Ran, TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from(Came), st.integers(0, 10**12), TEXTS
)
REPORTS = st.builds(
    Report,
    st.sampled_from(Outcome),
    st.lists(FINDINGS, max_size=3).map(tuple),
    TEXTS,
    st.lists(TRACES, max_size=3).map(tuple),
)


@given(report=REPORTS)
def test_there_and_back(report: Report) -> None:
    text = to_json(report)
    assert text.isascii()
    assert "\n" not in text
    assert from_json(text) == from_json(text.encode()) == report
    assert from_values(to_values(report)) == report


def test_the_form_is_stable() -> None:
    """Traces are kept for years: change FORM when this changes."""
    assert to_values(FOUND) == {
        "form": 1,
        "outcome": "invalid",
        "findings": [
            {
                "code": "OB-ID",
                "severity": "error",
                "text": "Het nummer is een ander: “é”.",
                "where": "/a (regel 2)",
            },
            {"code": "OB-W", "severity": "warning", "text": "Let op.", "where": ""},
        ],
        "technical": "s@1 BROKEN: raised ValueError",
        "trace": [
            {
                "rule": rule,
                "set": "s@1",
                "digest": "0123456789ab",
                "layer": layer,
                "came": came,
                "microseconds": microseconds,
                "why": why,
            }
            for rule, layer, came, microseconds, why in (
                ("OB-ID", "identity", "failed", 12, ""),
                ("OB-W", "identity", "failed", 0, ""),
                ("BROKEN", "content", "technical", 7, "raised ValueError"),
            )
        ],
    }


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "7", "[]", "{}", '"geheim"', b"\xff", "[" * 100_000),
        '{"form":1,"form":1}',
        f'{{"form":{"9" * 5000}}}',
    ],
)
def test_what_is_no_report(text: str | bytes) -> None:
    with pytest.raises(NotAReport) as caught:
        from_json(text)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["form"], 2, "form is not 1"),
        (["form"], True, "form is not a number"),
        (["outcome"], "geheim", "outcome is not one of valid, invalid, undetermined"),
        (["outcome"], ["valid"], "outcome is not a text"),
        (["technical"], None, "technical is not a text"),
        (["extra"], "geheim", "the whole is not an object of form, outcome"),
        (["findings"], {}, "findings is not a list"),
        (["findings", 1], "geheim", "findings[1] is not an object of code, severity"),
        (["findings", 0, "code"], 7, "findings[0].code is not a text"),
        (["findings", 0, "severity"], "geheim", "findings[0].severity is not one of info"),
        (["findings", 0, "text"], None, "findings[0].text is not a text"),
        (["findings", 0, "where"], 7, "findings[0].where is not a text"),
        (["findings", 0, "more"], 7, "findings[0] is not an object"),
        (["trace"], None, "trace is not a list"),
        (["trace", 2], [], "trace[2] is not an object"),
        (["trace", 0, "rule"], 7, "trace[0].rule is not a text"),
        (["trace", 0, "set"], 7, "trace[0].set is not a text"),
        (["trace", 0, "digest"], 7, "trace[0].digest is not a text"),
        (["trace", 0, "layer"], 7, "trace[0].layer is not a text"),
        (["trace", 0, "came"], "geheim", "trace[0].came is not one of passed"),
        (["trace", 0, "microseconds"], -1, "trace[0].microseconds is not a number"),
        (["trace", 0, "microseconds"], 1.5, "trace[0].microseconds is not a number"),
        (["trace", 0, "microseconds"], False, "trace[0].microseconds is not a number"),
        (["trace", 0, "why"], None, "trace[0].why is not a text"),
    ],
)
def test_what_is_wrong_is_named(path: list[str | int], value: object, said: str) -> None:
    values = json.loads(to_json(FOUND))
    at = values
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(NotAReport) as caught:
        from_values(values)
    assert str(caught.value).startswith(said)
    assert "geheim" not in str(caught.value)


def test_every_key_is_needed() -> None:
    whole = json.loads(to_json(FOUND))
    for part in (whole, whole["findings"][0], whole["trace"][0]):
        for key in list(part):
            taken = part.pop(key)
            with pytest.raises(NotAReport):
                from_values(whole)
            part[key] = taken
    assert from_values(whole) == FOUND


def test_text() -> None:
    lines = to_text(FOUND).splitlines()
    assert lines == [
        "invalid",
        "  error    OB-ID                Het nummer is een ander: “é”.",
        "                                /a (regel 2)",
        "  warning  OB-W                 Let op.",
        "  technical: s@1 BROKEN: raised ValueError",
    ]
    traced = to_text(FOUND, trace=True).splitlines()
    assert traced[:5] == lines
    assert traced[5:] == [
        "  failed    OB-ID                      12 us  s@1 0123456789ab identity",
        "  failed    OB-W                        0 us  s@1 0123456789ab identity",
        "  technical BROKEN                      7 us  s@1 0123456789ab content"
        "  (raised ValueError)",
    ]
    assert to_text(Report(Outcome.VALID)) == "valid"
