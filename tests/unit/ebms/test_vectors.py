"""Messages of interop/ebms-saaj, frozen as they came: tests/vectors/README.md."""

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509

from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.errors import ErrorCode
from digipoort_wus.ebms.message import MessageStatus, PartyId
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.ebms.opening import Inbound, Opened, Turned, open_message
from digipoort_wus.ebms.partners import Ours, Partner
from digipoort_wus.ebms.signals import Kind
from digipoort_wus.ebms.signature import same_references
from digipoort_wus.filing.content import read_content
from digipoort_wus.pki.chain import CachingVerifier, VerifiedCertificate, trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem
from digipoort_wus.pki.profiles import TEST, Role
from tests.conftest import CERTS_TEST

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors" / "ebms-saaj"
FILES = sorted(VECTORS.glob("*.mime"))
PKI = CERTS_TEST / "g1"
AGENCY, GATEWAY = "agency", "gateway-tls"
OINS = {AGENCY: "00000099000000004000", GATEWAY: "00000099000000001000"}
KINDS = {
    "deliver": Kind.BUSINESS,
    "Acknowledgment": Kind.ACKNOWLEDGMENT,
    "MessageError": Kind.MESSAGE_ERROR,
    "Ping": Kind.PING,
    "Pong": Kind.PONG,
    "StatusRequest": Kind.STATUS_REQUEST,
    "StatusResponse": Kind.STATUS_RESPONSE,
}
FROM_GATEWAY = {"Acknowledgment", "MessageError", "Pong", "StatusResponse"}
"""What the second party answered; the rest is of the first."""


def named(path: Path) -> str:
    return path.stem


def parts_of(path: Path) -> tuple[str, str, str]:
    """Return style, profile and action of a vector's name."""
    match = re.fullmatch(r"(\w+)-(osb-.+)-(\w+)", path.stem)
    assert match is not None, path
    return match[1], match[2], match[3]


@cache
def verifier() -> CachingVerifier:
    store = trust_store(load_certificates(PKI / "ca.pem"), load_crls(PKI / "crl"), TEST)
    return CachingVerifier(store)


def trust(leaf: x509.Certificate, sent: object, at: datetime) -> VerifiedCertificate:
    return verifier()(leaf, (), Role.SIGNER, at)


@cache
def ours(name: str) -> Ours:
    agreements = [read_agreement(path.read_bytes()) for path in VECTORS.glob("cpa-*.xml")]
    return Ours(
        frozenset({PartyId(OINS[name], OIN_TYPE)}),
        (load_pem(PKI / f"{name}.pem", PKI / f"{name}.key"),),
        {each.cpa_id: Partner(each) for each in agreements},
        trust,
    )


def inbound(octets: bytes, peer: str) -> Inbound:
    head, _, body = octets.partition(b"\r\n\r\n")
    match = re.search(rb"Timestamp>([^<]+)<", body)
    # In base64 no Timestamp can be seen; these agreements are in force for long.
    at = datetime.fromisoformat(match[1].decode()) if match else datetime(2026, 11, 22, tzinfo=UTC)
    certificate = x509.load_pem_x509_certificate((PKI / f"{peer}.pem").read_bytes())
    return Inbound(head.decode().partition(": ")[2], body, certificate, at)


def opened(path: Path, octets: bytes | None = None) -> Opened | Turned:
    sender, receiver = (GATEWAY, AGENCY) if parts_of(path)[2] in FROM_GATEWAY else (AGENCY, GATEWAY)
    return open_message(
        inbound(path.read_bytes() if octets is None else octets, sender), ours(receiver)
    )


def test_there_are_vectors_of_every_style_and_kind() -> None:
    found = {parts_of(path) for path in FILES}
    for style in ("core", "saaj", "base64", "exclusive"):
        assert {action for each, _, action in found if each == style} == set(KINDS)
        assert {profile for each, profile, _ in found if each == style} == {
            path.stem.removeprefix("cpa-") for path in VECTORS.glob("cpa-*.xml")
        }


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_foreign_message_is_read_and_verified(path: Path) -> None:
    _, profile, action = parts_of(path)
    found = opened(path)
    assert isinstance(found, Opened), found
    assert found.kind is KINDS[action]
    assert found.message.header.cpa_id == profile
    signed = re.search("-[se](-|$)", profile) and action in ("deliver", "Acknowledgment")
    assert (found.signer is not None) == bool(signed)
    if action == "deliver":
        filing, octets = (read_content(payload.content) for payload in found.payloads)
        assert filing == (ROOT / "interop" / "filing.xbrl").read_bytes()
        assert octets.startswith(bytes(range(256)))
        assert found.message.sync_reply == profile.endswith("-sync")
    if action == "StatusResponse":
        assert found.message.status_response is not None
        assert found.message.status_response.status is MessageStatus.RECEIVED
    if action == "MessageError":
        (error,) = found.message.errors
        assert (error.code, error.location) == ("SecurityFailure", "//Header/Signature")


SIGNED = [path for path in FILES if re.search(r"-[se](-sync)?-(deliver|Acknowl)", path.stem)]
IN_THE_CLEAR = [path for path in SIGNED if parts_of(path)[0] != "base64"]


@pytest.mark.parametrize("path", IN_THE_CLEAR, ids=named)
@pytest.mark.parametrize("what", [b"MessageId>", b"ConversationId>", b"DigestValue>"])
def test_a_changed_octet_is_noticed(path: Path, what: bytes) -> None:
    octets = bytearray(path.read_bytes())
    at = octets.index(what) + len(what)
    octets[at] = ord("9") if octets[at] != ord("9") else ord("8")
    found = opened(path, bytes(octets))
    assert isinstance(found, Turned), what
    assert found.refusal.code is ErrorCode.SECURITY_FAILURE


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.stem.endswith("-s-Acknowledgment")], ids=named
)
def test_an_acknowledgment_repeats_the_references_of_its_message(path: Path) -> None:
    acknowledgment = opened(path)
    message = opened(path.with_stem(path.stem.replace("Acknowledgment", "deliver")))
    assert isinstance(message, Opened)
    assert isinstance(acknowledgment, Opened)
    told = acknowledgment.message.acknowledgment
    assert told is not None
    assert told.ref_to_message_id == message.message.header.message_id
    same_references(message.references, told.references)
