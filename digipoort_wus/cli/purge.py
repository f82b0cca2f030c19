"""``digipoort-wus purge``: destroy what is personal of filings whose time is over."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.options import note, outcomes, print_json
from digipoort_wus.cli.stored import changing, config_of, look, now, progress, store_options

if TYPE_CHECKING:
    from digipoort_wus.store.ports import Reader, Store, Summary

_AT_ONCE = 500
_AWAITING = "400"


@click.command()
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(1),
    required=True,
    help="Days since a filing was received.",
)
@click.option("--berichtsoort", help="Only filings of this berichtsoort.")
@click.option("--dry-run", is_flag=True, help="Say what would be purged; works beside a gateway.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@store_options
def purge(
    days: int,
    berichtsoort: str | None,
    dry_run: bool,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Destroy contents and personal data of filings that are older than so many days.

    What stays is the kenmerk, OINs, codes and moments of statuses, and the chain of evidence,
    which verifies as before. Left out are filings that are held, that still have a job, and
    that their agency has not judged. With a data directory the gateway has to be stopped.

    A backup still holds the key of what was purged, wrapped by the key ring: `db rotate-key`,
    and removing the old key of the ring, makes older backups unreadable.
    """
    with outcomes(as_json=as_json):
        config = config_of(config_file, data_dir)
        before = now() - timedelta(days=days)
        if dry_run:
            chosen = look(config, lambda reader: list(_expired(reader, before, berichtsoort)))
            gone, files, skipped = len(chosen), 0, 0
        else:
            with changing(config) as store:
                gone, files, skipped = _purge(store, before, berichtsoort, days)
        if as_json:
            said = {"filings": gone, "files": files, "skipped": skipped, "dry_run": dry_run}
            print_json(said)
            return
        click.echo(f"{gone} filings {'would be' if dry_run else 'were'} purged.")
        if skipped:
            note(f"{skipped} were left: they changed meanwhile.")


def _purge(
    store: "Store", before: datetime, berichtsoort: str | None, days: int
) -> tuple[int, int, int]:
    from digipoort_wus.process import operator

    chosen = store.read(lambda reader: list(_expired(reader, before, berichtsoort)))
    gone = files = skipped = 0
    for number, summary in enumerate(chosen, 1):
        filing_id = summary.filing.filing_id
        try:
            removed = store.write(
                lambda transaction, filing_id=filing_id: operator.purge(  # type: ignore[misc]
                    transaction, filing_id, f"older-than-{days}-days", now()
                )
            ).result()
        except operator.NotPossible:
            skipped += 1
            continue
        store.remove(removed).result()
        gone, files = gone + 1, files + len(removed)
        progress("purged", number, len(chosen))
    return gone, files, skipped


def _expired(reader: "Reader", before: datetime, berichtsoort: str | None) -> "Iterator[Summary]":
    """Yield the filings whose time is over, newest first."""
    from digipoort_wus.store.ports import FilingId, Overview

    page: FilingId | None = None
    while True:
        wanted = Overview(end=before, berichtsoort=berichtsoort, before=page, limit=_AT_ONCE)
        found = reader.overview(wanted)
        if not found:
            return
        for one in found:
            rests = one.job is None and one.status != _AWAITING
            if rests and one.purged_at is None and one.hold is None:
                yield one
        page = found[-1].filing.filing_id
