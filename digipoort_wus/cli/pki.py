"""``digipoort-wus pki``: make a test hierarchy, and show what certificates are for."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from digipoort_wus.clock import system_clock
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki import profiles
from digipoort_wus.pki.anchors import known_root
from digipoort_wus.pki.identity import load_certificates
from digipoort_wus.pki.oin import Oin, deviation_of, oin_of
from digipoort_wus.pki.revocation import format_second
from digipoort_wus.pki.testpki import (
    P12_PASSWORD,
    check_vacant,
    fresh_key,
    load_pki,
    make_pki,
    write_pki,
)
from digipoort_wus.pki.testplan import Generation
from digipoort_wus.pki.wrong import DIRECTORY as WRONG
from digipoort_wus.pki.wrong import write_wrong

_DAYS_MAX = 36_500
_ATTRIBUTE_NAMES = {
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.ORGANIZATION_IDENTIFIER: "organizationIdentifier",
}


@dataclass(frozen=True, slots=True)
class _Shown:
    file: str
    subject: str
    oin: str | None
    remark: str
    purposes: tuple[str, ...]
    not_before: str
    not_after: str
    days_left: int


@dataclass(frozen=True, slots=True)
class _Unreadable:
    file: str
    error: str


@click.group()
def pki() -> None:
    """Make test certificates, and show what certificates are for."""


@pki.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--generation",
    type=click.Choice(["g1", "g4"]),
    default="g1",
    show_default=True,
    help="Generation of PKIoverheid to mirror.",
)
@click.option(
    "--valid-days",
    type=click.IntRange(1, _DAYS_MAX),
    default=3650,
    show_default=True,
    help="Validity of the certificates from today on.",
)
def init(directory: Path, generation: Generation, valid_days: int) -> None:
    """Write a complete test hierarchy to DIRECTORY, which must be new or empty."""
    # Making the keys takes seconds: first find out whether there is room for them.
    check_vacant(directory)
    made = make_pki(
        generation, now=system_clock(), valid_days=valid_days, key_source=_announced_key
    )
    write_pki(made, directory)
    click.echo(f"Wrote a test hierarchy ({generation}, {valid_days} days) to {directory}:")
    click.echo("  ca.pem, crl/                   trust anchors, intermediates, CRLs")
    for name, identity in made.identities.items():
        oin = oin_of(identity.certificate)
        click.echo(f"  {name + '.pem .key .p12':<30} OIN {oin}")
    click.echo(f"The .p12 files have the password `{P12_PASSWORD}`. Never trust these certificates")
    click.echo(f"outside of a test. Next: digipoort-wus pki show {directory}")


@pki.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
def wrong(directory: Path) -> None:
    """Add certificates of every wrong kind to DIRECTORY, which `pki init` made.

    They go to its new folder wrong/, where wrong.toml says what each is and what a gateway
    must make of it, as TLS client and as signer. A few are odd and right. Nothing else in
    DIRECTORY changes: a gateway that is to judge them trusts wrong/ca.pem and wrong/crl.
    """
    made = write_wrong(load_pki(directory), directory, now=system_clock())
    folder = directory / WRONG
    click.echo(f"Wrote {len(made.wrongs)} certificates to {folder}; see {folder / 'wrong.toml'}.")
    click.echo("For the gateway that is to judge them:")
    click.echo(f'  [trust]\n  ca = "{folder / "ca.pem"}"\n  crls = "{folder / "crl"}"')


@pki.command()
@click.argument("path", metavar="FILE_OR_DIR", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_context
def show(ctx: click.Context, path: Path, as_json: bool) -> None:
    """Show subject, OIN, purpose and validity of certificates (PEM or DER).

    Of a directory every .pem file counts, with its first certificate. What cannot be read is
    named, and the rest is shown; the exit status is then 1.
    """
    now = system_clock()
    found = [_shown(name, certificate, now) for name, certificate in _certificates(path)]
    unreadable = sum(isinstance(shown, _Unreadable) for shown in found)
    if as_json:
        click.echo(json.dumps([asdict(shown) for shown in found], indent=2))
    else:
        for shown in found:
            _print(shown)
    if unreadable:
        click.echo(f"Error: {unreadable} of {len(found)} cannot be read.", err=True)
    ctx.exit(1 if unreadable else 0)


def _print(shown: _Shown | _Unreadable) -> None:
    if isinstance(shown, _Unreadable):
        click.echo(f"{shown.file}\n  error    {shown.error}")
        return
    click.echo(f"{shown.file}\n  subject  {shown.subject}")
    click.echo(f"  OIN      {shown.oin or 'none'}")
    if shown.remark:
        click.echo(f"  remark   {shown.remark}")
    click.echo(f"  purpose  {', '.join(shown.purposes) or 'none that is known here'}")
    click.echo(f"  valid    {shown.not_before} to {shown.not_after}, {_left(shown.days_left)}")


def _announced_key(name: str, bits: int) -> rsa.RSAPrivateKey:
    click.echo(f"Making the key of {name} (RSA-{bits}) ...", err=True)
    return fresh_key(name, bits)


def _certificates(path: Path) -> Iterator[tuple[str, x509.Certificate | ConfigurationError]]:
    """Yield each certificate by the name of its file, or why there is none to show."""
    if not path.is_dir():
        yield from ((path.name, certificate) for certificate in load_certificates(path))
        return
    files = sorted(file for file in path.iterdir() if file.suffix == ".pem" and file.is_file())
    if not files:
        raise ConfigurationError(f"{path} holds no .pem file: name a certificate file.")
    for file in files:
        try:
            yield file.name, load_certificates(file)[0]
        except ConfigurationError as error:
            yield file.name, error


def _shown(
    name: str, certificate: x509.Certificate | ConfigurationError, now: datetime
) -> _Shown | _Unreadable:
    if isinstance(certificate, ConfigurationError):
        return _Unreadable(name, str(certificate))
    try:
        oin, purposes = _oin(certificate), tuple(_purposes(certificate))
        subject = certificate.subject.rfc4514_string(_ATTRIBUTE_NAMES)
        return _Shown(
            name,
            # A stranger's certificate shall not steer the terminal.
            "".join(char if char.isprintable() else "?" for char in subject),
            oin,
            _remark(certificate, oin),
            purposes,
            format_second(certificate.not_valid_before_utc),
            format_second(certificate.not_valid_after_utc),
            (certificate.not_valid_after_utc - now).days,
        )
    except profiles.UNREADABLE as error:
        return _Unreadable(
            name,
            f"It holds a certificate that cannot be read ({type(error).__name__}): have it "
            "issued again.",
        )


def _remark(certificate: x509.Certificate, oin: Oin | None) -> str:
    """Return what is worth knowing of a certificate, empty for most."""
    root = known_root(certificate)
    if root is not None:
        return f"its fingerprint is that of {root.name} ({root.source})"
    return deviation_of(oin) if oin is not None else ""


def _oin(certificate: x509.Certificate) -> Oin | None:
    try:
        return oin_of(certificate)
    except Refusal:
        return None


def _purposes(certificate: x509.Certificate) -> Iterator[str]:
    constraints = profiles.extension_of(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        yield "CA"
        return
    for acceptance in (profiles.PRODUCTION, profiles.TEST):
        for role in profiles.Role:
            try:
                profiles.check_purpose((certificate,), role)
                profiles.check_policy((certificate,), role, acceptance)
            except Refusal:
                continue
            yield f"{role.value} ({acceptance.name})"


def _left(days: int) -> str:
    # Days are rounded down: what ended an hour ago has -1 days left.
    return f"{days} days left" if days >= 0 else f"expired {-days - 1} days ago"
