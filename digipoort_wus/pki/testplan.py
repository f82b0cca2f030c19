"""What the test hierarchies look like: names, profiles and parties of G1 and G4, as data.

``g1`` mirrors PKIoverheid "Private Services": four levels, PKCS#1 v1.5 with SHA-256,
leaves of RSA-2048 and RSA-3072. ``g4`` mirrors "Private TLS Generic Devices" and, for
certificates that may do one thing only, "Private Other Generic Legal Persons":
RSASSA-PSS with SHA-512, leaves of RSA-3072. All OINs have the test prefix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from digipoort_wus.pki import profiles
from digipoort_wus.pki.issue import PKCS1_SHA256, PSS_SHA512, Scheme, Template

Generation = Literal["g1", "g4"]

GATEWAY_OIN = "00000099000000001000"
VENDOR_A_OIN = "00000099000000002000"
VENDOR_B_OIN = "00000099000000003000"
AGENCY_OIN = "00000099000000004000"
VENDOR_REVOKED_OIN = "00000099000000005000"
VENDOR_EXPIRED_OIN = "00000099000000006000"

CA_BITS = 4096
LEVELS = ("root", "intermediate", "issuing-ca")
"""File names of the CAs, from the top; a hierarchy adds its suffix."""
_NOTICE = "not for production use"
_HOST = "digipoort-wus.invalid"
_NCP, _NCP_PLUS = "0.4.0.2042.1.1", "0.4.0.2042.1.2"
_G1_POLICIES = tuple(f"2.999.1003.1.2.8.{number}" for number in (4, 5, 6))
_SYSTEM_POLICIES = (_NCP, _NCP_PLUS, profiles.TRIAL_SYSTEM)
_LP_POLICIES = (
    _NCP,
    _NCP_PLUS,
    profiles.TRIAL_LP_AUTHENTICITY,
    profiles.TRIAL_LP_CONFIDENTIALITY,
    profiles.TRIAL_LP_AUTHENTICATION,
)
# id-qcs-pkixQCSyntax-v2 with the semantics identifier "legal person" (ETSI EN 319 412-1).
_LEGAL_PERSON = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3"),
    bytes.fromhex("3017 3015 06082b06010505070b02 3009 060704008bec490102"),
)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Three CAs, root first; ``suffix`` follows their file names."""

    suffix: str
    common_names: tuple[str, str, str]
    policies: tuple[str, ...]
    extended: tuple[x509.ObjectIdentifier, ...]
    scheme: Scheme
    root_signs: bool
    organization_ids: bool


