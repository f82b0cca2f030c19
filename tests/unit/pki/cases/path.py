"""Good chains, dates, paths, signatures and keys."""

from dataclasses import replace
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from digipoort_wus import checks
from digipoort_wus.pki import profiles
from digipoort_wus.pki.identity import load_certificates
from digipoort_wus.pki.issue import PKCS1_SHA256, issue_authority, issue_certificate, issue_root
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import KeySource, TestPki, keys_from, make_pki
from digipoort_wus.pki.testplan import CA_BITS, PLANS, Generation, ca_template
from tests.unit.pki.cases.table import Table
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
    crl_of,
    der,
    issuing_template,
    policies,
    policy_of,
    subject,
    template_of,
    usage,
    with_bit_string,
    with_hash,
)

table = Table()
case = table.case
_NAMES_AS_OCTETS = "compares names and does not read what they say"
_LIMIT_IS_OURS = "knows no limit to what a peer sends along"
_RSA_IS_OURS = "the profiles of PKIoverheid have RSA only, RFC 5280 has not"

# --- good -------------------------------------------------------------------
_TLS_AND_SIGNING = ("gateway-tls", "vendor-a", "vendor-b", "agency")
_ROWS = {
    ("gateway-tls", Role.TLS_SERVER): "valid server",
    ("vendor-a", Role.TLS_CLIENT): "valid client A",
    ("vendor-b", Role.TLS_CLIENT): "valid client B",
}


def _add_good(generation: Generation, name: str, role: Role) -> None:
    table.add(
        f"{name}, {role.value}",
        None,
        lambda pki: ask(pki, name, role),
        row=_ROWS.get((name, role), ""),
        generations=[generation],
    )


for _role in Role:
    for _name in (*_TLS_AND_SIGNING, "gateway-signing"):
        _add_good("g1", _name, _role)
    for _name in _TLS_AND_SIGNING:
        _add_good("g4", _name, _role)


@case("intermediates from the store only", None, row="chain without intermediates")
def _(pki: TestPki) -> Question:
    return replace(ask(pki), sent=())


@case("intermediates from the peer only, in the wrong order", None)
def _(pki: TestPki) -> Question:
    roots = (pki.authorities["root"].certificate,)
    return replace(ask(pki), sent=pki.identities["vendor-a"].chain[::-1], authorities=roots)


@case("RSA-2048", None, row="RSA-2048")
def _(pki: TestPki) -> Question:
    assert SPARE_KEY.key_size == 2048
    return ask_leaf(pki, template_of(pki))


@case("critical certificatePolicies", None)
def _(pki: TestPki) -> Question:
    return ask_leaf(pki, template_of(pki).having(policies(policy_of(pki)), critical=True))


@case("anyPolicy in the issuing CA", None)
def _(pki: TestPki) -> Question:
    template = issuing_template(pki).having(policies(profiles.ANY_POLICY), critical=False)
    return ask_below(pki, template, "intermediate")


# A chain is good whatever names its leaf has: these are for the TLS client to compare, and
# tests/unit/pki/test_names.py shows that it does.
def _add_server(row: str, *names: x509.GeneralName) -> None:
    def build(pki: TestPki) -> Question:
        template = template_of(pki, "gateway-tls")
        template = template.having(x509.SubjectAlternativeName(names), critical=False)
        return replace(ask_leaf(pki, template), role=Role.TLS_SERVER)

    table.add(f"server, {row}", None, build, row=row)


_add_server("hostname mismatch", x509.DNSName("other.invalid"))
_add_server("wildcard SAN", x509.DNSName("*.digipoort-wus.invalid"))
_add_server("IP SAN", x509.IPAddress(ip_address("127.0.0.1")))


# --- dates ------------------------------------------------------------------
@case("expired", checks.PKI_VALIDITY, row="expired")
def _(pki: TestPki) -> Question:
    return ask(pki, "vendor-expired")


@case("expired now, asked about the past", None)
def _(pki: TestPki) -> Question:
    return replace(ask(pki, "vendor-expired"), at=NOW - 100 * DAY)


@case("not yet valid", checks.PKI_VALIDITY, row="not-yet-valid")
def _(pki: TestPki) -> Question:
    return replace(ask(pki), at=NOW - 366 * DAY)


