"""``digipoort-wus ebms token``: a secret for an application, and what a gateway knows of it."""

import hashlib
import secrets

import click

from digipoort_wus.cli.options import note, outcomes, print_json
from digipoort_wus.delivery.backend_settings import BackendToken

_OCTETS = 32


@click.command()
@click.option("--name", default="application", show_default=True, help="Of the application.")
@click.option("--agreements", is_flag=True, help="It may also change agreements.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def token(*, name: str, agreements: bool, as_json: bool) -> None:
    """Make a token for an application, and its row for the configuration.

    The token is nowhere but in what is printed: give it to the application. The row has its
    digest alone.
    """
    with outcomes(as_json=as_json):
        made = secrets.token_urlsafe(_OCTETS)
        row = BackendToken(name, hashlib.sha256(made.encode("ascii")).hexdigest(), agreements)
        if as_json:
            told = {"token": made, "name": row.name, "sha256": row.sha256}
            print_json({**told, "agreements": row.agreements})
            return
        click.echo(made)
        note("In the configuration:")
        note("[[ebms.backend.token]]")
        note(f'name = "{row.name}"')
        note(f'sha256 = "{row.sha256}"')
        if row.agreements:
            note("agreements = true")
