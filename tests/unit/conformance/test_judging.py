"""From an answer to a verdict, and from results to reports."""

import json
from pathlib import Path

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.conformance.attacks import (
    Outcome,
    Result,
    Verdict,
    endpoint_at,
    judge,
    outcome_of,
)
from digipoort_wus.conformance.cases import Case, Expected, Http, load_case
from digipoort_wus.conformance.cost import Cost
from digipoort_wus.conformance.report import as_json, as_junit, line_for, summary
from digipoort_wus.conformance.wire import Received, request_octets
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.names import AANLEVER
from digipoort_wus.soap.fault import fault_envelope, fault_of

FAULT = Expected("fault", checks.WSS_DIGEST, 500, 110)
GOOD = Outcome("fault", 500, "WSS-DIGEST", 110)


def fault(*, explain: bool) -> Received:
    made = fault_of(Refusal(checks.WSS_DIGEST), AANLEVER, explain=explain)
    octets = fault_envelope(made, AANLEVER, None, message_id="urn:1", relates_to=None)
    return Received(500, {}, octets)


def test_a_fault_tells_its_check_and_code() -> None:
    assert outcome_of(fault(explain=True)) == GOOD
    assert outcome_of(fault(explain=False)) == Outcome("fault", 500, "", 110)


def test_other_answers_are_what_they_are() -> None:
    said = f"{Refusal(checks.HTTP_SIZE).explanation()}\n".encode()
    assert outcome_of(Received(413, {}, said)) == Outcome("http", 413, "HTTP-SIZE")
    assert outcome_of(Received(alert="unknown_ca")) == Outcome("alert", alert="unknown_ca")
    assert outcome_of(Received()) == Outcome("closed")
    assert outcome_of(Received(late=True)) == Outcome("silence")
    assert outcome_of(Received(200, {}, b"<html/>")).answer == "accepted"
    assert outcome_of(Received(200, {}, b"hello")).answer == "http"


@pytest.mark.parametrize(
    ("expected", "outcome", "told", "verdict"),
    [
        (FAULT, GOOD, True, Verdict.AS_EXPECTED),
        (FAULT, Outcome("fault", 500, "", 110), False, Verdict.NOT_TOLD),
        (FAULT, Outcome("fault", 500, "", 110), True, Verdict.WRONG),
        (FAULT, Outcome("http", 400), False, Verdict.NOT_TOLD),
        (FAULT, Outcome("closed"), False, Verdict.NOT_TOLD),
        (FAULT, Outcome("fault", 500, "XML-LIMIT", 100), False, Verdict.OTHER_CHECK),
        (FAULT, Outcome("fault", 200, "WSS-DIGEST", 110), False, Verdict.WRONG),
        (FAULT, Outcome("fault", 500, "WSS-DIGEST", 100), False, Verdict.WRONG),
        (FAULT, Outcome("accepted", 200), False, Verdict.WRONG),
        (FAULT, Outcome("silence"), False, Verdict.WRONG),
        (Expected("accepted", None, 200, 0), Outcome("accepted", 200), True, Verdict.AS_EXPECTED),
        (Expected("accepted", None, 200, 0), GOOD, False, Verdict.WRONG),
        (Expected("alert", None, 0, 0), Outcome("alert", alert="x"), True, Verdict.AS_EXPECTED),
        (Expected("alert", None, 0, 0, "y"), Outcome("alert", alert="x"), True, Verdict.WRONG),
        (Expected("alert", None, 0, 0), Outcome("closed"), True, Verdict.WRONG),
        (Expected("alert", None, 0, 0), GOOD, False, Verdict.NOT_TOLD),
        (Expected("closed", None, 0, 0), Outcome("closed"), True, Verdict.AS_EXPECTED),
    ],
)
def test_verdicts(expected: Expected, outcome: Outcome, told: bool, verdict: Verdict) -> None:
    assert judge(expected, outcome, told=told)[0] is verdict


def case(tmp_path: Path, name: str) -> Case:
    path = tmp_path / f"{name}.toml"
    path.write_text('title = "A <title>."\n[expect]\ncheck = "WSS-DIGEST"\n')
    return load_case(path)


def test_reports_count_and_name_what_went_wrong(tmp_path: Path) -> None:
    results = [
        Result(case(tmp_path, "good"), Verdict.AS_EXPECTED, GOOD, 12.0, Cost(3.0, 0.5)),
        Result(case(tmp_path, "bad"), Verdict.WRONG, Outcome("accepted", 200), 9.0, None, "why"),
        Result(case(tmp_path, "not-told"), Verdict.NOT_TOLD, Outcome("closed")),
        Result(case(tmp_path, "skipped"), Verdict.SKIPPED),
    ]
    assert summary(results) == (
        "2 of 3 cases as expected. 1 were refused without telling the check: whether for the "
        "right reason is not known. 1 were not run, for want of a certificate, or of a row in "
        "the gateway's table of parties."
    )
    said = json.loads(as_json(results))
    assert said["good"] is False
    assert [row["verdict"] for row in said["cases"]] == [
        "as-expected",
        "wrong",
        "not-told",
        "skipped",
    ]
    suite = etree.fromstring(as_junit(results).encode())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    line = line_for([result.case for result in results])
    assert "sent: A <title>." in line.of(results[1])
    assert "sent:" not in line.of(results[0])


def test_a_request_is_written_as_the_case_wants() -> None:
    url = "https://localhost:8443/path"
    plain = request_octets(Http(), url, b"<a/>")
    assert plain.startswith(b"POST /path HTTP/1.1\r\nHost: localhost:8443\r\n")
    assert plain.endswith(b"Content-Length: 4\r\n\r\n<a/>")
    odd = request_octets(
        Http(headers={"host": ""}, lines=("Content-Length: 5",), framing="chunked"), url, b"<a/>"
    )
    assert b"Host" not in odd
    assert odd.endswith(b"Content-Length: 5\r\n\r\n4\r\n<a/>\r\n0\r\n\r\n")
    raw = request_octets(Http(raw="X ${path} ${host} ${length}\r\n\r\n${body}!"), url, b"<a/>")
    assert raw == b"X /path localhost:8443 4\r\n\r\n<a/>!"


def test_an_endpoint_is_a_base_or_a_service() -> None:
    base = endpoint_at("https://localhost:1")
    assert base.aanlever == f"https://localhost:1{AANLEVER.paths[0]}"
    assert endpoint_at("https://localhost:1/cpl/x").aanlever == "https://localhost:1/cpl/x"
    with pytest.raises(ConfigurationError, match="is no https URL"):
        endpoint_at("http://localhost:1")
