"""The shipped rule sets: their cases hold, and they say what they must."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from configparser import ConfigParser
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

import pytest

import digipoort_wus.cli
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome, Stage
from digipoort_wus.rules.case_files import CaseFile, load_case_files
from digipoort_wus.rules.cases import Case, Held, run_cases
from digipoort_wus.rules.catalogue import Catalogue, catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.head import head_of
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.model import Plan
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import Enclosure, Envelope, Subject
from tests.conftest import CERTS_TEST, need

SETS = SHIPPED
FILES = load_case_files(SETS)
NOBODYS_NUMBER = Party("001000044B37", "Fi")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return catalogue_of(load_sets([SETS], installed_kinds()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.set_name)
def test_the_cases_of_each_set_hold(catalogue: Catalogue, file: CaseFile) -> None:
    tested = run_cases(catalogue, file.set_name, file.cases)
    assert [each for each in tested.verdicts if each.held is Held.BROKEN] == []
    for why in tested.unready:
        need("an extra", found="is not installed" not in why, install=why)
    assert tested.unproven == ()
    assert tested.unseen == ()
    assert tested.passed


def test_every_set_has_cases(catalogue: Catalogue) -> None:
    assert {file.set_name for file in FILES} == {each.name for each in catalogue.sets}
    assert sum(len(file.cases) for file in FILES) >= 60


def test_only_what_cannot_be_shipped_is_missing(catalogue: Catalogue) -> None:
    missing = [artefact.name for each in catalogue.sets for artefact in each.missing]
    assert missing == ["Loonaangifte2026v2.0.xsd"]
    here = [one for each in catalogue.sets for one in each.unready if not one.left_out]
    assert [one for one in here if "is not installed" not in one.why] == []


def test_each_warning_of_a_set_lets_filings_pass(catalogue: Catalogue) -> None:
    """What facts do not prove is a warning."""
    said = {
        code
        for file in FILES
        for case in file.cases
        if case.outcome is Outcome.VALID
        for code in case.codes
    }
    assert said == {
        *("OB-REF-NIEUW", "OB-NAME-NIEUW"),
        *("OB-SOORT", "OB-ELF", "OB-BTW", "OB-PER", "OB-YEAR", "OB-SWO", "OB-SUM-5A", "OB-SUM-5G"),
        *("ICP-REF-NIEUW", "ICP-SOORT", "ICP-ELF", "ICP-BTW", "ICP-LAND", "ICP-DUP"),
        *("LH-SOORT", "LH-ELF", "LH-SWO", "LH-OUD", "LH-VER"),
        # The facts say: leave NL out, compare, and warn.
        *("IDENTITEIT-NL", "LH-ID-NL"),
    }


def test_the_demonstration_is_a_right_return(catalogue: Catalogue) -> None:
    octets = (Path(digipoort_wus.cli.__file__).parent / "omzetbelasting.xbrl").read_bytes()
    received = datetime(2026, 10, 5, tzinfo=UTC)
    enclosure = Enclosure("omzetbelasting.xbrl", "text/xml", len(octets))
    envelope = Envelope("Omzetbelasting", received, enclosure, NOBODYS_NUMBER)
    choice = catalogue.choose("Omzetbelasting", received, lambda: head_of(octets))
    for stage in Stage:
        report = run(choice.plan, Subject(envelope, octets), stage)
        assert (report.outcome, report.findings) == (Outcome.VALID, ())


BASE = next(file for file in FILES if file.set_name == "nl.base@1").cases


# What filers were told before there were rule sets; their programs may look at the codes.
SAID_BEFORE = {
    "INHOUD-LEEG": ("fatal", "Het bericht is leeg: er is geen inhoud meegestuurd."),
    "XML-DOCTYPE": (
        "fatal",
        "Het bericht begint met een DOCTYPE; die mag niet voorkomen. "
        "Vraag de leverancier van uw software om een bericht zonder DOCTYPE.",
    ),
    "XML-ONLEESBAAR": (
        "fatal",
        "Het bericht is geen leesbare XML: het is afgebroken of beschadigd. "
        "Maak het bericht opnieuw aan en lever het nogmaals aan.",
    ),
    "IDENTITEIT-GEEN": (
        "error",
        "In het XBRL-bericht staat niet over wie het gaat: er is geen identifier gevonden.",
    ),
    "IDENTITEIT-ANDERS": (
        "error",
        "Het nummer van de belanghebbende bij de aanlevering is niet het nummer in het "
        "XBRL-bericht. Controleer of dit bericht van deze onderneming is.",
    ),
    "IDENTITEIT-NL": (
        "warning",
        "Het nummer van de belanghebbende begint bij de aanlevering met NL en in het XBRL-bericht "
        "niet. Lever het omzetbelastingnummer aan zonder NL.",
    ),
}


def test_the_base_set_says_what_was_said_before(catalogue: Catalogue) -> None:
    plan = catalogue.stacks["nl.base@1"].plan
    said: dict[str, tuple[str, str]] = {}
    for case in BASE:
        party = case.envelope.belanghebbende or NOBODYS_NUMBER
        envelope = Envelope("TEST", case.envelope.received, case.envelope.document, party)
        report = run(plan, Subject(envelope, case.octets), Stage.ENVELOPE)
        refusing = [one for one in report.findings if one.severity != "warning"]
        assert len(refusing) == (report.outcome is Outcome.INVALID), "one for each refusal"
        said |= {one.code: (one.severity, one.text) for one in report.findings}
    assert said == SAID_BEFORE


def test_no_text_repeats_a_number(catalogue: Catalogue) -> None:
    for file in FILES:
        for case in file.cases:
            party = case.envelope.belanghebbende
            if party is not None and len(party.number) > 2:
                for text in _texts(catalogue.stacks[file.set_name].plan, case):
                    assert party.number.removeprefix("NL")[:9] not in text, case.name


def test_the_package_has_every_file_of_the_sets() -> None:
    # Of the tree, also where the package is an installed one: that may lack what is asked for.
    root = CERTS_TEST.parent
    setup = ConfigParser()
    setup.read(root / "setup.cfg")
    globs = setup["options.package_data"]["digipoort_wus"].split()
    for path in (root / "digipoort_wus" / "rules" / "sets").rglob("*"):
        if path.is_file():
            name = str(path.relative_to(root / "digipoort_wus"))
            assert any(_matches(name, glob) for glob in globs), name


LOONAANGIFTE = """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified"
 targetNamespace="http://xml.belastingdienst.nl/schemas/Loonaangifte/2026/01">
