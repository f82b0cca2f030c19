"""``digipoort-wus cpa add|list|remove``: the agreements that a gateway uses."""

from pathlib import Path

import click

from digipoort_wus.cli.options import note, outcomes, print_json, printable
from digipoort_wus.cli.stored import config_of, store_options
from digipoort_wus.errors import ConfigurationError

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--url",
    "urls",
    multiple=True,
    metavar="OLD=NEW",
    help="Post to another address than the CPA says, such as in a test; may be repeated.",
)
@click.option(
    "--certificate",
    "certificates",
    multiple=True,
    metavar="OLD=NEW",
    help="Take another certificate in the place of one in the CPA: both are files (PEM or DER), "
    "the old one may be its SHA-256 in hex; may be repeated.",
)
@click.option(
    "--quirk",
    "quirks",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the partner wants otherwise than most; see the how-to. May be repeated.",
)
@store_options
def add(
    file: Path,
    urls: tuple[str, ...],
    certificates: tuple[str, ...],
    quirks: tuple[str, ...],
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Put the agreement in FILE to use, in the place of an earlier one of its CPAId.

    A running gateway uses it at once. What stood beside the earlier one is not taken over:
    name --url, --certificate and --quirk again.
    """
    import base64

    from digipoort_wus.cli.ordering import carry_out
    from digipoort_wus.ebms.cpa_reading import MAX_OCTETS, read_agreement
    from digipoort_wus.ebms_orders import ADD

    octets = file.read_bytes()[: MAX_OCTETS + 1]
    cpa_id = read_agreement(octets).cpa_id
    found = carry_out(
        config_of(config_file, data_dir),
        ADD,
        {
            "cpa": base64.b64encode(octets).decode("ascii"),
            "urls": dict(pair_of("--url", text) for text in urls),
            "certificates": dict(map(_replaced, certificates)),
            "quirks": dict(pair_of("--quirk", text) for text in quirks),
        },
    )
    for each in found if isinstance(found, list) else ():
        note(f"warning: {printable(str(each))}")
    click.echo(cpa_id)


@click.command("list")
@_AS_JSON
@store_options
def list_stored(*, as_json: bool, config_file: Path | None, data_dir: Path | None) -> None:
    """List the agreements that a gateway uses."""
    from digipoort_wus.cli.stored import look
    from digipoort_wus.ebms.cpa_reading import read_agreement

    with outcomes(as_json=as_json):
        rows = look(config_of(config_file, data_dir), lambda reader: reader.cpas())
        told = []
        for row in rows:
            agreement = read_agreement(row.octets)
            told.append(
                {
                    "cpa_id": row.cpa_id,
                    "added_at": row.added_at.isoformat(),
                    "start": agreement.start.isoformat(),
                    "end": agreement.end.isoformat(),
                    "parties": [party.name for party in agreement.parties],
                    "urls": dict(row.urls),
                    "certificates": sorted(row.certificates),
                    "quirks": dict(row.quirks),
                }
            )
        if as_json:
            print_json(told)
            return
        for row, one in zip(rows, told, strict=True):
            names = " and ".join(map(str, agreement_names(one["parties"])))
            click.echo(f"{printable(row.cpa_id)}  until {one['end']}  {printable(names)}")
            for old, new in row.urls.items():
                click.echo(f"  url {printable(old)} -> {printable(new)}")
            for digest in sorted(row.certificates):
                click.echo(f"  another certificate for {digest}")
            for name, value in row.quirks.items():
                click.echo(f"  {name} = {printable(str(value))}")
        if not rows:
            note("There are none: `digipoort-wus cpa add FILE` adds one.")


def agreement_names(parties: object) -> list[str]:
    """Return the names of the parties of one row."""
    return [str(name) for name in parties] if isinstance(parties, list) else []


@click.command()
@click.argument("cpa_id")
@store_options
def remove(cpa_id: str, config_file: Path | None, data_dir: Path | None) -> None:
    """End the use of the agreement CPA_ID: what comes under it is refused, and nothing is sent."""
    from digipoort_wus.cli.ordering import carry_out
    from digipoort_wus.ebms_orders import REMOVE

    carry_out(config_of(config_file, data_dir), REMOVE, {"cpa_id": cpa_id})
    note(f"CPA {printable(cpa_id)} was removed.")


def pair_of(option: str, text: str) -> tuple[str, str]:
    """Return the two sides of an option such as ``--url OLD=NEW``.

    Raises:
        click.UsageError: it has another form.
    """
    # A URL may hold = in its query, the new one as well: the first that divides two URLs counts.
    head, mark, tail = text.partition("=https://") if option == "--url" else text.partition("=")
    if not head or not mark or not tail:
        form = "OLD=NEW, both https URLs" if option == "--url" else "NAME=VALUE"
        raise click.UsageError(f"{option} {text}: give {form}.")
    return head, f"https://{tail}" if option == "--url" else tail


def _replaced(text: str) -> tuple[str, str]:
    import base64
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding

    from digipoort_wus.pki.identity import load_certificates

    old, mark, new = text.partition("=")
    if not old or not mark or not new:
        raise click.UsageError(f"--certificate {text}: give OLD=NEW, both files.")
    digest = old.lower()
    if len(digest) != 64 or not all(char in "0123456789abcdef" for char in digest):
        if not Path(old).is_file():
            raise ConfigurationError(f"{old} is neither a file nor a SHA-256 in hex.")
        der = load_certificates(Path(old))[0].public_bytes(Encoding.DER)
        digest = hashlib.sha256(der).hexdigest()
    octets = load_certificates(Path(new))[0].public_bytes(Encoding.DER)
    return digest, base64.b64encode(octets).decode("ascii")
