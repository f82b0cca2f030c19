"""What agencies call on a gateway, over mutual TLS: zetStatus, and offering messages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from lxml import etree

from digipoort_wus.client.errors import DigipoortFault
from digipoort_wus.conformance.messages import offer_body, report_body
from digipoort_wus.contract.schema import validate
from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.delivery.messages import Verdict
from digipoort_wus.delivery.reporting import Reporting
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.names import AANBIED, FOR_AGENCIES, TYPES, ZET_STATUS, Service
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls
from digipoort_wus.pki.testplan import AGENCY_OIN, VENDOR_A_OIN
from tests.messages import envelope, query_body, signed
from tests.wire.conftest import (
    Running,
    assert_refused,
    body_of,
    parsed,
    request_for,
    restarting,
    served,
    spawn,
    text_of,
    with_pki,
)

DELIVERED = ["105", "100", "110", "200", "301", "301", "405", "400"]
WAITS = "WachtOpUitvragendePartij"
GATEWAY_OIN = "00000099000000001000"


def delivered(running: Running) -> str:
    """File something that then waits for its agency."""
    kenmerk = running.submit(reference=WAITS)
    assert running.wait_for(kenmerk, "400") == DELIVERED
    return kenmerk


def report(
    running: Running,
    kenmerk: str,
    code: str = "500",
    *,
    more: str = "",
    name: str = "agency",
    message_id: str | None = None,
) -> requests.Response:
    body = report_body(kenmerk=kenmerk, code=code, more=more)
    return running.ask("zetStatus", body, name=name, message_id=message_id)


def offer(
    running: Running,
    kenmerk: str,
    content: bytes = b"<aanslag/>",
    *,
    berichtkenmerk: str = "",
    name: str = "agency",
    message_id: str | None = None,
) -> requests.Response:
    body = offer_body(content, kenmerk=kenmerk, berichtkenmerk=berichtkenmerk or str(uuid4()))
    return running.ask("aanbieden", body, name=name, message_id=message_id)


def new_id() -> str:
    return f"urn:uuid:{uuid4()}"


def messages_of(running: Running, kenmerk: str) -> list[str]:
    """Return the berichtkenmerken in the mailbox of a process."""
    answer = running.ask("getBerichtenKenmerk", query_body("getBerichtenKenmerk", kenmerk))
    return [str(each.text) for each in body_of(answer).iter(f"{{{TYPES}}}berichtkenmerk")]


# --- zetStatus --------------------------------------------------------------------------


def test_a_report_ends_a_filing_and_its_answer_is_signed_and_valid(gateway: Running) -> None:
    kenmerk = delivered(gateway)
    message_id = new_id()
    answer = report(gateway, kenmerk, message_id=message_id)
    assert answer.status_code == 200, answer.text
    body = body_of(answer)
    validate(body)
    assert (text_of(body, "kenmerk"), text_of(body, "statuscode")) == (kenmerk, "500")
    headers = {etree.QName(block).localname: block.text for block in parsed(answer).blocks}
    assert headers["RelatesTo"] == message_id
    assert headers["Action"] == ZET_STATUS.response_action(ZET_STATUS.operations[0])
    assert "Security" in headers
    assert gateway.statuses(kenmerk) == [*DELIVERED, "500"]


def test_a_refusal_comes_with_its_reason(gateway: Running) -> None:
    kenmerk = delivered(gateway)
    more = (
        "<t:statusFoutcode><t:foutcode>BD1</t:foutcode><t:foutbeschrijving>Onjuist."
        "</t:foutbeschrijving></t:statusFoutcode><t:statusdetails>&lt;a/&gt;</t:statusdetails>"
    )
    assert report(gateway, kenmerk, "510", more=more).status_code == 200
    answer = gateway.ask("getStatussenProces", query_body("getStatussenProces", kenmerk))
    last = list(body_of(answer).iter(f"{{{TYPES}}}StatusResultaat"))[-1]
    assert [text_of(last, name) for name in ("statuscode", "foutcode", "statusdetails")] == [
        "510",
        "BD1",
        "<a/>",
    ]


def test_a_company_reports_nothing_and_learns_nothing(gateway: Running) -> None:
    kenmerk = delivered(gateway)
    texts = {
        assert_refused(report(gateway, which, name=name), "ZST150", "KENMERK-KNOWN")
        for name in ("vendor-a", "vendor-b")
        for which in (kenmerk, str(uuid4()))
    }
    texts.add(assert_refused(report(gateway, str(uuid4())), "ZST150", "KENMERK-KNOWN"))
    assert len(texts) == 1
    assert gateway.statuses(kenmerk) == DELIVERED


def test_repeats_of_a_report(gateway: Running) -> None:
    kenmerk, message_id = delivered(gateway), new_id()
    octets = request_for(
        gateway,
        report_body(kenmerk=kenmerk),
        name="agency",
        operation="zetStatus",
        message_id=message_id,
    )
    url = gateway.url_for("zetStatus")
    bodies = {
        etree.tostring(body_of(gateway.post(url, octets, name="agency")), method="c14n")
        for _ in range(2)
    }
    # Signed anew: the same message, with another time in it.
    again = report(gateway, kenmerk, message_id=message_id)
    bodies.add(etree.tostring(body_of(again), method="c14n"))
    assert len(bodies) == 1
    other = report(gateway, kenmerk, "510", message_id=message_id)
    assert_refused(other, "ZST100", "MESSAGE-ID-REUSED")
    assert report(gateway, kenmerk).status_code == 200
    assert_refused(report(gateway, kenmerk, "510"), "ZST150", "REPORT-FINAL")
    assert gateway.statuses(kenmerk) == [*DELIVERED, "500"]


def test_what_ended_in_the_sandbox_is_not_judged_again(gateway: Running) -> None:
    kenmerk = gateway.submit()
    gateway.wait_for(kenmerk, "500")
    assert report(gateway, kenmerk).status_code == 200
    assert_refused(report(gateway, kenmerk, "510"), "ZST150", "REPORT-FINAL")
    rejected = gateway.submit(reference="Afleverfout")
    gateway.wait_for(rejected, "410")
    assert_refused(report(gateway, rejected), "ZST150", "REPORT-EXPECTED")


def test_a_moment_that_no_calendar_has(gateway: Running) -> None:
    body = report_body().replace("2026-01-01", "12026-01-01")
    answer = gateway.ask("zetStatus", body, name="agency")
    assert_refused(answer, "ZST100", "XSD-VALID")


def test_a_report_is_known_after_a_restart(tmp_path: Path) -> None:
    with restarting(tmp_path / "data") as running:
        kenmerk, message_id = delivered(running[-1]), new_id()
        assert report(running[-1], kenmerk, message_id=message_id).status_code == 200
        running[-1].process.kill()
        running[-1].process.wait(30)
        running.append(spawn(tmp_path / "data"))
        assert report(running[-1], kenmerk, message_id=message_id).status_code == 200
        assert_refused(
            report(running[-1], kenmerk, "510", message_id=message_id),
            "ZST100",
            "MESSAGE-ID-REUSED",
        )
        assert running[-1].statuses(kenmerk) == [*DELIVERED, "500"]


# --- aanbieden --------------------------------------------------------------------------


def test_an_offered_message_is_fetched_by_who_filed(gateway: Running) -> None:
    kenmerk = delivered(gateway)
    answer = offer(gateway, kenmerk, berichtkenmerk="bericht-1")
    assert answer.status_code == 200, answer.text
    body = body_of(answer)
    validate(body)
    assert (text_of(body, "kenmerk"), text_of(body, "berichtkenmerk")) == (kenmerk, "bericht-1")
    headers = {etree.QName(block).localname: block.text for block in parsed(answer).blocks}
    assert headers["Action"] == AANBIED.response_action(AANBIED.operations[0])
    assert messages_of(gateway, kenmerk) == ["bericht-1"]


def test_a_company_offers_nothing(gateway: Running) -> None:
    kenmerk = delivered(gateway)
    for name in ("vendor-a", "vendor-b"):
        assert_refused(offer(gateway, kenmerk, name=name), "BER150", "KENMERK-KNOWN")
    assert messages_of(gateway, kenmerk) == []


def test_repeats_of_an_offer(gateway: Running) -> None:
    kenmerk, message_id, name = delivered(gateway), new_id(), str(uuid4())
    for _ in range(2):
        answer = offer(gateway, kenmerk, berichtkenmerk=name, message_id=message_id)
        assert answer.status_code == 200, answer.text
    assert offer(gateway, kenmerk, berichtkenmerk=name).status_code == 200
    other = offer(gateway, kenmerk, b"<x/>", berichtkenmerk=name, message_id=message_id)
    assert_refused(other, "BER100", "MESSAGE-ID-REUSED")
    other = offer(gateway, kenmerk, b"<x/>", berichtkenmerk=name)
    assert_refused(other, "BER150", "BERICHTKENMERK-REUSED")
    assert messages_of(gateway, kenmerk) == [name]


def test_a_message_about_somebody_else(gateway: Running) -> None:
    kenmerk = delivered(gateway)
    body = offer_body(kenmerk=kenmerk).replace("001000044B37", "001000044B38")
    assert_refused(gateway.ask("aanbieden", body, name="agency"), "BER140", "OFFER-PARTY")


def test_a_large_message(gateway: Running) -> None:
    kenmerk = delivered(gateway)
    content = b"<a>" + b"x" * 3_000_000 + b"</a>"
    assert offer(gateway, kenmerk, content).status_code == 200
    answer = gateway.ask("getBerichtenKenmerk", query_body("getBerichtenKenmerk", kenmerk))
    assert len(text_of(body_of(answer), "inhoud")) > 3_000_000


# --- Both -------------------------------------------------------------------------------


@pytest.mark.parametrize("service", FOR_AGENCIES.values(), ids=lambda service: service.name)
def test_the_contract_is_served(gateway: Running, service: Service) -> None:
    for path in service.paths:
        answer = gateway.session("agency").get(f"{gateway.base}{path}?wsdl", timeout=10)
        assert answer.status_code == 200
        assert f"{gateway.base}{service.paths[0]}".encode() in answer.content
        assert service.port_type.encode() in answer.content
    answer = gateway.session("agency").get(f"{gateway.base}{path}?xsd={service.xsd}", timeout=10)
    assert service.operations[0].request.encode() in answer.content


@pytest.mark.parametrize("operation", ["zetStatus", "aanbieden"])
def test_no_mtom_and_no_message_that_nobody_signed(gateway: Running, operation: str) -> None:
    body = report_body() if operation == "zetStatus" else offer_body()
    prefix = "ZST" if operation == "zetStatus" else "BER"
    url = gateway.url_for(operation)
    unsigned = etree.tostring(envelope(body, name=operation))
    assert_refused(gateway.post(url, unsigned, name="agency"), f"{prefix}110", "WSS-PRESENT")
    package = {"Content-Type": 'multipart/related; type="application/xop+xml"; boundary="x"'}
    assert gateway.post(url, b"x", name="agency", **package).status_code == 415


@pytest.mark.parametrize("operation", ["zetStatus", "aanbieden"])
def test_who_signs_is_who_connects(gateway: Running, operation: str) -> None:
    body = report_body() if operation == "zetStatus" else offer_body()
    prefix = "ZST" if operation == "zetStatus" else "BER"
    octets = signed(
        gateway.identity("agency"), envelope(body, name=operation), created=datetime.now(UTC)
    )
    answer = gateway.post(gateway.url_for(operation), octets, name="vendor-a")
    assert_refused(answer, f"{prefix}110", "WSS-SIGNER")


RIGHTS = """
mode = "sandbox"

