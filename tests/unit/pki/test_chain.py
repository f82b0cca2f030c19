"""verify_certificate against the table of chains, and against the verdicts of two oracles."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from digipoort_wus import checks
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki.chain import trust_store, verify_certificate
from digipoort_wus.pki.profiles import TEST, Role
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.cases import CASES
from tests.unit.pki.cases.table import Case
from tests.unit.pki.oracle import openssl_accepts
from tests.unit.pki.oracle_pyhanko import pyhanko_accepts
from tests.unit.pki.scenarios import NOW, Question, ask, der, with_bit_string

Ask = Callable[[Case], Question]
# The leaf fixtures that a hierarchy in the shape of PKIoverheid is to be tried with.
ROWS = {
    "valid server",
    "valid client A",
    "valid client B",
    "expired",
    "not-yet-valid",
    "revoked leaf",
    "revoked TSP CA",
    "no serialNumber",
    "serialNumber 19 characters",
    "serialNumber 21 characters",
    "wrong policy",
    "EKU serverAuth only",
    "EKU absent",
    "KU without keyEncipherment",
    "RSA-2048",
    "RSA-1024",
    "SHA-1 signed",
    "hostname mismatch",
    "wildcard SAN",
    "IP SAN",
    "chain without intermediates",
    "unrelated root with same DN",
    "issuing CA pathlen violated",
    "CRL expired",
    "CRL missing",
    "CRL signed by wrong key",
    "OIN with suffix 001",
    "KvK OIN",
}


def refusal_of(question: Question) -> Refusal | None:
    try:
        verify_certificate(
            question.store(), question.leaf, question.sent, question.role, question.at
        )
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_table(case: Case, question_of: Ask) -> None:
    refusal = refusal_of(question_of(case))
    assert (refusal and refusal.check) == case.expected
    assert refusal is None or (refusal.expected and refusal.received)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_openssl(case: Case, question_of: Ask, tmp_path: Path) -> None:
    """Its verdict is ours, unless the case says why it is not."""
    accepted, said = openssl_accepts(question_of(case), tmp_path)
    assert accepted == ((case.expected is None) != bool(case.openssl)), said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_pyhanko(case: Case, question_of: Ask) -> None:
    """Its verdict is ours, unless the case says why it is not."""
    accepted, said = pyhanko_accepts(question_of(case))
    assert accepted == ((case.expected is None) != bool(case.pyhanko)), said


def test_ids_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


def test_what_both_oracles_judge_as_we_do() -> None:
    agreed = [case for case in CASES if not case.openssl and not case.pyhanko]
    assert len({case.name for case in agreed}) >= 40
    assert {case.expected for case in agreed} >= {
        None,
        checks.PKI_VALIDITY,
        checks.PKI_CHAIN,
        checks.PKI_PURPOSE,
        checks.PKI_POLICY,
        checks.PKI_CRL,
        checks.PKI_REVOKED,
    }


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_every_row_of_the_fixture_list_is_there(generation: str) -> None:
    assert {case.row for case in CASES if case.generation == generation} - {""} == ROWS


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


def test_sha1_is_said_apart_from_no_path(question_of: Ask) -> None:
    for case in CASES:
        if case.name == "signed with SHA-1":
            refusal = refusal_of(question_of(case))
            assert refusal is not None
            assert refusal.received == "sha1"


def test_a_name_that_cannot_be_read_is_a_refusal(g1: TestPki) -> None:
    """What cryptography raises for it is no ValueError."""
    leaf = with_bit_string(g1)
    with pytest.raises(TypeError):
        assert leaf.subject
    for question in (replace(ask(g1), leaf=leaf), replace(ask(g1), sent=(leaf,))):
        refusal = refusal_of(question)
        assert refusal is not None
        assert refusal.check is checks.PKI_CHAIN
        assert refusal.received == "one that cannot be read (TypeError)"


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
