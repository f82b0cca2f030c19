"""Requests of stacks that nobody here wrote, frozen as they came: tests/vectors/README.md."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509

from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import Refusal
from digipoort_wus.names import TYPES
from digipoort_wus.pki.chain import CachingVerifier, VerifiedCertificate, trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls
from digipoort_wus.pki.profiles import TEST, Role
from digipoort_wus.server.contents import take_contents
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.header import read_security
from digipoort_wus.wss.oracle import ENGINES
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from digipoort_wus.wss.verify import Verified, verify_envelope
from digipoort_wus.xmlsafe.parse import parse_message
from tests.conftest import CERTS_TEST

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "tests" / "vectors").glob("*.xml"))
REFUSED = [path for path in FILES if path.stem.endswith("-file-default")]
GOOD = [path for path in FILES if path not in REFUSED]
ACTIONS = ("file", "statuses", "new-statuses", "list", "by-kenmerk")
BODY = {
    "file": "aanleverRequest",
    "statuses": "getStatussenProcesRequest",
    "new-statuses": "getNieuweStatussenProcesRequest",
    "list": "getBerichtenLijstRequest",
    "by-kenmerk": "getBerichtenKenmerkRequest",
}


def named(path: Path) -> str:
    return path.stem


def parts_of(path: Path) -> tuple[str, str, str]:
    """Return stack, algorithm and action of a vector's name."""
    match = re.fullmatch(r"(.+)-(sha1|sha256)-(.+)", path.stem)
    assert match is not None, path
    return match[1], match[2], match[3]


@cache
def verifier() -> CachingVerifier:
    directory = CERTS_TEST / "g1"
    store = trust_store(load_certificates(directory / "ca.pem"), load_crls(directory / "crl"), TEST)
    return CachingVerifier(store)


def trust(certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
    return verifier()(certificate, (), Role.SIGNER, at)


def created(octets: bytes) -> datetime:
    return read_security(read_envelope(parse_message(octets))).timestamp.created


def verify(octets: bytes, engine: str, now: datetime) -> Verified:
    message = read_envelope(parse_message(octets))
    return verify_envelope(
        message,
        read_addressing(message),
        policy=DIGIPOORT_1_2,
        trust=trust,
        now=now,
        engine=ENGINES[engine],
    )


def other_byte(octets: bytes, at: int) -> bytes:
    """Replace one octet by another that is as good there: a digit, a letter, a sign of base64."""
    return octets[:at] + (b"1" if octets[at : at + 1] != b"1" else b"2") + octets[at + 1 :]


def change_body(octets: bytes) -> bytes:
    body = re.search(rb"<[\w-]+:Body.+</[\w-]+:Body>", octets, re.DOTALL)
    assert body is not None
    text = re.search(rb">\w[^<]*<", body[0])
    if text is not None:
        return other_byte(octets, body.start() + text.start() + 1)
    # Without any text in it, one octet of white space is the least that can change.
    end = octets.rindex(b"</", 0, body.end())
    return octets[:end] + b" " + octets[end:]


def change_header(octets: bytes) -> bytes:
    match = re.search(rb"MessageID[^>]*>[^<]+<", octets)
    assert match is not None
    return other_byte(octets, match.end() - 2)


def change_created(octets: bytes) -> bytes:
    match = re.search(rb"Created>[^<]+?:\d(\d)(\.\d+)?Z<", octets)
    assert match is not None
    return other_byte(octets, match.start(1))


def test_every_stack_has_its_vectors() -> None:
    stacks = {path.parent.name for path in (ROOT / "interop").glob("*/run")} - {"ebms-saaj"}
    expected = {
        f"{stack}-{algorithm}-{action}.xml"
        for stack in stacks
        for algorithm in ("sha1", "sha256")
        for action in ACTIONS
    }
    assert expected
    assert expected <= {path.name for path in FILES}
    assert REFUSED


@pytest.mark.parametrize("engine", ["native", "signxml"])
@pytest.mark.parametrize("path", GOOD, ids=named)
def test_a_vector_verifies_at_its_own_time_and_follows_the_schema(path: Path, engine: str) -> None:
    _, algorithm, action = parts_of(path)
    octets = path.read_bytes()
    verified = verify(octets, engine, created(octets))
    assert verified.suite.name == algorithm
    assert verified.body_child.tag == f"{{{TYPES}}}{BODY[action]}"
    contents = take_contents(verified.body_child)
    validate(verified.body_child)
    filing = (ROOT / "interop" / "filing.xbrl").read_bytes()
    assert contents == ((filing,) if action == "file" else ())


@pytest.mark.parametrize("change", [change_body, change_header, change_created])
@pytest.mark.parametrize("path", GOOD, ids=named)
def test_a_vector_with_one_byte_changed_is_refused(
    path: Path, change: Callable[[bytes], bytes]
) -> None:
    octets = path.read_bytes()
    changed = change(octets)
    assert changed != octets
    with pytest.raises(Refusal) as caught:
        verify(changed, "both", created(octets))
    assert caught.value.check.id == "WSS-DIGEST"


@pytest.mark.parametrize("path", REFUSED, ids=named)
def test_the_default_of_node_soap_is_refused_for_its_transforms(path: Path) -> None:
    message = read_envelope(parse_message(path.read_bytes()))
    with pytest.raises(Refusal) as caught:
        read_security(message)
    assert caught.value.check.id == "WSS-TRANSFORM"
    assert "enveloped-signature" in caught.value.received
