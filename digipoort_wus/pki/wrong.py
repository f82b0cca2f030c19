"""A set of certificates of every wrong kind, below a test hierarchy: made, and written.

What the kinds are stands in :mod:`digipoort_wus.pki.wrongkinds`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from digipoort_wus.pki.issue import issue_crl
from digipoort_wus.pki.testpki import (
    KeySource,
    TestPki,
    certificates_pem,
    fresh_key,
    key_pem,
    write_private,
    write_whole,
)
from digipoort_wus.pki.wrongkinds import KINDS
from digipoort_wus.pki.wrongmake import Bench, Kind, Made

DIRECTORY = "wrong"
MANIFEST = "wrong.toml"

_README = """\
TEST MATERIAL. Certificates that are wrong on purpose, and a few that are odd and right.

  wrong.toml     what each is, and what a gateway must make of it
  NAME.pem       leaf, then its issuers without the root
  NAME.key       private key, PKCS#8
  ca.pem, crl/   trust anchors, intermediates and CRLs for the gateway that is to judge
                 them: those of the directory above, and the CAs that are wrong themselves

Made by: digipoort-wus pki wrong DIRECTORY
"""
_MANIFEST_HEAD = """\
# tls: what becomes of it as TLS client certificate, with a message that vendor-a signed:
#      "ok", "alert" (the handshake fails) or "fault:CHECK-ID".
# signer: what becomes of a message that it signed, on a connection of vendor-a:
#      "ok" or the CHECK-ID of the fault.
# alone: it has an OIN of its own: sign with it and connect with it, for both.
# weak: a TLS client has to be told to use it (OpenSSL: @SECLEVEL=0).
"""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One certificate of a kind."""

    kind: Kind
    made: Made


@dataclass(frozen=True, slots=True)
class WrongSet:
    """Certificates of every kind, and what a gateway has to know to judge them.

    Args:
        wrongs: by name.
        authorities: those of the hierarchy, then the CAs that are wrong themselves.
        crls: by name of the file; the hierarchy's own list what is revoked here too.
    """

    wrongs: Mapping[str, Wrong]
    authorities: tuple[x509.Certificate, ...]
    crls: Mapping[str, x509.CertificateRevocationList]


def make_wrong(pki: TestPki, *, now: datetime, key_source: KeySource = fresh_key) -> WrongSet:
    """Make a certificate of every kind that its generation has.

    Args:
        pki: the hierarchy below which they stand.
        now: aware moment of the making.
        key_source: gives the keys ``wrong`` and ``wrong-ca``, of 2048 bits.
    """
    key, authority_key = key_source("wrong", 2048), key_source("wrong-ca", 2048)
    start = now.replace(microsecond=0)
    wrongs = {
        kind.name: Wrong(kind, kind.make(Bench(pki, start, kind.name, key, authority_key)))
        for kind in KINDS
        if pki.generation in kind.generations
    }
    revoked: dict[str, list[int]] = {}
    for wrong in wrongs.values():
        if wrong.made.revokes is not None:
            name, serial = wrong.made.revokes
            revoked.setdefault(name, []).append(serial)
    crls = {name: _with(pki, name, revoked.get(name, ())) for name in pki.crls}
    for name, wrong in wrongs.items():
        crls |= {f"wrong-{name}": crl for crl in wrong.made.crls}
    added = [certificate for wrong in wrongs.values() for certificate in wrong.made.authorities]
    return WrongSet(
        MappingProxyType(wrongs), (*pki.ca_certificates, *added), MappingProxyType(crls)
    )


def write_wrong(
    pki: TestPki, directory: Path, *, now: datetime, key_source: KeySource = fresh_key
) -> WrongSet:
    """Make certificates of every kind and write them to ``wrong/`` in a directory.

    Nothing else in the directory changes. A gateway that is to judge them gets ``wrong/ca.pem``
    and ``wrong/crl`` as its trust.

    Args:
        pki: as for :func:`make_wrong`.
        directory: usually that of the hierarchy; it must not hold ``wrong`` yet.
        now: aware moment of the making.
        key_source: as for :func:`make_wrong`.

    Raises:
        ConfigurationError: ``wrong`` is there already, or cannot be written.
    """
    made = make_wrong(pki, now=now, key_source=key_source)
    write_whole(directory / DIRECTORY, lambda draft: _write_files(made, draft))
    return made


def manifest(wrongs: Iterable[Wrong]) -> str:
    """Return the table of a set as TOML."""
    tables = [
        "\n".join(
            ["[[wrong]]"]
            # What JSON writes of a string or a boolean is TOML too.
            + [
                f"{name} = {json.dumps(getattr(wrong.kind, name))}"
                for name in ("name", "what", "tls", "signer", "alone", "weak")
            ]
        )
        for wrong in wrongs
    ]
    return "\n\n".join([_MANIFEST_HEAD, *tables]) + "\n"


def _with(pki: TestPki, name: str, revoked: Iterable[int]) -> x509.CertificateRevocationList:
    """Return the CRL of a CA with more on it, and the same dates."""
    crl = pki.crls[name]
    since = crl.last_update_utc
    listed = [(entry.serial_number, entry.revocation_date_utc) for entry in crl]
    added = [(serial, since) for serial in revoked]
    if not added:
        return crl
    return issue_crl(
        pki.authorities[name],
        [*listed, *added],
        this_update=since,
        next_update=crl.next_update_utc or pki.authorities[name].certificate.not_valid_after_utc,
        number=2,
    )


def _write_files(made: WrongSet, directory: Path) -> None:
    (directory / "crl").mkdir()
    (directory / "README").write_text(_README)
    (directory / MANIFEST).write_text(manifest(made.wrongs.values()))
    (directory / "ca.pem").write_bytes(certificates_pem(*made.authorities))
    for name, crl in made.crls.items():
        path = directory / "crl" / f"{name}.pem"
        path.write_bytes(crl.public_bytes(serialization.Encoding.PEM))
    for name, wrong in made.wrongs.items():
        chain = (wrong.made.certificate, *wrong.made.chain)
        (directory / f"{name}.pem").write_bytes(certificates_pem(*chain))
        write_private(directory / f"{name}.key", key_pem(wrong.made.key))
