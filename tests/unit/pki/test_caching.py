"""A remembered answer is the one that would be given anew, at every moment."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus import checks
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.pki import chain
from digipoort_wus.pki.anchors import Anchor
from digipoort_wus.pki.chain import CachingVerifier, verify_certificate
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.cases import CASES
from tests.unit.pki.cases.table import Case
from tests.unit.pki.scenarios import DAY, NOW, Question, ask, ask_without, crl_of

SECOND = timedelta(seconds=1)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The moments at which a chain was really verified."""
    moments: list[datetime] = []
    original = chain._path

    def path(
        store: chain.TrustStore,
        leaf: x509.Certificate,
        sent: tuple[x509.Certificate, ...],
        role: Role,
        at: datetime,
    ) -> tuple[tuple[x509.Certificate, ...], Anchor]:
        moments.append(at)
        return original(store, leaf, sent, role, at)

    monkeypatch.setattr(chain, "_path", path)
    return moments


def refused(verifier: CachingVerifier, question: Question, at: datetime) -> Check:
    with pytest.raises(Refusal) as caught:
        verifier(question.leaf, question.sent, question.role, at)
    return caught.value.check


def test_second_time_is_remembered(g1: TestPki, counted: list[datetime]) -> None:
    question = ask(g1)
    verifier = CachingVerifier(question.store())
    first = verifier(question.leaf, question.sent, question.role, NOW)
    later = verifier(question.leaf, question.sent, question.role, NOW + timedelta(hours=1))
    assert first is later
    assert counted == [NOW]


def test_role_and_neighbours_are_part_of_the_question(g4: TestPki, counted: list[datetime]) -> None:
    question = ask(g4, "vendor-a-auth")
    verifier = CachingVerifier(question.store())
    verifier(question.leaf, question.sent, Role.TLS_CLIENT, NOW)
    verifier(question.leaf, (), Role.TLS_CLIENT, NOW)
    assert refused(verifier, replace(question, role=Role.SIGNER), NOW) is checks.PKI_POLICY
    assert len(counted) == 3


def test_what_needs_a_sent_intermediate_keeps_needing_it(g1: TestPki) -> None:
    question = replace(ask(g1), authorities=(g1.authorities["root"].certificate,))
    verifier = CachingVerifier(question.store())
    verifier(question.leaf, question.sent, question.role, NOW)
    assert refused(verifier, replace(question, sent=()), NOW) is checks.PKI_CHAIN


@pytest.mark.parametrize("ca", ["issuing-ca", "intermediate", "root"])
def test_clock_past_next_update(g1: TestPki, ca: str) -> None:
    question = ask_without(g1, ca, crl_of(g1.authorities[ca]))
    verifier = CachingVerifier(question.store())
    for moment in (NOW, NOW + DAY, NOW - DAY):
        verifier(question.leaf, question.sent, question.role, moment)
    assert refused(verifier, question, NOW + DAY + SECOND) is checks.PKI_CRL
    assert refused(verifier, question, NOW - DAY - SECOND) is checks.PKI_CRL


def test_clock_past_the_certificate(g1: TestPki) -> None:
    question = ask(g1)
    since, until = question.leaf.not_valid_before_utc, question.leaf.not_valid_after_utc
    verifier = CachingVerifier(question.store())
    for moment in (NOW, until, since):
        verifier(question.leaf, question.sent, question.role, moment)
    assert refused(verifier, question, until + SECOND) is checks.PKI_VALIDITY
    assert refused(verifier, question, since - SECOND) is checks.PKI_VALIDITY


def test_a_newer_list_takes_over_at_its_time(g1: TestPki) -> None:
    authority, question = g1.authorities["issuing-ca"], ask(g1)
    first = crl_of(authority, since=NOW - DAY, until=NOW + 3 * DAY)
    second = crl_of(authority, question.leaf.serial_number, since=NOW + DAY, until=NOW + 3 * DAY)
    question = ask_without(g1, "issuing-ca", first, second)
    verifier = CachingVerifier(question.store())
    verifier(question.leaf, question.sent, question.role, NOW)
    assert refused(verifier, question, NOW + DAY) is checks.PKI_REVOKED
    verifier(question.leaf, question.sent, question.role, NOW)


def test_another_signature_makes_another_certificate(g1: TestPki, counted: list[datetime]) -> None:
    question = ask(g1)
    verifier = CachingVerifier(question.store())
    verifier(question.leaf, question.sent, question.role, NOW)
    octets = question.leaf.public_bytes(Encoding.DER)
    forged = x509.load_der_x509_certificate(octets[:-1] + bytes([octets[-1] ^ 1]))
    assert refused(verifier, replace(question, leaf=forged), NOW) is checks.PKI_CHAIN
    again = x509.load_der_x509_certificate(octets)
    verifier(again, question.sent, question.role, NOW)
    assert len(counted) == 2


def test_refusals_are_not_remembered(g1: TestPki, counted: list[datetime]) -> None:
    question = ask(g1, "vendor-revoked")
    verifier = CachingVerifier(question.store())
    for _ in range(2):
        assert refused(verifier, question, NOW) is checks.PKI_REVOKED
    assert len(counted) == 2
    assert not verifier._answers


def test_cache_is_bounded_and_forgets_the_least_used(g1: TestPki, counted: list[datetime]) -> None:
    verifier = CachingVerifier(g1.trust_store(), max_entries=2)

    def verify(name: str) -> None:
        verifier(g1.identities[name].certificate, (), Role.SIGNER, NOW)

    for name in ("vendor-a", "vendor-b", "vendor-a", "agency", "vendor-a"):
        verify(name)
    assert len(counted) == 3
    assert len(verifier._answers) == 2
    verify("vendor-b")
    assert len(counted) == 4


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_same_answer_as_without_cache(case: Case, question_of: Callable[[Case], Question]) -> None:
    question = question_of(case)
    store = question.store()
    verifier = CachingVerifier(store)
    moments = (NOW, question.at, NOW + 20 * 366 * DAY, question.at, NOW - 366 * DAY, question.at)
    for moment in moments:
        arguments = (question.leaf, question.sent, question.role, moment)
        try:
            plain: object = verify_certificate(store, *arguments)
        except Refusal as refusal:
            assert refused(verifier, question, moment) is refusal.check  # noqa: PT017
        else:
            assert verifier(*arguments) == plain
