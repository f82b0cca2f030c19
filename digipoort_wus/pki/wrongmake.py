"""How leaves of every wrong kind are made, below a test hierarchy and beside it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from digipoort_wus.pki.issue import (
    PKCS1_SHA256,
    Authority,
    Template,
    issue_authority,
    issue_certificate,
    issue_root,
)
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.pki.testplan import (
    LEVELS,
    PLANS,
    Generation,
    Profile,
    ca_template,
    certificate_policies,
    key_usage,
    leaf_template,
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a kind is made with.

    Args:
        pki: the hierarchy below which it stands, with the keys of its CAs.
        now: aware moment of the making.
        name: of the kind.
        key: of the leaf; not that of vendor-a, so that no signature is right by accident.
        authority_key: of any CA that the kind needs.
    """

    pki: TestPki
    now: datetime
    name: str
    key: rsa.RSAPrivateKey = field(repr=False)
    authority_key: rsa.RSAPrivateKey = field(repr=False)

    @property
    def issuing(self) -> Authority:
        """The CA that issued vendor-a."""
        return self.pki.authorities[LEVELS[2]]

    @property
    def end(self) -> datetime:
        """The last moment of vendor-a."""
        return self.pki.identities["vendor-a"].certificate.not_valid_after_utc

    def template(self, profile: Profile | None = None) -> Template:
        """Return what vendor-a's certificate says, under a name of its own."""
        plan = PLANS[self.pki.generation]
        leaf = next(leaf for leaf in plan.leaves if leaf.name == "vendor-a")
        leaf = replace(leaf, name=f"wrong {self.name}", profile=profile or leaf.profile)
        template = leaf_template(leaf, self.now, 1)
        sample = self.pki.identities["vendor-a"].certificate
        return replace(template, not_before=sample.not_valid_before_utc, not_after=self.end)

    def ca_template(self) -> Template:
        """Return what the issuing CA's certificate says, under a name of its own."""
        hierarchy, sample = PLANS[self.pki.generation].hierarchies[0], self.issuing.certificate
        return replace(
            ca_template(hierarchy, 2, self.now, 1),
            subject=x509.Name(
                [
                    x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "TEST (not for production use)"),
                    x509.NameAttribute(NameOID.COMMON_NAME, f"TEST CA of {self.name}"),
                ]
            ),
            not_before=sample.not_valid_before_utc,
            not_after=sample.not_valid_after_utc,
        )


@dataclass(frozen=True, slots=True)
class Made:
    """One certificate with its key, and what a gateway has to know for it to be judged.

    Args:
        certificate: the leaf.
        chain: what is sent along, nearest issuer first.
        key: of the leaf.
        authorities: CAs to be known beside those of the hierarchy.
        crls: of those CAs.
        revokes: name of a CA of the hierarchy and the serial number that its CRL must list.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)
    authorities: tuple[x509.Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()
    revokes: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table.

    Args:
        name: of the files.
        what: one sentence.
        tls: ``alert``, ``ok`` or ``fault:CHECK-ID``: what becomes of it as TLS client
            certificate, with a message that vendor-a signed rightly.
        signer: ``ok`` or ``CHECK-ID``: what becomes of a message that it signed, on a
            connection of vendor-a.
        make: makes it.
        generations: for which it makes sense.
        alone: it has an OIN of its own, so both rows are about a message that it signed on a
            connection that it opened.
        weak: a TLS client uses it only when told to (OpenSSL: ``@SECLEVEL=0``).
    """

    name: str
    what: str
    tls: str
    signer: str
    make: Callable[[Bench], Made]
    generations: tuple[Generation, ...] = ("g1", "g4")
    alone: bool = False
    weak: bool = False


def issued(bench: Bench, template: Template, issuer: Authority | None = None) -> Made:
    """Make a leaf that says what a template says; its issuer is the good CA unless given."""
    by = issuer or bench.issuing
    certificate = issue_certificate(template, bench.key.public_key(), by)
    return Made(certificate, by.sent_chain, bench.key)


