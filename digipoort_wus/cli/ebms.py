"""``digipoort-wus ebms``: send over ebMS, ask the other side, and look at messages."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from digipoort_wus.cli.ebms_peer import peer
from digipoort_wus.cli.ebms_token import token
from digipoort_wus.cli.options import note, outcomes, print_json, printable
from digipoort_wus.cli.ordering import carry_out
from digipoort_wus.cli.stored import config_of, look, store_options
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.config import Config
    from digipoort_wus.store.ebms_values import EbmsId, EbmsRow
    from digipoort_wus.store.reader import Reader

_F = TypeVar("_F", bound=Callable[..., object])
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
_INLINE_MAX = 500_000
"""Octets of all payloads: what is more is named by its path, and read by the gateway itself."""
_NUMBER = click.argument("number", type=click.IntRange(1))
_LISTED = 1_000


@click.group()
def ebms() -> None:
    """Send over ebMS 2.0, ask the other side, and look at messages."""


ebms.add_command(peer)
ebms.add_command(token)


@ebms.command()
@click.argument("cpa_id")
@_AS_JSON
@store_options
def ping(cpa_id: str, *, as_json: bool, config_file: Path | None, data_dir: Path | None) -> None:
    """Ask whether the other party of the agreement CPA_ID is there, and wait for its Pong."""
    from digipoort_wus.ebms_orders import PING

    with outcomes(as_json=as_json):
        carry_out(config_of(config_file, data_dir), PING, {"cpa_id": cpa_id})
        if as_json:
            print_json({"pong": True})
        else:
            click.echo("Pong: the other party is there.")


@ebms.command()
@click.argument("cpa_id")
@click.option("--service", required=True, help="As the CPA names it.")
@click.option(
    "--service-type", default="urn:osb:services", show_default=True, help="Of the service; or ''."
)
@click.option("--action", required=True, help="As the CPA names it.")
@click.option(
    "--payload",
    "payloads",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File that is sent; may be repeated.",
)
@click.option("--media-type", default="application/xml", show_default=True, help="Of the payloads.")
@click.option("--conversation", default="", help="ConversationId. [default: a new one]")
@click.option("--ref-to", default="", help="MessageId of the message that this one answers.")
@click.option(
    "--message-id", default="", help="Of this message; the same one is sent once. [default: new]"
)
@_AS_JSON
@store_options
def send(
    cpa_id: str,
    *,
    payloads: tuple[Path, ...],
    media_type: str,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
    **told: str,
) -> None:
    """Send a business message under the agreement CPA_ID, and print its MessageId.

    When this returns it is kept, and the gateway sends it for as long as the agreement says;
    `ebms messages` and `ebms show` tell how far it is.
    """
    from digipoort_wus.ebms_orders import SEND

    inline = sum(path.stat().st_size for path in payloads) <= _INLINE_MAX
    rows: list[dict[str, str]] = []
    for path in payloads:
        row = {"media_type": media_type, "name": path.name}
        if inline:
            row["octets"] = base64.b64encode(path.read_bytes()).decode("ascii")
        else:
            row["path"] = str(path.resolve())
        rows.append(row)
    with outcomes(as_json=as_json):
        message_id = carry_out(
            config_of(config_file, data_dir),
            SEND,
            {
                "cpa_id": cpa_id,
                "service": told["service"],
                "service_type": told["service_type"],
                "action": told["action"],
                "conversation_id": told["conversation"],
                "ref_to_message_id": told["ref_to"],
                "message_id": told["message_id"],
                "payloads": rows,
            },
        )
        if as_json:
            print_json({"message_id": message_id})
        else:
            click.echo(message_id)


@ebms.command()
@_NUMBER
@_AS_JSON
@store_options
def resend(number: int, *, as_json: bool, config_file: Path | None, data_dir: Path | None) -> None:
    """Send the content of message NUMBER again, as a new message; print its MessageId."""
    from digipoort_wus.ebms_orders import RESEND

    with outcomes(as_json=as_json):
        config = config_of(config_file, data_dir)
        message_id = carry_out(config, RESEND, {"ebms_id": str(number)})
        if as_json:
            print_json({"message_id": message_id})
        else:
            click.echo(message_id)


@ebms.command()
@_NUMBER
@_AS_JSON
@store_options
def status(number: int, *, as_json: bool, config_file: Path | None, data_dir: Path | None) -> None:
    """Ask the other party what became of message NUMBER, which went out."""
    from digipoort_wus.ebms_orders import STATUS

    with outcomes(as_json=as_json):
        config = config_of(config_file, data_dir)
        told = carry_out(config, STATUS, {"ebms_id": str(number)})
        if as_json:
            print_json(told)
        elif isinstance(told, dict):
            since = f", {told['at']}" if told.get("at") else ""
            click.echo(f"{printable(str(told.get('status')))}{since}")


@ebms.command()
@click.option("--direction", type=click.Choice(["in", "out"]), help="Only those.")
@click.option("--cpa", "cpa_id", help="Only those of this CPAId.")
@click.option("--state", help="Only those in this state, such as RECEIVED or WAITING_FOR_ACK.")
@click.option("--conversation", "conversation_id", help="Only those of this ConversationId.")
@click.option("--message-id", help="Only the one with this MessageId.")
@click.option("--after", type=int, help="Only those behind this number.")
@click.option("--limit", type=click.IntRange(1, _LISTED), default=100, show_default=True)
@_AS_JSON
@store_options
def messages(
    direction: str | None,
    cpa_id: str | None,
    state: str | None,
    conversation_id: str | None,
    message_id: str | None,
    after: int | None,
    limit: int,
    *,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """List messages, oldest first: number, direction, state, action and MessageId."""
    from digipoort_wus.store.ebms_values import Direction, EbmsId, EbmsWanted

    wanted = EbmsWanted(
        direction=None if direction is None else Direction(direction),
        cpa_id=cpa_id,
        state=state,
        conversation_id=conversation_id,
        message_id=message_id,
        after=None if after is None else EbmsId(after),
        limit=limit,
    )
    with outcomes(as_json=as_json):
        rows = look(config_of(config_file, data_dir), lambda reader: reader.ebms_messages(wanted))
        if as_json:
            print_json([_values(row) for row in rows])
            return
        for row in rows:
            head = row.head
            click.echo(
                f"{row.ebms_id:>6}  {head.at:%Y-%m-%d %H:%M:%S}  {head.key.direction.value:<3}  "
                f"{row.state:<15}  {printable(head.action)}  {printable(head.key.message_id)}"
            )
        if len(rows) == limit:
            note(f"There may be more: --after {rows[-1].ebms_id}.")


@ebms.command()
@_NUMBER
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    help="New directory for its envelope, its payloads and the signal that is kept with it.",
)
@_AS_JSON
@store_options
def show(
    number: int,
    save: Path | None,
    *,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Show message NUMBER: where it stands, the attempts to send it, and what was told of it."""
    from digipoort_wus.store.ebms_values import EbmsId

    with outcomes(as_json=as_json):
        config = config_of(config_file, data_dir)
        told = _shown(config, EbmsId(number))
        if save is not None:
            _save(config, EbmsId(number), save)
        if as_json:
            print_json(told)
            return
        attempts, events = told.pop("attempts"), told.pop("events")
        for name, value in told.items():
            if value is not None:
                click.echo(f"{name + ':':<20} {printable(str(value))}")
        for title, rows in (("attempt", attempts), ("event", events)):
            for row in rows if isinstance(rows, list) else ():
                said = ", ".join(f"{key} {value}" for key, value in row.items() if value)
                click.echo(f"{title + ':':<20} {printable(said)}")


