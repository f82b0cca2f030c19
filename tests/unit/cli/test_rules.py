"""``rules list``, ``explain`` and ``lint`` as commands."""

import json
from pathlib import Path

import pytest

from digipoort_wus.rules.artefacts import NotHere, artefacts_of
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.table import Table
from tests.unit.cli.commands import OB, RETURN, document, run, said

STRICTER = """\
id = "org.agency.omzetbelasting"
version = "1"
title.nl = "Omzetbelasting, strenger"
title.en = "VAT return, stricter"
berichtsoorten = ["Omzetbelasting"]
valid_from = 2026-01-01
requires = ["nl.bd.omzetbelasting@2026.1"]
[override."OB-SUM-5G"]
severity = "error"
reason = "agreed with the agency on 1 May 2026"
[disable]
"OB-SWO" = "the agency has no use for it"
"FR-NL-1.06" = "file names are made by our own portal"
"""
NEEDS = """\
id = "org.agency.stock"
version = "1"
title.nl = "Voorraad"
title.en = "Stock"
berichtsoorten = ["Voorraad"]
valid_from = 2026-01-01
valid_until = 2026-12-31
[artefacts."stock.xsd"]
sha256 = "1121cfccd5913f0a63fec40a6ffd44ea64f9dc135c66634ba001d10bcf4302a2"
supplied_by = "operator"
source = "Ask the agency."
[[layer]]
id = "schema"
goes_on = true
mime_types = ["text/xml"]
[[layer.rule]]
code = "ST"
use = "xsd"
options.schema = "stock.xsd"
"""
MISSING = {"sha256": "0" * 64, "supplied_by": "operator", "source": "Ask the agency."}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    directory = tmp_path / "own"
    directory.mkdir()
    (directory / "stricter.toml").write_text(STRICTER)
    (directory / "stock.toml").write_text(NEEDS)
    return directory


def test_the_shipped_sets_are_listed() -> None:
    text = said("list")
    assert "nl.base@1  Base rules for every filing\n  for all that no other set names;" in text
    assert (
        "nl.sbr.filing-rules@1  SBR Filing Rules (FR-NL), without a taxonomy\n  for other" in text
    )
    # Nobody is told to put something into an installed package.
    assert (
        "  missing: Loonaangifte2026v2.0.xsd (its rules are left out). Put it into a directory of "
        "yours as nl.bd.loonaangifte/Loonaangifte2026v2.0.xsd, and name that directory with --added"
    ) in text
    assert str(SHIPPED) not in text
    found = document("list", "--json")["sets"]
    assert {each["source"] for each in found} == {"shipped"}
    assert {each["file"] for each in found} == {str(path) for path in SHIPPED.glob("*.toml")}
    (payroll,) = (each for each in found if each["name"] == "nl.bd.loonaangifte@2026.1")
    assert [each["here"] for each in payroll["artefacts"]] == [False]


def test_sets_of_an_operator_are_listed_beside_them(own: Path, tmp_path: Path) -> None:
    text = said("list", "--sets", own, "--added", tmp_path)
    assert (
        f"org.agency.stock@1  Stock\n  for Voorraad; valid from 2026-01-01 until 2026-12-31; "
        f"{own}/stock.toml\n  missing: stock.xsd (filings stay undetermined without). "
        f"Add it as {tmp_path}/org.agency.stock/stock.xsd. Ask the agency.\n"
    ) in text
    assert f"Add it as {tmp_path}/nl.bd.loonaangifte/Loonaangifte2026v2.0.xsd. It is in" in text
    assert text.count("missing: stock.xsd") == 1
    assert "cannot be judged here: ST" not in text


