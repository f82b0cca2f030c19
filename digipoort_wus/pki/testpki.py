"""Test hierarchies in the shape of PKIoverheid: made, saved, and never to be trusted.

What they contain is in :mod:`digipoort_wus.pki.testplan`; here it gets keys,
signatures and a directory.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import TrustStore, trust_store
from digipoort_wus.pki.identity import Identity, load_certificates, load_crls
from digipoort_wus.pki.issue import (
    Authority,
    issue_authority,
    issue_certificate,
    issue_crl,
    issue_root,
)
from digipoort_wus.pki.testplan import (
    CA_BITS,
    LEVELS,
    PLANS,
    Generation,
    Hierarchy,
    ca_template,
    leaf_template,
)

KeySource = Callable[[str, int], rsa.RSAPrivateKey]
"""Gives the key for a name (``vendor-a``, ``root``) and a number of bits."""
P12_PASSWORD = "test"  # noqa: S105 - public, as are the keys it would protect

# Of a gateway that keeps its certificates beside what it stores.
_STORE = "digipoort.db"
_README = """\
TEST MATERIAL, generation {generation}. Not for production use.

Certificates in the shape of PKIoverheid, with test OINs (00000099...). Treat the private
keys as public: trust nothing that they sign outside of a test.

  ca.pem             trust anchors and intermediates
  crl/               one CRL per CA, valid as long as the CA
  NAME.pem           leaf, then its issuers without the root
  NAME.key           private key, PKCS#8
  NAME.p12           the same as PKCS#12, password: {password}
  issuing-ca*.pem    the CAs that issued the leaves, with their keys
  keys/              keys of the CAs above them

