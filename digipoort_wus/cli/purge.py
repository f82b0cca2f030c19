"""``digipoort-wus purge``: destroy what is personal of filings and messages that are over."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.options import note, number_of, outcomes, print_json, printable
from digipoort_wus.cli.stored import changing, config_of, look, now, progress, store_options
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.config import Config
    from digipoort_wus.delivery.forgetting import Forgotten
    from digipoort_wus.process.purging import Purging
    from digipoort_wus.process.retention import Rule
    from digipoort_wus.store.ebms_values import EbmsId
    from digipoort_wus.store.ports import Position, Reader, Store

    Step = Callable[[Rule, datetime, Position | None], Purging]

_TURN_SECONDS = 0.5
"""So long who purges elsewhere is left alone before it is asked again."""
_DAYS_MAX = 36_500


@click.command()
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(1, _DAYS_MAX),
    help="Days since a filing was received. [default: what the configuration says of retention]",
)
@click.option("--berichtsoort", help="Only filings of this berichtsoort; needs --older-than.")
@click.option("--dry-run", is_flag=True, help="Say what would be purged.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@store_options
def purge(
    days: int | None,
    berichtsoort: str | None,
    dry_run: bool,
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Destroy contents and personal data of filings that are older than so many days.

    Without --older-than the rules under retention in the configuration apply, as they do once a
    day in a running gateway. It works beside one: what is purged in a data directory is purged
    by the gateway that uses it.

    What stays is the kenmerk, OINs, codes and moments of statuses, and the chain of evidence,
    which verifies as before and names the rule. Left out are filings that are held, that still
    have a job, and that their agency has not judged.

    Without --older-than messages of ebMS go too, where there is [ebms]: those that the application
    has taken, or that came to their end, once their agreement lets them be forgotten. With
    --dry-run they stay, and are not counted.

    A backup still holds the key of what was purged, wrapped by the key ring: `db rotate-key`,
    and removing the old key of the ring, makes older backups unreadable.
    """
    if berichtsoort is not None and days is None:
        raise click.UsageError("--berichtsoort goes with --older-than.")
    with outcomes(as_json=as_json):
        config = config_of(config_file, data_dir)
        rules = _rules(config, days, berichtsoort)
        numbers = _counted(config, rules)
        gone, files = list(numbers), 0
        messages: int | None = None
        if not dry_run:
            gone, files = _purged(config, rules, numbers)
            if days is None and config.ebms is not None:
                messages = _forgotten(config)
        if as_json:
            print_json(
                {
                    "filings": sum(gone),
                    "files": files,
                    **({} if messages is None else {"ebms_messages": messages}),
                    "dry_run": dry_run,
                    "rules": [
                        {"rule": rule.name, "filings": number}
                        for rule, number in zip(rules, gone, strict=True)
                    ],
                }
            )
            return
        if len(rules) > 1:
            for rule, number in zip(rules, gone, strict=True):
                click.echo(f"{printable(rule.name)}: {number}")
        filings, one = number_of(sum(gone), "filing", "filings"), sum(gone) == 1
        click.echo(f"{filings} {'would be' if dry_run else 'was' if one else 'were'} purged.")
        if messages is not None:
            click.echo(f"Messages of ebMS that were purged: {messages}")


def _rules(config: "Config", days: int | None, berichtsoort: str | None) -> "tuple[Rule, ...]":
    from digipoort_wus.process.retention import Rule

    if days is not None:
        return (Rule(f"older-than-{days}-days", days, berichtsoort),)
    if not config.retention.rules and config.ebms is None:
        raise ConfigurationError(
            "There is no rule under retention in the configuration, so everything is kept: give "
            "--config with one that has, or --older-than."
        )
    return config.retention.rules


def _counted(config: "Config", rules: "tuple[Rule, ...]") -> list[int]:
    from digipoort_wus.process.purging import count

    at = now()

    def work(reader: "Reader") -> list[int]:
        return [count(reader, rule, at) for rule in rules]

    return look(config, work)


def _purged(
    config: "Config", rules: "tuple[Rule, ...]", numbers: list[int]
) -> tuple[list[int], int]:
    """Purge, and return how many filings went by each rule, and how many files in all."""
    gone, files, at = [0 for _ in rules], 0, now()
    with _stepping(config) as step:
        for number, rule in enumerate(rules):
            position: Position | None = None
            while True:
                done = step(rule, at, position)
                position = done.position
                gone[number] += done.gone
                files += len(done.files)
                if done.elsewhere:
                    note("Another process is purging: waiting for it.")
                    time.sleep(_TURN_SECONDS)
                    continue
                progress("purged", min(gone[number], numbers[number]), numbers[number])
                if position is None:
                    break
    return gone, files


def _forgotten(config: "Config") -> int:
    """Forget messages of ebMS that are over, and return how many.

    Raises:
        ConfigurationError: the store cannot be opened.
    """
    from digipoort_wus.delivery.forgetting import forget_step
    from digipoort_wus.purging import forget_by_gateway

    before = now() - timedelta(days=config.retention.ebms_days)
    gone = 0
    with ExitStack() as opened:
        stores: list[Store] = []

        def step(after: "EbmsId | None") -> "Forgotten":
            if not stores and not config.store_url:
                done = forget_by_gateway(config.data_dir, before, after)
                if done is not None:
                    return done
            if not stores:
                stores.append(opened.enter_context(changing(config)))
            return forget_step(stores[0], before, after)

        after: EbmsId | None = None
        while True:
            done = step(after)
            after = done.after
            gone += done.gone
            if after is None:
                return gone


@contextmanager
def _stepping(config: "Config") -> "Iterator[Step]":
    """Give what purges a few filings: by the gateway that has the data directory if one has.

    Raises:
        ConfigurationError: the store cannot be opened.
    """
    from digipoort_wus.process import purging
    from digipoort_wus.purging import step_by_gateway

    with ExitStack() as opened:
        stores: list[Store] = []

        def step(rule: "Rule", at: datetime, after: "Position | None") -> "Purging":
            if not stores and not config.store_url:
                done = step_by_gateway(config.data_dir, rule, at, after)
                if done is not None:
                    return done
            if not stores:
                stores.append(opened.enter_context(changing(config)))
            return purging.step(stores[0], rule, at, after)

        yield step
