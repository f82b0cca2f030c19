"""The filing rules as a set uses them: all parts, over instances of our own."""

import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome, Report, Stage
from digipoort_wus.rules.kinds.frnl import FR_NL
from digipoort_wus.rules.kinds.frnl_instance import Instance
from digipoort_wus.rules.kinds.frnl_texts import FILING_RULES
from digipoort_wus.rules.loading import load_set
from digipoort_wus.rules.model import (
    CODE_MAX,
    Compiled,
    Cost,
    Declared,
    Hit,
    Ingredients,
    Kind,
    Layer,
    Look,
    OptionError,
    Plan,
    Rule,
    Text,
)
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import Enclosure, Envelope, Subject
from digipoort_wus.rules.texts import checked_text, filled
from digipoort_wus.xmlsafe.walk import Place
from tests.unit.rules.kinds.frnl_cases import CASES
from tests.unit.rules.kinds.frnl_instances import (
    AMOUNT,
    EUR,
    NAME,
    ROOT,
    YEAR,
    Case,
    context,
    instance,
    plain,
)

NOW = datetime(2026, 10, 5, tzinfo=UTC)
NUMBER = "001000044B37"
PARTS = {
    "FR-NL-OCTETS": "octets",
    "FR-NL-1.03": "doctype",
    "FR-NL-1.06": "file-name",
    "FR-NL-INSTANCE": "instance",
}


def rule(code: str, part: str) -> Rule:
    options = MappingProxyType({"part": part})
    compiled = FR_NL.compile(Ingredients(code, None, options, {}))
    return Rule(code, FR_NL.name, FR_NL.cost, compiled)


def plan(*more: Rule) -> Plan:
    rules = tuple(rule(code, part) for code, part in PARTS.items())
    return Plan((Layer("all", "nl.sbr@1", "", Stage.CONTENT, rules + more, goes_on=True),))


def judged(document: str | bytes, name: str = "aangifte.xbrl", *more: Rule) -> Report:
    octets = document.encode() if isinstance(document, str) else document
    enclosure = Enclosure(name, "text/xml", len(octets))
    envelope = Envelope("Omzetbelasting", NOW, enclosure, Party(NUMBER, "Fi"))
    return run(plan(*more), Subject(envelope, octets), Stage.CONTENT)


def codes(report: Report) -> list[str]:
    assert report.technical == ""
    assert (report.outcome is Outcome.INVALID) is bool(report.findings)
    return [finding.code for finding in report.findings]


def as_case(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=as_case)
def test_case(case: Case) -> None:
    assert sorted(codes(judged(case.octets))) == case.codes


@pytest.mark.parametrize("case", CASES, ids=as_case)
def test_the_same_with_a_tree(case: Case) -> None:
    def look(subject: Subject) -> Iterable[Hit]:
        assert subject.tree() is not None
        return ()

    compiled = Compiled(Look(look, tree=True), {"TREE": Declared("error", Text("x", "x"))})
    more = Rule("TREE", "x", Cost.CHEAP, compiled)
    assert sorted(codes(judged(case.octets, "a.xbrl", more))) == case.codes


def test_every_rule_is_broken_by_a_case_and_kept_by_another() -> None:
    broken = {code for case in CASES for code in case.codes}
    assert broken | {"FR-NL-1.06"} == set(FILING_RULES)
    assert codes(judged(plain())) == []


def test_each_difference_has_a_reason() -> None:
    def differs(case: Case) -> bool:
        return case.arelle is not None and set(case.arelle) != set(case.broken)

    assert [case.name for case in CASES if differs(case) is not bool(case.why)] == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.xbrl", True),
        ("VB-01_bd-rpt-ob-aangifte-2026.xbrl", True),
        ("aangifte", True),
        ("a.b.xbrl", False),
        ("aangifte kwartaal.xbrl", False),
        ("aangifté.xbrl", False),
        ("../a.xbrl", False),
        ("a\n.xbrl", False),
        (".xbrl", False),
        ("", False),
    ],
)
def test_file_name(name: str, kept: bool) -> None:
    assert codes(judged(plain(), name)) == ([] if kept else ["FR-NL-1.06"])


def test_the_codes_of_the_parts_are_the_rules() -> None:
    declared = [code for each in PARTS.items() for code in rule(*each).compiled.codes]
    assert sorted(declared) == sorted(FILING_RULES)


@pytest.mark.parametrize("code", FILING_RULES)
def test_texts(code: str) -> None:
    assert len(code) <= CODE_MAX
    declared = FILING_RULES[code]
    assert checked_text(declared.text.nl, declared.text.en) == declared.text
    assert declared.severity == "error"
    assert declared.basis


@pytest.mark.parametrize("case", CASES, ids=as_case)
def test_no_text_lacks_a_value(case: Case) -> None:
    for finding in judged(case.octets).findings:
        assert "?" not in finding.text
        assert NUMBER not in finding.text


def test_english_texts_have_the_places_of_the_dutch() -> None:
    values = {"line": "<1>", "found": "<2>", "count": "<3>", "name": "<4>", "id": "<5>"}
    values["other"] = "<6>"
    for declared in FILING_RULES.values():
        texts = (filled(declared.text.nl, values), filled(declared.text.en, values))
        places = [{value for value in values.values() if value in text} for text in texts]
        assert places[0] == places[1]


