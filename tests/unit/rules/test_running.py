from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.api import Came, Outcome, Stage
from digipoort_wus.rules.model import (
    Declared,
    Hit,
    Listen,
    Look,
    Read,
    Text,
)
from digipoort_wus.rules.subject import TREE_MAX, Subject
from digipoort_wus.xmlsafe.walk import Place
from tests.unit.rules.plans import (
    HIT,
    UNREADABLE,
    BrokenOctets,
    Heard,
    Octets,
    came,
    finds,
    gives,
    layer,
    listen,
    report,
    rule,
    subject,
)

SOUND = rule(gives(), "SOUND")
WRONG = rule(gives(*HIT), "WRONG")
SECRET = "geheim 123456782"


def test_a_filing_in_which_nothing_is_found_is_valid() -> None:
    found = report(subject(), SOUND)
    assert (found.outcome, found.findings, found.technical) == (Outcome.VALID, (), "")
    (ran,) = found.trace
    assert (ran.rule, ran.set_id, ran.digest, ran.layer) == ("SOUND", "s@1", "0123456789ab", "l")
    assert (ran.came, ran.why) == (Came.PASSED, "")
    assert ran.microseconds >= 0


@pytest.mark.parametrize(
    ("severity", "outcome"),
    [
        ("info", Outcome.VALID),
        ("warning", Outcome.VALID),
        ("error", Outcome.INVALID),
        ("fatal", Outcome.INVALID),
    ],
)
def test_severity_decides(severity: Severity, outcome: Outcome) -> None:
    found = report(subject(), rule(gives(Hit(values={"found": "a"})), severity=severity))
    assert found.outcome is outcome
    assert [(one.code, one.severity, one.text) for one in found.findings] == [
        ("RULE", severity, "Fout: a.")
    ]
    assert came(found) == {"RULE": "failed"}


def test_who_has_the_last_word_on_a_severity() -> None:
    codes = {code: Declared("error", Text(code, code)) for code in ("A", "B", "C")}
    hits = (Hit("A"), Hit("B", severity="info"), Hit("C", severity="info"))
    found = report(subject(), rule(gives(*hits), codes=codes, severities={"C": "fatal"}))
    assert [(one.code, one.severity) for one in found.findings] == [
        ("A", "error"),
        ("B", "info"),
        ("C", "fatal"),
    ]


def test_hits_of_disabled_codes_are_dropped() -> None:
    codes = {code: Declared("error", Text(code, code)) for code in ("A", "B")}
    found = report(subject(), rule(gives(Hit("A")), codes=codes, disabled={"A"}))
    assert (found.outcome, found.findings, came(found)) == (Outcome.VALID, (), {"RULE": "passed"})


def test_only_layers_of_the_stage_are_judged() -> None:
    layers = layer(WRONG, stage=Stage.ENVELOPE), layer(SOUND)
    assert came(report(subject(), *layers)) == {"SOUND": "passed"}
    assert came(report(subject(), *layers, stage=Stage.ENVELOPE)) == {"WRONG": "failed"}


def test_an_error_ends_what_follows_its_layer() -> None:
    later = rule(gives(*HIT), "LATER")
    found = report(subject(), layer(WRONG, SOUND), layer(later))
    assert came(found) == {"WRONG": "failed", "SOUND": "passed", "LATER": "skipped"}
    assert found.trace[-1].why == "layer l found an error"
    assert len(found.findings) == 1
    assert len(report(subject(), layer(WRONG, goes_on=True), layer(later)).findings) == 2


def test_a_fatal_finding_ends_its_own_layer_too() -> None:
    fatal = rule(gives(*HIT), "FATAL", "fatal")
    found = report(subject(), layer(fatal, WRONG, goes_on=True), layer(SOUND))
    assert came(found) == {"FATAL": "failed", "WRONG": "skipped", "SOUND": "skipped"}
    assert {ran.why for ran in found.trace[1:]} == {"FATAL left nothing to judge"}


def test_a_warning_ends_nothing() -> None:
    warning = rule(gives(*HIT), "WARNING", "warning")
    assert came(report(subject(), layer(warning), layer(SOUND)))["SOUND"] == "passed"


@pytest.mark.parametrize(
    ("filed", "judged"),
    [
        ("text/xml", "failed"),
        ("Text/XML ; charset=utf-8", "failed"),
        ("application/pdf", "skipped"),
        ("", "skipped"),
    ],
)
def test_a_layer_is_for_some_mime_types(filed: str, judged: str) -> None:
    found = report(subject(b"<x/>", filed), layer(WRONG, mime_types=["text/xml"]), layer(SOUND))
    assert came(found)["WRONG"] == judged


# Where a finding is.


@pytest.mark.parametrize(
    ("hit", "where"),
    [
        (Hit(), ""),
        (Hit(where="/*[local-name()='a']"), "/*[local-name()='a']"),
        (Hit(line=7), "regel 7"),
        (Hit(where="/a", line=7), "/a (regel 7)"),
        (Hit(where="/a", line=-1), "/a"),
        (Hit(where="/a\n\x1b[31mb"), "/a [31mb"),
    ],
)
def test_where_a_finding_is(hit: Hit, where: str) -> None:
    assert report(subject(), rule(gives(hit))).findings[0].where == where


