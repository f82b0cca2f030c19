"""Chains that shall pass or be refused: each a function from the two hierarchies to a question."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from digipoort_wus import checks
from digipoort_wus.errors import Check
from digipoort_wus.pki import profiles
from digipoort_wus.pki.issue import (
    issue_authority,
    issue_certificate,
    issue_root,
)
from digipoort_wus.pki.oin import PRODUCTION_PREFIXES
from digipoort_wus.pki.profiles import TEST, Role
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from digipoort_wus.pki.testplan import PLANS, ca_template
from tests.unit.pki.scenarios import (
    CERTS_TEST,
    DAY,
    DAYS,
    NOW,
    SMALL_KEY,
    SPARE_KEY,
    Question,
    ask,
    ask_below,
    ask_leaf,
    ask_without,
    crl_of,
    der,
    issuing_template,
    policies,
    subject,
    template_of,
    usage,
    with_sha1,
)


@dataclass(frozen=True)
class Case:
    name: str
    expected: Check | None
    build: Callable[[TestPki, TestPki], Question]
    judged: bool = True
    """Whether openssl judges the same thing."""


CASES: list[Case] = []


def case(
    name: str, expected: Check | None, *, judged: bool = True
) -> Callable[[Callable[[TestPki, TestPki], Question]], Callable[[TestPki, TestPki], Question]]:
    def register(
        build: Callable[[TestPki, TestPki], Question],
    ) -> Callable[[TestPki, TestPki], Question]:
        CASES.append(Case(name, expected, build, judged))
        return build

    return register


# --- good -------------------------------------------------------------------
_GOOD = {
    "g1": [
        (name, role)
        for name in ("gateway-tls", "gateway-signing", "vendor-a", "vendor-b", "agency")
        for role in Role
    ],
    "g4": [
        *(
            (name, role)
            for name in ("gateway-tls", "vendor-a", "vendor-b", "agency")
            for role in Role
        ),
        ("gateway-signing", Role.SIGNER),
        ("vendor-a-auth", Role.TLS_CLIENT),
        ("vendor-a-sign", Role.SIGNER),
    ],
}


def _good(generation: str, name: str, role: Role) -> Case:
    def build(g1: TestPki, g4: TestPki) -> Question:
        return ask(g1 if generation == "g1" else g4, name, role)

    return Case(f"{generation} {name} as {role.value}", None, build)


CASES += [_good(generation, *pair) for generation, pairs in _GOOD.items() for pair in pairs]


@case("intermediates from the store only", None)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g1), sent=())


@case("intermediates from the peer only, in the wrong order", None)
def _(g1: TestPki, g4: TestPki) -> Question:
    roots = (g1.authorities["root"].certificate,)
    return replace(ask(g1), sent=g1.identities["vendor-a"].chain[::-1], authorities=roots)


@case("no extended key usage", None)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_leaf(g1, template_of(g1).lacking(x509.ExtendedKeyUsage))


@case("no keyEncipherment", None)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_leaf(g1, template_of(g1).having(usage(signs=True), critical=True))


@case("critical certificatePolicies", None)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_leaf(g1, template_of(g1).having(policies(profiles.TEST_G1_SERVER), critical=True))


@case("anyPolicy in the issuing CA", None)
def _(g1: TestPki, g4: TestPki) -> Question:
    template = issuing_template(g1).having(policies(profiles.ANY_POLICY), critical=False)
    return ask_below(g1, template, "intermediate")


@case("issuing CA for e-mail only does not bind a signer", None)
def _(g1: TestPki, g4: TestPki) -> Question:
    mail = x509.ExtendedKeyUsage([Eku.EMAIL_PROTECTION])
    template = issuing_template(g1).having(mail, critical=False)
    return replace(ask_below(g1, template, "intermediate"), role=Role.SIGNER)


@case("expired now, asked about the past", None)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g1, "vendor-expired"), at=NOW - 100 * DAY)


# --- dates ------------------------------------------------------------------
@case("expired g1", checks.PKI_VALIDITY)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask(g1, "vendor-expired")


@case("expired g4", checks.PKI_VALIDITY)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask(g4, "vendor-expired")


@case("not yet valid", checks.PKI_VALIDITY)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g1), at=NOW - 366 * DAY)


@case("issuing CA expired", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    long = replace(template_of(g1), not_after=NOW + 2 * DAYS * DAY)
    return replace(ask_leaf(g1, long), at=NOW + (DAYS + 1.5) * DAY)


@case("root expired", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    root = g1.authorities["root"]
    template = ca_template(PLANS["g1"].hierarchies[0], 0, NOW, DAYS)
    old = issue_root("root", replace(template, not_after=NOW - DAY), root.key, root.scheme)
    return replace(ask(g1), authorities=(old.certificate,))


# --- revocation -------------------------------------------------------------
@case("revoked leaf g1", checks.PKI_REVOKED)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask(g1, "vendor-revoked")


@case("revoked leaf g4, as signer", checks.PKI_REVOKED)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask(g4, "vendor-revoked", Role.SIGNER)


@case("revoked TSP CA", checks.PKI_REVOKED)
def _(g1: TestPki, g4: TestPki) -> Question:
    serial = g1.authorities["issuing-ca"].certificate.serial_number
    return ask_without(g1, "intermediate", crl_of(g1.authorities["intermediate"], serial))


@case("revoked domain CA", checks.PKI_REVOKED)
def _(g1: TestPki, g4: TestPki) -> Question:
    serial = g1.authorities["intermediate"].certificate.serial_number
    return ask_without(g1, "root", crl_of(g1.authorities["root"], serial))


@case("no CRL of the issuing CA", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_without(g1, "issuing-ca")


@case("no CRL of the root", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_without(g1, "root")


@case("stale CRL", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    stale = crl_of(g1.authorities["issuing-ca"], since=NOW - 2 * DAY, until=NOW - DAY)
    return ask_without(g1, "issuing-ca", stale)


@case("stale CRL of the domain CA, g4", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    stale = crl_of(g4.authorities["intermediate"], since=NOW - 2 * DAY, until=NOW - DAY)
    return ask_without(g4, "intermediate", stale)


@case("CRL of tomorrow", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    early = crl_of(g1.authorities["issuing-ca"], since=NOW + DAY, until=NOW + 2 * DAY)
    return ask_without(g1, "issuing-ca", early)


@case("CRL signed by another key", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    forged = crl_of(replace(g1.authorities["issuing-ca"], key=SPARE_KEY))
    return ask_without(g1, "issuing-ca", forged)


@case("g4 CRL signed by another key", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    forged = crl_of(replace(g4.authorities["issuing-ca"], key=g4.authorities["root"].key))
    return ask_without(g4, "issuing-ca", forged)


@case("CRL with an unknown critical extension", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    authority = g1.authorities["issuing-ca"]
    builder = x509.CertificateRevocationListBuilder(
        authority.certificate.subject, NOW - DAY, NOW + DAY
    ).add_extension(
        x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00"), critical=True
    )
    return ask_without(g1, "issuing-ca", builder.sign(authority.key, hashes.SHA256()))


@case("CRL signed with SHA-1", checks.PKI_CRL, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    authority = g1.authorities["issuing-ca"]
    crl = crl_of(authority)
    whole = crl.public_bytes(serialization.Encoding.DER)
    weak = x509.load_der_x509_crl(with_sha1(whole, crl.tbs_certlist_bytes, authority.key))
    return ask_without(g1, "issuing-ca", weak)


@case("issuer that may not sign CRLs", checks.PKI_CRL)
def _(g1: TestPki, g4: TestPki) -> Question:
    template = issuing_template(g1).having(usage(certificates=True), critical=True)
    return ask_below(g1, template, "intermediate")


# --- path -------------------------------------------------------------------
@case("unrelated root with the same name", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    other = make_pki("g1", now=NOW, key_source=keys_from(CERTS_TEST / "g4"))
    return replace(ask(other), authorities=(g1.authorities["root"].certificate,))


@case("the other generation's root", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g1), authorities=g4.ca_certificates)


@case("missing intermediate", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    roots = (g1.authorities["root"].certificate,)
    return replace(ask(g1), sent=ask(g1).sent[:1], authorities=roots)


@case("a sent root is not trusted", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g1), sent=g1.ca_certificates, authorities=g4.ca_certificates)


@case("CA without keyCertSign", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    template = issuing_template(g1).having(usage(crls=True), critical=True)
    return ask_below(g1, template, "intermediate")


@case("CA with CA:FALSE", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    no_ca = x509.BasicConstraints(ca=False, path_length=None)
    return ask_below(g1, issuing_template(g1).having(no_ca, critical=True), "intermediate")


@case("leaf issued by a leaf", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    vendor = g1.identities["vendor-a"]
    issuing = g1.authorities["issuing-ca"]
    false_ca = replace(issuing, certificate=vendor.certificate, key=vendor.private_key)
    leaf = issue_certificate(template_of(g1), SPARE_KEY.public_key(), false_ca)
    return replace(ask(g1), leaf=leaf, sent=(vendor.certificate, *vendor.chain))


@case("pathLen violated", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    template = replace(issuing_template(g1), subject=subject("sub"))
    sub = issue_authority("sub", template, SPARE_KEY, g1.authorities["issuing-ca"])
    leaf = issue_certificate(template_of(g1), SPARE_KEY.public_key(), sub)
    question = ask(g1)
    return replace(question, leaf=leaf, sent=sub.sent_chain, crls=(*question.crls, crl_of(sub)))


@case("signature does not fit", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    broken = bytearray(der(ask(g1).leaf))
    broken[-1] ^= 1
    return replace(ask(g1), leaf=x509.load_der_x509_certificate(bytes(broken)))


@case("unknown critical extension", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00")
    return ask_leaf(g1, template_of(g1).having(unknown, critical=True))


@case("extension that cannot be read", checks.PKI_CHAIN, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    names = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x03\x82")
    return ask_leaf(g1, template_of(g1).having(names, critical=False))


@case("signed with SHA-1", checks.PKI_CHAIN)
def _(g1: TestPki, g4: TestPki) -> Question:
    leaf = ask(g1).leaf
    weak = with_sha1(der(leaf), leaf.tbs_certificate_bytes, g1.authorities["issuing-ca"].key)
    return replace(ask(g1), leaf=x509.load_der_x509_certificate(weak))


@case("many certificates beside the leaf", checks.PKI_CHAIN, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g1), sent=[*ask(g1).sent] * 5)


# --- key --------------------------------------------------------------------
@case("RSA-1024", checks.PKI_KEY)
def _(g1: TestPki, g4: TestPki) -> Question:
    issuer = g1.authorities["issuing-ca"]
    return replace(ask(g1), leaf=issue_certificate(template_of(g1), SMALL_KEY.public_key(), issuer))


@case("elliptic curve", checks.PKI_KEY, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    leaf = issue_certificate(template_of(g1), key, g1.authorities["issuing-ca"])
    return replace(ask(g1), leaf=leaf)


# --- purpose ----------------------------------------------------------------
@case("CA presented as leaf", checks.PKI_PURPOSE, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    chain = g4.authorities["issuing-ca"].sent_chain
    return replace(ask(g4), leaf=chain[0], sent=chain[1:])


@case("root presented as leaf", checks.PKI_PURPOSE, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g4), leaf=g4.authorities["root"].certificate)


@case("server only, as client", checks.PKI_PURPOSE)
def _(g1: TestPki, g4: TestPki) -> Question:
    server = x509.ExtendedKeyUsage([Eku.SERVER_AUTH])
    return ask_leaf(g1, template_of(g1).having(server, critical=True))


@case("e-mail only, as signer", checks.PKI_PURPOSE, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    mail = x509.ExtendedKeyUsage([Eku.EMAIL_PROTECTION])
    question = ask_leaf(g1, template_of(g1).having(mail, critical=True))
    return replace(question, role=Role.SIGNER)


@case("issuing CA for e-mail only", checks.PKI_PURPOSE)
def _(g1: TestPki, g4: TestPki) -> Question:
    mail = x509.ExtendedKeyUsage([Eku.EMAIL_PROTECTION])
    return ask_below(g1, issuing_template(g1).having(mail, critical=False), "intermediate")


@case("no digitalSignature", checks.PKI_PURPOSE)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_leaf(g1, template_of(g1).having(usage(enciphers=True), critical=True))


@case("no key usage", checks.PKI_PURPOSE, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_leaf(g1, template_of(g1).lacking(x509.KeyUsage))


@case("LP Authentication as TLS server", checks.PKI_PURPOSE)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask(g4, "vendor-a-auth", Role.TLS_SERVER)


@case("LP Authenticity as TLS client", checks.PKI_PURPOSE)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask(g4, "vendor-a-sign", Role.TLS_CLIENT)


@case("LP Authenticity as TLS server", checks.PKI_PURPOSE)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask(g4, "vendor-a-sign", Role.TLS_SERVER)


# --- policy -----------------------------------------------------------------
@case("LP Authentication as signer", checks.PKI_POLICY)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask(g4, "vendor-a-auth", Role.SIGNER)


@case("another policy", checks.PKI_POLICY)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_leaf(g1, template_of(g1).having(policies("2.999.1003.1.2.8.5"), critical=False))


@case("no policy", checks.PKI_POLICY)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_leaf(g1, template_of(g1).lacking(x509.CertificatePolicies))


@case("anyPolicy in the leaf", checks.PKI_POLICY, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    return ask_leaf(g1, template_of(g1).having(policies(profiles.ANY_POLICY), critical=False))


@case("policy that the issuing CA does not have", checks.PKI_POLICY)
def _(g1: TestPki, g4: TestPki) -> Question:
    template = issuing_template(g1).having(policies("2.999.1003.1.2.8.5"), critical=False)
    return ask_below(g1, template, "intermediate")


@case("test certificate in production, g1", checks.PKI_POLICY)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g1), acceptance=profiles.PRODUCTION)


@case("test certificate in production, g4", checks.PKI_POLICY)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g4, "vendor-a", Role.SIGNER), acceptance=profiles.PRODUCTION)


# --- OIN --------------------------------------------------------------------
def _named(name: str, *serial_numbers: str) -> Case:
    def build(g1: TestPki, g4: TestPki) -> Question:
        return ask_leaf(g1, replace(template_of(g1), subject=subject(*serial_numbers)))

    return Case(name, checks.PKI_OIN, build, judged=False)


_OIN = "00000099000000002000"
CASES += [
    _named("no serialNumber"),
    _named("serialNumber of 19 characters", _OIN[:19]),
    _named("serialNumber of 21 characters", _OIN + "0"),
    _named("two serialNumbers", _OIN, "00000099000000003000"),
    _named("the same serialNumber twice", _OIN, _OIN),
    _named("unknown OIN prefix", "00000012" + _OIN[8:]),
    _named("lower case OIN", "00000099" + "a" * 12),
    _named("OIN with NUL", _OIN[:19] + "\0"),
    _named("OIN with a line feed", _OIN[:19] + "\n"),
    _named("OIN with Arabic digits", _OIN[:19] + "\N{ARABIC-INDIC DIGIT ZERO}"),
]


@case("test OIN in production", checks.PKI_OIN, judged=False)
def _(g1: TestPki, g4: TestPki) -> Question:
    return replace(ask(g1), acceptance=replace(TEST, oin_prefixes=PRODUCTION_PREFIXES))