def test_the_rules_of_a_berichtsoort_are_explained() -> None:
    text = said("explain", "Omzetbelasting", "--date", "2026-10-05")
    assert text.startswith("Omzetbelasting on 2026-10-05\n\nnl.bd.omzetbelasting@2026.1  Aangifte")
    assert "  Layer content of nl.base@1: first 301 (envelope)\n    INHOUD-LEEG  not-empty" in text
    # Each code that may be found has its severity and both texts.
    assert "      FR-NL-1.06: error (SBR Filing Rules)\n        nl: In de bestandsnaam" in text
    assert (
        "    IDENTITEIT  identity (cheap)\n      disabled by nl.bd.omzetbelasting@2026.1: " in text
    )


def test_an_override_is_explained_with_its_reason(own: Path) -> None:
    words = ("explain", "Omzetbelasting", "--date", "2026-10-05", "--sets", own)
    text = said(*words)
    assert "org.agency.omzetbelasting@1  Omzetbelasting, strenger / VAT return, stricter" in text
    by = "by org.agency.omzetbelasting@1: "
    assert f"was warning; overridden {by}agreed with the agency on 1 May 2026\n" in text
    assert f"OB-SWO  xpath (cheap)\n      disabled {by}the agency has no use for it\n" in text
    assert f"disabled {by}file names are made by our own portal\n" in text
    assert "\n\nnl.bd.omzetbelasting@2026.1" not in text
    found = document(*words, "--json")
    assert [each["set"] for each in found["in_force"]] == ["org.agency.omzetbelasting@1"]
    rules = [each for layer in found["in_force"][0]["layers"] for each in layer["rules"]]
    (rule,) = (each for each in rules if each["rule"] == "OB-SUM-5G")
    assert [(code["severity"], code["declared"]) for code in rule["codes"]] == [
        ("error", "warning")
    ]
    (off,) = (each for each in rules if each["rule"] == "OB-SWO")
    assert off["disabled"]["reason"] == "the agency has no use for it"


def test_who_is_valid_when_is_explained(own: Path) -> None:
    text = said("explain", "Voorraad", "--date", "2026-10-05", "--sets", own)
    assert "valid from 2026-01-01 until 2026-12-31\n" in text
    assert "stock.xsd: SHA-256 1121cf" in text
    assert "ST  xsd (cheap)\n      cannot be judged here: stock.xsd is not here. Add it as " in text
    assert "second 301 (content); only for text/xml; later layers are judged after an error" in text
    text = said("explain", "Voorraad", "--date", "2027-10-05", "--sets", own, status=1)
    assert "Filings cannot be judged: no rule set is valid for this berichtsoort on 2027" in text
    assert "On other days\n  org.agency.stock@1: valid from 2026-01-01 until 2026-12-31\n" in text
    found = document(
        "explain", "Voorraad", "--date", "2027-10-05", "--sets", own, "--json", status=1
    )
    assert (found["in_force"], len(found["on_other_days"])) == ([], 1)


def test_several_versions_are_told_apart_by_their_documents() -> None:
    text = said("explain", "Aangifte_LH", "--date", "2026-10-05")
    assert "nl.bd.loonaangifte@2022.1" in text
    assert (
        "; for {http://xml.belastingdienst.nl/schemas/Loonaangifte/2022/01}Loonaangifte, " in text
    )
    assert " and 1 more\n" in text
    assert "On other days\n  nl.bd.loonaangifte@2027.1: valid from 2027-01-01; for {http" in text


def test_what_is_missing_is_never_to_be_put_into_this_package(own: Path, tmp_path: Path) -> None:
    """Also where a rule that is not optional says it, to the log and to who tests."""
    for added, told in (
        (None, "Put it into a directory of yours as nl.bd.loonaangifte/L.xsd, and name that "),
        (tmp_path, f"Add it as {tmp_path}/L.xsd."),
    ):
        table = Table({"artefacts": {"L.xsd": MISSING}}, "set.toml")
        (artefact,) = artefacts_of(table, "nl.bd.loonaangifte", SHIPPED, added)
        said = str(NotHere(artefact))
        assert said.startswith(f"L.xsd is not here. {told}")
        assert said.endswith(" Ask the agency.")
        assert str(SHIPPED) not in said


