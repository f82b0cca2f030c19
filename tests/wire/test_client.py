"""The client against a real gateway: every operation, and the commands, over mutual TLS."""

import importlib
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
from digipoort_wus.client.errors import AnswerRefused, ConnectionFailed, DigipoortFault
from digipoort_wus.client.results import ending_of
from digipoort_wus.client.tls import tls_context
from digipoort_wus.client.transport import DigipoortTransport
from digipoort_wus.client.wsse import (
    DigipoortAddressing,
    DigipoortWsse,
    new_message_id,
    signer_trust,
)
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import TrustStore, trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls
from digipoort_wus.pki.testplan import GATEWAY_OIN
from digipoort_wus.process.api import Period, Scope
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.policy import SUITE_SHA1, SUITE_SHA256, Suite
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import XBRL
from tests.wire.conftest import Running, Wire

PARTY = Party("001000044B37", "Fi")
DOCUMENT = Document("application/xml", "Omzetbelasting.xbrl", XBRL)
HAPPY = ["105", "100", "110", "200", "301", "301", "405", "400", "500"]
Connect = Callable[..., DigipoortClient]


def trust(gateway: Running) -> TrustStore:
    return trust_store(
        load_certificates(gateway.directory / "ca.pem"),
        load_crls(gateway.directory / "crl"),
        profiles.TEST,
    )


def base(gateway: Running) -> str:
    return gateway.urls[0].partition("/wus")[0]


@pytest.fixture
def connect(gateway: Running) -> Iterator[Connect]:
    made: list[DigipoortClient] = []

    def connect(name: str = "vendor-a", **options: Any) -> DigipoortClient:
        options = {"gateway_oins": frozenset({GATEWAY_OIN})} | options
        client = DigipoortClient(
            Endpoints.at(base(gateway)),
            identity=gateway.identity(name),
            trust=trust(gateway),
            **options,
        )
        made.append(client)
        return client

    yield connect
    for client in made:
        client.close()


@pytest.mark.parametrize("suite", [SUITE_SHA256, SUITE_SHA1], ids=lambda suite: suite.name)
def test_all_twelve_operations(connect: Connect, suite: Suite) -> None:
    client = connect(suite=suite)
    # 1: aanleveren
    receipt = client.submit(
        DOCUMENT,
        berichtsoort="Omzetbelasting",
        belanghebbende=PARTY,
        aanleverkenmerk=f"client-{suite.name}",
    )
    assert receipt.aanleverkenmerk == f"client-{suite.name}"
    assert receipt.signer == GATEWAY_OIN
    kenmerk = receipt.kenmerk
    told: list[str] = []
    # 2: getStatussenProces
    found = client.wait(kenmerk, timeout=30, on_status=lambda status: told.append(status.code))
    assert [status.code for status in found] == told == HAPPY
    assert ending_of(found) == "success"
    assert {status.belanghebbende for status in found} == {PARTY}
    assert client.statuses(kenmerk, period=Period(end=receipt.received_at))[0].code == "105"
    # 3 and 4: getNieuweStatussenProces marks, so getNieuweStatussen has none of it left
    assert client.statuses(kenmerk, scope=Scope.NEW) == found
    assert client.statuses(kenmerk, scope=Scope.NEW) == ()
    new = client.new_statuses("Omzetbelasting", PARTY)
    assert kenmerk not in {status.kenmerk for status in new}
    # 5 and 6: getBerichtsoorten, getProcessen
    assert "Omzetbelasting" in client.berichtsoorten(PARTY)
    assert kenmerk in {entry.kenmerk for entry in client.processes("Omzetbelasting", PARTY)}
    # 7 and 8: the two lists
    assert kenmerk in {entry.kenmerk for entry in client.message_list()}
    assert kenmerk in {
        entry.kenmerk
        for entry in client.message_list(berichtsoort="Omzetbelasting", scope=Scope.NEW)
    }
    # 9 and 10: messages of a process
    (message,) = client.messages_of(kenmerk)
    assert message.document.content
    assert client.messages_of(kenmerk, scope=Scope.NEW) == (message,)
    assert client.messages_of(kenmerk, scope=Scope.NEW) == ()
    # 11 and 12: messages for a party
    assert message in client.messages(PARTY)
    assert message not in client.messages(PARTY, scope=Scope.NEW)


def test_the_receipt_holds_the_signed_answer(connect: Connect) -> None:
    receipt = connect().submit(
        DOCUMENT, berichtsoort="Omzetbelasting", belanghebbende=PARTY, message_id="urn:uuid:kept"
    )
    envelope = read_envelope(parse_message(receipt.answer))
    assert read_addressing(envelope).relates_to == receipt.message_id == "urn:uuid:kept"


def test_attachments_and_bytes_arrive(connect: Connect) -> None:
    attachment = Document("application/octet-stream", "a.bin", bytes(range(256)))
    receipt = connect().submit(
        DOCUMENT, berichtsoort="Omzetbelasting", belanghebbende=PARTY, attachments=[attachment]
    )
    assert receipt.kenmerk


