"""Every wrong kind of certificate, as a table: what it is, and what must become of it.

Each carries the OIN of ``vendor-a`` wherever its kind leaves that open, so that it is
the certificate that is refused and not the party. Some rows are odd but right: they
show that what is refused is not refused for being odd.
"""

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from digipoort_wus import checks
from digipoort_wus.errors import Check
from digipoort_wus.pki import profiles, wrongca, wrongmake
from digipoort_wus.pki.testplan import (
    AUTHENTICATION,
    AUTHENTICITY,
    CONFIDENTIALITY,
    LEVELS,
    VENDOR_A_OIN,
    certificate_policies,
)
from digipoort_wus.pki.wrongmake import Bench, Kind, Made

OK = "ok"
ALERT = "alert"


def _fault(check: Check) -> str:
    return f"fault:{check.id}"


def _alert(
    name: str, what: str, check: Check, make: Callable[[Bench], Made], *, weak: bool = False
) -> Kind:
    """The handshake refuses it, and so does the gate."""
    return Kind(name, what, ALERT, check.id, make, weak=weak)


def _refused(name: str, what: str, check: Check, make: Callable[[Bench], Made]) -> Kind:
    """OpenSSL does not judge it; the gate does, whichever part it plays."""
    return Kind(name, what, _fault(check), check.id, make)


def _good(name: str, what: str, make: Callable[[Bench], Made], *, alone: bool = False) -> Kind:
    return Kind(name, what, OK, OK, make, alone=alone)


_OIN = VENDOR_A_OIN
_UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00")
_MAIL = x509.ExtendedKeyUsage([Eku.EMAIL_PROTECTION])
_POLICIES = certificate_policies(("2.999.2",))
_NAMED = b"\x13\x14" + _OIN.encode()  # PrintableString of 20 characters

_DATES_AND_REVOCATION = (
    _alert("expired", "Expired 30 days ago.", checks.PKI_VALIDITY, wrongmake.expired),
    _alert(
        "not-yet-valid",
        "Becomes valid in the last hour of the set.",
        checks.PKI_VALIDITY,
        wrongmake.not_yet_valid,
    ),
    _alert("revoked", "Is on the CRL of its CA.", checks.PKI_REVOKED, wrongmake.revoked),
    _alert(
        "ca-revoked",
        "Its CA is on the CRL of the CA above.",
        checks.PKI_REVOKED,
        wrongca.revoked_authority,
    ),
    _alert("ca-expired", "Its CA expired.", checks.PKI_CHAIN, wrongca.expired_authority),
    _alert(
        "crl-stale",
        "The CRL of its CA is past its nextUpdate.",
        checks.PKI_CRL,
        wrongca.stale_crl,
    ),
    _alert(
        "crl-early",
        "The CRL of its CA begins in the last hour of the set.",
        checks.PKI_CRL,
        wrongca.early_crl,
    ),
    _alert("crl-missing", "There is no CRL of its CA.", checks.PKI_CRL, wrongca.without_crl),
    _alert(
        "crl-forged",
        "The CRL of its CA is signed by another key.",
        checks.PKI_CRL,
        wrongca.forged_crl,
    ),
    _alert(
        "ca-without-crlsign",
        "The keyUsage of its CA lacks cRLSign, so its CRL counts for nothing.",
        checks.PKI_CRL,
        wrongca.of_authority(wrongca.authority_usage(certificates=True, crls=False)),
    ),
)