def saying(change: Callable[[Template], Template]) -> Callable[[Bench], Made]:
    """Make a leaf of the good CA that says something else."""
    return lambda bench: issued(bench, change(bench.template()))


def serial_numbers(*numbers: str) -> Callable[[Bench], Made]:
    """Make a leaf with these serialNumbers in its subject."""
    return saying(lambda template: replace(template, subject=_subject(template, numbers)))


def _subject(template: Template, numbers: tuple[str, ...]) -> x509.Name:
    others = [part for part in template.subject if part.oid != NameOID.SERIAL_NUMBER]
    found = [x509.NameAttribute(NameOID.SERIAL_NUMBER, number) for number in numbers]
    return x509.Name([*others, *found])


def with_extended(*oids: x509.ObjectIdentifier) -> Callable[[Bench], Made]:
    """Make a leaf with this extended key usage."""
    return saying(lambda template: template.having(x509.ExtendedKeyUsage(oids), critical=False))


def with_usage(*, signs: bool, encipherment: bool) -> Callable[[Bench], Made]:
    """Make a leaf with this key usage."""
    usage = key_usage(certificates=False, signs=signs, encipherment=encipherment)
    return saying(lambda template: template.having(usage, critical=True))


def with_policies(*oids: str) -> Callable[[Bench], Made]:
    """Make a leaf with these certificate policies."""
    value = certificate_policies(oids)
    return saying(lambda template: template.having(value, critical=False))


def other_policy(bench: Bench) -> Made:
    """Name a policy that the CA has, and that is for something else."""
    oid = "2.999.1003.1.2.8.5" if bench.pki.generation == "g1" else "0.4.0.2042.1.2"
    return with_policies(oid)(bench)


def of_profile(profile: Profile) -> Callable[[Bench], Made]:
    """Make a leaf of another profile, below the CA of that profile."""

    def make(bench: Bench) -> Made:
        issuer = bench.pki.authorities[f"{LEVELS[2]}{profile.suffix}"]
        return issued(bench, _without_names(bench.template(profile)), issuer)

    return make


def _without_names(template: Template) -> Template:
    """Return a template without DNS names, which legal persons' certificates do not have."""
    return template.lacking(x509.SubjectAlternativeName)


def patched(old: bytes, new: bytes) -> Callable[[Bench], Made]:
    """Replace octets of the subject that no builder writes otherwise, and sign again."""

    def make(bench: Bench) -> Made:
        made = issued(bench, bench.template())
        body = made.certificate.tbs_certificate_bytes
        # The issuer's name, which has such attributes too, stands before the subject.
        before, _, after = body.rpartition(old)
        changed = before + new + after
        scheme = bench.issuing.scheme
        signature = bench.issuing.key.sign(changed, scheme.padding, scheme.algorithm)
        whole = made.certificate.public_bytes(serialization.Encoding.DER)
        whole = whole.replace(body, changed)[: -len(signature)] + signature
        return replace(made, certificate=x509.load_der_x509_certificate(whole))

    return make


def weakly_signed(last_octet: int, algorithm: hashes.HashAlgorithm) -> Callable[[Bench], Made]:
    """Sign with a hash that no builder uses any more.

    The identifiers of the PKCS#1 algorithms differ in their last octet.
    """

    def make(bench: Bench) -> Made:
        issuer = replace(bench.issuing, scheme=PKCS1_SHA256)
        made = issued(bench, bench.template(), issuer)
        strong, weak = (
            bytes.fromhex("2a864886f70d0101") + bytes([end]) for end in (11, last_octet)
        )
        body = made.certificate.tbs_certificate_bytes.replace(strong, weak)
        signature = issuer.key.sign(body, padding.PKCS1v15(), algorithm)
        whole = made.certificate.public_bytes(serialization.Encoding.DER)
        whole = whole.replace(strong, weak)[: -len(signature)] + signature
        return replace(made, certificate=x509.load_der_x509_certificate(whole))

    return make