def test_where_is_short() -> None:
    assert len(report(subject(), rule(gives(Hit(where="/a" * 9999)))).findings[0].where) == 500


# Documents that cannot be parsed, or are not to be.


def test_fatal_octets_are_not_parsed() -> None:
    began: list[str] = []

    def look(about: Subject) -> Iterable[Hit]:
        began.append("tree")
        return [Hit()][len(about.tree()) :]

    def hear(_: Subject, place: Place) -> Heard:
        began.append("listen")
        return Heard(place)

    octets = rule(finds(b"<!DOCTYPE"), "DOCTYPE", "fatal")
    rules = rule(Look(look, tree=True), "TREE"), rule(Listen(hear), "LISTEN")
    about = subject(b"<!DOCTYPE x><x/>")
    # Wherever the rule stands: octets are read first.
    found = report(about, *rules, UNREADABLE, octets)
    assert [one.code for one in found.findings] == ["DOCTYPE"]
    assert came(found) == {
        **dict.fromkeys(("TREE", "LISTEN", "UNREADABLE"), "skipped"),
        "DOCTYPE": "failed",
    }
    assert began == []


@pytest.mark.parametrize(
    "octets",
    [
        rule(finds(b"<!DOCTYPE"), "DOCTYPE", "fatal", disabled={"DOCTYPE"}),
        rule(finds(b"<!DOCTYPE"), "DOCTYPE", "fatal", severities={"DOCTYPE": "warning"}),
        rule(Read(lambda _: BrokenOctets()), "DOCTYPE", "fatal"),
        rule(Read(lambda _: Octets(b"<!DOCTYPE")), "DOCTYPE", "error"),
    ],
    ids=["disabled", "warning", "broken", "error"],
)
def test_octets_that_refuse_nothing_do_not_keep_others_from_judging(octets: Any) -> None:
    listening = rule(listen(), "L")
    about = subject(b"<!DOCTYPE x><x/>")
    assert report(about, octets, listening).outcome is not Outcome.VALID
    found = report(subject(b"<!DOCTYPE x><x/>"), octets, listening, UNREADABLE)
    assert "UNREADABLE" in [one.code for one in found.findings]
    assert came(found)["L"] == "skipped"


@pytest.mark.parametrize("tree", [False, True])
def test_what_cannot_be_parsed_is_said_by_a_rule(tree: bool) -> None:
    parsed = rule(Look(lambda _: (), tree=True) if tree else listen(), "PARSED")
    found = report(subject(b"<x>"), parsed, UNREADABLE)
    assert (found.outcome, came(found)) == (
        Outcome.INVALID,
        {"PARSED": "skipped", "UNREADABLE": "failed"},
    )
    # When none does, the filer is told nothing.
    found = report(subject(b"<x>"), parsed)
    assert (found.outcome, found.findings) == (Outcome.UNDETERMINED, ())
    assert found.technical == "the document cannot be parsed, and no rule of the sets says so"


def test_what_can_be_parsed_is_not_asked_about() -> None:
    assert came(report(subject(), UNREADABLE)) == {"UNREADABLE": "passed"}


def test_a_document_that_no_rule_parses_may_be_anything() -> None:
    assert report(subject(b"%PDF"), SOUND, rule(finds(b"x"))).outcome is Outcome.VALID


@pytest.mark.parametrize("tree", [False, True])
def test_a_limit_of_ours_is_not_the_filers_mistake(tree: bool) -> None:
    parsed = rule(Look(lambda _: (), tree=True) if tree else listen(), "PARSED")
    for content in (b"<x>" * 257 + b"</x>" * 257, b"<" + b"x" * 50_001 + b"/>"):
        found = report(subject(content), parsed, UNREADABLE)
        assert (found.outcome, found.findings) == (Outcome.UNDETERMINED, ())
        assert "exceeds a limit" in found.technical


def test_a_large_document_is_judged_by_streaming_rules_alone() -> None:
    large = subject(b"<x>" + b"<y/>" * (TREE_MAX // 4) + b"</x>")
    heard = rule(Listen(lambda _, __: Counted()), "HEARD")
    tree = rule(Look(lambda about: () if len(about.tree()) else HIT, tree=True), "TREE")
    found = report(large, tree, rule(finds(b"<z"), "READ"))
    assert found.outcome is Outcome.UNDETERMINED
    assert came(found) == {"TREE": "technical", "READ": "passed"}
    assert str(TREE_MAX) in found.technical
    found = report(large, tree, heard, rule(finds(b"<z"), "READ"))
    assert [one.text for one in found.findings] == [f"Fout: {TREE_MAX // 4 + 1}."]


class Counted:
    def __init__(self) -> None:
        self.number = 0

    def start(self, _: str, __: Mapping[str, str]) -> None:
        self.number += 1

    def end(self, _: str, __: str) -> None:
        pass

    def hits(self) -> Iterable[Hit]:
        return (Hit(values={"found": str(self.number)}),)