def test_a_berichtsoort_that_nobody_names_has_the_base_rules() -> None:
    assert "\nnl.base@1  " in said("explain", "Iets")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("explain", "Iets", "--date", "soon"), "'soon' is no day like 2026-01-31"),
        (("explain", "Iets", "--date", "2026-02-30"), "'2026-02-30' is no day"),
        (("explain", "Iets", "--date", "9999-12-31T23:59:59Z"), "'9999-12-31T23:59:59Z' is no day"),
        (("explain", "Iets", "--date", "0001-01-01T00:00:00+14:00"), "is no day"),
        (("list", "--sets", "/nowhere"), "does not exist"),
        (("explain",), "Missing argument 'BERICHTSOORT'"),
        (("check", RETURN), "Missing option '--berichtsoort'"),
        (("check", RETURN, "--berichtsoort", "x", "--number", "1"), "belong together"),
        (("check", RETURN, "--berichtsoort", "x", "--format", "xml"), "names whom it is about"),
        (("check", RETURN, *OB, "--format", "xml", "--json"), "Give --json or --format xml"),
        (("test", "--date", "2026-01-31"), "are for --testcases"),
    ],
)
def test_wrong_use_is_one_sentence(words: tuple[str, ...], expected: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert expected in result.stderr + str(result.exception)


def test_a_configuration_says_where_the_sets_of_a_gateway_are(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[rules]\nsets = ["own"]\nadded = "added"\n')
    text = said("list", "--config", file)
    assert f"Add it as {tmp_path}/added/org.agency.stock/stock.xsd. Ask the agency.\n" in text
    assert "org.agency.stock@1 has no cases" in said("lint", "--config", file)
    result = run("test", "org.agency.stock", "--config", file)
    assert (result.exit_code, "it has no case" in result.stdout) == (1, True)
    file.write_text("[rules]\nset = []\n")
    result = run("list", "--config", file)
    assert result.exit_code == 1
    assert "rules.set" in result.stderr + str(result.exception)


@pytest.mark.parametrize("command", [("list",), ("explain", "Iets"), ("test",)])
@pytest.mark.parametrize("text", ["id = [", "a = " + "[" * 5000, "id = 'é'"])
def test_a_broken_set_is_one_sentence(tmp_path: Path, command: tuple[str, ...], text: str) -> None:
    (tmp_path / "broken.toml").write_text(text, encoding="latin-1")
    result = run(*command, "--sets", tmp_path, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["error"] == "configuration"
    assert found["message"].startswith(f"{tmp_path}/broken.toml is not ")


def test_linting_the_shipped_sets_finds_nothing_wrong() -> None:
    found = document("lint", "--json")["mistakes"]
    assert [each for each in found if each["weight"] == "error"] == []


def test_linting_tells_what_is_odd_and_what_is_wrong(own: Path, tmp_path: Path) -> None:
    text = said("lint", own)
    assert f"warning: {own}/stock.toml: ST cannot be judged here: stock.xsd is not here" in text
    assert "org.agency.stock@1 has no cases" in text
    (own / "stock.toml").write_text(NEEDS.replace('"Voorraad"]', '"Omzetbelasting"]'))
    text = said("lint", own, status=1)
    assert "error: " in text
    assert 'both judge "Omzetbelasting" from 2026-01-01' in text
    # The same, wherever it is named.
    assert said("lint", "--sets", own, status=1) == text


def test_lint_of_what_is_right_says_so(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "a.toml").write_text(STRICTER)
    case = (
        'set = "org.agency.omzetbelasting@1"\n[[case]]\nname = "a"\ntext = "<x/>"\n'
        'outcome = "invalid"\ncodes = ["OB-REF"]\nreceived = 2026-06-01T00:00:00Z\n'
    )
    (tmp_path / "cases" / "a.toml").write_text(case)
    result = run("lint", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "Nothing to mend.\n"
