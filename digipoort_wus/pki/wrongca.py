"""How leaves are made whose CA, or its CRL, is what is wrong: each CA has a name of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from digipoort_wus.pki.issue import (
    PKCS1_SHA256,
    Authority,
    Template,
    issue_authority,
    issue_crl,
)
from digipoort_wus.pki.testplan import LEVELS, key_usage
from digipoort_wus.pki.wrongmake import DAY, HOUR, Bench, Made, issued, small_key


def _below(
    bench: Bench,
    change: Callable[[Template], Template] = lambda template: template,
    *,
    above: str = LEVELS[1],
    key: rsa.RSAPrivateKey | None = None,
) -> tuple[Authority, Made]:
    """Make a CA, a leaf below it, and a CRL that lists nothing."""
    template = change(bench.ca_template())
    authority = issue_authority(
        f"wrong-{bench.name}", template, key or bench.authority_key, bench.pki.authorities[above]
    )
    if key is not None:
        # Too short for PSS with SHA-512.
        authority = replace(authority, scheme=PKCS1_SHA256)
    made = issued(bench, bench.template(), authority)
    crl = _crl(authority, bench.issuing.certificate.not_valid_before_utc, bench.end)
    return authority, replace(made, authorities=(authority.certificate,), crls=(crl,))


def _crl(authority: Authority, since: datetime, until: datetime) -> x509.CertificateRevocationList:
    return issue_crl(authority, (), this_update=since, next_update=until)


def of_authority(
    change: Callable[[Template], Template], *, above: str = LEVELS[1]
) -> Callable[[Bench], Made]:
    """Make a leaf of a CA that says something else than the good one."""
    return lambda bench: _below(bench, change, above=above)[1]


def revoked_authority(bench: Bench) -> Made:
    """Make a leaf of a CA that the CA above it revoked."""
    authority, made = _below(bench)
    return replace(made, revokes=(LEVELS[1], authority.certificate.serial_number))


def expired_authority(bench: Bench) -> Made:
    """Make a leaf of a CA that expired yesterday."""
    return _below(bench, lambda template: replace(template, not_after=bench.now - DAY))[1]


def small_authority(bench: Bench) -> Made:
    """Make a leaf of a CA with an RSA key of 1024 bits."""
    return _below(bench, key=small_key())[1]


def without_crl(bench: Bench) -> Made:
    """Make a leaf of a CA that published no CRL."""
    return replace(_below(bench)[1], crls=())


def stale_crl(bench: Bench) -> Made:
    """Make a leaf of a CA whose CRL ended yesterday."""
    authority, made = _below(bench)
    return replace(made, crls=(_crl(authority, bench.now - 2 * DAY, bench.now - DAY),))


def early_crl(bench: Bench) -> Made:
    """Make a leaf of a CA whose CRL begins in the last hour of the set."""
    authority, made = _below(bench)
    return replace(made, crls=(_crl(authority, bench.end - HOUR, bench.end),))


def forged_crl(bench: Bench) -> Made:
    """Make a leaf of a CA whose CRL somebody else signed."""
    authority, made = _below(bench)
    other = replace(authority, key=bench.key)
    return replace(made, crls=(_crl(other, bench.now - DAY, bench.end),))


def authority_usage(*, certificates: bool, crls: bool) -> Callable[[Template], Template]:
    """Return a change of a CA's key usage."""
    usage = key_usage(certificates=certificates, signs=True, crls=crls)
    return lambda template: template.having(usage, critical=True)