def test_a_document_of_the_greatest_size(connect: Connect) -> None:
    content = b"<a>" + b"x" * (20_971_520 - 7) + b"</a>"
    client, large = connect(), Document("application/xml", "a.xml", content)
    # A scenario's content is not looked at.
    receipt = client.submit(
        large,
        berichtsoort="Omzetbelasting",
        belanghebbende=PARTY,
        aanleverkenmerk="Happyflow",
    )
    assert receipt.kenmerk
    too_large = Document("application/xml", "a.xml", content + b" ")
    with pytest.raises(DigipoortFault, match="ALS100"):
        client.submit(too_large, berichtsoort="Omzetbelasting", belanghebbende=PARTY)


def test_a_fault_is_typed(connect: Connect) -> None:
    with pytest.raises(DigipoortFault) as caught:
        connect().statuses("00000000-0000-0000-0000-000000000000")
    assert (caught.value.code, caught.value.signed) == ("STS150", False)
    assert "KENMERK-KNOWN" in caught.value.text


def test_a_process_of_somebody_else_is_not_shown(connect: Connect) -> None:
    receipt = connect().submit(DOCUMENT, berichtsoort="Omzetbelasting", belanghebbende=PARTY)
    with pytest.raises(DigipoortFault, match="STS150"):
        connect("vendor-b").statuses(receipt.kenmerk)


@pytest.mark.parametrize(
    ("name", "words"),
    [("vendor-expired", "has expired"), ("vendor-revoked", "is revoked")],
)
def test_a_bad_client_certificate_is_named(connect: Connect, name: str, words: str) -> None:
    with pytest.raises(ConnectionFailed, match=words):
        connect(name).message_list()


def test_another_signer_than_the_expected_one_is_refused(connect: Connect) -> None:
    client = connect(gateway_oins=frozenset({"00000099000000009000"}))
    with pytest.raises(AnswerRefused, match="ANSWER-SIGNER"):
        client.message_list()


def command(gateway: Running, *arguments: object) -> "subprocess.CompletedProcess[str]":
    options = ["--url", base(gateway), "--pki-dir", str(gateway.directory)]
    words = [sys.executable, "-m", "digipoort_wus", *map(str, arguments), *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_the_commands(gateway: Running, tmp_path: Path) -> None:
    instance = tmp_path / "ob.xbrl"
    instance.write_bytes(XBRL)
    submitted = command(gateway, "submit", instance, "--berichtsoort", "Omzetbelasting", "--wait")
    assert submitted.returncode == 0, submitted.stderr
    kenmerk = submitted.stdout.strip()
    status = command(gateway, "status", kenmerk)
    assert [line.split()[2] for line in status.stdout.splitlines()] == HAPPY
    fetched = command(gateway, "fetch", "--kenmerk", kenmerk, "--output-dir", tmp_path / "out")
    assert Path(fetched.stdout.strip()).read_bytes()
    assert command(gateway, "status", "unknown").returncode == 4


@pytest.mark.parametrize("scenario", ["Afleverfout", "Foutuitvragendepartij"])
def test_a_filing_that_ends_in_failure(gateway: Running, tmp_path: Path, scenario: str) -> None:
    instance = tmp_path / "ob.xbrl"
    instance.write_bytes(XBRL)
    done = command(
        gateway, "submit", instance, "--berichtsoort", "Omzetbelasting", "--wait",
        "--aanleverkenmerk", scenario,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr


def test_zeep_alone_with_the_two_plug_ins(gateway: Running) -> None:
    """What somebody writes who has a zeep client already."""
    zeep: Any = importlib.import_module("zeep")
    identity, store = gateway.identity("vendor-a"), trust(gateway)
    transport = DigipoortTransport(identity, store)
    client = zeep.Client(
        f"{gateway.urls[1]}?wsdl",
        transport=transport,
        plugins=[DigipoortAddressing()],
        wsse=DigipoortWsse(identity, signer_trust(store, frozenset({GATEWAY_OIN}))),
        settings=zeep.Settings(strict=True, xml_huge_tree=True, forbid_dtd=True),
    )
    party = {"nummer": PARTY.number, "type": PARTY.type}
    assert "Omzetbelasting" in client.service.getBerichtsoorten(identiteitBelanghebbende=party)
    with pytest.raises(DigipoortFault, match="STS150"):
        client.service.getStatussenProces(kenmerk="unknown")
    transport.close()


def test_a_repeat_under_the_same_message_id_is_not_filed_twice(connect: Connect) -> None:
    client, message_id = connect(), new_message_id()
    first, second = (
        client.submit(
            DOCUMENT, berichtsoort="Omzetbelasting", belanghebbende=PARTY, message_id=message_id
        )
        for _ in range(2)
    )
    assert first.kenmerk == second.kenmerk
    assert first.received_at == second.received_at


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_suite_of_a_connection(gateway: Running, version: ssl.TLSVersion) -> None:
    """Client and gateway agree on what NCSC calls good, in both versions."""
    context = tls_context(gateway.identity("vendor-a"), trust(gateway))
    context.maximum_version = version
    with Wire(gateway, context=context) as wire:
        cipher = wire.socket.cipher()
    assert cipher is not None
    assert cipher[0] in ("ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384")
