"""Running the cases of a set: what holds, what does not, and what no case proves."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.cases import Case, Expected, Held, Trial, run_cases
from digipoort_wus.rules.catalogue import Catalogue, catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.subject import Enclosure, Envelope

HEAD = """
id = "{id}"
version = "1"
title = {{ nl = "n", en = "e" }}
berichtsoorten = [{berichtsoorten}]
valid_from = 2020-01-01
requires = [{requires}]
"""
RULE = """
[[layer]]
id = "{code}"
stage = "{stage}"
goes_on = true
[[layer.rule]]
code = "{code}"
use = "xpath"
severity = "{severity}"
message = {{ nl = "n", en = "e" }}
options.test = "{test}"
"""
UNREADABLE = """
[[layer]]
id = "xml"
[[layer.rule]]
code = "XML"
use = "well-formed"
severity = "fatal"
message = { nl = "n", en = "e" }
"""


def written(
    directory: Path, id_: str, *rules: str, berichtsoorten: str = '"A"', requires: str = ""
) -> None:
    head = HEAD.format(id=id_, berichtsoorten=berichtsoorten, requires=requires)
    (directory / f"{id_}.toml").write_text(head + "".join(rules))


def rule(code: str, test: str, severity: str = "error", stage: str = "content") -> str:
    return RULE.format(code=code, test=test, severity=severity, stage=stage)


def catalogue(directory: Path) -> Catalogue:
    return catalogue_of(load_sets([directory], installed_kinds()))


def case(
    octets: bytes,
    outcome: Outcome,
    *codes: str,
    name: str = "c",
    expected: Expected = Expected.EXACTLY,
    needs: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    left_out: str = "",
    berichtsoort: str = "A",
) -> Case:
    envelope = Envelope(
        berichtsoort,
        datetime(2026, 5, 1, tzinfo=UTC),
        Enclosure("a.xml", "text/xml", len(octets)),
    )
    found = frozenset(codes)
    return Case(name, envelope, octets, found, outcome, expected, needs, without, left_out)


def tried(directory: Path, *cases: Case, name: str = "a@1") -> Trial:
    return run_cases(catalogue(directory), name, cases)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A set with an error and a warning."""
    written(tmp_path, "a", rule("ROOT", "/a"), rule("CHILD", "/*/b", "warning"))
    return tmp_path


RIGHT = case(b"<a><b/></a>", Outcome.VALID)
NO_ROOT = case(b"<x><b/></x>", Outcome.INVALID, "ROOT")
NO_CHILD = case(b"<a/>", Outcome.VALID, "CHILD")


def test_a_set_that_is_proven(two: Path) -> None:
    found = tried(two, RIGHT, NO_ROOT, NO_CHILD)
    assert [each.held for each in found.verdicts] == [Held.HELD] * 3
    assert (found.unproven, found.unseen, found.unready) == ((), (), ())
    assert found.passed


def test_a_rule_that_no_case_breaks_fails_the_set(two: Path) -> None:
    found = tried(two, RIGHT, NO_ROOT)
    assert [each.held for each in found.verdicts] == [Held.HELD] * 2
    assert found.unproven == ("CHILD",)
    assert not found.passed


def test_a_set_without_cases_fails(two: Path) -> None:
    assert tried(two).unproven == ("ROOT", "CHILD")
    assert not tried(two).passed


def test_a_set_without_rules_of_its_own_needs_a_case_all_the_same(two: Path) -> None:
    written(two, "b", berichtsoorten='"B"', requires='"a@1"')
    assert not tried(two, name="b@1").passed
    assert tried(two, case(b"<a><b/></a>", Outcome.VALID, berichtsoort="B"), name="b@1").passed


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (case(b"<a/>", Outcome.VALID), "found too: CHILD"),
        (
            case(b"<a><b/></a>", Outcome.INVALID, "ROOT"),
            "it is valid and must be invalid; not found: ROOT",
        ),
        (case(b"<x/>", Outcome.INVALID, "ROOT"), "found too: CHILD"),
        (case(b"<x><b/></x>", Outcome.VALID, "ROOT"), "it is invalid and must be valid"),
        (
            case(b"<x><b/></x>", Outcome.UNDETERMINED, "ROOT"),
            "it is invalid and must be undetermined",
        ),
        (
            case(b"<a>", Outcome.INVALID, "ROOT"),
            "it is undetermined and must be invalid; not found: ROOT; "
            "the document cannot be parsed, and no rule of the sets says so",
        ),
    ],
)
def test_what_a_broken_case_says(two: Path, wrong: Case, why: str) -> None:
    found = tried(two, wrong, RIGHT)
    assert [(each.held, each.why) for each in found.verdicts] == [
        (Held.BROKEN, why),
        (Held.HELD, ""),
    ]
    assert not found.passed


def test_a_broken_case_proves_no_rule(two: Path) -> None:
    assert tried(two, case(b"<x/>", Outcome.INVALID, "ROOT")).unproven == ("ROOT", "CHILD")


def test_a_suite_of_others_tests_one_rule_at_a_time(two: Path) -> None:
    at_least = case(b"<x/>", Outcome.INVALID, "ROOT", expected=Expected.AT_LEAST)
    assert tried(two, at_least).verdicts[0].held is Held.HELD
    lacking = case(b"<a/>", Outcome.VALID, "ROOT", expected=Expected.AT_LEAST)
    assert tried(two, lacking).verdicts[0].why == "not found: ROOT"


