"""``digipoort-wus filings``: look at filings, and decide about them."""

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from digipoort_wus.cli.filings_shown import as_dict, line_of, print_shown, shown_of
from digipoort_wus.cli.options import note, outcomes, print_json, require_new
from digipoort_wus.cli.stored import (
    config_of,
    decide,
    look,
    moment_of,
    progress,
    store_options,
)

if TYPE_CHECKING:
    from digipoort_wus.config import Config
    from digipoort_wus.store.ports import Reader

_REASON = click.option("--reason", required=True, help="Why; kept as an HMAC in the evidence.")
_BERICHT = click.option("--berichtkenmerk", help="Which of several deliveries of the process.")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")


@click.group()
def filings() -> None:
    """Look at filings, and decide about them.

    It works beside a running gateway: what is decided with a data directory is done by the
    gateway that uses it, and asked over a socket there. Every decision is an entry of the
    evidence.
    """


@filings.command("list")
@click.option("--kenmerk", help="Of this process.")
@click.option("--sender", help="Filed by this OIN.")
@click.option("--berichtsoort", help="As it was filed.")
@click.option("--status", help="Code of the last status.")
@click.option(
    "--since",
    help="Received then or later: a day in UTC such as 2026-01-31, or a moment with its zone.",
)
@click.option("--until", help="Received then or earlier; of a day, until its end.")
@click.option("--aside", is_flag=True, help="Only those whose job was set aside.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--before", type=int, help="Older than the filing with this number: the next page.")
@_AS_JSON
@store_options
def list_filings(
    kenmerk: str | None,
    sender: str | None,
    berichtsoort: str | None,
    status: str | None,
    since: str | None,
    until: str | None,
    aside: bool,
    limit: int,
    before: int | None,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """List filings, the newest first."""
    with outcomes(as_json=as_json):
        from digipoort_wus.store.ports import FilingId, Overview

        _require_known(status, sender)
        wanted = Overview(
            kenmerk=kenmerk,
            sender=sender,
            berichtsoort=berichtsoort,
            status=status,
            start=None if since is None else moment_of(since),
            end=None if until is None else moment_of(until, at_end=True),
            aside=True if aside else None,
            before=None if before is None else FilingId(before),
            limit=limit,
        )
        config = config_of(config_file, data_dir)
        found = look(config, lambda reader: reader.overview(wanted))
        following = found[-1].filing.filing_id if len(found) == limit else None
        if as_json:
            print_json({"filings": [as_dict(one) for one in found], "before": following})
            return
        for one in found:
            click.echo(line_of(one))
        if not found:
            note("No filings.")
        if following is not None:
            note(f"There may be more: --before {following}")


@filings.command()
@click.argument("kenmerk")
@click.option(
    "--content",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a content of the newest delivery to this new file; needs --reason.",
)
@click.option(
    "--part", type=click.IntRange(0), default=0, help="Which: 0 is the document, then attachments."
)
@click.option("--reason", help="Why the content is taken out; recorded.")
@click.option("--trace", is_flag=True, help="Also how it was validated: what each rule came to.")
@_AS_JSON
@store_options
def show(
    kenmerk: str,
    content: Path | None,
    part: int,
    reason: str | None,
    trace: bool,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Show the deliveries of KENMERK: statuses, job, evidence, sizes; contents only on request."""
    if (content is None) != (reason is None):
        raise click.UsageError("--content and --reason go together: taking it out is recorded.")
    with outcomes(as_json=as_json):
        config = config_of(config_file, data_dir)
        if content is not None and reason is not None:
            _take_out(config, kenmerk, content, part, reason)
        shown = look(config, lambda reader: shown_of(reader, kenmerk, traced=trace))
        if as_json:
            print_json({"kenmerk": kenmerk, **shown})
            return
        print_shown(shown)


@filings.command()
@click.argument("kenmerk")
@_REASON
@_BERICHT
@_AS_JSON
@store_options
def cancel(
    kenmerk: str,
    reason: str,
    berichtkenmerk: str | None,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """End the filing KENMERK, which its agency does not have yet.

    No public status says so: it gets that of a technical failure, with a statusFoutcode of ours
    (BEH900). A delivery that is under way at this moment may still arrive.
    """
    where = (config_file, data_dir)
    _decide("cancel", kenmerk, reason, berichtkenmerk, as_json=as_json, where=where)


@filings.command()
@click.argument("kenmerk")
@_REASON
@_BERICHT
@_AS_JSON
@store_options
def resend(
    kenmerk: str,
    reason: str,
    berichtkenmerk: str | None,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Deliver the filing KENMERK again, with the MessageID that it had.

    For one that waits for another attempt, whose attempts are spent, or that its agency has and
    lost. What the agency has judged is not delivered again.
    """
    where = (config_file, data_dir)
    _decide("resend", kenmerk, reason, berichtkenmerk, as_json=as_json, where=where)


@filings.command()
@click.argument("kenmerk")
@_REASON
@_AS_JSON
@store_options
def again(
    kenmerk: str, reason: str, as_json: bool, config_file: Path | None, data_dir: Path | None
) -> None:
    """Offer the job of KENMERK again, which was set aside."""
    _decide("again", kenmerk, reason, as_json=as_json, where=(config_file, data_dir))


@filings.command()
@click.argument("kenmerk")
@click.option(
    "--reason",
    required=True,
    help="Why; shown as it is while the filing is held, and kept as an HMAC in the evidence.",
)
@_AS_JSON
@store_options
def hold(
    kenmerk: str, reason: str, as_json: bool, config_file: Path | None, data_dir: Path | None
) -> None:
    """Keep KENMERK from being purged (legal hold).

    The reason is stored and shown in the clear until the filing is released: give the number of a
    case, and name nobody in it.
    """
    _decide("hold", kenmerk, reason, as_json=as_json, where=(config_file, data_dir))


@filings.command()
@click.argument("kenmerk")
@_REASON
@_AS_JSON
@store_options
def release(
    kenmerk: str, reason: str, as_json: bool, config_file: Path | None, data_dir: Path | None
) -> None:
    """End the legal hold of KENMERK."""
    _decide("release", kenmerk, reason, as_json=as_json, where=(config_file, data_dir))


def _decide(
    name: str,
    kenmerk: str,
    reason: str,
    berichtkenmerk: str | None = None,
    *,
    as_json: bool,
    where: tuple[Path | None, Path | None],
) -> None:
    with outcomes(as_json=as_json):
        done = decide(config_of(*where), name, kenmerk, reason, berichtkenmerk)
        if as_json:
            print_json({"kenmerk": kenmerk, "done": done})
        else:
            click.echo(f"{kenmerk} {done}")


def _require_known(status: str | None, sender: str | None) -> None:
    """Refuse what no filing can have, rather than to find none."""
    from digipoort_wus.filing.status import STATUS_CODES
    from digipoort_wus.pki.oin import parse_oin

    if status is not None and status not in STATUS_CODES:
        raise click.UsageError(
            f"--status: {status!r} is no status code; they are {', '.join(sorted(STATUS_CODES))}."
        )
    if sender is not None:
        try:
            parse_oin(sender)
        except ValueError as error:
            raise click.UsageError(f"--sender: {sender!r} is {error}.") from error


def _take_out(config: "Config", kenmerk: str, target: Path, part: int, reason: str) -> None:
    """Write a content to a file, once it is recorded that somebody has it."""
    from digipoort_wus.filing.content import open_content, size_of
    from digipoort_wus.process.operator import filing_to_change

    def write(reader: "Reader", file: "BinaryIO") -> None:
        row = filing_to_change(reader, kenmerk)
        delivery = reader.filing(row.filing_id).delivery
        documents = (delivery.document, *delivery.attachments)
        if part >= len(documents):
            raise click.UsageError(f"The delivery has no part {part}: it has {len(documents)}.")
        decide(config, "show", kenmerk, reason)
        size, done = size_of(documents[part].content), 0
        with open_content(documents[part].content) as source:
            while piece := source.read(1_000_000):
                file.write(piece)
                done += len(piece)
                progress("content", done, size)

    require_new(target)
    with target.open("xb") as file:
        target.chmod(0o600)
        try:
            look(config, lambda reader: write(reader, file))
        except BaseException:
            target.unlink()
            raise
    note(f"Part {part} is in {target}.")
