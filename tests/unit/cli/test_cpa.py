"""``cpa create``, ``check``, ``show`` and ``diff`` as commands."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.ebms.cpa import exchanges
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.names import CPA
from tests.conftest import CERTS_TEST
from tests.unit.ebms.agreements import changed, made, with_attribute, with_text, without

G1 = CERTS_TEST / "g1"
ON = ("--date", "2026-06-01T12:00:00Z")
PARTIES = (
    *("--name-a", "Agency", "--oin-a", "00000099000000004000_T"),
    *("--url-a", "https://localhost/agency", "--cert-a", G1 / "agency.pem"),
    *("--name-b", "Gateway", "--oin-b", "00000099000000001000_T"),
    *("--url-b", "https://localhost/ebms", "--cert-b", G1 / "gateway-tls.pem"),
    *("--signing-cert-b", G1 / "gateway-signing.pem"),
)
ROLES = ("--role-a", "OFFICE", "--role-b", "REGISTER")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(digipoort_wus_command, ["cpa", *map(str, words)])


def said(*words: str | Path, status: int = 0) -> str:
    result = run(*words)
    assert result.exit_code == status, result.output + repr(result.exception)
    return result.stdout


def document(*words: str | Path, status: int = 0) -> Any:
    return json.loads(said(*words, "--json", status=status))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.xml"
    path.write_bytes(made())
    return path


def written(directory: Path, octets: bytes, name: str = "cpa.xml") -> Path:
    path = directory / name
    path.write_bytes(octets)
    return path


@pytest.mark.parametrize("profile", Profile)
def test_an_agreement_of_each_profile_is_made(profile: Profile, tmp_path: Path) -> None:
    out = tmp_path / "cpa.xml"
    result = run("create", "--profile", profile, "--digipoort", *PARTIES, "--out", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"Wrote {out}. Next: digipoort-wus cpa show {out}\n"
    table = said("show", out)
    assert table.count(f"  {profile.value} ") == 4
    assert said("check", out).endswith("can be used: 0 errors, 0 warnings.\n")


def test_without_a_file_the_agreement_is_printed_and_stays_the_same() -> None:
    words = ("create", "--profile", "osb-rm-s", "--digipoort", *PARTIES, "--start", "2026-06-01")
    first, second = run(*words), run(*words)
    assert first.stdout == second.stdout
    agreement = read_agreement(first.stdout.encode())
    assert f"{agreement.start:%Y-%m-%dT%H:%M:%SZ}" == "2026-06-01T00:00:00Z"
    # It ends with the first certificate, unless it is said otherwise.
    assert agreement.end.year > 2030


def test_services_of_ones_own_are_named(tmp_path: Path) -> None:
    out = tmp_path / "cpa.xml"
    said(
        *("create", "--profile", "osb-rm", *PARTIES, *ROLES, "--service-type", ""),
        *("--a-sends", "urn:stock:1?v=2=report", "--b-sends", "urn:stock:1?v=2=confirm"),
        *("--a-sends", "urn:other=ask", "--id", "stock", "--end", "2027-01-01"),
        *("--start", "2026-06-01", "--retries", "2", "--interval", "PT10M", "--persist", "P5D"),
        *("--sync", "--ca-a", G1 / "ca.pem", "--out", out),
    )
    agreement = read_agreement(out.read_bytes())
    assert agreement.cpa_id == "stock"
    assert [(each.role, each.service.value, each.sent.action) for each in exchanges(agreement)] == [
        ("OFFICE", "urn:stock:1?v=2", "report"),
        ("OFFICE", "urn:other", "ask"),
        ("REGISTER", "urn:stock:1?v=2", "confirm"),
    ]
    assert agreement.anchors("A_Trust")
    action = document("show", out, *ON)["actions"][0]["agreed"]
    assert (action["retries"], action["kept"]) == ("2 every PT10M", "P5D")
    assert action["in the HTTP answer"] == "mshSignalsOnly"


def test_warnings_of_what_is_made_are_told() -> None:
    words = ("create", "--profile", "osb-rm", "--digipoort", *PARTIES, "--persist", "P1D")
    result = run(*words, "--start", "2026-06-01")
    assert result.exit_code == 0
    assert "warning: [CPA-PERSIST] Agency A_Messages: PersistDuration is P1D" in result.stderr
    read_agreement(result.stdout.encode())


WRONG_USE = {
    "no role": (("--a-sends", "x=y"), "Give --role-a"),
    "nothing to send": (ROLES, "Say what is sent"),
    "two kinds of services": (("--digipoort", "--a-sends", "x=y"), "leave out --a/b-sends"),
    "no action": ((*ROLES, "--a-sends", "x"), "--a-sends x: give SERVICE=ACTION"),
    "an action twice": ((*ROLES, "--b-sends", "x=y", "--b-sends", "x=y"), "x=y is given twice"),
    "no duration": (("--digipoort", "--interval", "3h"), "--interval: give a duration like PT3H"),
    "no day": (("--digipoort", "--start", "soon"), "'soon' is no day like 2026-01-31"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_options_that_do_not_go_together_are_wrong_use(case: str) -> None:
    words, told = WRONG_USE[case]
    result = run("create", "--profile", "osb-be", *PARTIES, *words)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_missing_certificate_is_wrong_use() -> None:
    words = [word for word in PARTIES if word not in ("--cert-a", G1 / "agency.pem")]
    result = run("create", "--profile", "osb-be", "--digipoort", *words)
    assert result.exit_code == 2
    assert "Give --cert-a, or --client-cert-a." in result.stderr


def test_a_file_that_is_there_is_kept(good: Path) -> None:
    result = run("create", "--profile", "osb-be", "--digipoort", *PARTIES, "--out", good)
    assert result.exit_code == 1
    assert "is there already" in str(result.exception)
    assert good.read_bytes() == made()


def test_a_good_agreement_is_checked(good: Path) -> None:
    cpa_id = read_agreement(made()).cpa_id
    assert said("check", good, *ON) == f"CPA {cpa_id} can be used: 0 errors, 0 warnings.\n"
    assert document("check", good, *ON) == {
        "cpa_id": cpa_id,
        "usable": True,
        "mistakes": [],
        "findings": [],
    }


def test_errors_and_warnings_are_told_apart(tmp_path: Path) -> None:
    warned = written(tmp_path, changed(with_text("t:PersistDuration", "P1D")))
    text = said("check", warned, *ON)
    assert text.startswith("warning: [CPA-PERSIST] Agency A_Messages: PersistDuration is P1D")
    assert text.endswith(" can be used: 0 errors, 2 warnings.\n")
    plain = with_attribute("t:Endpoint", "uri", "http://localhost/x")
    wrong = written(tmp_path, changed(plain), "wrong.xml")
    text = said("check", wrong, *ON, status=1)
    assert text.startswith("error: [CPA-URL] Gateway B_Transport: 'http://localhost/x' is not")
    assert text.endswith(" cannot be used: 2 errors, 0 warnings.\n")
    (first, _) = document("check", wrong, *ON, status=1)["findings"]
    assert (first["id"], first["weight"], first["at"]) == (
        "CPA-URL",
        "error",
        "Gateway B_Transport",
    )
    assert first["remedy"].startswith("Write https")


def test_an_agreement_is_judged_at_a_day(good: Path) -> None:
    assert "[CPA-ENDED]" in said("check", good, "--date", "2027-06-02", status=1)


def test_mistakes_of_a_document_are_all_told(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        changed(with_attribute("t:Status", "value", "final"), with_text("t:End", "never")),
    )
    text = said("check", path, status=1)
    assert "error: /CollaborationProtocolAgreement/Status/@value: 'final'; expected" in text
    assert text.endswith("This is no CPA that can be read: 2 mistakes.\n")
    found = document("check", path, status=1)
    assert (found["usable"], len(found["mistakes"])) == (False, 2)
    result = run("show", path)
    assert result.exit_code == 1
    assert "Mend it, or ask who made it for another." in result.stderr


def test_what_is_no_xml_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, b"<!DOCTYPE a><a/>")
    assert "XML-DOCTYPE" in said("check", path, status=1)


def test_an_agreement_is_shown(good: Path) -> None:
    text = said("show", good, *ON)
    assert "  agreed, from 2026-06-01 12:00Z to 2027-06-01 12:00Z, 365 days left\n" in text
    assert "\nAgency\n  id                  urn:osb:oin:00000099000000004000_T\n" in text
    assert (
        "\nAgency may send Gateway\n"
        "  urn:osb:services:osb:aanleveren:1.1$1.0, as OVERHEID\n"
        "    action      profile   acknowledged    retries       kept  signed      encrypted\n"
        "    aanleveren  osb-rm-e  always, signed  8 every PT3H  P2D   rsa-sha256  aes256-gcm\n"
    ) in text
    assert "  to https://localhost/ebms, answers to https://localhost/agency\n" in text
    assert said("show", good, "--date", "2027-06-03").count("ended 1 day ago") == 1
    found = document("show", good)
    assert [party["name"] for party in found["parties"]] == ["Agency", "Gateway"]
    assert found["actions"][0]["agreed"]["profile"] == "osb-rm-e"


def test_what_cannot_go_is_shown_with_its_reason(tmp_path: Path) -> None:
    path = written(tmp_path, changed(without("t:PartyInfo[1]//t:SenderNonRepudiation")))
    result = run("show", path, *ON)
    assert result.exit_code == 0
    assert "    aanleveren  cannot go: CPA osb-aanleveren" in result.stdout
    assert "see `digipoort-wus cpa check" in result.stderr


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        changed(
            with_attribute("t:PartyInfo[1]", "partyName", "Ag\x9bency\u202e"),
            with_attribute("t:PartyInfo[2]", "partyName", "Gate\nway"),
        ),
    )
    other = written(tmp_path, made(), "other.xml")
    for words in (("check", path), ("show", path), ("diff", other, path)):
        result = run(*words)
        assert "\x9b" not in result.output
        assert "\u202e" not in result.output


def test_two_agreements_are_compared(good: Path, tmp_path: Path) -> None:
    assert run("diff", good, good).stderr == "They say the same.\n"
    assert document("diff", good, good) == {"differences": []}
    path = written(tmp_path, changed(with_text("t:End", "2027-01-01T00:00:00Z")))
    text = said("diff", good, path, status=1)
    assert text == "end: was 2027-06-01 12:00Z, is 2027-01-01 00:00Z\n"
    assert document("diff", good, path, status=1) == {"differences": [text.strip()]}


def test_one_that_cannot_be_read_is_not_compared(good: Path, tmp_path: Path) -> None:
    path = written(tmp_path, b"<a/>")
    result = run("diff", good, path)
    assert result.exit_code == 1
    assert f"expected a CollaborationProtocolAgreement in the namespace {CPA}" in result.stderr
