"""The policies as tables: what each says, and that the services name one that exists."""

import pytest

from digipoort_wus.names import ENDPOINTS, RSA_SHA1, SHA1
from digipoort_wus.wss.policy import (
    DIGIKOPPELING_3_0_BE,
    DIGIKOPPELING_3_0_BE_S,
    DIGIPOORT_1_2,
    HASHES,
    PADDINGS,
    POLICIES,
    SUITES_PSS,
    SUITES_SHA2,
    Confirmation,
    FaultSignature,
    Replay,
    SecurityPolicy,
    Signature,
    with_pss,
    without_sha1,
)

EVERY = pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)


def test_their_names() -> None:
    assert list(POLICIES) == [
        "digipoort-1.2",
        "digikoppeling-3.0-be",
        "digikoppeling-3.0-be-S",
    ]
    assert {service.policy for service in ENDPOINTS.values()} == set(POLICIES)


@EVERY
def test_a_policy_is_of_one_piece(policy: SecurityPolicy) -> None:
    signs = policy.signature is Signature.REQUIRED
    assert bool(policy.suites) == signs
    assert (policy.replay is Replay.REFUSED) == signs
    if not signs:
        assert policy.confirmation is Confirmation.NEVER
        assert policy.fault_signature is FaultSignature.NEVER
    assert policy.skew < policy.max_window
    assert policy.max_age < policy.max_window
    assert policy.signature_algorithms <= set(PADDINGS)
    assert policy.digest_algorithms <= set(HASHES)


def test_seconds() -> None:
    seconds = [
        (policy.skew.total_seconds(), policy.max_age.total_seconds())
        for policy in POLICIES.values()
    ]
    assert seconds == [(300, 600), (300, 300), (300, 300)]


def test_sha1_is_digipoorts_alone() -> None:
    assert RSA_SHA1 in DIGIPOORT_1_2.signature_algorithms
    for policy in (DIGIKOPPELING_3_0_BE, DIGIKOPPELING_3_0_BE_S, without_sha1(DIGIPOORT_1_2)):
        assert RSA_SHA1 not in policy.signature_algorithms
        assert SHA1 not in policy.digest_algorithms
    assert DIGIKOPPELING_3_0_BE_S.suites == SUITES_SHA2


def test_pss_is_a_variant_of_policies_with_signatures() -> None:
    added = with_pss(DIGIKOPPELING_3_0_BE_S).signature_algorithms
    assert added - DIGIKOPPELING_3_0_BE_S.signature_algorithms == {
        suite.signature for suite in SUITES_PSS
    }
    assert with_pss(DIGIKOPPELING_3_0_BE) == DIGIKOPPELING_3_0_BE


def test_no_dsa_no_ecdsa_no_hmac() -> None:
    for uri in PADDINGS:
        assert "rsa" in uri