def with_key(key_of: Callable[[], PrivateKey]) -> Callable[[Bench], Made]:
    """Make a leaf with another kind of key."""

    def make(bench: Bench) -> Made:
        key = key_of()
        certificate = issue_certificate(bench.template(), key.public_key(), bench.issuing)
        return Made(certificate, bench.issuing.sent_chain, key)

    return make


def expired(bench: Bench) -> Made:
    """Make a leaf that expired 30 days ago."""
    return issued(bench, replace(bench.template(), not_after=bench.now - 30 * DAY))


def not_yet_valid(bench: Bench) -> Made:
    """Make a leaf that becomes valid in the last hour of the set."""
    # The last hour of the set, so that it stays so for as long as the set is of use.
    return issued(bench, replace(bench.template(), not_before=bench.end - HOUR))


def revoked(bench: Bench) -> Made:
    """Make a leaf that is to be revoked."""
    made = issued(bench, bench.template())
    return replace(made, revokes=(LEVELS[2], made.certificate.serial_number))


def broken_signature(bench: Bench) -> Made:
    """Make a leaf and change the last bit of its signature."""
    made = issued(bench, bench.template())
    octets = bytearray(made.certificate.public_bytes(serialization.Encoding.DER))
    octets[-1] ^= 1
    return replace(made, certificate=x509.load_der_x509_certificate(bytes(octets)))


def authority_as_leaf(bench: Bench) -> Made:
    """Make a CA, directly below the CA that may have CAs below it."""
    template = bench.template().having(x509.BasicConstraints(True, None), critical=True)
    template = template.having(key_usage(certificates=True, signs=True), critical=True)
    return issued(bench, template, bench.pki.authorities[LEVELS[1]])


def self_signed(bench: Bench) -> Made:
    """Make a leaf that is its own issuer."""
    root = issue_root(bench.name, bench.template(), bench.key, bench.issuing.scheme)
    return Made(root.certificate, (), bench.key)


def of_a_leaf(bench: Bench) -> Made:
    """Make a leaf whose issuer is the certificate of vendor-a."""
    vendor, issuing = bench.pki.identities["vendor-a"], bench.issuing
    issuers = (issuing.certificate, *issuing.issuers)
    leaf = Authority(
        "vendor-a", vendor.certificate, issuers, issuing.scheme, key=vendor.private_key
    )
    return issued(bench, bench.template(), leaf)


def of_another_root(*, same_names: bool, sent: bool = False) -> Callable[[Bench], Made]:
    """Make a whole hierarchy beside the trusted one."""

    def make(bench: Bench) -> Made:
        hierarchy = PLANS[bench.pki.generation].hierarchies[0]
        above: Authority | None = None
        for level, name in enumerate(LEVELS):
            template = ca_template(hierarchy, level, bench.now, 3650)
            if not same_names:
                common = x509.NameAttribute(NameOID.COMMON_NAME, f"TEST another {name}")
                template = replace(template, subject=x509.Name([common]))
            key = bench.authority_key
            if above is None:
                above = issue_root(name, template, key, hierarchy.scheme)
            else:
                above = issue_authority(name, template, key, above)
        made = issued(bench, bench.template(), above)
        root = (above.issuers[-1],) if above is not None and sent else ()
        return replace(made, chain=(*made.chain, *root))

    return make


def no_intermediates(bench: Bench) -> Made:
    """Make a good leaf that is sent alone."""
    return replace(issued(bench, bench.template()), chain=())


def small_key() -> rsa.RSAPrivateKey:
    """Return an RSA key that is too short."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - this is what is wrong


def curve_key() -> PrivateKey:
    """Return a key on an elliptic curve."""
    return ec.generate_private_key(ec.SECP256R1())
