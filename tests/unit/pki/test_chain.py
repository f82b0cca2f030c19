"""verify_certificate against the table of chains, and against openssl's verdict on it."""

import random
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from digipoort_wus import checks
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki.chain import trust_store, verify_certificate
from digipoort_wus.pki.profiles import TEST, Role
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.cases import CASES, Case
from tests.unit.pki.oracle import openssl_accepts
from tests.unit.pki.scenarios import NOW, Question, ask, der


def refusal_of(question: Question) -> Refusal | None:
    try:
        verify_certificate(
            question.store(), question.leaf, question.sent, question.role, question.at
        )
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_table(case: Case, g1: TestPki, g4: TestPki) -> None:
    refusal = refusal_of(case.build(g1, g4))
    assert (refusal and refusal.check) == case.expected
    assert refusal is None or (refusal.expected and refusal.received)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.judged], ids=lambda case: case.name
)
def test_openssl_agrees(case: Case, g1: TestPki, g4: TestPki, tmp_path: Path) -> None:
    accepted, said = openssl_accepts(case.build(g1, g4), tmp_path)
    assert accepted == (case.expected is None), said


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_result(g1: TestPki) -> None:
    question = ask(g1)
    verified = verify_certificate(
        question.store(), question.leaf, question.sent, question.role, NOW
    )
    assert verified.oin == "00000099000000002000"
    assert verified.certificate == question.leaf
    names = ("issuing-ca", "intermediate", "root")
    assert verified.chain == (
        question.leaf,
        *(g1.authorities[name].certificate for name in names),
    )


def test_explanation_gives_technical_values(g1: TestPki) -> None:
    question = ask(g1, "vendor-expired")
    with pytest.raises(Refusal) as caught:
        verify_certificate(question.store(), question.leaf, (), Role.SIGNER, NOW)
    assert caught.value.received == "notAfter 2026-10-23T12:00:00Z"
    assert caught.value.expected == "valid at 2026-11-22T12:00:00Z"


def test_sha1_is_said_apart_from_no_path(g1: TestPki, g4: TestPki) -> None:
    (case,) = (case for case in CASES if case.name == "signed with SHA-1")
    refusal = refusal_of(case.build(g1, g4))
    assert refusal is not None
    assert refusal.received == "sha1"


def test_refusals_do_not_name_the_subject(g1: TestPki, g4: TestPki) -> None:
    question = ask(g1)
    with pytest.raises(Refusal) as caught:
        verify_certificate(g4.trust_store(), question.leaf, (), Role.SIGNER, NOW)
    assert caught.value.check is checks.PKI_CHAIN
    assert "vendor-a" not in str(caught.value)


def test_the_second_of_not_after_is_valid(g1: TestPki) -> None:
    question = ask(g1)
    last = question.leaf.not_valid_after_utc + timedelta(microseconds=999_999)
    store = question.store()
    verify_certificate(store, question.leaf, (), Role.SIGNER, last)
    with pytest.raises(Refusal):
        verify_certificate(store, question.leaf, (), Role.SIGNER, last + timedelta(microseconds=1))


def test_changed_certificates_are_refused_and_never_crash(g1: TestPki) -> None:
    original, store, choice = der(ask(g1).leaf), g1.trust_store(), random.Random(7)
    loaded = 0
    for _ in range(600):
        changed = bytearray(original)
        changed[choice.randrange(len(changed))] ^= choice.randrange(1, 256)
        try:
            leaf = x509.load_der_x509_certificate(bytes(changed))
        except ValueError:
            continue
        loaded += 1
        with pytest.raises(Refusal):
            verify_certificate(store, leaf, (), Role.TLS_CLIENT, NOW)
        with pytest.raises(Refusal):
            verify_certificate(store, ask(g1).leaf, (leaf,) * 9, Role.TLS_CLIENT, NOW)
    assert loaded > 100


def test_a_store_needs_an_anchor(g1: TestPki) -> None:
    with pytest.raises(ConfigurationError, match="trust anchor"):
        trust_store([g1.authorities["issuing-ca"].certificate], [], TEST)


def test_a_store_takes_no_parties(g1: TestPki) -> None:
    with pytest.raises(ConfigurationError, match="no CA certificate"):
        trust_store([*g1.ca_certificates, ask(g1).leaf], [], TEST)
