"""What ``rules check`` prints: findings, a trace, and the statuses as a client gets them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
from lxml import etree

from digipoort_wus import names
from digipoort_wus.cli.rules_shown import missing_lines
from digipoort_wus.clock import format_utc
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status
from digipoort_wus.process.details import validation_error, validation_results
from digipoort_wus.process.steps import timed
from digipoort_wus.process.transitions import TRANSITIONS, Event, Step
from digipoort_wus.rules.api import Outcome, Report
from digipoort_wus.rules.catalogue import Catalogue
from digipoort_wus.rules.engine import Checked
from digipoort_wus.rules.report import to_text, to_values

EXIT_STATUS: Mapping[Outcome, int] = {
    Outcome.VALID: 0,
    Outcome.INVALID: 1,
    Outcome.UNDETERMINED: 3,
}
KENMERK = "00000000-0000-0000-0000-000000000000"
"""Stands in the statuses of a file: nobody has filed it."""
_STEPS: Mapping[str, Step] = {"envelope": Step.ENVELOPE, "content": Step.CONTENT}
_EVENTS: Mapping[Outcome, Event] = {
    Outcome.VALID: Event.VALID,
    Outcome.INVALID: Event.INVALID,
    # What is tried again gives no status; this is the one after the last attempt.
    Outcome.UNDETERMINED: Event.EXHAUSTED,
}


@dataclass(frozen=True, slots=True)
class Filed:
    """A file, as it was said to be filed.

    Args:
        file: that was judged.
        berichtsoort: as it was given.
        received: moment of receipt.
        party: the belanghebbende, when it was given.
    """

    file: Path
    berichtsoort: str
    received: datetime
    party: Party | None


def print_text(filed: Filed, checked: Checked, *, trace: bool) -> None:
    """Print what was found, for people."""
    click.echo(f"{checked.outcome.value}, by {', '.join(checked.sets) or 'no rule set'}")
    for (name, report), status in zip(_stages(checked), statuses(filed, checked), strict=True):
        # Its first line is the outcome.
        first, *rest = to_text(report, trace=trace).splitlines()
        error = "" if status.error is None else f" {status.error.code}"
        click.echo(f"{name}: {first} -> {status.code}{error}")
        for line in rest:
            click.echo(line)


def values(catalogue: Catalogue, filed: Filed, checked: Checked) -> dict[str, object]:
    """Return what was found as JSON values."""
    digests = {each.name: each.digest for each in catalogue.sets}
    return {
        "file": str(filed.file),
        "berichtsoort": filed.berichtsoort,
        "received": format_utc(filed.received),
        "outcome": checked.outcome.value,
        "set": checked.chosen,
        "sets": [{"name": name, "sha256": digests[name]} for name in checked.sets],
        "stages": {name: to_values(report) for name, report in _stages(checked)},
        "statuses": [
            {
                "code": status.code,
                "text": status.text,
                "error": status.error and {"code": status.error.code, "text": status.error.text},
                "details": status.details,
            }
            for status in statuses(filed, checked)
        ],
        "missing": list(missing(catalogue, checked)),
    }


def status_xml(filed: Filed, checked: Checked) -> str:
    """Return the statuses of the two validations as the answer to ``getStatussenProces``.

    Args:
        filed: with a party, whom a status names.
        checked: what was found.
    """
    response = etree.Element(_in("getStatussenProcesResponse"), nsmap={None: names.TYPES})
    returned = etree.SubElement(response, _in("getStatussenProcesReturn"))
    for status in statuses(filed, checked):
        row = etree.SubElement(returned, _in("StatusResultaat"))
        _text(row, "kenmerk", KENMERK)
        if filed.party is not None:
            party = etree.SubElement(row, _in("identiteitBelanghebbende"))
            _text(party, "nummer", filed.party.number)
            _text(party, "type", filed.party.type)
        _text(row, "statuscode", status.code)
        _text(row, "tijdstempelStatus", format_utc(status.at))
        _text(row, "statusomschrijving", status.text)
        if status.error is not None:
            error = etree.SubElement(row, _in("statusFoutcode"))
            _text(error, "foutcode", status.error.code)
            _text(error, "foutbeschrijving", status.error.text)
        if status.details is not None:
            _text(row, "statusdetails", status.details)
    etree.indent(response)
    return etree.tostring(response, encoding="unicode")


def statuses(filed: Filed, checked: Checked) -> Iterator[Status]:
    """Return the statuses of the two validations, as far as it came to them."""
    last: datetime | None = None
    for name, report in _stages(checked):
        transition = TRANSITIONS[_STEPS[name], _EVENTS[report.outcome]]
        error, details = transition.error, None
        if report.outcome is Outcome.INVALID:
            error = validation_error(report.findings)
            details = validation_results(report.findings)
        # What follows on it, as 405 does, is no longer about rules.
        (status,) = timed(transition.codes[:1], filed.received, last, error, details)
        last = status.at
        yield status


def missing(catalogue: Catalogue, checked: Checked) -> Iterator[str]:
    """Say what the sets lack that judged a file."""
    yield from missing_lines([each for each in catalogue.sets if each.name in checked.sets])


def _stages(checked: Checked) -> Iterator[tuple[str, Report]]:
    yield "envelope", checked.envelope
    if checked.content is not None:
        yield "content", checked.content


def _text(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, _in(name)).text = text


def _in(name: str) -> str:
    return f"{{{names.TYPES}}}{name}"
