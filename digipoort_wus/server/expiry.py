"""What expires soon: sentences for the operator, each with a name, so that none is said twice."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from digipoort_wus.pki.distribution import latest_of
from digipoort_wus.pki.revocation import CrlSet, format_second
from digipoort_wus.server.trust import Materials

_DAYS = (1, 7, 14, 30)
"""A certificate is mentioned when so many days are left, each time once."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that needs attention; the same thing has the same key."""

    key: tuple[str, ...]
    text: str


def notices(
    materials: Materials, at: datetime, *, confirmed: Collection[x509.Certificate] = ()
) -> tuple[Notice, ...]:
    """Return what needs attention at a moment: certificates and CRLs that end soon, or are missing.

    Args:
        materials: those in force.
        at: aware moment.
        confirmed: authorities whose newest CRL is at hand for certain, since it was just fetched.
    """
    found: list[Notice] = []
    for name, identity in (("TLS", materials.tls), ("signing", materials.signing)):
        certificate = identity.certificate
        found += _of_certificate(f"The {name} certificate of the gateway", certificate, at)
    for authority in materials.every_authority:
        found += _of_certificate(f"The certificate of {name_of(authority)}", authority, at)
        found += _of_crl(authority, materials, at, confirmed=authority in confirmed)
    return tuple(found)


def without_file(materials: Materials, loaded: CrlSet) -> tuple[str, ...]:
    """Return sentences on the CRLs in force that no file holds any more.

    Args:
        materials: those in force.
        loaded: what the files hold.
    """
    found: list[str] = []
    for authority in materials.every_authority:
        ours, theirs = latest_of(authority, materials.index), latest_of(authority, loaded)
        if ours is None or ours.next_update_utc is None:
            continue
        if theirs is None or theirs.last_update_utc < ours.last_update_utc:
            found.append(
                f"No file holds the CRL of {name_of(authority)} any more. It stays in force until "
                f"{format_second(ours.next_update_utc)} or a restart; what that CA issued is "
                "refused after that: put a current CRL there."
            )
    return tuple(found)


def name_of(certificate: x509.Certificate) -> str:
    """Return the common name of a CA for people, or its serial number."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else f"the CA with serial {certificate.serial_number:x}"


def _of_certificate(what: str, certificate: x509.Certificate, at: datetime) -> Iterator[Notice]:
    until = certificate.not_valid_after_utc
    serial, when = f"{certificate.serial_number:x}", format_second(until)
    if until < at:
        yield Notice((what, serial, "ended"), f"{what} has expired at {when}: renew it.")
        return
    for days in _DAYS:
        if until - at <= timedelta(days=days):
            text = f"{what} expires at {when}, within {days} days: renew it."
            yield Notice((what, serial, str(days)), text.replace(" 1 days", " a day"))
            return


def _of_crl(
    authority: x509.Certificate, materials: Materials, at: datetime, *, confirmed: bool
) -> Iterator[Notice]:
    what = f"The CRL of {name_of(authority)}"
    refused = "what that CA issued is refused until there is a current one"
    crl = latest_of(authority, materials.index)
    if crl is None or crl.next_update_utc is None:
        yield Notice((what, "none"), f"{what} is missing: {refused}.")
        return
    since, until = crl.last_update_utc, crl.next_update_utc
    day = f"{at:%Y-%m-%d}"
    if until < at:
        text = f"{what} has ended at {format_second(until)}: {refused}."
        yield Notice((what, "ended", day), text)
    elif not confirmed and at - since > (until - since) / 2:
        text = f"{what} ends at {format_second(until)}; less than half of its life is left."
        yield Notice((what, "half", day), text)