_PATH = (
    _alert("self-signed", "Signed by itself.", checks.PKI_CHAIN, wrongmake.self_signed),
    _alert(
        "unknown-root",
        "Complete chain below a root that nobody knows.",
        checks.PKI_CHAIN,
        wrongmake.of_another_root(same_names=False),
    ),
    _alert(
        "unknown-root-sent",
        "The same, and the root is sent along.",
        checks.PKI_CHAIN,
        wrongmake.of_another_root(same_names=False, sent=True),
    ),
    _alert(
        "same-names",
        "Complete chain with the names of the trusted CAs, and other keys.",
        checks.PKI_CHAIN,
        wrongmake.of_another_root(same_names=True),
    ),
    _alert(
        "signature-broken",
        "One bit of the CA's signature is another.",
        checks.PKI_CHAIN,
        wrongmake.broken_signature,
    ),
    _alert(
        "issued-by-a-leaf",
        "Issued by the certificate of vendor-a, which is no CA.",
        checks.PKI_CHAIN,
        wrongmake.of_a_leaf,
    ),
    _alert(
        "pathlen",
        "Its CA stands below a CA with pathLen 0.",
        checks.PKI_CHAIN,
        wrongca.of_authority(lambda template: template, above=LEVELS[2]),
    ),
    _alert(
        "ca-without-keycertsign",
        "The keyUsage of its CA lacks keyCertSign.",
        checks.PKI_CHAIN,
        wrongca.of_authority(wrongca.authority_usage(certificates=False, crls=True)),
    ),
    _alert(
        "critical-unknown",
        "Has a critical extension that nobody knows.",
        checks.PKI_CHAIN,
        wrongmake.saying(lambda template: template.having(_UNKNOWN, critical=True)),
    ),
    _refused(
        "ca-as-leaf",
        "Says CA:TRUE.",
        checks.PKI_PURPOSE,
        wrongmake.authority_as_leaf,
    ),
    _good(
        "no-intermediates",
        "The leaf is sent alone; the gateway knows its CAs.",
        wrongmake.no_intermediates,
    ),
    _refused(
        "name-bit-string",
        "An attribute of its name is a BIT STRING, which parsers choke on.",
        checks.PKI_CHAIN,
        wrongmake.patched(b"\x55\x04\x06\x13\x02NL", b"\x55\x04\x06\x03\x02\x00L"),
    ),
)

_KEYS = (
    _alert(
        "rsa-1024",
        "Has an RSA key of 1024 bits.",
        checks.PKI_KEY,
        wrongmake.with_key(wrongmake.small_key),
        weak=True,
    ),
    _alert(
        "ca-rsa-1024",
        "Its CA has an RSA key of 1024 bits.",
        checks.PKI_CHAIN,
        wrongca.small_authority,
        weak=True,
    ),
    _alert(
        "sha-1",
        "Signed with SHA-1.",
        checks.PKI_CHAIN,
        wrongmake.weakly_signed(0x05, hashes.SHA1()),  # noqa: S303 - this is what is wrong
        weak=True,
    ),
    _alert(
        "md5",
        "Signed with MD5.",
        checks.PKI_CHAIN,
        wrongmake.weakly_signed(0x04, hashes.MD5()),  # noqa: S303 - this is what is wrong
        weak=True,
    ),
    _refused(
        "ec-p256",
        "Has a key on the curve P-256; the profiles have RSA only.",
        checks.PKI_KEY,
        wrongmake.with_key(wrongmake.curve_key),
    ),
    _refused(
        "ed25519",
        "Has an Ed25519 key.",
        checks.PKI_KEY,
        wrongmake.with_key(ed25519.Ed25519PrivateKey.generate),
    ),
)

_PURPOSE = (
    Kind(
        "eku-server-only",
        "extendedKeyUsage serverAuth only: no TLS client, but it may sign.",
        ALERT,
        OK,
        wrongmake.with_extended(Eku.SERVER_AUTH),
    ),
    _alert(
        "eku-mail",
        "extendedKeyUsage emailProtection only.",
        checks.PKI_PURPOSE,
        wrongmake.with_extended(Eku.EMAIL_PROTECTION),
    ),
    _good(
        "eku-absent",
        "No extendedKeyUsage, as old Digikoppeling advice had it.",
        wrongmake.saying(lambda template: template.lacking(x509.ExtendedKeyUsage)),
    ),
    Kind(
        "ca-eku-mail",
        "Its CA is for e-mail only; that binds TLS, not signatures.",
        ALERT,
        OK,
        wrongca.of_authority(lambda template: template.having(_MAIL, critical=False)),
    ),
    _alert(
        "ku-no-digital-signature",
        "keyUsage keyEncipherment only.",
        checks.PKI_PURPOSE,
        wrongmake.with_usage(signs=False, encipherment=True),
    ),
    _good(
        "ku-no-key-encipherment",
        "keyUsage digitalSignature only: nothing is encrypted to it.",
        wrongmake.with_usage(signs=True, encipherment=False),
    ),
    _refused(
        "ku-absent",
        "No keyUsage.",
        checks.PKI_PURPOSE,
        wrongmake.saying(lambda template: template.lacking(x509.KeyUsage)),
    ),
    Kind(
        "lp-authentication",
        "G4 LP Authentication: a TLS client, and nothing else.",
        OK,
        checks.PKI_POLICY.id,
        wrongmake.of_profile(AUTHENTICATION),
        ("g4",),
    ),
    Kind(
        "lp-authenticity",
        "G4 LP Authenticity: signs, and does nothing else.",
        ALERT,
        OK,
        wrongmake.of_profile(AUTHENTICITY),
        ("g4",),
    ),
    Kind(
        "lp-confidentiality",
        "G4 LP Confidentiality: only to be encrypted to.",
        ALERT,
        checks.PKI_PURPOSE.id,
        wrongmake.of_profile(CONFIDENTIALITY),
        ("g4",),
    ),
)

