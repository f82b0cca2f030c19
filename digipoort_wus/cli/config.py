"""``digipoort-wus config check``: is this configuration file usable here?"""

from dataclasses import fields
from pathlib import Path

import click

from digipoort_wus.config import Config, IdentityFiles, load_config


@click.group()
def config() -> None:
    """Check a configuration file."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def check(file: Path) -> None:
    """Read FILE, load the certificates it names, and print what would be in force.

    Exit status 0 when file and certificates are good, 1 otherwise. Whether the port is free
    and the data directory can be used shows when the gateway starts.
    """
    loaded = load_config(file)
    defaults = Config()
    for setting in fields(loaded):
        value = getattr(loaded, setting.name)
        origin = "default" if value == getattr(defaults, setting.name) else "file"
        click.echo(f"{setting.name:22} {_shown(value):50} {origin}")
    if loaded.mode == "sandbox" and loaded.ca_file is None and not (loaded.pki / "ca.pem").exists():
        for files in (loaded.tls, loaded.signing):
            if files is not None:
                files.load()
        click.echo(f"Test certificates will be made in {loaded.pki} at the first start.")
        return
    from digipoort_wus.gateway import load_materials

    materials = load_materials(loaded)
    for name, identity in (("TLS", materials.tls), ("signing", materials.signing)):
        certificate = identity.certificate
        click.echo(
            f"{name} certificate: {certificate.subject.rfc4514_string()}, "
            f"until {certificate.not_valid_after_utc:%Y-%m-%d}"
        )
    click.echo(f"{len(materials.authorities)} authorities, {len(materials.crls)} CRLs. Good.")


def _shown(value: object) -> str:
    if isinstance(value, IdentityFiles):
        return str(value.pkcs12 or f"{value.certificate}, {value.key}")
    if isinstance(value, frozenset | tuple):
        return ", ".join(map(str, sorted(value))) or "none"
    return "none" if value in (None, "") else str(value)
