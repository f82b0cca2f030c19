"""What a trace must have, and what a client must be told, whatever a filing is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from digipoort_wus import names
from digipoort_wus.cli.rules_checked import Filed, status_xml
from digipoort_wus.contract.schema import validate
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Came, Outcome, Ran, Report, Stage
from digipoort_wus.rules.engine import Checked
from digipoort_wus.rules.model import Layer, Plan

NAMESPACES = {"t": names.TYPES, "b": "http://nlvalidatie.nl/batavia"}
FILED = Filed(
    Path("a.xbrl"),
    "Omzetbelasting",
    datetime(2026, 10, 5, tzinfo=UTC),
    Party("001000044B37", "Fi"),
)
REFUSING = ("error", "fatal")
ENDS = {
    Outcome.VALID: ("301", None),
    Outcome.INVALID: ("311", "VAS500"),
    Outcome.UNDETERMINED: ("321", "VAS400"),
}


def assert_told(report: Report, *, before: Report | None = None) -> None:
    """Hold the statuses of a filing to what was found, as the answer to a client has them.

    Args:
        report: of the validation that decided.
        before: of the first, when that was the second.
    """
    reports = [each for each in (before, report) if each is not None]
    checked = Checked("", (), reports[0], reports[1] if before else None)
    answer = etree.fromstring(status_xml(FILED, checked))
    validate(answer)
    rows = answer.findall("*/t:StatusResultaat", NAMESPACES)
    assert len(rows) == len(reports)
    for row, each in zip(rows, reports, strict=True):
        code = row.findtext("t:statuscode", None, NAMESPACES)
        error = row.findtext("t:statusFoutcode/t:foutcode", None, NAMESPACES)
        said = row.findtext("t:statusFoutcode/t:foutbeschrijving", "", NAMESPACES)
        details = row.findtext("t:statusdetails", None, NAMESPACES)
        assert (code, error) == ENDS[each.outcome]
        if each.outcome is Outcome.INVALID:
            refusing = [one for one in each.findings if one.severity in REFUSING]
            assert said.startswith(refusing[0].text[:1000])
            assert ("(en nog " in said) is (len(refusing) > 1)
            assert_listed(details or "", each.findings)
        else:
            # Warnings are for the agency; why nothing could be decided is for the operator.
            assert details is None
            assert each.technical == "" or each.technical not in said


def assert_listed(details: str, findings: tuple[Finding, ...]) -> None:
    """Hold ``statusdetails`` to the findings: the first hundred, in their order."""
    messages = etree.fromstring(details).findall("b:xbrl/b:messages/b:msg", NAMESPACES)
    assert len(messages) == min(100, len(findings))
    for message, one in zip(messages, findings, strict=False):
        level = "error" if one.severity in REFUSING else one.severity
        assert (message.get("id"), message.get("level")) == (one.code, level)
        assert (message.text or "").startswith(f"{one.code}: {one.text[:1000]}")
        assert message.get("line") == str(one.line)


def assert_traced(report: Report, plan: Plan, stage: Stage) -> None:
    """Hold a trace to the plan and to what was found: each rule once, and what became of it."""
    layers = [layer for layer in plan.layers if layer.stage is stage]
    planned = [
        (layer.set_id, layer.digest[:12], layer.id, rule.code)
        for layer in layers
        for rule in layer.rules
    ]
    trace = report.trace
    assert [(one.set_id, one.digest, one.layer, one.rule) for one in trace] == planned
    assert all(one.why for one in trace if one.came in (Came.SKIPPED, Came.TECHNICAL))
    assert all(one.microseconds >= 0 for one in trace)
    gives = {
        (layer.set_id, rule.code): set(rule.compiled.codes)
        for layer in layers
        for rule in layer.rules
    }
    found = {one.code for one in report.findings}
    failed = [gives[one.set_id, one.rule] for one in trace if one.came is Came.FAILED]
    # Who failed has said so, and nobody else has.
    assert all(codes & found for codes in failed)
    assert found <= set().union(*failed)
    technical = any(one.came is Came.TECHNICAL for one in trace)
    assert technical or report.outcome is not Outcome.UNDETERMINED
    for layer, behind in _stopping(report, layers):
        skipped = {one.came for one in behind}
        assert skipped <= {Came.SKIPPED}, f"judged although {layer.id} found an error"


def _stopping(report: Report, layers: list[Layer]) -> Iterator[tuple[Layer, list[Ran]]]:
    """Return each layer that ends the stage, and what stands behind it in the trace."""
    refusing = {one.code for one in report.findings if one.severity in REFUSING}
    at = 0
    for layer in layers:
        mine = report.trace[at : at + len(layer.rules)]
        at += len(layer.rules)
        refused = any(
            ran.came is Came.FAILED and set(rule.compiled.codes) & refusing
            for ran, rule in zip(mine, layer.rules, strict=True)
        )
        if refused and not layer.goes_on:
            yield layer, list(report.trace[at:])
