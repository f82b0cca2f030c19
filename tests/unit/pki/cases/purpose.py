"""Key usage, extended key usage and policies: who may be used for what."""

from dataclasses import replace

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from digipoort_wus import checks
from digipoort_wus.pki import profiles
from digipoort_wus.pki.issue import issue_certificate
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.pki.testplan import CONFIDENTIALITY, PLANS, leaf_template
from tests.unit.pki.cases.table import Table
from tests.unit.pki.scenarios import (
    DAYS,
    NOW,
    SPARE_KEY,
    Question,
    ask,
    ask_below,
    ask_leaf,
    issuing_template,
    other_policy_of,
    policies,
    template_of,
    usage,
)

table = Table()
case = table.case
_TLS_ONLY = "has no purpose for this role, and is asked for any"
_CA_IS_A_LEAF = "RFC 5280 6.1 lets a CA certificate be the end of a path"
_ANY = "RFC 5280 6.1 takes anyPolicy for the one that we want; PKI005 wants it named"
_MAIL = x509.ExtendedKeyUsage([Eku.EMAIL_PROTECTION])
_SERVER = x509.ExtendedKeyUsage([Eku.SERVER_AUTH])


# --- the four certificates of G4, each in each role ---------------------------
def _confidential(pki: TestPki, role: Role) -> Question:
    leaf = next(leaf for leaf in PLANS["g4"].leaves if leaf.name == "vendor-a-auth")
    template = leaf_template(replace(leaf, profile=CONFIDENTIALITY), NOW, DAYS)
    authority = pki.authorities["issuing-ca-lp"]
    certificate = issue_certificate(template, SPARE_KEY.public_key(), authority)
    return replace(ask(pki), leaf=certificate, sent=authority.sent_chain, role=role)


_GOOD = {
    "vendor-a-auth": Role.TLS_CLIENT,
    "vendor-a-sign": Role.SIGNER,
    "gateway-signing": Role.SIGNER,
}
_LABELS = {
    "vendor-a-auth": "LP Authentication",
    "vendor-a-sign": "LP Authenticity",
    "gateway-signing": "LP Authenticity of the gateway",
}
for _name, _good in _GOOD.items():
    for _role in Role:
        _expected = checks.PKI_PURPOSE
        if _name == "vendor-a-auth" and _role is Role.SIGNER:
            # It may sign, in a handshake; its policy does not let it sign messages.
            _expected = checks.PKI_POLICY
        table.add(
            f"{_LABELS[_name]}, {_role.value}",
            None if _role is _good else _expected,
            lambda pki, name=_name, role=_role: ask(pki, name, role),  # type: ignore[misc]
            generations=["g4"],
        )
for _role in Role:
    table.add(
        f"LP Confidentiality, {_role.value}",
        None if _role is Role.ENCRYPTION_RECIPIENT else checks.PKI_PURPOSE,
        lambda pki, role=_role: _confidential(pki, role),  # type: ignore[misc]
        generations=["g4"],
    )


# --- key usage ----------------------------------------------------------------
@case("no keyEncipherment", None, row="KU without keyEncipherment")
def _(pki: TestPki) -> Question:
    return ask_leaf(pki, template_of(pki).having(usage(signs=True), critical=True))


@case("no keyEncipherment, being encrypted to", checks.PKI_PURPOSE, openssl=_TLS_ONLY)
def _(pki: TestPki) -> Question:
    question = ask_leaf(pki, template_of(pki).having(usage(signs=True), critical=True))
    return replace(question, role=Role.ENCRYPTION_RECIPIENT)


@case("no digitalSignature", checks.PKI_PURPOSE)
def _(pki: TestPki) -> Question:
    return ask_leaf(pki, template_of(pki).having(usage(enciphers=True), critical=True))


@case("no digitalSignature, being encrypted to", None)
def _(pki: TestPki) -> Question:
    question = ask_leaf(pki, template_of(pki).having(usage(enciphers=True), critical=True))
    return replace(question, role=Role.ENCRYPTION_RECIPIENT)


@case(
    "no key usage",
    checks.PKI_PURPOSE,
    openssl="RFC 5280 4.2.1.3: without the extension every use is allowed",
)
def _(pki: TestPki) -> Question:
    return ask_leaf(pki, template_of(pki).lacking(x509.KeyUsage))


@case("CA presented as leaf", checks.PKI_PURPOSE, openssl=_CA_IS_A_LEAF, pyhanko=_CA_IS_A_LEAF)
def _(pki: TestPki) -> Question:
    template = template_of(pki).having(x509.BasicConstraints(True, None), critical=True)
    template = template.having(usage(signs=True, certificates=True, crls=True), critical=True)
    question = ask_leaf(pki, template, "intermediate")
    return replace(question, sent=pki.authorities["intermediate"].sent_chain)


