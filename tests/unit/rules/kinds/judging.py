"""Judges a document by one rule, as the engine does."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome, Report, Stage
from digipoort_wus.rules.model import Declared, Ingredients, Kind, Layer, Plan, Rule, Text
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import Enclosure, Envelope, Subject
from digipoort_wus.rules.texts import checked_text

RECEIVED = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
NUMBER = "001000044B37"
TEXT = Text("tekst", "text")


def rule(
    kind: Kind,
    options: Mapping[str, object],
    text: str | None = None,
    *,
    code: str = "RULE",
    artefacts: Mapping[str, Path] | None = None,
    fatal: bool = False,
) -> Rule:
    declared = (
        None if text is None else Declared("fatal" if fatal else "error", checked_text(text, text))
    )
    compiled = kind.compile(Ingredients(code, declared, options, artefacts or {}))
    for each in compiled.codes.values():
        checked_text(each.text.nl, each.text.en)
    return Rule(code, kind.name, kind.cost, compiled)


def subject(
    content: str | bytes = "<x/>",
    *,
    party: Party | None = None,
    file_name: str = "a.xml",
    mime_type: str = "text/xml",
    attachments: tuple[Enclosure, ...] = (),
) -> Subject:
    data = content.encode() if isinstance(content, str) else content
    document = Enclosure(file_name, mime_type, len(data))
    envelope = Envelope(
        "Omzetbelasting", RECEIVED, document, party, attachments, "0" * 20, "http://geenausp.nl"
    )
    return Subject(envelope, data)


def report(about: Subject, *rules: Rule, mime_types: frozenset[str] = frozenset()) -> Report:
    layer = Layer("l", "s@1", "0" * 64, Stage.CONTENT, rules, goes_on=True, mime_types=mime_types)
    return run(Plan((layer,)), about, Stage.CONTENT)


def findings(about: Subject, *rules: Rule) -> tuple[Finding, ...]:
    """Judge a filing that can be judged."""
    found = report(about, *rules)
    assert found.outcome is not Outcome.UNDETERMINED, found.technical
    return found.findings


def codes(about: Subject, *rules: Rule) -> list[str]:
    return [each.code for each in findings(about, *rules)]


def texts(about: Subject, *rules: Rule) -> list[str]:
    return [each.text for each in findings(about, *rules)]