@ebms.command()
@click.option("--limit", type=click.IntRange(1, _LISTED), default=100, show_default=True)
@_AS_JSON
@store_options
def events(limit: int, *, as_json: bool, config_file: Path | None, data_dir: Path | None) -> None:
    """List what the application behind the gateway has not taken notice of, oldest first."""
    with outcomes(as_json=as_json):
        rows = look(
            config_of(config_file, data_dir), lambda reader: reader.ebms_events(None, limit)
        )
        if as_json:
            print_json(
                [
                    {
                        "event": row.event_id,
                        "number": row.ebms_id,
                        "kind": row.kind,
                        "at": row.at.isoformat(),
                    }
                    for row in rows
                ]
            )
            return
        for row in rows:
            click.echo(
                f"{row.event_id:>6}  {row.at:%Y-%m-%d %H:%M:%S}  {row.kind}  message {row.ebms_id}"
            )


def _values(row: "EbmsRow") -> dict[str, object]:
    head = row.head
    return {
        "number": row.ebms_id,
        "direction": head.key.direction.value,
        "state": row.state,
        "cpa_id": head.key.cpa_id,
        "from": head.key.sender,
        "to": head.receiver,
        "service": head.service,
        "action": head.action,
        "message_id": head.key.message_id,
        "conversation_id": head.conversation_id,
        "ref_to_message_id": head.ref_to_message_id,
        "at": head.at.isoformat(),
        "time_to_live": None if head.time_to_live is None else head.time_to_live.isoformat(),
        "settled_at": None if row.settled_at is None else row.settled_at.isoformat(),
        "processed_at": None if row.processed_at is None else row.processed_at.isoformat(),
        "answered_at": None if row.answered_at is None else row.answered_at.isoformat(),
    }


def _shown(config: "Config", number: "EbmsId") -> dict[str, object]:
    try:
        row, task, attempts, told = look(
            config,
            lambda reader: (
                reader.ebms(number),
                reader.ebms_task(number),
                reader.ebms_attempts(number),
                reader.ebms_events_of(number),
            ),
        )
    except KeyError as error:
        raise _no_such(number) from error
    return {
        **_values(row),
        # Of what was offered for the last time: when it is given up.
        "next_at": None if task is None else task.run_at.isoformat(),
        "attempts": [
            {
                "number": one.seq,
                "at": one.at.isoformat(),
                "url": one.url,
                "outcome": one.outcome,
                "status": one.status,
            }
            for one in attempts
        ],
        "events": [{"kind": one.kind, "at": one.at.isoformat()} for one in told],
    }


def _save(config: "Config", number: "EbmsId", directory: Path) -> None:
    from digipoort_wus.filing.content import open_content

    def work(reader: "Reader") -> None:
        content = reader.ebms_content(number)
        answer = reader.ebms_answer(number)
        directory.mkdir(mode=0o700)
        listed = []
        if content.envelope is not None:
            (directory / "envelope.xml").write_bytes(content.envelope)
        for place, part in enumerate(content.parts, 1):
            # Names and Content-IDs are the sender's: none of them is a path here.
            name = f"payload-{place}"
            with open_content(part.content) as octets, (directory / name).open("wb") as file:
                while piece := octets.read(262_144):
                    file.write(piece)
            listed.append(
                {
                    "file": name,
                    "content_id": part.content_id,
                    "media_type": part.media_type,
                    "name": part.name,
                }
            )
        if answer is not None:
            (directory / "signal").write_bytes(answer.octets)
        (directory / "parts.json").write_text(json.dumps(listed, indent=2), encoding="utf-8")

    if directory.exists():
        raise ConfigurationError(f"{directory} is there already: name a new directory.")
    look(config, work)


def _no_such(number: int) -> ConfigurationError:
    return ConfigurationError(
        f"There is no message {number}: `digipoort-wus ebms messages` lists them."
    )