def test_what_a_finding_says() -> None:
    (quote,) = judged(plain('<e:Place contextRef="c">’s-Gravenhage</e:Place>')).findings
    assert "regel 8 " in quote.text
    assert "’ (U+2019)" in quote.text
    (twice,) = judged(plain(AMOUNT)).findings
    assert twice.text.startswith("Het gegeven Amount staat meer dan één keer")
    assert twice.where == "/*[local-name()='xbrl']/*[local-name()='Amount']"
    (equal,) = judged(plain(context("d"), '<e:Place contextRef="d">a</e:Place>')).findings
    assert equal.text.startswith("Context d is gelijk aan context c.")


def test_the_number_of_the_party_is_masked() -> None:
    made = context(f"ctx-{NUMBER}")
    (unused,) = judged(plain(made.replace("2026", "2025"))).findings
    assert unused.code == "FR-NL-3.03"
    assert "ctx-00*******B37" in unused.text


def test_of_one_rule_seven_places_are_told() -> None:
    facts = "".join(f'<e:F{number} contextRef="c"/>' for number in range(20))
    found = codes(judged(plain(facts, root=ROOT.replace(' xml:lang="nl"', ""))))
    assert found == ["FR-NL-2.03", *["FR-NL-5.03"] * 7]


def test_of_the_unused_ones_seven_are_told() -> None:
    years = [
        context(f"y{year}", period=YEAR.replace("2026", str(year))) for year in range(2000, 2020)
    ]
    found = judged(plain(*years)).findings
    assert [finding.code for finding in found] == ["FR-NL-3.03"] * 7
    assert "y2006" in found[-1].text
    assert found[0].where == "/*[local-name()='xbrl']/*[local-name()='context']"


def test_what_cannot_be_parsed_has_no_doctype_for_that() -> None:
    report = judged(plain()[:-20])
    assert report.findings == ()
    assert report.outcome is Outcome.UNDETERMINED


def test_another_document_has_no_schema_ref() -> None:
    report = judged('<Loonaangifte xml:lang="nl"><a contextRef="c"/></Loonaangifte>')
    assert codes(report) == ["FR-NL-2.04"]


def test_what_is_no_fact_is_none() -> None:
    inside = '<e:Note contextRef="zz" xsi:nil="true" precision="1"/>'
    made = instance(context(segment=inside), EUR, NAME, AMOUNT)
    assert codes(judged(made)) == []


def test_a_schema_ref_elsewhere_does_not_count() -> None:
    assert codes(judged(plain("<e:Line><link:schemaRef/><link:linkbaseRef/></e:Line>"))) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "part is missing"),
        ({"part": "facts"}, "part must be one of octets, doctype, file-name, instance"),
        ({"part": ["octets"]}, "part must be a text"),
        ({"part": "octets", "depth": 2}, "depth is not known"),
    ],
)
def test_wrong_options(options: dict[str, object], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        FR_NL.compile(Ingredients("X", None, options, {}))


def test_texts_are_its_own() -> None:
    declared = Declared("error", Text("a", "b"))
    with pytest.raises(OptionError, match="texts of its own"):
        FR_NL.compile(Ingredients("X", declared, {"part": "octets"}, {}))


def test_it_is_a_kind() -> None:
    kind: Kind = FR_NL
    assert (kind.name, kind.cost) == ("fr-nl", Cost.CHEAP)


def test_a_fact_takes_some_octets() -> None:
    number, place = 100_000, Place()
    octets = b""
    envelope = Envelope("x", NOW, Enclosure("x", "text/xml", 0))
    instance_rules = Instance(Subject(envelope, octets), place)
    instance_rules.start("{http://www.xbrl.org/2003/instance}xbrl", {})
    tracemalloc.start()
    for each in range(number):
        instance_rules.start(f"{{urn:example}}fact{each}", {"contextRef": f"later{each}"})
        instance_rules.end(f"{{urn:example}}fact{each}", "1")
    taken, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Of each its own hash, and that of a context that may still come.
    assert taken < 2 * 28 * number
    assert peak < 3 * 28 * number


def test_it_loads_from_a_set(tmp_path: Path) -> None:
    rules = "".join(
        f'[[layer.rule]]\ncode = "{code}"\nuse = "fr-nl"\noptions.part = "{part}"\n'
        for code, part in PARTS.items()
    )
    path = tmp_path / "nl.example.toml"
    path.write_text(
        'id = "nl.example"\nversion = "1"\ntitle.nl = "a"\ntitle.en = "a"\n'
        'berichtsoorten = ["*"]\nvalid_from = 2013-01-01\n'
        f'[[layer]]\nid = "filing-rules"\n{rules}'
        '[override."FR-NL-5.03"]\nseverity = "warning"\nreason = "inferred"\n'
        '[disable]\n"FR-NL-1.06" = "no file names here"\n'
    )
    loaded = load_set(path, {"fr-nl": FR_NL})
    assert [rule.code for rule in loaded.layers[0].rules] == list(PARTS)
    assert loaded.disabled == {"FR-NL-1.06": "no file names here"}
