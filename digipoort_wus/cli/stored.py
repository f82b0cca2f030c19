"""The store of a gateway, as the operator's commands open it: to look, or to change something."""

import os
import pwd
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from digipoort_wus.clock import parse_date_time
from digipoort_wus.config import DEFAULT_DATA_DIR, Config
from digipoort_wus.config_file import load_config
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.process.operator import Decision
    from digipoort_wus.store.looking import Read
    from digipoort_wus.store.ports import Reader, Store

T = TypeVar("T")
_F = TypeVar("_F", bound=Callable[..., object])


def store_options(command: _F) -> _F:
    """Give a command the options that name a store; see :func:`config_of`."""
    for option in (
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            help="Configuration of the gateway.",
        ),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help=f"Data directory of the gateway. [default: {DEFAULT_DATA_DIR}]",
        ),
    ):
        command = option(command)
    return command


def config_of(config_file: Path | None, data_dir: Path | None) -> Config:
    """Return the configuration that the options name.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    config = load_config(config_file) if config_file else Config()
    return replace(config, data_dir=data_dir or config.data_dir)


def look(config: Config, work: "Callable[[Reader], T]") -> T:
    """Run a work that only reads, also beside a running gateway.

    Raises:
        ConfigurationError: the store cannot be read.
    """
    with looking_at(config) as read:
        return read(work)


@contextmanager
def looking_at(config: Config) -> "Iterator[Read]":
    """Give what runs works that only read, each over a state of its own; as :func:`look`.

    Raises:
        ConfigurationError: the store cannot be read.
    """
    from digipoort_wus.store.looking import looking
    from digipoort_wus.stores import objects_of

    if config.store_url:
        with changing(config) as store:
            yield store.read
        return
    with looking(config.data_dir, config.key_ring, objects_of(config)) as read:
        yield read


@contextmanager
def changing(config: Config) -> "Iterator[Store]":
    """Open the store to change something; a data directory must not be in use.

    Raises:
        ConfigurationError: it is in use, or cannot be opened.
    """
    from digipoort_wus.store import looking
    from digipoort_wus.stores import open_store

    if not config.store_url and not looking.schema_of(config.data_dir):
        # To open it would make one.
        raise ConfigurationError(
            f"There is no database in {config.data_dir}: name it with --data-dir or --config."
        )
    store = open_store(config).store
    try:
        yield store
    finally:
        store.close()


def decide(
    config: Config, name: str, kenmerk: str, reason: str, berichtkenmerk: str | None = None
) -> str:
    """Carry out a decision about a filing, by the gateway that has the data directory if one has.

    Args:
        config: names the store.
        name: of :data:`~digipoort_wus.process.operator.DECISIONS`.
        kenmerk: which filing.
        reason: why.
        berichtkenmerk: which delivery of it; None where only one can be meant.

    Returns:
        What was done.

    Raises:
        click.UsageError: the reason is empty.
        DigipoortError: it was not done.
    """
    from digipoort_wus.process.operator import DECISIONS
    from digipoort_wus.server.control import ask

    by = replace(decision(reason), berichtkenmerk=berichtkenmerk)
    if not config.store_url and config.data_dir.is_dir():
        done = ask(config.data_dir, name, kenmerk, by.reason, berichtkenmerk)
        if done is not None:
            return done
    with changing(config) as store:
        return store.write(lambda transaction: DECISIONS[name](transaction, kenmerk, by)).result()


def decision(reason: str) -> "Decision":
    """Return the decision of who runs this command, now.

    Raises:
        click.UsageError: the reason is empty.
    """
    from digipoort_wus.process.operator import Decision

    if not reason.strip():
        raise click.UsageError("--reason says why, in a few words.")
    return Decision(_account(), reason.strip(), now())


def now() -> datetime:
    """Return the moment."""
    return datetime.now(UTC)


def moment_of(text: str, *, at_end: bool = False) -> datetime:
    """Return the moment that an option names: a date, or a date with time and zone.

    Args:
        text: as it was given; a date is a day in UTC.
        at_end: of a date, the end of its day rather than its begin.

    Raises:
        click.UsageError: it is neither.
    """
    try:
        if len(text) == len("2026-01-31"):
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
            return day + timedelta(days=1) - timedelta(milliseconds=1) if at_end else day
        return parse_date_time(text)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(
            f"{text!r} is no date like 2026-01-31 (in UTC), nor a moment with its zone like "
            "2026-01-31T09:00:00Z or 2026-01-31T10:00:00+01:00."
        ) from error


def progress(what: str, done: int, total: int) -> None:
    """Tell on stderr how far something is, at every tenth of it."""
    if total and (done == total or done * 10 // total != (done - 1) * 10 // total):
        end = "\n" if done >= total or not sys.stderr.isatty() else "\r"
        click.echo(f"{what}: {done * 100 // total}%{end}", err=True, nl=False)


def _account() -> str:
    """Return the account that the system runs this process under, as the gateway's socket does.

    The environment is not asked: whoever runs a command sets it as he likes.
    """
    user = os.getuid()
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
