"""How a validation stands in the store: compressed JSON, in which sets and layers stand once.

It is read by every later version of this program, so what was written stays as it is and another
form gets another number.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.rules.api import Came, Outcome, Ran, Report, Stage
from digipoort_wus.store.ports import FilingId, Reader, Store, ValidationRow

_FORM = 1
_FINDINGS_MAX = 1_000
_RAN_MAX = 10_000
_TEXT_MAX = 2_000
_OCTETS_MAX = 32_000_000
_LEVEL = 1
_WARNING = "warning"


class NotReadable(ValueError):
    """What stands in the store is no report that this version knows."""


def row_of(
    filing_id: FilingId, stage: Stage, attempt: int, at: datetime, report: Report
) -> ValidationRow:
    """Return what the store keeps of one validation.

    Args:
        filing_id: the delivery.
        stage: which of the two.
        attempt: at it, from 1.
        at: when the report was there.
        report: findings beyond the thousandth and rules beyond the ten thousandth are left out,
            and texts end after 2,000 characters.
    """
    return ValidationRow(
        filing_id, stage.value, attempt, at, report.outcome.value, _octets_of(report)
    )


def report_of(octets: bytes) -> Report:
    """Return the report of a row.

    Raises:
        NotReadable: it is damaged, or a later version wrote it.
    """
    try:
        inflating = zlib.decompressobj()
        said = json.loads(inflating.decompress(octets, _OCTETS_MAX))
        if said["form"] != _FORM:
            raise NotReadable(f"a validation is of form {said['form']}, and {_FORM} is known")
        layers = said["layers"]
        return Report(
            Outcome(said["outcome"]),
            tuple(Finding(*one) for one in said["findings"]),
            said["technical"],
            tuple(_ran(layers, *one) for one in said["trace"]),
        )
    except (zlib.error, LookupError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, NotReadable):
            raise
        raise NotReadable("a validation in the store is damaged: restore it") from error


def warnings_of(rows: Iterable[ValidationRow]) -> Sequence[Finding]:
    """Return what the validations that let a delivery through had to say of it.

    They are the same however often it is asked, for what is delivered is validated no more.

    Args:
        rows: of one delivery, in their order; of what was purged there is nothing to say.

    Raises:
        NotReadable: one of them.
    """
    newest: dict[str, bytes] = {}
    for row in rows:
        if row.outcome == Outcome.VALID.value and row.report is not None:
            newest[row.stage] = row.report
    return tuple(
        finding
        for stage in Stage
        if stage.value in newest
        for finding in report_of(newest[stage.value]).findings
        if finding.severity == _WARNING
    )


def warnings_about(store: Store, filing: Filing) -> Sequence[Finding]:
    """Return what validation warned of in a delivery, as the store has it.

    Raises:
        NotReadable: what it has cannot be read.
    """

    def look(reader: Reader) -> Sequence[ValidationRow]:
        return reader.validations(filing.kenmerk, filing.berichtkenmerk)

    return warnings_of(store.read(look))


def _octets_of(report: Report) -> bytes:
    layers: dict[tuple[str, str, str], int] = {}
    trace = [
        [
            ran.rule,
            layers.setdefault((ran.set_id, ran.digest, ran.layer), len(layers)),
            ran.came.value,
            ran.microseconds,
            ran.why[:_TEXT_MAX],
        ]
        for ran in report.trace[:_RAN_MAX]
    ]
    said = {
        "form": _FORM,
        "outcome": report.outcome.value,
        "findings": [
            [one.code, one.severity, one.text[:_TEXT_MAX], one.where[:_TEXT_MAX]]
            for one in report.findings[:_FINDINGS_MAX]
        ],
        "technical": report.technical[:_TEXT_MAX],
        "layers": list(layers),
        "trace": trace,
    }
    return zlib.compress(json.dumps(said, separators=(",", ":")).encode(), _LEVEL)


def _ran(
    layers: Sequence[Sequence[str]], rule: str, layer: int, came: str, spent: int, why: str
) -> Ran:
    set_id, digest, name = layers[layer]
    return Ran(rule, set_id, digest, name, Came(came), spent, why)