<xs:element name="Loonaangifte"><xs:complexType><xs:sequence>
<xs:element name="Bericht"/><xs:element name="AdministratieveEenheid"/>
</xs:sequence><xs:attribute name="version"/></xs:complexType></xs:element></xs:schema>"""


def test_a_schema_that_the_operator_adds_is_used_and_proven(tmp_path: Path) -> None:
    """Another one than the real, which only the operator has."""
    schema = tmp_path / "added" / "nl.bd.loonaangifte" / "Loonaangifte2026v2.0.xsd"
    schema.parent.mkdir(parents=True)
    schema.write_text(LOONAANGIFTE)
    sets = tmp_path / "sets"
    shutil.copytree(SETS, sets)
    path = sets / "nl.bd.loonaangifte.toml"
    digest = hashlib.sha256(LOONAANGIFTE.encode()).hexdigest()
    path.write_text(re.sub("[0-9a-f]{64}", digest, path.read_text()))
    loaded = catalogue_of(load_sets([sets], installed_kinds(), tmp_path / "added"))
    name = "nl.bd.loonaangifte@2026.1"
    tested = run_cases(loaded, name, next(each for each in FILES if each.set_name == name).cases)
    assert tested.passed
    held = {each.case: each.held for each in tested.verdicts}
    assert held["LH-XSD: there is nothing but a number"] is Held.HELD
    assert Held.BROKEN not in held.values()


def test_the_stylesheet_reads_and_writes_nothing() -> None:
    """What XSLT could do to the machine that it runs on; the kind forbids it, too."""
    text = (SETS / "example.invoice" / "mini-invoice.xsl").read_text()
    found = re.findall(
        r"\b(?:doc|document|collection|unparsed-text[a-z-]*|environment-variable|transform|"
        r"json-doc|result-document|include|import|evaluate)\b(?!-)(?=\s*\(|[^(]*?\bhref\s*=)",
        text,
    )
    assert found == []
    octets = (SETS / "example.invoice" / "mini-invoice.sch").read_bytes()
    assert f"Made of mini-invoice.sch, SHA-256 {hashlib.sha256(octets).hexdigest()}," in text, (
        "tools/compile_schematron was not run after a change"
    )
    source = octets.decode()
    rules = re.findall(r'assert id="([^"]*)"', source)
    assert rules == [f"INV-0{number}" for number in range(1, 9)]
    assert set(rules) == set(re.findall(r'failed-assert id="([^"]*)"', text))


def _texts(plan: Plan, case: Case) -> Iterator[str]:
    for stage in Stage:
        for finding in run(plan, Subject(case.envelope, case.octets), stage).findings:
            yield f"{finding.text} {finding.where}"


def _matches(name: str, glob: str) -> bool:
    # A star of setuptools does not go into directories.
    return name.count("/") == glob.count("/") and fnmatch(name, glob)
