"""``rules test``: a set holds, fails, or cannot be judged here."""

from pathlib import Path

import pytest

from digipoort_wus.rules.engine import SHIPPED
from tests.unit.cli.commands import NUMBER, document, run, said

SET = """\
id = "org.agency.stock"
version = "1"
title.nl = "Voorraad"
title.en = "Stock"
berichtsoorten = ["Voorraad"]
valid_from = 2026-01-01
[[layer]]
id = "content"
[[layer.rule]]
code = "ST-1"
use = "xpath"
severity = "error"
message.nl = "Er is geen voorraad."
message.en = "There is no stock."
options.test = "/stock/item"
"""
CASES = """\
set = "org.agency.stock@1"
[filing]
berichtsoort = "Voorraad"
received = 2026-10-05T09:15:00Z
[[case]]
name = "an item"
text = "<stock><item/></stock>"
outcome = "valid"
codes = []
[[case]]
name = "no item"
text = "<stock/>"
outcome = "invalid"
codes = ["ST-1"]
"""
SUITE = """\
<testcase xmlns="http://xbrl.org/2005/conformance">
  <variation id="V-1"><data><instance readMeFirst="true">empty.xml</instance></data>
  <result><error>ST-1</error></result></variation>
  <variation id="V-2"><data><instance readMeFirst="true">full.xml</instance></data>
  <result/></variation>
</testcase>"""
KIND = 'use = "xpath"'


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "cases").mkdir()
    put(tmp_path)
    return tmp_path


def put(directory: Path, text: str = SET, cases: str = CASES) -> None:
    (directory / "stock.toml").write_text(text)
    (directory / "cases" / "stock.toml").write_text(cases)


def words(own: Path) -> tuple[str | Path, ...]:
    return ("test", "org.agency.stock", "--sets", own)


def test_all_shipped_sets_hold() -> None:
    """But for what needs an extra, which another test of the sets demands."""
    result = run("test")
    assert result.exit_code in (0, 3)
    assert "failed" not in result.stdout
    lines = result.stdout.splitlines()
    names = [line.split()[0] for line in lines[1:-1] if not line.startswith(" ")]
    assert len(names) == len(list(SHIPPED.glob("*.toml")))
    # One line of progress for each set, on stderr.
    assert len(result.stderr.splitlines()) == len(names)


def test_one_set_is_tested_by_its_id_or_its_name(own: Path) -> None:
    result = run(*words(own))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "set                 held  broken  skipped",
        "org.agency.stock@1     2       0        0  passed",
        "1 set, 2 cases",
    ]
    assert result.stderr == "1/1 org.agency.stock@1: 2 cases\n"
    assert said("test", "org.agency.stock@1", "--sets", own) == result.stdout


def test_a_case_that_does_not_hold_fails_the_set(own: Path) -> None:
    put(own, cases=CASES.replace("<stock/>", "<stock><item/></stock>"))
    text = said(*words(own), status=1)
    assert "org.agency.stock@1     1       1        0  failed\n" in text
    assert "  broken: no item: it is valid and must be invalid; not found: ST-1\n" in text
    assert "  no case breaks ST-1\n" in text
    (found,) = document(*words(own), "--json", status=1)["sets"]
    assert (found["result"], found["unproven"]) == ("failed", ["ST-1"])
    assert [each["came"] for each in found["cases"]] == ["held", "broken"]


def test_a_rule_that_no_case_breaks_fails_the_set(own: Path) -> None:
    put(own, cases=CASES.partition('[[case]]\nname = "no item"')[0])
    text = said(*words(own), status=1)
    assert "org.agency.stock@1     1       0        0  failed\n  no case breaks ST-1\n" in text


def test_a_set_without_cases_fails(own: Path) -> None:
    (own / "cases" / "stock.toml").unlink()
    assert "  it has no case\n" in said(*words(own), status=1)


def test_a_set_of_which_a_rule_cannot_be_judged_here_has_not_passed(own: Path) -> None:
    artefact = (
        '[artefacts."stock.xsd"]\nsupplied_by = "operator"\nsource = "Ask the agency."\n'
        f'sha256 = "{"0" * 64}"\n'
    )
    rule = '[[layer.rule]]\ncode = "ST-2"\nuse = "xsd"\noptions.schema = "stock.xsd"\n'
    put(own, SET + rule + artefact)
    text = said(*words(own), status=3)
    assert "org.agency.stock@1     1       0        1  incomplete\n" in text
    assert "  skipped 1: the set cannot be judged here: stock.xsd is not here. Add it as " in text
    assert "  cannot be judged here: ST-2: stock.xsd is not here. Add it as " in text
    assert document(*words(own), "--json", status=3)["sets"][0]["result"] == "incomplete"


def test_cases_for_a_set_that_is_not_there_are_told(own: Path) -> None:
    put(own, cases=CASES.replace("stock@1", "stock@2"))
    result = run(*words(own))
    assert result.exit_code == 1
    assert "There are cases for org.agency.stock@2, which is not there" in result.output


@pytest.mark.parametrize("text", ["set = [", "set = " + "[" * 5000, "set = 1", ""])
def test_broken_cases_are_one_sentence(own: Path, text: str) -> None:
    put(own, cases=text)
    result = run(*words(own))
    assert result.exit_code == 1
    assert f"{own}/cases/stock.toml" in result.output


@pytest.mark.parametrize("encoding", ["undefined", "hex", "idna", "nonsense"])
def test_an_encoding_that_is_none_is_told(own: Path, encoding: str) -> None:
    put(own, cases=CASES.replace('"<stock/>"', f'"<stock/>é..."\nencoding = "{encoding}"'))
    result = run(*words(own))
    assert result.exit_code == 1
    assert "case[no item].encoding: the document cannot be written so: " in result.output


def test_a_suite_that_lists_itself_is_told(own: Path) -> None:
    suite = own / "suite.xml"
    suite.write_text('<testcases><testcase uri="suite.xml"/></testcases>')
    result = run(*words(own), "--testcases", suite)
    assert result.exit_code == 1
    assert f"{suite} lists itself, or lists that do." in result.output


def test_an_unknown_set_is_told(own: Path) -> None:
    result = run("test", "org.agency.stok", "--sets", own)
    assert result.exit_code == 1
    assert "There is no rule set org.agency.stok to test; there is " in result.output


def test_test_cases_of_xbrl_count_beside_its_own(own: Path) -> None:
    (own / "empty.xml").write_text("<stock/>")
    (own / "full.xml").write_text("<stock><item/></stock>")
    suite = own / "suite.xml"
    suite.write_text(SUITE)
    put(own, cases=CASES.partition('[[case]]\nname = "no item"')[0])
    given = (*words(own), "--testcases", suite, "--date", "2026-10-05", *NUMBER)
    assert "org.agency.stock@1     3       0        0  passed\n" in said(*given)
    (own / "full.xml").write_text("<stock/>")
    assert "broken: suite V-2: it is invalid and must be valid" in said(*given, status=1)
    (own / "full.xml").unlink()
    result = run(*given)
    assert result.exit_code == 1
    assert "full.xml cannot be read" in result.output
    result = run("test", "--testcases", suite)
    assert result.exit_code == 2
    assert "--testcases are for one set" in result.output + str(result.exception)
