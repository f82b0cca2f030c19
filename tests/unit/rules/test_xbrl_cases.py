"""Suites of XBRL ``testcase`` XML, of our own making."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.case_files import load_case_files
from digipoort_wus.rules.cases import Expected, Held, run_cases
from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.xbrl_cases import Filed, load_testcases
from tests.unit.rules.test_sets import SETS

FILED = Filed("A", datetime(2026, 5, 1, tzinfo=UTC), Party("1", "Fi"))
TESTCASE = """<?xml version="1.0"?>
<testcase xmlns="http://xbrl.org/2005/conformance" name="t">
 <variation id="V-1" name="wrong">
  <description>d</description>
  <data><schema>s.xsd</schema><instance readMeFirst="true">one.xbrl</instance></data>
  <result><error>NL.FR-NL-5.01</error><error>x:FR-NL-1.02</error><warning>FG-NL-05</warning></result>
 </variation>
 <variation id="V-2"><data><instance>one.xbrl</instance></data><result/></variation>
 <variation id="V-3"><data><instance>one.xbrl</instance></data>
  <result expected="invalid"/></variation>
 <variation name="no id"><data><instance readMeFirst="1">a.zip</instance></data>
  <result/></variation>
 <variation id="V-5"><data><schema readMeFirst="true">s.xsd</schema></data><result/></variation>
 <variation id="V-6"><data/><result/></variation>
</testcase>"""


def written(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        path = directory / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".xml").write_text(text)
    (directory / "one.xbrl").write_text("<a/>")
    return directory


def test_a_testcase(tmp_path: Path) -> None:
    path = written(tmp_path, suite=TESTCASE) / "suite.xml"
    first, second, third, *rest = load_testcases(path, FILED)
    assert (first.name, first.octets) == ("suite V-1", b"<a/>")
    assert first.codes == {"FR-NL-5.01", "FR-NL-1.02", "FG-NL-05"}
    assert (first.outcome, first.expected) == (Outcome.INVALID, Expected.AT_LEAST)
    about = first.envelope
    assert (about.document.file_name, about.berichtsoort) == ("one.xbrl", "A")
    assert (about.belanghebbende, about.received) == (FILED.belanghebbende, FILED.received)
    assert (second.codes, second.outcome) == (frozenset(), Outcome.VALID)
    assert (third.codes, third.outcome) == (frozenset(), Outcome.INVALID)
    assert [each.name for each in rest] == ["suite no id", "suite V-5", "suite V-6"]
    assert {each.left_out for each in rest} == {"what is read first is no instance"}


def test_a_list_of_testcases(tmp_path: Path) -> None:
    index = "<testcases><testcase uri='sub/b.xml'/><testcase uri='a.xml'/></testcases>"
    inner = TESTCASE.replace("one.xbrl", "../one.xbrl")
    written(tmp_path, index=index, a=TESTCASE, sub__b=inner)
    names = [each.name for each in load_testcases(tmp_path / "index.xml", FILED)]
    assert (len(names), names[0], names[6]) == (12, "b V-1", "a V-1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<testcase>", "is no XML that can be read"),
        ("<!DOCTYPE testcase><testcase/>", "is no XML that can be read"),
        ("<suite/>", "is neither testcase nor testcases"),
        ("<testcases><testcase/></testcases>", "a testcase of the list has no uri"),
        ("<testcases><testcase uri='http://e/x.xml'/></testcases>", "nothing is fetched"),
        ("<testcases><testcase uri='/etc/passwd'/></testcases>", "nothing is fetched"),
        ("<testcases><testcase uri='gone.xml'/></testcases>", "gone.xml cannot be read"),
        (TESTCASE.replace("one.xbrl", "two.xbrl"), "two.xbrl cannot be read"),
        (TESTCASE.replace("one.xbrl", "file:///etc/passwd"), "nothing is fetched"),
    ],
)
def test_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_testcases(written(tmp_path, suite=text) / "suite.xml", FILED)
    assert why in str(caught.value)


def test_a_suite_is_run_on_a_shipped_set(tmp_path: Path) -> None:
    """Instances of the set's own cases, as a suite would bring them."""
    file = next(each for each in load_case_files(SETS) if "filing-rules" in each.set_name)
    variations = []
    for number, case in enumerate(file.cases):
        (tmp_path / f"{number}.xbrl").write_bytes(case.octets)
        errors = "".join(f"<error>NL.{code}</error>" for code in case.codes if code != "FR-NL-1.06")
        variations.append(
            f"<variation id='{number}'><data><instance>{number}.xbrl</instance></data>"
            f"<result>{errors}</result></variation>"
        )
    path = tmp_path / "suite.xml"
    path.write_text(f"<testcase>{''.join(variations)}</testcase>")
    catalogue = catalogue_of(load_sets([SETS], installed_kinds()))
    tested = run_cases(catalogue, file.set_name, load_testcases(path, FILED))
    assert {each.held for each in tested.verdicts} == {Held.HELD}
    assert tested.unproven == ("FR-NL-FILE",)
