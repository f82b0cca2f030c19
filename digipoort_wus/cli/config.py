"""``digipoort-wus config check``: is this configuration file usable here?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.clock import system_clock
from digipoort_wus.config_file import load_config

if TYPE_CHECKING:
    from digipoort_wus.server.trust import Materials


@click.group()
def config() -> None:
    """Check a configuration file."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def check(file: Path) -> None:
    """Read FILE, load certificates, programs and rule sets, and print what would be in force.

    Exit status 0 when all of these are good, 1 otherwise. It tells what expires
    soon and which CRLs are missing or stale, which leaves the status at 0. Nothing is
    fetched. Whether the port is free and the data directory can be used shows when the
    gateway starts.
    """
    loaded = load_config(file)
    from digipoort_wus.authorising import authoriser_of
    from digipoort_wus.cli.config_shown import receiver_lines, setting_lines
    from digipoort_wus.materials import crl_sources, load_materials, require_no_store

    for line in setting_lines(loaded):
        click.echo(line)
    click.echo()
    disabled = sum(bool(row.disabled) for row in loaded.parties)
    others = "admitted" if loaded.mode == "sandbox" else "refused"
    click.echo(f"{len(loaded.parties)} parties, {disabled} of them disabled; others are {others}.")
    for line in receiver_lines(loaded):
        click.echo(line)
    authoriser_of(loaded)
    if loaded.role != "front":
        # A front judges nothing.
        from digipoort_wus.cli.rules_configured import known_sets

        number = known_sets(loaded.rules)
        if number is not None:
            click.echo(f"{number} rule sets, with those that ship.")
    if loaded.store_url:
        from digipoort_wus.stores import address_of

        address_of(loaded)
    if loaded.mode == "sandbox" and loaded.ca_file is None and not (loaded.pki / "ca.pem").exists():
        for files in (loaded.tls, loaded.signing):
            if files is not None:
                files.load()
        require_no_store(loaded)
        click.echo(f"Test certificates will be made in {loaded.pki} at the first start.")
        return
    from digipoort_wus.server.expiry import notices

    materials = load_materials(loaded)
    _tell_dates(materials)
    for url in crl_sources(loaded).urls_for(materials):
        click.echo(f"CRL to be fetched: {url}")
    attention = notices(materials, system_clock())
    for notice in attention:
        click.echo(notice.text)
    verdict = f"Attention, see above: {len(attention)}." if attention else "Good."
    click.echo(
        f"{len(materials.every_authority)} authorities, {len(materials.crls)} CRLs. {verdict}"
    )


def _tell_dates(materials: "Materials") -> None:
    from digipoort_wus.pki.distribution import latest_of
    from digipoort_wus.server.expiry import name_of

    for name, identity in (("TLS", materials.tls), ("signing", materials.signing)):
        certificate = identity.certificate
        click.echo(
            f"{name} certificate: {certificate.subject.rfc4514_string()}, "
            f"until {certificate.not_valid_after_utc:%Y-%m-%d}"
        )
    for authority in materials.every_authority:
        crl = latest_of(authority, materials.index)
        until = crl.next_update_utc if crl is not None else None
        of_crl = f"until {until:%Y-%m-%d %H:%M} UTC" if until is not None else "missing"
        click.echo(
            f"CA: {name_of(authority)}, until {authority.not_valid_after_utc:%Y-%m-%d}; "
            f"its CRL {of_crl}"
        )
