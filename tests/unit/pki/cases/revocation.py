"""Certificates on a CRL, and CRLs that do not count."""

from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from digipoort_wus import checks
from digipoort_wus.pki.issue import PKCS1_SHA256
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.cases.table import Table
from tests.unit.pki.scenarios import (
    DAY,
    NOW,
    SPARE_KEY,
    Question,
    ask,
    ask_below,
    ask_without,
    crl_of,
    issuing_template,
    usage,
    with_hash,
)

table = Table()
case = table.case


@case("revoked leaf", checks.PKI_REVOKED, row="revoked leaf")
def _(pki: TestPki) -> Question:
    return ask(pki, "vendor-revoked")


@case("revoked leaf, as signer", checks.PKI_REVOKED)
def _(pki: TestPki) -> Question:
    return ask(pki, "vendor-revoked", Role.SIGNER)


@case("revoked TSP CA", checks.PKI_REVOKED, row="revoked TSP CA")
def _(pki: TestPki) -> Question:
    serial = pki.authorities["issuing-ca"].certificate.serial_number
    return ask_without(pki, "intermediate", crl_of(pki.authorities["intermediate"], serial))


@case("revoked domain CA", checks.PKI_REVOKED)
def _(pki: TestPki) -> Question:
    serial = pki.authorities["intermediate"].certificate.serial_number
    return ask_without(pki, "root", crl_of(pki.authorities["root"], serial))


@case("no CRL of the issuing CA", checks.PKI_CRL, row="CRL missing")
def _(pki: TestPki) -> Question:
    return ask_without(pki, "issuing-ca")


@case("no CRL of the domain CA", checks.PKI_CRL)
def _(pki: TestPki) -> Question:
    return ask_without(pki, "intermediate")


@case("no CRL of the root", checks.PKI_CRL)
def _(pki: TestPki) -> Question:
    return ask_without(pki, "root")


@case("stale CRL", checks.PKI_CRL, row="CRL expired")
def _(pki: TestPki) -> Question:
    stale = crl_of(pki.authorities["issuing-ca"], since=NOW - 2 * DAY, until=NOW - DAY)
    return ask_without(pki, "issuing-ca", stale)


@case("stale CRL of the domain CA", checks.PKI_CRL)
def _(pki: TestPki) -> Question:
    stale = crl_of(pki.authorities["intermediate"], since=NOW - 2 * DAY, until=NOW - DAY)
    return ask_without(pki, "intermediate", stale)


@case("CRL of tomorrow", checks.PKI_CRL)
def _(pki: TestPki) -> Question:
    early = crl_of(pki.authorities["issuing-ca"], since=NOW + DAY, until=NOW + 2 * DAY)
    return ask_without(pki, "issuing-ca", early)


@case("CRL signed by another key", checks.PKI_CRL, row="CRL signed by wrong key")
def _(pki: TestPki) -> Question:
    forged = crl_of(replace(pki.authorities["issuing-ca"], key=SPARE_KEY))
    return ask_without(pki, "issuing-ca", forged)


@case("CRL signed by the key of the root", checks.PKI_CRL)
def _(pki: TestPki) -> Question:
    forged = crl_of(replace(pki.authorities["issuing-ca"], key=pki.authorities["root"].key))
    return ask_without(pki, "issuing-ca", forged)


@case("CRL with an unknown critical extension", checks.PKI_CRL)
def _(pki: TestPki) -> Question:
    authority = pki.authorities["issuing-ca"]
    builder = x509.CertificateRevocationListBuilder(
        authority.certificate.subject, NOW - DAY, NOW + DAY
    ).add_extension(
        x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00"), critical=True
    )
    scheme = authority.scheme
    crl = builder.sign(authority.key, scheme.algorithm, rsa_padding=scheme.padding)
    return ask_without(pki, "issuing-ca", crl)


@case(
    "CRL signed with SHA-1",
    checks.PKI_CRL,
    openssl="applies its security level to certificates, not to CRLs",
    pyhanko="applies its policy of algorithms to certificates, not to CRLs",
)
def _(pki: TestPki) -> Question:
    authority = replace(pki.authorities["issuing-ca"], scheme=PKCS1_SHA256)
    crl = crl_of(authority)
    whole = crl.public_bytes(serialization.Encoding.DER)
    weak = with_hash(whole, crl.tbs_certlist_bytes, authority.key, hashes.SHA1())
    return ask_without(pki, "issuing-ca", x509.load_der_x509_crl(weak))


@case("issuer that may not sign CRLs", checks.PKI_CRL)
def _(pki: TestPki) -> Question:
    template = issuing_template(pki).having(usage(certificates=True), critical=True)
    return ask_below(pki, template, "intermediate")


CASES = tuple(table.cases)