Made by: digipoort-wus pki init DIRECTORY --generation {generation}
"""


@dataclass(frozen=True, slots=True)
class TestPki:
    """A complete test hierarchy in memory; one by :func:`make_pki`.

    Args:
        generation: ``g1`` or ``g4``.
        authorities: the CAs by name: ``root``, ``intermediate``, ``issuing-ca``, and in g4
            the same with ``-lp``.
        identities: the leaves by name, each with key and chain (without root).
        crls: one per CA, by the CA's name; each is valid as long as its CA.
    """

    __test__: ClassVar[bool] = False  # no test case, whatever pytest makes of the name

    generation: Generation
    authorities: Mapping[str, Authority]
    identities: Mapping[str, Identity]
    crls: Mapping[str, x509.CertificateRevocationList]

    @property
    def ca_certificates(self) -> tuple[x509.Certificate, ...]:
        """Every CA certificate, roots first within each hierarchy."""
        return tuple(authority.certificate for authority in self.authorities.values())

    def trust_store(self) -> TrustStore:
        """Return a store that trusts this hierarchy and nothing else, in test mode."""
        return trust_store(self.ca_certificates, self.crls.values(), profiles.TEST)


def fresh_key(_name: str, bits: int) -> rsa.RSAPrivateKey:
    """Return a new RSA key, whatever the name."""
    return rsa.generate_private_key(65537, bits)


def keys_from(directory: Path) -> KeySource:
    """Return a source of the keys that an earlier PKI left in a directory.

    A key that is missing there, or has another size, is made anew. Only for test
    keys: they are not checked for being well formed, which would take most of the time.

    Raises (the source, when it is asked):
        ConfigurationError: a file is there and holds no RSA key.
    """

    def key_of(name: str, bits: int) -> rsa.RSAPrivateKey:
        for path in (directory / f"{name}.key", directory / "keys" / f"{name}.key"):
            if path.is_file():
                key = _load_unchecked(path)
                if key.key_size == bits:
                    return key
        return fresh_key(name, bits)

    return key_of


def make_pki(
    generation: Generation,
    *,
    now: datetime,
    valid_days: int = 3650,
    key_source: KeySource = fresh_key,
) -> TestPki:
    """Make a test hierarchy (facts of PKIoverheid G1 and G4, OIN prefix 00000099).

    Everything but ``vendor-expired`` is valid from a year before ``now``, so that a test
    may turn its clock back, until ``valid_days`` after it.

    Args:
        generation: which generation of PKIoverheid to mirror.
        now: aware moment from which the validity counts.
        valid_days: of the leaves; their issuers live one, two and three days longer.
        key_source: gives each key, by name and number of bits.
    """
    plan, start = PLANS[generation], now.replace(microsecond=0)
    authorities: dict[str, Authority] = {}
    for hierarchy in plan.hierarchies:
        authorities |= _authorities(hierarchy, start, valid_days, key_source)
    identities: dict[str, Identity] = {}
    revoked: dict[str, list[tuple[int, datetime]]] = {name: [] for name in authorities}
    for leaf in plan.leaves:
        issuer = authorities[f"{LEVELS[2]}{leaf.profile.suffix}"]
        key = key_source(leaf.name, leaf.bits)
        template = leaf_template(leaf, start, valid_days)
        certificate = issue_certificate(template, key.public_key(), issuer)
        identities[leaf.name] = Identity(certificate, issuer.sent_chain, key)
        if leaf.fate == "revoked":
            revoked[issuer.name].append((certificate.serial_number, start - timedelta(days=30)))
    crls = {
        name: issue_crl(
            authority,
            revoked[name],
            this_update=authority.certificate.not_valid_before_utc,
            next_update=authority.certificate.not_valid_after_utc,
        )
        for name, authority in authorities.items()
    }
    return TestPki(
        generation,
        MappingProxyType(authorities),
        MappingProxyType(identities),
        MappingProxyType(crls),
    )


def write_pki(pki: TestPki, directory: Path) -> None:
    """Write a test hierarchy to a directory that does not exist yet, or is empty.

    It appears under its name when it is complete: a half-written one is never found.

    Args:
        pki: what to write.
        directory: where; its parents are made. The names of the files are in its README.

    Raises:
        ConfigurationError: something is there already, or the place cannot be written.
    """
    write_whole(directory, lambda draft: _write_files(pki, draft))


def write_whole(directory: Path, fill: Callable[[Path], None]) -> None:
    """Have a directory filled under another name, and let it appear when it is complete.

    Raises:
        ConfigurationError: something is there already, or the place cannot be written.
    """
    check_vacant(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        try:
            fill(draft)
            _let_nobody_else_write(draft)
            draft.chmod(0o755)
            draft.rename(directory)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        check_vacant(directory)  # somebody else may have been faster
        raise ConfigurationError(
            f"{directory} cannot be written ({error.strerror}): choose another place."
        ) from error


def _let_nobody_else_write(directory: Path) -> None:
    """Take away what an umask of 0 would leave to all: a root that others put there is believed."""
    for path in directory.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not path.is_symlink() and mode & (stat.S_IWGRP | stat.S_IWOTH):
            path.chmod(mode & ~(stat.S_IWGRP | stat.S_IWOTH))


def load_pki(directory: Path) -> TestPki:
    """Load a test hierarchy with all its keys, as :func:`write_pki` left it.

    Raises:
        ConfigurationError: a file is missing or cannot be used.
    """
    generation: Generation = "g4" if (directory / f"{LEVELS[2]}-lp.key").exists() else "g1"
    plan, known = PLANS[generation], load_certificates(directory / "ca.pem")
    authorities: dict[str, Authority] = {}
    for hierarchy in plan.hierarchies:
        issuers: tuple[x509.Certificate, ...] = ()
        for level, stem in enumerate(LEVELS):
            name = f"{stem}{hierarchy.suffix}"
            folder = directory if level == 2 else directory / "keys"
            key = _load_unchecked(folder / f"{name}.key")
            found = [item for item in known if item.public_key() == key.public_key()]
            if not found:
                raise ConfigurationError(
                    f"{directory}/ca.pem does not hold the certificate of {name}.key: name a "
                    "directory that `digipoort-wus pki init` made."
                )
            authorities[name] = Authority(name, found[0], issuers, hierarchy.scheme, key)
            issuers = (found[0], *issuers)
    identities: dict[str, Identity] = {}
    for leaf in plan.leaves:
        chain = load_certificates(directory / f"{leaf.name}.pem")
        key = _load_unchecked(directory / f"{leaf.name}.key")
        identities[leaf.name] = Identity(chain[0], chain[1:], key)
    crls = {name: load_crls([directory / "crl" / f"{name}.pem"])[0] for name in authorities}
    return TestPki(
        generation,
        MappingProxyType(authorities),
        MappingProxyType(identities),
        MappingProxyType(crls),
    )


def check_vacant(directory: Path) -> None:
    """Check that :func:`write_pki` may use a place, before keys are made for it.

    Raises:
        ConfigurationError: there is a file, or a directory that is not empty.
    """
    if (directory / _STORE).exists():
        raise ConfigurationError(
            f"{directory} holds the store of a gateway, and no certificates are made beside one: "
            "choose another directory."
        )
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(
            f"{directory} exists and is not empty: choose another directory, or remove it "
            "if nothing uses its certificates any more."
        )


def _write_files(pki: TestPki, directory: Path) -> None:
    (directory / "crl").mkdir()
    (directory / "keys").mkdir()
    text = _README.format(generation=pki.generation, password=P12_PASSWORD)
    (directory / "README").write_text(text)
    (directory / "ca.pem").write_bytes(certificates_pem(*pki.ca_certificates))
    for name, crl in pki.crls.items():
        (directory / "crl" / f"{name}.pem").write_bytes(
            crl.public_bytes(serialization.Encoding.PEM)
        )
    for name, authority in pki.authorities.items():
        if not name.startswith(LEVELS[2]):
            write_private(directory / "keys" / f"{name}.key", key_pem(authority.key))
            continue
        (directory / f"{name}.pem").write_bytes(certificates_pem(*authority.sent_chain))
        write_private(directory / f"{name}.key", key_pem(authority.key))
    for name, identity in pki.identities.items():
        (directory / f"{name}.pem").write_bytes(
            certificates_pem(identity.certificate, *identity.chain)
        )
        write_private(directory / f"{name}.key", key_pem(identity.private_key))
        write_private(directory / f"{name}.p12", _pkcs12(name, identity))


def certificates_pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates as PEM, one after the other."""
    encoding = serialization.Encoding.PEM
    return b"".join(certificate.public_bytes(encoding) for certificate in certificates)