def test_content_is_judged_only_after_a_valid_envelope(tmp_path: Path) -> None:
    written(tmp_path, "a", rule("CONTENT", "/a"), rule("FIRST", "/*/b", stage="envelope"))
    cases = (
        case(b"<x/>", Outcome.INVALID, "FIRST"),
        case(b"<x><b/></x>", Outcome.INVALID, "CONTENT"),
    )
    assert tried(tmp_path, *cases).passed


def test_rules_of_required_sets_are_judged_and_proven_elsewhere(two: Path) -> None:
    written(two, "b", rule("B", "/*/c"), berichtsoorten='"B"', requires='"a@1"')
    cases = (case(b"<x><b/></x>", Outcome.INVALID, "ROOT", "B", berichtsoort="B"),)
    assert tried(two, *cases, name="b@1").passed


def test_a_set_that_only_others_require_is_judged_by_itself(tmp_path: Path) -> None:
    written(tmp_path, "a", rule("ROOT", "/a"), berichtsoorten="")
    assert tried(tmp_path, case(b"<x/>", Outcome.INVALID, "ROOT")).passed


def test_a_case_for_which_another_set_is_chosen_is_broken(two: Path) -> None:
    written(two, "b", rule("B", "/*/c"), berichtsoorten='"B"')
    (found,) = tried(two, case(b"<x/>", Outcome.INVALID, "B", berichtsoort="B")).verdicts
    assert (found.held, found.why) == (Held.BROKEN, "b@1 judges it, and not a@1")


def test_a_case_that_cannot_be_run_is_skipped(two: Path) -> None:
    found = tried(
        two,
        case(b"", Outcome.VALID, needs=("xsd",)),
        case(b"", Outcome.VALID, left_out="an archive"),
        case(b"", Outcome.VALID, without=("xpath",)),
        case(b"<x><b/></x>", Outcome.INVALID, "ROOT", needs=("xpath",), without=("xsd",)),
        NO_CHILD,
    )
    assert [(each.held, each.why) for each in found.verdicts[:3]] == [
        (Held.SKIPPED, "no rule uses xsd"),
        (Held.SKIPPED, "an archive"),
        (Held.SKIPPED, "a rule uses xpath"),
    ]
    assert found.passed


ARTEFACT = f"""
[artefacts."a.xsd"]
sha256 = "{"0" * 64}"
supplied_by = "operator"
source = "the agency"
optional = {{optional}}
[[layer]]
id = "xsd"
[[layer.rule]]
code = "XSD"
use = "xsd"
options.schema = "a.xsd"
"""


def test_a_rule_that_is_left_out_needs_no_case(tmp_path: Path) -> None:
    written(tmp_path, "a", ARTEFACT.format(optional="true"), rule("ROOT", "/a"))
    found = tried(tmp_path, case(b"<x/>", Outcome.INVALID, "ROOT"))
    assert found.passed
    assert [each.partition(":")[0] for each in found.unready] == ["XSD"]


def test_a_set_that_cannot_be_judged_here_is_not_judged(tmp_path: Path) -> None:
    written(tmp_path, "a", rule("ROOT", "/a"), ARTEFACT.format(optional="false"))
    found = tried(tmp_path, RIGHT, case(b"<a/>", Outcome.UNDETERMINED, name="d"))
    assert [each.held for each in found.verdicts] == [Held.SKIPPED, Held.HELD]
    assert found.verdicts[0].why.startswith("the set cannot be judged here: a.xsd is not here")
    assert found.passed


def test_what_stands_before_a_rule_that_cannot_be_judged_is_judged(tmp_path: Path) -> None:
    first = rule("ROOT", "/a").replace("goes_on = true\n", "")
    written(tmp_path, "a", first, ARTEFACT.format(optional="false"))
    found = tried(
        tmp_path,
        case(b"<x/>", Outcome.INVALID, "ROOT"),
        case(b"<x/>", Outcome.INVALID, "CHILD", name="d"),
        case(b"<a/>", Outcome.INVALID, "ROOT", name="e"),
    )
    assert [each.held for each in found.verdicts] == [Held.HELD, Held.BROKEN, Held.SKIPPED]
    assert not found.passed


def test_codes_that_no_case_brings_about(tmp_path: Path) -> None:
    text = '[[layer]]\nid = "r"\n[[layer.rule]]\ncode = "FR"\nuse = "fr-nl"\noptions.part = "{}"\n'
    written(tmp_path, "a", text.format("octets"))
    found = tried(tmp_path, case(b"\xef\xbb\xbf<a/>", Outcome.INVALID, "FR-NL-1.01"))
    assert found.passed
    assert found.unseen == ("FR-NL-1.02", "FR-NL-1.04", "FR-NL-1.05", "FR-NL-2.06")


def test_what_is_disabled_needs_no_case(two: Path) -> None:
    path = two / "a.toml"
    path.write_text(path.read_text() + '\n[disable]\n"CHILD" = "not now"\n')
    found = tried(two, case(b"<x/>", Outcome.INVALID, "ROOT"))
    assert (found.unproven, found.unseen) == ((), ())


def test_there_is_no_such_set(two: Path) -> None:
    with pytest.raises(ConfigurationError, match="no rule set b@1 to test; there is a@1"):
        tried(two, name="b@1")


def test_a_set_is_tested_also_when_another_one_takes_its_place(two: Path) -> None:
    written(two, "b", rule("B", "/*/c"), requires='"a@1"')
    (found,) = tried(two, case(b"<x><b/></x>", Outcome.INVALID, "ROOT")).verdicts
    assert (found.held, found.why) == (Held.HELD, "")
