"""Findings about the certificates of an agreement: their dates, owners, keys and uses.

Nothing is trusted here: whether their issuers are, is judged at every message.
"""

import ipaddress
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from digipoort_wus.ebms.cpa import Agreement, PartyInfo
from digipoort_wus.ebms.cpa_finding import KINDS, Finding
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.profiles import UNREADABLE, Role, check_purpose, extension_of

_RSA_MIN = 2048
_OLD_HASHES = ("md5", "sha1", "sha224")


def certificate_findings(agreement: Agreement, at: datetime) -> Iterator[Finding]:
    """Yield what is wrong with the certificates that an agreement uses.

    Args:
        agreement: as it is used here.
        at: the moment that it is to be used.
    """
    for party in agreement.parties:
        for cert_id, role in dict.fromkeys(uses_of(party)):
            certificate = x509.load_der_x509_certificate(agreement.certificate(cert_id).leaf)
            where = f"{party.name} {cert_id}"
            try:
                yield from _dates(agreement, certificate, where, at)
                yield from _owner(party, certificate, where)
                yield from _use(certificate, role, where)
            except UNREADABLE as error:
                told = f"it cannot be read whole ({type(error).__name__})"
                yield _finding("CPA-CERTIFICATE-USE", where, told)
        yield from _hosts(agreement, party)


def uses_of(party: PartyInfo) -> Iterator[tuple[str, Role]]:
    """Yield the certId of each certificate that a party uses, and what for."""
    for transport in party.transports:
        if transport.client_certificate is not None:
            yield transport.client_certificate, Role.TLS_CLIENT
        if transport.server_certificate is not None:
            yield transport.server_certificate, Role.TLS_SERVER
    for exchange in party.doc_exchanges:
        signing = exchange.sender and exchange.sender.non_repudiation
        if signing and signing.certificate is not None:
            yield signing.certificate, Role.SIGNER
        envelope = exchange.receiver and exchange.receiver.envelope
        if envelope and envelope.certificate is not None:
            yield envelope.certificate, Role.ENCRYPTION_RECIPIENT


def _finding(kind: str, at: str, found: str) -> Finding:
    return Finding(KINDS[kind], at, found)


def _dates(
    agreement: Agreement, certificate: x509.Certificate, where: str, at: datetime
) -> Iterator[Finding]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= at <= end:
        told = f"it holds from {begin:%Y-%m-%d} to {end:%Y-%m-%d}"
        yield _finding("CPA-CERTIFICATE-ENDED", where, told)
    if begin > agreement.start:
        yield _finding("CPA-CERTIFICATE-DATES", where, f"it holds from {begin:%Y-%m-%d} on")
    if end < agreement.end:
        yield _finding("CPA-CERTIFICATE-DATES", where, f"it ends on {end:%Y-%m-%d}")


def _owner(party: PartyInfo, certificate: x509.Certificate, where: str) -> Iterator[Finding]:
    ids = {each.value.partition("_")[0] for each in party.ids if each.type == OIN_TYPE}
    if not ids:
        return
    try:
        oin = oin_of(certificate)
    except Refusal:
        yield _finding("CPA-CERTIFICATE-OIN", where, "it holds no OIN")
        return
    if oin not in ids:
        yield _finding("CPA-CERTIFICATE-OIN", where, f"it is of {oin}")


def _use(certificate: x509.Certificate, role: Role, where: str) -> Iterator[Finding]:
    try:
        check_purpose((certificate,), role)
    except Refusal:
        yield _finding("CPA-CERTIFICATE-USE", where, f"it is not for {role.value}")
    hashed = certificate.signature_hash_algorithm
    if hashed is not None and hashed.name in _OLD_HASHES:
        yield _finding("CPA-WEAK", where, f"its issuer signed it over {hashed.name}")
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _RSA_MIN:
            yield _finding("CPA-WEAK", where, f"its RSA key has {key.key_size} bits")
    elif role in (Role.SIGNER, Role.ENCRYPTION_RECIPIENT):
        yield _finding("CPA-CERTIFICATE-USE", where, "its key is not RSA, which ebMS is used with")


def _hosts(agreement: Agreement, party: PartyInfo) -> Iterator[Finding]:
    for transport in party.transports:
        if transport.server_certificate is None:
            continue
        leaf = agreement.certificate(transport.server_certificate).leaf
        for endpoint in transport.endpoints:
            try:
                host = urlsplit(endpoint.url).hostname or ""
                known = _names(x509.load_der_x509_certificate(leaf), host)
            except UNREADABLE:
                continue
            if host and not known:
                where = f"{party.name} {transport.id}"
                told = f"{host} is no name in {transport.server_certificate}"
                yield _finding("CPA-HOST", where, told)


def _names(certificate: x509.Certificate, host: str) -> bool:
    names = extension_of(certificate, x509.SubjectAlternativeName)
    if names is None:
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    _, _, rest = host.partition(".")
    known = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    return host in known or (bool(rest) and f"*.{rest}" in known)