_POLICY = (
    _refused(
        "policy-other",
        "Names a policy that its CA has, for something else.",
        checks.PKI_POLICY,
        wrongmake.other_policy,
    ),
    _refused(
        "policy-absent",
        "Names no certificate policy.",
        checks.PKI_POLICY,
        wrongmake.saying(lambda template: template.lacking(x509.CertificatePolicies)),
    ),
    _refused(
        "policy-any",
        "Names anyPolicy, which says nothing in a leaf.",
        checks.PKI_POLICY,
        wrongmake.with_policies(profiles.ANY_POLICY),
    ),
    _refused(
        "policy-production",
        "Names the policies of production below a test root.",
        checks.PKI_POLICY,
        wrongmake.with_policies(profiles.G1_SERVER, profiles.G4_SYSTEM),
    ),
    _refused(
        "ca-policy-other",
        "Its CA does not name the policy.",
        checks.PKI_POLICY,
        wrongca.of_authority(lambda template: template.having(_POLICIES, critical=False)),
    ),
)

_IDENTITY = (
    _refused("oin-absent", "No serialNumber.", checks.PKI_OIN, wrongmake.serial_numbers()),
    _refused(
        "oin-19",
        "serialNumber of 19 characters.",
        checks.PKI_OIN,
        wrongmake.serial_numbers(_OIN[:19]),
    ),
    _refused(
        "oin-21",
        "serialNumber of 21 characters.",
        checks.PKI_OIN,
        wrongmake.serial_numbers(f"{_OIN}0"),
    ),
    _refused(
        "oin-two",
        "Two serialNumbers; the first is the OIN of vendor-a.",
        checks.PKI_OIN,
        wrongmake.serial_numbers(_OIN, "00000099000000003000"),
    ),
    _refused(
        "oin-twice",
        "The same serialNumber twice.",
        checks.PKI_OIN,
        wrongmake.serial_numbers(_OIN, _OIN),
    ),
    _refused(
        "oin-prefix",
        "serialNumber with a prefix that is not given out.",
        checks.PKI_OIN,
        wrongmake.serial_numbers(f"00000012{_OIN[8:]}"),
    ),
    _refused(
        "oin-lower-case",
        "serialNumber with lower case letters.",
        checks.PKI_OIN,
        wrongmake.serial_numbers(f"{_OIN[:8]}abcdef000000"),
    ),
    _refused(
        "oin-space",
        "serialNumber of vendor-a and a space.",
        checks.PKI_OIN,
        wrongmake.serial_numbers(f"{_OIN} "),
    ),
    _refused(
        "oin-nul",
        "serialNumber whose 20th character is NUL.",
        checks.PKI_OIN,
        wrongmake.patched(_NAMED, b"\x0c\x14" + _OIN[:19].encode() + b"\0"),
    ),
    _refused(
        "oin-t61",
        "serialNumber as T61String, whose characters readers disagree on.",
        checks.PKI_OIN,
        wrongmake.patched(_NAMED, b"\x14\x14" + _OIN.encode()),
    ),
    _good(
        "oin-utf8",
        "serialNumber as UTF8String.",
        wrongmake.patched(_NAMED, b"\x0c\x14" + _OIN.encode()),
    ),
    _good(
        "oin-suffix-001",
        "OIN with the suffix 001.",
        wrongmake.serial_numbers("00000099000000002001"),
        alone=True,
    ),
    _good(
        "oin-kvk",
        "OIN that holds a KvK number.",
        wrongmake.serial_numbers("00000003999999990000"),
        alone=True,
    ),
    _good(
        "oin-brin",
        "OIN with letters, as of a school.",
        wrongmake.serial_numbers("0000000799ZZ00000000"),
        alone=True,
    ),
)

KINDS: tuple[Kind, ...] = (
    *_DATES_AND_REVOCATION,
    *_PATH,
    *_KEYS,
    *_PURPOSE,
    *_POLICY,
    *_IDENTITY,
)