_G1 = Hierarchy(
    "",
    ("Private Root CA - G1", "Private Services CA - G1", "TSP Private Services CA - G1"),
    _G1_POLICIES,
    (),
    PKCS1_SHA256,
    root_signs=False,
    organization_ids=False,
)
_G4_SYSTEM = Hierarchy(
    "",
    ("G4 Root Priv G-TLS", "G4 Intm Priv G-TLS SYS", "TSP G4 Priv G-TLS SYS"),
    _SYSTEM_POLICIES,
    (Eku.SERVER_AUTH, Eku.CLIENT_AUTH),
    PSS_SHA512,
    root_signs=True,
    organization_ids=True,
)
_G4_LP = Hierarchy(
    "-lp",
    ("G4 Root Priv G-Other", "G4 Intm Priv G-Other LP", "TSP G4 Priv G-Other LP"),
    _LP_POLICIES,
    # Whether the real ones restrict it is not known to us.
    (),
    PSS_SHA512,
    root_signs=True,
    organization_ids=True,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the leaves of one kind have in common."""

    suffix: str
    policies: tuple[str, ...]
    extended: tuple[x509.ObjectIdentifier, ...]
    extended_critical: bool = False
    signs: bool = True
    encipherment: bool = True
    legal_person: bool = True


_G1_SERVER = Profile(
    "",
    (profiles.TEST_G1_SERVER,),
    (Eku.CLIENT_AUTH, Eku.SERVER_AUTH),
    extended_critical=True,
    legal_person=False,
)
_SYSTEM = Profile("", (_NCP, profiles.TRIAL_SYSTEM), (Eku.SERVER_AUTH, Eku.CLIENT_AUTH))
AUTHENTICATION = Profile(
    "-lp", (_NCP, profiles.TRIAL_LP_AUTHENTICATION), (Eku.CLIENT_AUTH,), encipherment=False
)
AUTHENTICITY = Profile(
    "-lp",
    (_NCP, profiles.TRIAL_LP_AUTHENTICITY),
    (profiles.DOCUMENT_SIGNING, profiles.MS_DOCUMENT_SIGNING),
    encipherment=False,
)
CONFIDENTIALITY = Profile(
    "-lp",
    (_NCP, profiles.TRIAL_LP_CONFIDENTIALITY),
    (profiles.MS_ENCRYPTING_FILES,),
    signs=False,
)
"""No party of the test hierarchies has one: nothing here encrypts messages."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One certificate of one party."""

    name: str
    oin: str
    profile: Profile
    bits: int
    # The G1 profile without domain names lives on in the software vendors' certificates.
    dns: tuple[str, ...] = ("localhost",)
    fate: Literal["good", "revoked", "expired"] = "good"


@dataclass(frozen=True, slots=True)
class Plan:
    """The hierarchies of a generation and the leaves below them."""

    hierarchies: tuple[Hierarchy, ...]
    leaves: tuple[Leaf, ...]


PLANS: Mapping[Generation, Plan] = MappingProxyType(
    {
        "g1": Plan(
            (_G1,),
            (
                Leaf("gateway-tls", GATEWAY_OIN, _G1_SERVER, 2048),
                Leaf("gateway-signing", GATEWAY_OIN, _G1_SERVER, 2048),
                Leaf("vendor-a", VENDOR_A_OIN, _G1_SERVER, 2048, dns=()),
                Leaf("vendor-b", VENDOR_B_OIN, _G1_SERVER, 3072, dns=()),
                Leaf("agency", AGENCY_OIN, _G1_SERVER, 2048),
                Leaf(
                    "vendor-revoked", VENDOR_REVOKED_OIN, _G1_SERVER, 2048, dns=(), fate="revoked"
                ),
                Leaf(
                    "vendor-expired", VENDOR_EXPIRED_OIN, _G1_SERVER, 2048, dns=(), fate="expired"
                ),
            ),
        ),
        "g4": Plan(
            (_G4_SYSTEM, _G4_LP),
            (
                Leaf("gateway-tls", GATEWAY_OIN, _SYSTEM, 3072),
                Leaf("gateway-signing", GATEWAY_OIN, AUTHENTICITY, 3072, dns=()),
                Leaf("vendor-a", VENDOR_A_OIN, _SYSTEM, 3072),
                Leaf("vendor-a-auth", VENDOR_A_OIN, AUTHENTICATION, 3072, dns=()),
                Leaf("vendor-a-sign", VENDOR_A_OIN, AUTHENTICITY, 3072, dns=()),
                Leaf("vendor-b", VENDOR_B_OIN, _SYSTEM, 3072),
                Leaf("agency", AGENCY_OIN, _SYSTEM, 3072),
                Leaf("vendor-revoked", VENDOR_REVOKED_OIN, _SYSTEM, 3072, fate="revoked"),
                Leaf("vendor-expired", VENDOR_EXPIRED_OIN, _SYSTEM, 3072, fate="expired"),
            ),
        ),
    }
)


def ca_template(hierarchy: Hierarchy, level: int, now: datetime, valid_days: int) -> Template:
    """Return what the CA of a level (0 is the root) says; it outlives the level below by a day."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=0 if level == 2 else None), True),
        (key_usage(certificates=True, signs=hierarchy.root_signs), True),
    ]
    if level:
        extensions += _pointers(f"{LEVELS[level - 1]}{hierarchy.suffix}")
        extensions.append((certificate_policies(hierarchy.policies), False))
        if hierarchy.extended:
            extensions.append((x509.ExtendedKeyUsage(hierarchy.extended), False))
        if hierarchy.organization_ids and level == 2:
            extensions.append((_LEGAL_PERSON, False))
    return Template(
        _ca_name(hierarchy, level),
        now - timedelta(days=400 - level),
        now + timedelta(days=valid_days + 3 - level),
        tuple(extensions),
    )


def leaf_template(leaf: Leaf, now: datetime, valid_days: int) -> Template:
    """Return what a leaf says; it starts a year before ``now``, whatever its fate."""
    profile = leaf.profile
    attributes = [
        (NameOID.COUNTRY_NAME, "NL"),
        (NameOID.ORGANIZATION_NAME, f"TEST {leaf.name} ({_NOTICE})"),
        (NameOID.SERIAL_NUMBER, leaf.oin),
        (NameOID.COMMON_NAME, f"TEST {leaf.name}"),
    ]
    if profile.legal_person:
        attributes.insert(2, (NameOID.ORGANIZATION_IDENTIFIER, "NTRNL-99999991"))
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (
            key_usage(certificates=False, signs=profile.signs, encipherment=profile.encipherment),
            True,
        ),
        (x509.ExtendedKeyUsage(profile.extended), profile.extended_critical),
        (certificate_policies(profile.policies), False),
        *_pointers(f"{LEVELS[2]}{profile.suffix}"),
    ]
    if leaf.dns:
        # DNS names only: G4 prohibits IP addresses, so clients connect to localhost.
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in leaf.dns])
        extensions.append((names, False))
    if profile.legal_person:
        extensions.append((_LEGAL_PERSON, False))
    end = -30 if leaf.fate == "expired" else valid_days
    return Template(
        x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes]),
        now - timedelta(days=365),
        now + timedelta(days=end),
        tuple(extensions),
    )


def _ca_name(hierarchy: Hierarchy, level: int) -> x509.Name:
    owner = "TEST TSP" if level == 2 else "TEST Staat der Nederlanden"
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{owner} ({_NOTICE})"),
    ]
    if hierarchy.organization_ids and level == 2:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "NTRNL-99999990"))
    common_name = f"TEST {hierarchy.common_names[level]} ({_NOTICE})"
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_usage(
    *, certificates: bool, signs: bool, encipherment: bool = False, crls: bool | None = None
) -> x509.KeyUsage:
    """Return a key usage; who signs certificates signs CRLs too, unless told otherwise."""
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=encipherment,
        # As in the LP Confidentiality profile.
        data_encipherment=encipherment and not signs,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates if crls is None else crls,
        encipher_only=False,
        decipher_only=False,
    )


def certificate_policies(oids: tuple[str, ...]) -> x509.CertificatePolicies:
    """Return certificate policies, each with a pointer to a statement that does not exist."""
    statement = f"https://cps.{_HOST}"
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(oid), [statement]) for oid in oids]
    )


def _pointers(issuer: str) -> list[tuple[x509.ExtensionType, bool]]:
    """Where the issuer's CRL and certificate would be: names that no resolver knows."""
    crl = x509.UniformResourceIdentifier(f"http://crl.{_HOST}/{issuer}.crl")
    certificate = x509.UniformResourceIdentifier(f"http://cert.{_HOST}/{issuer}.cer")
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, certificate)
    points = x509.CRLDistributionPoints([x509.DistributionPoint([crl], None, None, None)])
    return [(points, False), (x509.AuthorityInformationAccess([access]), False)]
