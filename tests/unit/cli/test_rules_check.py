"""``rules check``: what becomes of a file, and the statuses that a client would get."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree
from spyne.protocol.xml import XmlDocument

from digipoort_wus import names
from digipoort_wus.contract.mapping import status_resultaat
from digipoort_wus.contract.schema import validate
from digipoort_wus.contract.types import LISTINGS
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.process.api import ProcessStatus
from digipoort_wus.rules.report import from_values
from tests.unit.cli.commands import OB, RETURN, document, edited, run, said
from tests.unit.cli.test_rules import NEEDS, STRICTER

NAMESPACES = {"t": names.TYPES, "b": "http://nlvalidatie.nl/batavia"}
UNDECIDED = ("--berichtsoort", "Voorraad", "--date", "2026-10-05")
REF = ("bd-rpt-ob-aangifte-2026", "bd-rpt-ob-aangifte-2031")


def test_a_right_file_is_valid() -> None:
    text = said("check", RETURN, *OB)
    assert text == (
        "valid, by nl.base@1, nl.sbr.filing-rules@1, nl.bd.omzetbelasting@2026.1\n"
        "envelope: valid -> 301\ncontent: valid -> 301\n"
    )


def test_what_is_wrong_is_said_in_dutch(tmp_path: Path) -> None:
    text = said("check", edited(tmp_path, *REF), *OB, status=1)
    assert text.startswith("invalid, by nl.base@1, ")
    assert "\nenvelope: valid -> 301\ncontent: invalid -> 311 VAS500\n" in text
    assert "  error    OB-REF               De schemaRef van het bericht verwijst naar" in text
    # It stops there, and is not asked for more.
    wrong_number = ("--berichtsoort", "Omzetbelasting", "--number", "123456782B01")
    text = said("check", RETURN, *wrong_number, "--number-type", "BTW", status=1)
    assert "\nenvelope: invalid -> 311 VAS500\n" in text
    assert "content" not in text
    assert "123456782" not in text


def test_a_trace_has_every_rule(tmp_path: Path) -> None:
    file = edited(tmp_path, "<xbrli:xbrl ", "<!DOCTYPE x><xbrli:xbrl ")
    text = said("check", file, *OB, "--trace", status=1)
    assert "  passed    INHOUD-LEEG " in text
    assert "  failed    XML-DOCTYPE " in text
    assert "  skipped   XML-ONLEESBAAR " in text
    assert text.count("(XML-DOCTYPE left nothing to ") > 1
    assert "XML-ONLEESBAAR" not in said("check", file, *OB, status=1)


def test_what_cannot_be_judged_is_nobodys_mistake(tmp_path: Path) -> None:
    (tmp_path / "stock.toml").write_text(NEEDS)
    file = tmp_path / "stock.xml"
    file.write_text("<stock/>")
    result = run("check", file, *UNDECIDED, "--sets", tmp_path)
    assert result.exit_code == 3
    assert result.stdout.startswith("undetermined, by org.agency.stock@1\n")
    assert "envelope: valid -> 301\ncontent: undetermined -> 321 VAS400\n" in result.stdout
    assert "missing: stock.xsd (filings stay undetermined without)" in result.stderr
    found = document("check", file, *UNDECIDED, "--sets", tmp_path, "--json", status=3)
    assert found["missing"] == result.stderr.splitlines()
    assert [each["code"] for each in found["statuses"]] == ["301", "321"]


def test_the_document_has_what_a_report_has(tmp_path: Path) -> None:
    (tmp_path / "stricter.toml").write_text(STRICTER)
    file = edited(tmp_path, ">3030<", ">3031<")
    words = ("check", file, *OB, "--sets", tmp_path)
    found = document(*words, "--json", status=1)
    assert found == document(*words, "--format", "json", status=1) | {"stages": found["stages"]}
    assert (found["outcome"], found["set"]) == ("invalid", "org.agency.omzetbelasting@1")
    assert all(len(each["sha256"]) == 64 for each in found["sets"])
    report = from_values(found["stages"]["content"])
    assert [each.code for each in report.findings] == ["OB-SUM-5G"]
    assert {ran.set_id for ran in report.trace} > {"nl.bd.omzetbelasting@2026.1"}
    (_, refused) = found["statuses"]
    assert (refused["code"], refused["error"]["code"]) == ("311", "VAS500")
    # Without the operator's set it is a warning.
    assert document("check", file, *OB, "--json")["outcome"] == "valid"


def as_a_gateway_writes(statuses: list[Status]) -> etree._Element:
    """Return the answer as the services write it."""
    listing = LISTINGS["getStatussenProces"]
    party = Party("001000044B37", "Fi")
    kenmerk = "00000000-0000-0000-0000-000000000000"
    answer = listing.of([status_resultaat(ProcessStatus(kenmerk, party, one)) for one in statuses])
    parent = etree.Element("parent")
    XmlDocument().to_parent(None, listing.response, answer, parent, names.TYPES)
    return parent[0]


def plain(element: etree._Element) -> list[tuple[str, str]]:
    """Return the elements and their texts; prefixes and white space between them are no matter."""
    return [(str(one.tag), "" if len(one) else one.text or "") for one in element.iter()]


def test_the_statuses_are_those_of_a_gateway(tmp_path: Path) -> None:
    text = said("check", edited(tmp_path, *REF), *OB, "--format", "xml", status=1)
    answer = etree.fromstring(text)
    validate(answer)
    rows = answer.findall("*/t:StatusResultaat", NAMESPACES)
    assert [row.findtext("t:statuscode", "", NAMESPACES) for row in rows] == ["301", "311"]
    details = rows[1].findtext("t:statusdetails", "", NAMESPACES)
    message = next(etree.fromstring(details).iterfind(".//b:msg", NAMESPACES))
    assert (message.get("id"), message.get("level")) == ("OB-REF", "error")
    error = rows[1].findtext("t:statusFoutcode/t:foutbeschrijving", "", NAMESPACES)
    assert error.startswith("De schemaRef van het bericht verwijst naar")
    at = datetime(2026, 10, 5, 12, tzinfo=UTC)
    statuses = [
        Status("301", at),
        Status("311", at.replace(microsecond=1000), StatusError("VAS500", error), details),
    ]
    # The type of the whole has a name of its own; that of its element the schema knows.
    assert plain(answer)[1:] == plain(as_a_gateway_writes(statuses))[1:]


def test_the_statuses_of_a_right_file() -> None:
    answer = etree.fromstring(said("check", RETURN, *OB, "--format", "xml"))
    validate(answer)
    codes = answer.findall("*/*/t:statuscode", NAMESPACES)
    assert [each.text for each in codes] == ["301", "301"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_sets_that_cannot_be_used_are_wrong_use(tmp_path: Path, form: str) -> None:
    (tmp_path / "broken.toml").write_text("id = 1")
    result = run("check", RETURN, *OB, "--sets", tmp_path, "--format", form)
    assert result.exit_code == 2
    assert f"{tmp_path}/broken.toml: id: it must be a text" in result.stderr
    assert ("configuration" in result.stdout) is (form == "json")


@pytest.mark.parametrize(
    "octets",
    [b"", b"\0" * 100, b"<", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "<x/>".encode("utf-16")],
)
def test_no_file_makes_it_fall(tmp_path: Path, octets: bytes) -> None:
    file = tmp_path / "wrong file.xbrl"
    file.write_bytes(octets)
    result = run("check", file, *OB)
    assert result.exit_code == 1
    assert result.stdout.startswith("invalid, by ")


def test_a_type_that_is_no_xml_is_not_read_as_such(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("VOORBEELD")
    words = ("check", file, "--berichtsoort", "Iets", "--mime-type")
    assert said(*words, "text/plain").startswith("valid, by nl.base@1\n")
    assert said(*words, "text/xml", status=1).startswith("invalid, by nl.base@1\n")
