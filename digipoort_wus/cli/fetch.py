"""``digipoort-wus fetch``: messages that agencies sent back."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.options import (
    EXIT_CODES,
    connected,
    connection_of,
    connection_options,
    note,
    outcomes,
    print_json,
    printable,
)
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.client.digipoort import DigipoortClient
    from digipoort_wus.client.results import Message
    from digipoort_wus.process.api import MailboxEntry, Scope

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_MAX = 100
_SAME_NAME_MAX = 1_000


@click.command(epilog=EXIT_CODES)
@click.option("--kenmerk", help="Messages of this process.")
@click.option("--belanghebbende", metavar="NUMBER", help="Messages for this party.")
@click.option(
    "--type", "party_type", default="Fi", show_default=True, help="Kind of --belanghebbende."
)
@click.option("--berichtsoort", help="Only messages of this kind.")
@click.option("--new", "only_new", is_flag=True, help="Only those that --new did not give before.")
@click.option("--list", "only_list", is_flag=True, help="List what there is, without content.")
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    show_default=True,
    help="Where the contents are written; nothing is overwritten.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@connection_options
def fetch(
    kenmerk: str | None,
    belanghebbende: str | None,
    party_type: str,
    berichtsoort: str | None,
    only_new: bool,
    only_list: bool,
    output_dir: Path,
    as_json: bool,
    **options: object,
) -> None:
    """Fetch messages and write their contents to files; print the names of the files."""
    if only_list and (kenmerk is not None or belanghebbende is not None):
        raise click.UsageError("--list names no kenmerk or belanghebbende: it lists everything.")
    if not only_list and (kenmerk is None) == (belanghebbende is None):
        raise click.UsageError("Give either --kenmerk or --belanghebbende, or --list.")
    if kenmerk is not None and berichtsoort is not None:
        raise click.UsageError("--berichtsoort goes with --belanghebbende or --list.")
    connection = connection_of(options)
    with outcomes(as_json=as_json):
        from digipoort_wus.filing.party import Party
        from digipoort_wus.process.api import Scope

        scope = Scope.NEW if only_new else Scope.ALL
        if not only_list:
            # Before asking: what --new gives, it gives once.
            _require_writable(output_dir)
        with connected(connection) as client:
            if only_list:
                _print_list(client, berichtsoort, scope, as_json=as_json)
                return
            if kenmerk is not None:
                messages = client.messages_of(kenmerk, scope=scope)
            else:
                party = Party(belanghebbende or "", party_type)
                messages = client.messages(party, berichtsoort=berichtsoort, scope=scope)
        written = [(message, list(_write(output_dir, message))) for message in messages]
        if as_json:
            print_json([_message_json(message, paths) for message, paths in written])
            return
        for _, paths in written:
            for path in paths:
                click.echo(path)
        if not messages:
            note("No new messages." if only_new else "No messages.")


def safe_name(name: str) -> str:
    """Return a file name that somebody else chose as one that cannot do harm.

    No separators, no leading dot or dash, ASCII only, of bounded length; never empty.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    return _UNSAFE.sub("_", last).strip("._-")[-_NAME_MAX:].lstrip("._-") or "inhoud"


def write_new(directory: Path, name: str, content: bytes) -> Path:
    """Write a file under a name that is not taken, and return its path.

    Raises:
        ConfigurationError: it cannot be written.
    """
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    for number in range(1, _SAME_NAME_MAX):
        path = directory / (name if number == 1 else f"{stem}-{number}{dot}{suffix}")
        try:
            # O_EXCL neither overwrites nor follows a link.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written ({error.strerror}).") from error
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise ConfigurationError(
                f"{path} cannot be written ({error.strerror}): make room, and fetch again "
                "without --new, which gives every message only once."
            ) from error
        return path
    raise ConfigurationError(f"There are too many files {name} in {directory}: empty it.")


def _write(directory: Path, message: "Message") -> Iterator[Path]:
    from digipoort_wus.filing.content import read_content

    for document in (message.document, *message.attachments):
        name = f"{safe_name(message.kenmerk)}_{safe_name(document.file_name)}"
        yield write_new(directory, name, read_content(document.content))


def _require_writable(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{directory} cannot be made ({error.strerror}).") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{directory} cannot be written: give another --output-dir.")


def _print_list(
    client: "DigipoortClient", berichtsoort: str | None, scope: "Scope", *, as_json: bool
) -> None:
    entries = client.message_list(berichtsoort=berichtsoort, scope=scope)
    if as_json:
        print_json([_entry_json(entry) for entry in entries])
        return
    for entry in entries:
        party = entry.belanghebbende
        words = (entry.kenmerk, entry.berichtsoort, f"{party.number} ({party.type})")
        click.echo("  ".join(map(printable, words)))
    if not entries:
        note("No messages.")


def _entry_json(entry: "MailboxEntry") -> dict[str, object]:
    party = entry.belanghebbende
    return {
        "kenmerk": entry.kenmerk,
        "berichtsoort": entry.berichtsoort,
        "belanghebbende": {"number": party.number, "type": party.type},
    }


def _message_json(message: "Message", paths: list[Path]) -> dict[str, object]:
    from digipoort_wus.clock import format_utc

    party = message.belanghebbende
    return {
        "kenmerk": message.kenmerk,
        "berichtkenmerk": message.berichtkenmerk,
        "berichtsoort": message.berichtsoort,
        "offered_at": format_utc(message.offered_at),
        "belanghebbende": {"number": party.number, "type": party.type},
        "aanleverkenmerk": message.aanleverkenmerk,
        "mime_type": message.document.mime_type,
        "files": [str(path) for path in paths],
        "findings": [{"code": code, "text": text} for code, text in message.findings],
        "elements": [{"name": name, "value": value} for name, value in message.elements],
    }