def key_pem(key: PrivateKeyTypes) -> bytes:
    """Return a key as PKCS#8 in PEM, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _pkcs12(name: str, identity: Identity) -> bytes:
    # The password is public: few rounds keep the making and the loading of it short.
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2048)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(P12_PASSWORD.encode())
    )
    return pkcs12.serialize_key_and_certificates(
        name.encode(), identity.private_key, identity.certificate, identity.chain, encryption
    )


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that nobody else may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _authorities(
    hierarchy: Hierarchy, now: datetime, valid_days: int, key_source: KeySource
) -> dict[str, Authority]:
    made: dict[str, Authority] = {}
    above: Authority | None = None
    for level, stem in enumerate(LEVELS):
        name = f"{stem}{hierarchy.suffix}"
        key = key_source(name, CA_BITS)
        template = ca_template(hierarchy, level, now, valid_days)
        if above is None:
            above = issue_root(name, template, key, hierarchy.scheme)
        else:
            above = issue_authority(name, template, key, above)
        made[name] = above
    return made


def _load_unchecked(path: Path) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(
            path.read_bytes(), None, unsafe_skip_rsa_key_validation=True
        )
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} holds no private key that can be read: remove it to get a new one."
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(f"{path} holds no RSA key: remove it to get a new one.")
    return key