def _root_as_leaf(pki: TestPki) -> Question:
    return replace(ask(pki), leaf=pki.authorities["root"].certificate)


# The root of g1 lacks digitalSignature, which both see.
table.add("root presented as leaf", checks.PKI_PURPOSE, _root_as_leaf, generations=["g1"])
table.add(
    "root presented as leaf",
    checks.PKI_PURPOSE,
    _root_as_leaf,
    openssl=_CA_IS_A_LEAF,
    pyhanko=_CA_IS_A_LEAF,
    generations=["g4"],
)


# --- extended key usage ---------------------------------------------------------
@case("no extended key usage", None, row="EKU absent")
def _(pki: TestPki) -> Question:
    return ask_leaf(pki, template_of(pki).lacking(x509.ExtendedKeyUsage))


@case("server only, as client", checks.PKI_PURPOSE, row="EKU serverAuth only")
def _(pki: TestPki) -> Question:
    return ask_leaf(pki, template_of(pki).having(_SERVER, critical=True))


@case("server only, as signer", None)
def _(pki: TestPki) -> Question:
    question = ask_leaf(pki, template_of(pki).having(_SERVER, critical=True))
    return replace(question, role=Role.SIGNER)


@case("e-mail only, as client", checks.PKI_PURPOSE)
def _(pki: TestPki) -> Question:
    return ask_leaf(pki, template_of(pki).having(_MAIL, critical=True))


@case("e-mail only, as signer", checks.PKI_PURPOSE, openssl=_TLS_ONLY)
def _(pki: TestPki) -> Question:
    question = ask_leaf(pki, template_of(pki).having(_MAIL, critical=True))
    return replace(question, role=Role.SIGNER)


@case(
    "any extended key usage",
    None,
    openssl="wants clientAuth by name; RFC 5280 4.2.1.12 lets anyExtendedKeyUsage stand for it",
)
def _(pki: TestPki) -> Question:
    anything = x509.ExtendedKeyUsage([Eku.ANY_EXTENDED_KEY_USAGE])
    return ask_leaf(pki, template_of(pki).having(anything, critical=False))


@case(
    "issuing CA for e-mail only",
    checks.PKI_PURPOSE,
    pyhanko="RFC 5280 does not bind a leaf to the extended key usage of its CA; openssl does",
)
def _(pki: TestPki) -> Question:
    template = issuing_template(pki).having(_MAIL, critical=False)
    return ask_below(pki, template, "intermediate")


@case("issuing CA for e-mail only does not bind a signer", None)
def _(pki: TestPki) -> Question:
    template = issuing_template(pki).having(_MAIL, critical=False)
    return replace(ask_below(pki, template, "intermediate"), role=Role.SIGNER)


# --- policy -------------------------------------------------------------------
@case("another policy", checks.PKI_POLICY, row="wrong policy")
def _(pki: TestPki) -> Question:
    value = policies(other_policy_of(pki))
    return ask_leaf(pki, template_of(pki).having(value, critical=False))


@case("no policy", checks.PKI_POLICY)
def _(pki: TestPki) -> Question:
    return ask_leaf(pki, template_of(pki).lacking(x509.CertificatePolicies))


@case("anyPolicy in the leaf", checks.PKI_POLICY, openssl=_ANY, pyhanko=_ANY)
def _(pki: TestPki) -> Question:
    value = policies(profiles.ANY_POLICY)
    return ask_leaf(pki, template_of(pki).having(value, critical=False))


@case("policy that the issuing CA does not have", checks.PKI_POLICY)
def _(pki: TestPki) -> Question:
    template = issuing_template(pki).having(policies(other_policy_of(pki)), critical=False)
    return ask_below(pki, template, "intermediate")


@case("policies of production below a test root", checks.PKI_POLICY)
def _(pki: TestPki) -> Question:
    value = policies(profiles.G1_SERVER, profiles.G4_SYSTEM)
    return ask_leaf(pki, template_of(pki).having(value, critical=False))


@case("test certificate in production", checks.PKI_POLICY)
def _(pki: TestPki) -> Question:
    return replace(ask(pki), acceptance=profiles.PRODUCTION)


@case("test certificate in production, as signer", checks.PKI_POLICY)
def _(pki: TestPki) -> Question:
    return replace(ask(pki, "vendor-a", Role.SIGNER), acceptance=profiles.PRODUCTION)


CASES = tuple(table.cases)
