"""The verdict of pyhanko-certvalidator on the same chain, with the same moment and CRLs."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import asn1crypto.crl
import asn1crypto.x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    InvalidCertificateError,
    PathBuildingError,
    ValidationError,
)
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    DisallowWeakAlgorithmsPolicy,
    PKIXValidationParams,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)

from digipoort_wus.pki.profiles import PURPOSES, Role
from tests.unit.pki.scenarios import Question

_DER = serialization.Encoding.DER
_WEAK = frozenset({"md2", "md5", "sha1"})
_EVERY_LEVEL = RevocationCheckingPolicy(
    RevocationCheckingRule.CRL_REQUIRED, RevocationCheckingRule.CRL_REQUIRED
)


def pyhanko_accepts(question: Question) -> tuple[bool, str]:
    """Return its verdict and what it said."""
    said = []
    # It demands every purpose that it is asked for; ours wants one of several.
    for purpose in sorted(_purposes(question.role)):
        try:
            asyncio.run(_ask(question, purpose))
        except (ValidationError, PathBuildingError, InvalidCertificateError, ValueError) as error:
            said.append(f"{purpose}: {type(error).__name__}: {error}")
        else:
            return True, ""
    return False, "\n".join(said)


def _purposes(role: Role) -> Iterable[str]:
    for oid in PURPOSES[role].extended:
        yield str(asn1crypto.x509.KeyPurposeId(oid.dotted_string).native)


async def _ask(question: Question, purpose: str) -> None:
    store = question.store()
    context = ValidationContext(
        trust_roots=[_certificate(root) for root in store.anchors],
        other_certs=[_certificate(item) for item in (*question.sent, *store.intermediates)],
        crls=[asn1crypto.crl.CertificateList.load(crl.public_bytes(_DER)) for crl in question.crls],
        moment=question.at,
        time_tolerance=timedelta(0),
        revinfo_policy=CertRevTrustPolicy(_EVERY_LEVEL),
        algorithm_usage_policy=DisallowWeakAlgorithmsPolicy(_WEAK),
    )
    validator = CertificateValidator(
        _certificate(question.leaf),
        validation_context=context,
        pkix_params=PKIXValidationParams(
            user_initial_policy_set=question.acceptance.policies[question.role],
            initial_explicit_policy=True,
        ),
    )
    usage = {
        "digitalSignature": "digital_signature",
        "keyEncipherment": "key_encipherment",
    }[PURPOSES[question.role].usage]
    await validator.async_validate_usage({usage}, {purpose}, extended_optional=True)


def _certificate(certificate: x509.Certificate) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(certificate.public_bytes(_DER))
