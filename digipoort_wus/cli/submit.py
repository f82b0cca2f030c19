"""``digipoort-wus submit``: file a document."""

import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.following import follow, raise_bad_end, waiting_options
from digipoort_wus.cli.options import (
    EXIT_CODES,
    connected,
    connection_of,
    connection_options,
    note,
    outcomes,
    print_json,
    printable,
    status_json,
)
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.client.results import Receipt
    from digipoort_wus.filing.filing import Document
    from digipoort_wus.filing.party import Party

_INSTANCE = "http://www.xbrl.org/2003/instance"
# Only what real filings show: which type goes with another scheme, the filer must say.
_TYPES = {"www.belastingdienst.nl/omzetbelastingnummer": "Fi"}
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(epilog=EXIT_CODES)
@click.argument("file", type=_EXISTING)
@click.option("--berichtsoort", required=True, help="Such as Omzetbelasting.")
@click.option(
    "--belanghebbende",
    metavar="NUMBER",
    help="Whom the filing is about. Of an XBRL instance it is taken from its first context.",
)
@click.option(
    "--type", "party_type", metavar="TYPE", help="Kind of that number: Fi, BTW, LHnr. [default: Fi]"
)
@click.option(
    "--rol", default="Bedrijf", show_default=True, help="rolBelanghebbende: or Intermediair."
)
@click.option("--aanleverkenmerk", help="A reference of your own, or the name of a scenario.")
@click.option("--mime-type", help="Of FILE. [default: by its name]")
@click.option("--attachment", "attachments", multiple=True, type=_EXISTING, help="May be repeated.")
@click.option(
    "--message-id",
    help="wsa:MessageID: repeat a filing whose answer was lost under the same one, and it is "
    "not filed twice.",
)
@click.option(
    "--receipt",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the signed answer in this new file, as a proof of receipt.",
)
@waiting_options
@connection_options
def submit(
    file: Path,
    berichtsoort: str,
    belanghebbende: str | None,
    party_type: str | None,
    rol: str,
    aanleverkenmerk: str | None,
    mime_type: str | None,
    attachments: tuple[Path, ...],
    message_id: str | None,
    receipt: Path | None,
    waits: bool,
    timeout: float,
    as_json: bool,
    **options: object,
) -> None:
    """File FILE and print its kenmerk, by which it is followed from then on."""
    connection = connection_of(options)
    with outcomes(as_json=as_json):
        document = _document(file, mime_type)
        party = _party(document, belanghebbende, party_type)
        if receipt is not None and receipt.exists():
            raise ConfigurationError(f"{receipt} exists: give --receipt the name of a new file.")
        # Made here, so that it can be told when no answer comes.
        from digipoort_wus.client.wsse import new_message_id

        sent_as = message_id or new_message_id()
        with connected(connection) as client:
            with _told(sent_as):
                received = client.submit(
                    document,
                    berichtsoort=berichtsoort,
                    belanghebbende=party,
                    rol_belanghebbende=rol,
                    attachments=[_document(attachment, None) for attachment in attachments],
                    aanleverkenmerk=aanleverkenmerk,
                    message_id=sent_as,
                )
            if not as_json:
                # At once: whatever happens while waiting, the kenmerk must not be lost.
                click.echo(printable(received.kenmerk))
            if receipt is not None:
                _keep(receipt, received.answer)
            if not waits:
                if as_json:
                    print_json(_receipt_json(received))
                return
            if as_json:
                note(f"kenmerk {printable(received.kenmerk)}")
            statuses, late = follow(client, received.kenmerk, timeout, note)
        if as_json:
            print_json({**_receipt_json(received), "statuses": status_json(statuses)})
        if late is not None:
            raise late
        raise_bad_end(statuses)


@contextmanager
def _told(message_id: str) -> Iterator[None]:
    """Say under which message id a filing may have arrived although no answer did."""
    from digipoort_wus.client.errors import AnswerRefused, ConnectionFailed

    try:
        yield
    except (AnswerRefused, ConnectionFailed, KeyboardInterrupt) as error:
        if not isinstance(error, ConnectionFailed) or error.may_have_arrived:
            note(f"The filing may have arrived; repeat it safely with --message-id {message_id}")
        raise


def _document(path: Path, mime_type: str | None) -> "Document":
    """Read a file that is to be filed.

    Raises:
        ConfigurationError: it cannot be read, or is larger than the interface allows.
    """
    from digipoort_wus import limits
    from digipoort_wus.filing.filing import Document

    if len(path.name) > 80:
        raise ConfigurationError(f"{path.name} is longer than 80 characters: rename the file.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from error
    if len(content) > limits.INHOUD_MAX_BYTES:
        raise ConfigurationError(
            f"{path} is larger than {limits.INHOUD_MAX_BYTES} bytes, which is all that the "
            "interface takes: split the filing."
        )
    return Document(mime_type or _mime_type(path), path.name, content)


def _mime_type(path: Path) -> str:
    if path.suffix.lower() in (".xbrl", ".xml"):
        return "application/xml"
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _party(document: "Document", number: str | None, party_type: str | None) -> "Party":
    from digipoort_wus.filing.content import read_content
    from digipoort_wus.filing.party import Party

    if number is not None:
        return Party(number, party_type or "Fi")
    found = _xbrl_identifier(read_content(document.content))
    if found is None:
        raise click.UsageError(
            "Give --belanghebbende: the file is no XBRL instance with an xbrli:identifier."
        )
    number, scheme = found
    kind = party_type or _TYPES.get(scheme.removeprefix("http://"))
    if kind is None:
        raise click.UsageError(
            "Give --type: the scheme of the instance's xbrli:identifier is not one that says it."
        )
    note(
        f"belanghebbende {printable(number)} ({kind}), from the first context of the instance; "
        "--belanghebbende and --type overrule it."
    )
    return Party(number, kind)


def _xbrl_identifier(content: bytes) -> tuple[str, str] | None:
    """Return identifier and scheme of the first context, None when it is no XBRL instance."""
    from digipoort_wus.errors import Refusal
    from digipoort_wus.xmlsafe.parse import parse_document

    try:
        root = parse_document(content)
    except Refusal:
        return None
    if root.tag != f"{{{_INSTANCE}}}xbrl":
        return None
    identifier = root.find(
        f"{{{_INSTANCE}}}context/{{{_INSTANCE}}}entity/{{{_INSTANCE}}}identifier"
    )
    number = "" if identifier is None else "".join(map(str, identifier.itertext())).strip()
    if identifier is None or not number:
        return None
    return number, identifier.get("scheme") or ""


def _keep(path: Path, answer: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(answer)
    except OSError as error:
        # The filing is in: that must not look like a failure to file.
        note(f"The receipt could not be written to {path} ({error.strerror}).")


def _receipt_json(received: "Receipt") -> dict[str, object]:
    from digipoort_wus.clock import format_utc

    return {
        "kenmerk": received.kenmerk,
        "berichtsoort": received.berichtsoort,
        "received_at": format_utc(received.received_at),
        "belanghebbende": {
            "number": received.belanghebbende.number,
            "type": received.belanghebbende.type,
        },
        "aanleverkenmerk": received.aanleverkenmerk,
        "message_id": received.message_id,
        "signer": received.signer,
    }
