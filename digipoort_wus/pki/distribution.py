"""Where CRLs come from, and which of them may take the place of another (RFC 5280 5 and 6.3).

Values only: who fetches them and keeps them is somebody else's business.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from operator import attrgetter
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.profiles import UNREADABLE, extension_of
from digipoort_wus.pki.revocation import (
    WRONG_HASH,
    CrlSet,
    format_second,
    is_signed_by,
    is_well_hashed,
    why_unusable,
)

_HTTP_PORT = 80
# What cryptography parses when it is asked for, and not when it loads.
_read_late = attrgetter("issuer", "last_update_utc", "next_update_utc", "extensions")


def host_of(url: str) -> str:
    """Return host and port of a plain http URL, as ``crl.example.nl:80``.

    Raises:
        ValueError: it is no http URL, or it holds a user name or a fragment.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise ValueError(f"{url!r} is no URL like http://crl.example.nl/ca.crl")
    return f"{parts.hostname}:{parts.port or _HTTP_PORT}"


def distribution_points(certificates: Iterable[x509.Certificate]) -> tuple[str, ...]:
    """Return the http URLs of complete CRLs that certificates name, each once (4.2.1.13).

    The URL in a certificate leads to the CRL of its issuer. Give it certificates only that
    somebody here chose: who follows the URLs of a stranger does his errands.
    """
    found: dict[str, None] = {}
    for certificate in certificates:
        for point in extension_of(certificate, x509.CRLDistributionPoints) or ():
            # Of reasons: not all of them. Of another issuer: an indirect list.
            if point.reasons is None and point.crl_issuer is None:
                found |= dict.fromkeys(_plain_http(point.full_name or ()))
    return tuple(found)


def at_hosts(urls: Iterable[str], hosts: Collection[str]) -> tuple[str, ...]:
    """Return the URLs that are at one of these hosts, written as :func:`host_of` does."""
    return tuple(url for url in urls if host_of(url) in hosts)


def read_crl(octets: bytes) -> x509.CertificateRevocationList:
    """Read one CRL that somebody sent, DER or PEM.

    Raises:
        Refusal: PKI_CRL; it is none.
    """
    pem = octets.lstrip().startswith(b"-----BEGIN")
    load = x509.load_pem_x509_crl if pem else x509.load_der_x509_crl
    try:
        crl = load(octets)
        _read_late(crl)
    except UNREADABLE as error:
        raise Refusal(
            checks.PKI_CRL, expected="a CRL in DER or PEM", received=f"{len(octets)} other bytes"
        ) from error
    return crl


def check_successor(
    crl: x509.CertificateRevocationList,
    authorities: Iterable[x509.Certificate],
    in_force: CrlSet,
    at: datetime,
) -> x509.Certificate:
    """Check that a CRL may take the place of the one in force, and return whose it is.

    One that begins later is refused until then, however near that is: nothing would be in
    force in the meantime.

    Args:
        crl: just fetched, over a connection that proves nothing.
        authorities: the CA certificates that are known here.
        in_force: the CRLs at hand; the given one may be among them.
        at: aware moment of the question.

    Raises:
        Refusal: PKI_CRL; it cannot be used, none of the authorities signed it, it is not
            current, or it is older than the list in force.
    """
    issuer = issuer_of(crl, authorities)
    if crl.last_update_utc > at:
        raise _not_current(f"thisUpdate {format_second(crl.last_update_utc)}", at)
    if crl.next_update_utc is None or crl.next_update_utc < at:
        ends = crl.next_update_utc
        raise _not_current(f"nextUpdate {format_second(ends)}" if ends else "no nextUpdate", at)
    latest = latest_of(issuer, in_force)
    if latest is None or latest == crl:
        return issuer
    if crl.last_update_utc < latest.last_update_utc:
        raise Refusal(
            checks.PKI_CRL,
            expected=f"a list that is not older than {format_second(latest.last_update_utc)}",
            received=f"thisUpdate {format_second(crl.last_update_utc)}",
        )
    had, has = _number(latest), _number(crl)
    if had is not None and (has is None or has < had):
        raise Refusal(
            checks.PKI_CRL, expected=f"cRLNumber {had} or higher", received=f"cRLNumber {has}"
        )
    return issuer


def issuer_of(
    crl: x509.CertificateRevocationList, authorities: Iterable[x509.Certificate]
) -> x509.Certificate:
    """Return the authority that signed a CRL.

    Raises:
        Refusal: PKI_CRL; none of them did, or the list cannot be used at all.
    """
    if not is_well_hashed(crl):
        raise _incomplete(WRONG_HASH)
    # First: nobody unauthenticated makes us walk through ten megabytes of entries.
    named = (authority for authority in authorities if authority.subject == crl.issuer)
    issuer = next((authority for authority in named if is_signed_by(crl, authority)), None)
    if issuer is None:
        raise Refusal(
            checks.PKI_CRL,
            expected="a CRL that a CA of the trust store signed",
            received="one that none of them signed",
        )
    if unusable := why_unusable(crl):
        raise _incomplete(unusable)
    return issuer


def latest_of(
    authority: x509.Certificate, crls: CrlSet, at: datetime | None = None
) -> x509.CertificateRevocationList | None:
    """Return the newest usable CRL that an authority signed, None when there is none.

    Args:
        authority: a CA certificate.
        crls: in which to look.
        at: aware moment at which it has begun; None does not ask.
    """
    signed = [
        entry
        for entry in crls.by_issuer.get(authority.subject.public_bytes(), ())
        if (at is None or entry.this_update <= at)
        and not entry.unusable
        and entry.signed_by(authority)
    ]
    return max(signed, key=lambda entry: entry.this_update).crl if signed else None


def carried_over(
    authorities: Iterable[x509.Certificate], in_force: CrlSet, loaded: CrlSet, at: datetime
) -> tuple[x509.CertificateRevocationList, ...]:
    """Return the CRLs in force that stay beside those that were loaded.

    An old file that comes back does not bring back what a newer list took away, and a list
    that has not begun yet does not take away the one that is in force until then.

    Args:
        authorities: the CA certificates that are known from now on.
        in_force: until now.
        loaded: from now on.
        at: aware moment of the change.
    """
    kept: list[x509.CertificateRevocationList] = []
    for authority in authorities:
        for moment in (None, at):
            ours = latest_of(authority, in_force, moment)
            theirs = latest_of(authority, loaded, moment)
            newer = theirs is None or (
                ours is not None and theirs.last_update_utc < ours.last_update_utc
            )
            if ours is not None and newer and ours not in kept:
                kept.append(ours)
    return tuple(kept)


def file_name_of(issuer: x509.Certificate) -> str:
    """Return under which name the fetched CRL of an authority is kept."""
    return f"fetched-{issuer.fingerprint(hashes.SHA256()).hex()[:32]}.crl"


def _plain_http(names: Iterable[x509.GeneralName]) -> list[str]:
    urls = []
    for name in names:
        if isinstance(name, x509.UniformResourceIdentifier):
            try:
                host_of(name.value)
            except ValueError:
                continue
            urls.append(name.value)
    return urls


def _number(crl: x509.CertificateRevocationList) -> int | None:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None


def _incomplete(unusable: str) -> Refusal:
    return Refusal(checks.PKI_CRL, expected="a complete CRL", received=f"a CRL {unusable}")


def _not_current(received: str, at: datetime) -> Refusal:
    return Refusal(
        checks.PKI_CRL, expected=f"a CRL that is current at {format_second(at)}", received=received
    )