@case("issuing CA expired", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    long = replace(template_of(pki), not_after=NOW + 2 * DAYS * DAY)
    return replace(ask_leaf(pki, long), at=NOW + (DAYS + 1.5) * DAY)


@case(
    "root expired",
    checks.PKI_CHAIN,
    pyhanko="takes of an anchor its name and key only, as RFC 5280 6.1.1 d has it",
)
def _(pki: TestPki) -> Question:
    root = pki.authorities["root"]
    template = ca_template(PLANS[pki.generation].hierarchies[0], 0, NOW, DAYS)
    old = issue_root("root", replace(template, not_after=NOW - DAY), root.key, root.scheme)
    return replace(ask(pki), authorities=(old.certificate,))


# --- path -------------------------------------------------------------------
def _other(generation: Generation) -> Generation:
    return "g4" if generation == "g1" else "g1"


def _other_authorities(pki: TestPki) -> KeySource:
    """CA keys of the other generation; its leaves have keys of another size."""
    ours = keys_from(CERTS_TEST / pki.generation)
    others = keys_from(CERTS_TEST / _other(pki.generation))
    return lambda name, bits: (others if bits == CA_BITS else ours)(name.removesuffix("-lp"), bits)


@case("unrelated root with the same name", checks.PKI_CHAIN, row="unrelated root with same DN")
def _(pki: TestPki) -> Question:
    other = make_pki(pki.generation, now=NOW, key_source=_other_authorities(pki))
    return replace(ask(other), authorities=(pki.authorities["root"].certificate,))


@case("the other generation's root", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    others = load_certificates(CERTS_TEST / _other(pki.generation) / "ca.pem")
    return replace(ask(pki), authorities=others)


@case("self-signed", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    scheme = pki.authorities["root"].scheme
    leaf = issue_root("leaf", template_of(pki), SPARE_KEY, scheme).certificate
    return replace(ask(pki), leaf=leaf, sent=())


@case("missing intermediate", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    roots = (pki.authorities["root"].certificate,)
    return replace(ask(pki), sent=ask(pki).sent[:1], authorities=roots)


@case("a sent root is not trusted", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    others = load_certificates(CERTS_TEST / _other(pki.generation) / "ca.pem")
    return replace(ask(pki), sent=pki.ca_certificates, authorities=others)


@case("CA without keyCertSign", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    template = issuing_template(pki).having(usage(crls=True), critical=True)
    return ask_below(pki, template, "intermediate")


@case("CA with CA:FALSE", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    no_ca = x509.BasicConstraints(ca=False, path_length=None)
    return ask_below(pki, issuing_template(pki).having(no_ca, critical=True), "intermediate")


@case("leaf issued by a leaf", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    vendor, issuing = pki.identities["vendor-a"], pki.authorities["issuing-ca"]
    false_ca = replace(issuing, certificate=vendor.certificate, key=vendor.private_key)
    leaf = issue_certificate(template_of(pki), SPARE_KEY.public_key(), false_ca)
    return replace(ask(pki), leaf=leaf, sent=(vendor.certificate, *vendor.chain))


@case("pathLen violated", checks.PKI_CHAIN, row="issuing CA pathlen violated")
def _(pki: TestPki) -> Question:
    template = replace(issuing_template(pki), subject=subject("sub"))
    sub = issue_authority("sub", template, SPARE_KEY, pki.authorities["issuing-ca"])
    leaf = issue_certificate(template_of(pki), SPARE_KEY.public_key(), sub)
    question = ask(pki)
    return replace(question, leaf=leaf, sent=sub.sent_chain, crls=(*question.crls, crl_of(sub)))


# --- form and signature -----------------------------------------------------
@case("signature does not fit", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    broken = bytearray(der(ask(pki).leaf))
    broken[-1] ^= 1
    return replace(ask(pki), leaf=x509.load_der_x509_certificate(bytes(broken)))


@case("unknown critical extension", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00")
    return ask_leaf(pki, template_of(pki).having(unknown, critical=True))


@case("extension that cannot be read", checks.PKI_CHAIN)
def _(pki: TestPki) -> Question:
    names = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x03\x82")
    template = template_of(pki).lacking(x509.SubjectAlternativeName)
    return ask_leaf(pki, template.having(names, critical=False))


@case("name with a BIT STRING", checks.PKI_CHAIN, openssl=_NAMES_AS_OCTETS)
def _(pki: TestPki) -> Question:
    return replace(ask(pki), leaf=with_bit_string(pki))


@case("sent certificate with a BIT STRING in its name", checks.PKI_CHAIN, openssl=_NAMES_AS_OCTETS)
def _(pki: TestPki) -> Question:
    return replace(ask(pki), sent=(*ask(pki).sent, with_bit_string(pki)))


for _name, _hash, _row in (
    ("SHA-1", hashes.SHA1(), "SHA-1 signed"),
    ("MD5", hashes.MD5(), ""),
):

    def _weak(pki: TestPki, algorithm: hashes.HashAlgorithm = _hash) -> Question:
        issuer = replace(pki.authorities["issuing-ca"], scheme=PKCS1_SHA256)
        leaf = issue_certificate(template_of(pki), SPARE_KEY.public_key(), issuer)
        weak = with_hash(der(leaf), leaf.tbs_certificate_bytes, issuer.key, algorithm)
        return replace(ask(pki), leaf=x509.load_der_x509_certificate(weak))

    table.add(f"signed with {_name}", checks.PKI_CHAIN, _weak, row=_row)


@case(
    "many certificates beside the leaf",
    checks.PKI_CHAIN,
    openssl=_LIMIT_IS_OURS,
    pyhanko=_LIMIT_IS_OURS,
)
def _(pki: TestPki) -> Question:
    return replace(ask(pki), sent=[*ask(pki).sent] * 5)


# --- key --------------------------------------------------------------------
@case(
    "RSA-1024",
    checks.PKI_KEY,
    pyhanko="judges the keys that sign certificates; the leaf's signs none",
    row="RSA-1024",
)
def _(pki: TestPki) -> Question:
    issuer = pki.authorities["issuing-ca"]
    leaf = issue_certificate(template_of(pki), SMALL_KEY.public_key(), issuer)
    return replace(ask(pki), leaf=leaf)


@case("elliptic curve", checks.PKI_KEY, openssl=_RSA_IS_OURS, pyhanko=_RSA_IS_OURS)
def _(pki: TestPki) -> Question:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    leaf = issue_certificate(template_of(pki), key, pki.authorities["issuing-ca"])
    return replace(ask(pki), leaf=leaf)


@case("Ed25519", checks.PKI_KEY, openssl=_RSA_IS_OURS, pyhanko=_RSA_IS_OURS)
def _(pki: TestPki) -> Question:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    leaf = issue_certificate(template_of(pki), key, pki.authorities["issuing-ca"])
    return replace(ask(pki), leaf=leaf)


CASES = tuple(table.cases)
