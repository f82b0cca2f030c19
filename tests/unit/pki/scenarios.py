"""Questions to verify_certificate, built from the test hierarchies and their variations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import TrustStore, trust_store
from digipoort_wus.pki.issue import (
    Authority,
    Template,
    issue_authority,
    issue_certificate,
    issue_crl,
)
from digipoort_wus.pki.profiles import TEST, Acceptance, Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.pki.testplan import PLANS, ca_template, leaf_template

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAYS = 3650
CERTS_TEST = Path(__file__).parents[3] / "certs-test"
DAY = timedelta(days=1)
SMALL_KEY = rsa.generate_private_key(65537, 1024)
SPARE_KEY = rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class Question:
    """One call of verify_certificate, in values that openssl can be given as well."""

    leaf: x509.Certificate
    sent: Sequence[x509.Certificate]
    authorities: Sequence[x509.Certificate]
    crls: Sequence[x509.CertificateRevocationList]
    role: Role = Role.TLS_CLIENT
    at: datetime = NOW
    acceptance: Acceptance = TEST

    def store(self) -> TrustStore:
        return trust_store(self.authorities, self.crls, self.acceptance)


def ask(pki: TestPki, name: str = "vendor-a", role: Role = Role.TLS_CLIENT) -> Question:
    identity = pki.identities[name]
    crls = tuple(pki.crls.values())
    return Question(identity.certificate, identity.chain, pki.ca_certificates, crls, role)


def template_of(pki: TestPki, name: str = "vendor-a") -> Template:
    leaf = next(leaf for leaf in PLANS[pki.generation].leaves if leaf.name == name)
    return leaf_template(leaf, NOW, DAYS)


def ask_leaf(pki: TestPki, template: Template, issuer: str = "issuing-ca") -> Question:
    certificate = issue_certificate(template, SPARE_KEY.public_key(), pki.authorities[issuer])
    return replace(ask(pki), leaf=certificate)


def ask_without(pki: TestPki, ca: str, *others: x509.CertificateRevocationList) -> Question:
    crls = [crl for name, crl in pki.crls.items() if name != ca]
    return replace(ask(pki), crls=(*crls, *others))


def crl_of(
    authority: Authority, *revoked: int, since: datetime = NOW - DAY, until: datetime = NOW + DAY
) -> x509.CertificateRevocationList:
    listed = [(serial, NOW - DAY) for serial in revoked]
    return issue_crl(authority, listed, this_update=since, next_update=until)


def ask_below(pki: TestPki, template: Template, above: str, name: str = "vendor-a") -> Question:
    """Replace the issuing CA by one that says what the template says."""
    key = pki.authorities["issuing-ca"].key
    authority = issue_authority("issuing-ca", template, key, pki.authorities[above])
    leaf = issue_certificate(template_of(pki, name), SPARE_KEY.public_key(), authority)
    question = ask_without(pki, "issuing-ca", crl_of(authority))
    roots = (pki.authorities["root"].certificate, pki.authorities["intermediate"].certificate)
    return replace(question, leaf=leaf, sent=authority.sent_chain, authorities=roots)


def issuing_template(pki: TestPki) -> Template:
    return ca_template(PLANS[pki.generation].hierarchies[0], 2, NOW, DAYS)


def usage(
    *, signs: bool = False, enciphers: bool = False, certificates: bool = False, crls: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=enciphers,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=crls,
        encipher_only=False,
        decipher_only=False,
    )


def policies(*oids: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids]
    )


def subject(*serial_numbers: str) -> x509.Name:
    # As UTF8String: a PrintableString could not carry the characters of some cases.
    numbers = [
        x509.NameAttribute(NameOID.SERIAL_NUMBER, text, _ASN1Type.UTF8String)
        for text in serial_numbers
    ]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TEST"), *numbers])


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def policy_of(pki: TestPki) -> str:
    """The policy of a system certificate."""
    return profiles.TEST_G1_SERVER if pki.generation == "g1" else profiles.TRIAL_SYSTEM


def other_policy_of(pki: TestPki) -> str:
    """A policy that the CAs have as well, and that is accepted for nothing."""
    return "2.999.1003.1.2.8.5" if pki.generation == "g1" else "0.4.0.2042.1.2"


_HASHES: dict[str, int] = {"md5": 0x04, "sha1": 0x05}


def with_hash(
    whole: bytes, tbs: bytes, key: rsa.RSAPrivateKey, algorithm: hashes.HashAlgorithm
) -> bytes:
    """Sign a certificate or CRL of PKCS#1 with SHA-256 anew, with a weaker hash."""
    # The identifiers of the algorithms differ in their last octet.
    strong, weak = (
        bytes.fromhex("2a864886f70d0101") + bytes([end]) for end in (0x0B, _HASHES[algorithm.name])
    )
    changed = tbs.replace(strong, weak)
    signature = key.sign(changed, padding.PKCS1v15(), algorithm)
    return whole.replace(tbs, changed).replace(strong, weak)[: -len(signature)] + signature


def with_bit_string(pki: TestPki) -> x509.Certificate:
    """Return vendor-a's certificate with a BIT STRING for its country, rightly signed.

    cryptography raises TypeError when such a name is read.
    """
    issuer, leaf = pki.authorities["issuing-ca"], pki.identities["vendor-a"].certificate
    tbs = leaf.tbs_certificate_bytes
    # The last one: the issuer's name stands before the subject.
    before, _, after = tbs.rpartition(b"\x55\x04\x06\x13\x02NL")
    changed = before + b"\x55\x04\x06\x03\x02\x00L" + after
    signature = issuer.key.sign(changed, issuer.scheme.padding, issuer.scheme.algorithm)
    whole = der(leaf).replace(tbs, changed)[: -len(signature)] + signature
    return x509.load_der_x509_certificate(whole)