[[party]]
oin = "{agency}"
operations = [{agency_may}]

[[party]]
oin = "{vendor}"
operations = ["aanleveren", "statusinformatie", "ophalen"]
berichtsoorten = ["*"]
belanghebbenden = ["*"]
"""


@pytest.mark.parametrize("granted", ["zetstatus", "aanbieden"])
def test_the_table_of_parties_says_who_may(tmp_path: Path, granted: str) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        RIGHTS.format(agency=AGENCY_OIN, vendor=VENDOR_A_OIN, agency_may=f'"{granted}"')
    )
    with served(with_pki(tmp_path / "data"), "--config", str(config)) as running:
        kenmerk = delivered(running)
        may = {"zetstatus": report(running, kenmerk), "aanbieden": offer(running, kenmerk)}
        assert may.pop(granted).status_code == 200
        (refused,) = may.values()
        code = "ZST130" if granted == "aanbieden" else "BER130"
        assert_refused(refused, code, "PARTY-AUTHORISED")
        other = report(running, kenmerk, name="vendor-a")
        assert_refused(other, "ZST130", "PARTY-AUTHORISED")


# --- With the client of an agency ---------------------------------------------------------


@pytest.fixture
def reporting(gateway: Running) -> Iterator[Reporting]:
    folder = gateway.directory
    store = trust_store(
        load_certificates(folder / "ca.pem"), load_crls(folder / "crl"), profiles.TEST
    )
    agency = gateway.identity("agency")
    credentials = Credentials(agency, agency, store)
    client = Reporting(gateway.base, GATEWAY_OIN, lambda: credentials)
    yield client
    client.close()


def test_the_client_of_an_agency_reports_and_offers(gateway: Running, reporting: Reporting) -> None:
    kenmerk = delivered(gateway)
    message = ReturnMessage(
        kenmerk=kenmerk,
        berichtkenmerk=str(uuid4()),
        berichtsoort="Aanslag",
        offered_at=datetime.now(UTC),
        belanghebbende=Party("001000044B37", "Fi"),
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", "a.xml", b"<a/>"),
    )
    reporting.offer(message, new_id())
    wrong = Verdict(kenmerk, "another", "510", datetime.now(UTC))
    with pytest.raises(DigipoortFault) as caught:
        reporting.report(wrong, new_id())
    assert (caught.value.code, "[BERICHTKENMERK-KNOWN]" in caught.value.text) == ("ZST150", True)
    with pytest.raises(DigipoortFault) as caught:
        reporting.offer(replace(message, kenmerk="x"), new_id())
    assert caught.value.code == "BER150"
    assert messages_of(gateway, kenmerk) == [message.berichtkenmerk]
    assert gateway.statuses(kenmerk) == DELIVERED
