"""``digipoort-wus db``: upgrade, copy, restore and check what a gateway stores."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.evidence import signer_option, trust_of
from digipoort_wus.cli.options import Failed, note, outcomes
from digipoort_wus.cli.stored import changing, config_of, look, now, progress, store_options
from digipoort_wus.clock import format_utc
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.config import Config
    from digipoort_wus.evidence.verify import Report
    from digipoort_wus.store.files import PayloadFiles


@click.group()
def db() -> None:
    """Upgrade, back up, restore and check the store of a gateway."""


@db.command()
@store_options
def upgrade(config_file: Path | None, data_dir: Path | None) -> None:
    """Bring the tables up to date; a data directory is copied first.

    A gateway does so by itself with a data directory, never with PostgreSQL. No gateway may be
    using the store meanwhile.
    """
    from digipoort_wus.store import looking

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        if config.store_url:
            from digipoort_wus.store.migrate import upgrade_postgres
            from digipoort_wus.stores import address_of

            before, after = upgrade_postgres(address_of(config))
        else:
            before = looking.schema_of(config.data_dir)
            with changing(config):
                after = looking.schema_of(config.data_dir)
        said = "is up to date" if before == after else f"went from schema {before}"
        click.echo(f"The store {said}: schema {after}.")


@db.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@store_options
def backup(target: Path, config_file: Path | None, data_dir: Path | None) -> None:
    """Copy the store to the new directory TARGET, beside a running gateway.

    The database is copied as it is at one moment. Payload files are linked where TARGET is on
    the same file system, and copied elsewhere. The key ring is not copied: keep it apart, for
    without it nothing of the backup can be read, and who has both can read everything.

    With PostgreSQL it copies the payload files only, and says how to dump the database, which
    comes first.
    """
    from digipoort_wus.store.backup import back_up, copy_payloads

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        if config.store_url:
            number = copy_payloads(config.documents, target, progress)
            click.echo(f"{number} payload files are in {target}.")
            click.echo(
                "The database is not: dump it before its payload files are copied, never after, "
                "as with `pg_dump --format=custom --file=digipoort.dump` and the address of "
                "store.url."
            )
            return
        _require_database(config)
        manifest = back_up(config.data_dir, target, format_utc(now()), progress)
        click.echo(
            f"{manifest.filings} filings and {manifest.files} payload files, "
            f"{manifest.octets} octets, are in {target}."
        )
        click.echo(
            f"The key ring {config.key_ring} is not: keep a copy of it elsewhere. This backup "
            f"needs its keys {', '.join(manifest.rings) or '(none yet)'}."
        )
        if manifest.missing:
            note(f"{manifest.missing} payload files were purged meanwhile.")


@db.command()
@click.argument("source", type=click.Path(path_type=Path, file_okay=False, exists=True))
@store_options
def restore(source: Path, config_file: Path | None, data_dir: Path | None) -> None:
    """Make a data directory of the backup in SOURCE; every payload file is checked.

    The data directory must not be there, or hold at most its key ring. What was accepted after
    the backup is not in it.
    """
    from digipoort_wus.store.backup import restore as restored
    from digipoort_wus.store.keyfile import read_key_ring

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        if config.store_url:
            raise ConfigurationError(
                "Restore PostgreSQL by pg_restore into an empty database, and copy the payload "
                f"files of the same backup to {config.documents}."
            )
        manifest = restored(source, config.data_dir, progress)
        click.echo(f"{manifest.filings} filings of {manifest.made_at} are in {config.data_dir}.")
        if not config.key_ring.exists():
            note(
                f"Put the key ring with the keys {', '.join(manifest.rings)} at {config.key_ring} "
                "before a gateway is started."
            )
            return
        there = read_key_ring(config.key_ring).keys
        if lacking := [name for name in manifest.rings if name not in there]:
            raise ConfigurationError(
                f"The key ring {config.key_ring} lacks the keys {', '.join(lacking)}: put them "
                "back before a gateway is started."
            )


@db.command("rotate-key")
@click.option(
    "--step",
    type=click.Choice(("both", "add", "wrap")),
    default="both",
    show_default=True,
    help="add: put a new key into the ring; wrap: wrap every secret with its first key.",
)
@store_options
def rotate_key(step: str, config_file: Path | None, data_dir: Path | None) -> None:
    """Wrap all secrets with a new key of the ring; no content is written anew.

    With a data directory the gateway has to be stopped. With PostgreSQL: --step add on one
    machine, the same ring to all machines, restart each gateway, then --step wrap.

    May be interrupted, and goes on where it was. The old key stays in the ring until you
    remove it. Without it, backups of the database from before cannot be read any more, also not
    what a purge has destroyed since.
    """
    from digipoort_wus.process.checking import rewrap_all
    from digipoort_wus.store.keyfile import add_key, read_key_ring

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        if config.store_url and step == "both":
            raise ConfigurationError(
                "Other machines may use the ring: take --step add, give the ring to all of them, "
                "restart every gateway, and then --step wrap."
            )
        if step == "add":
            ring = add_key(config.key_ring)
            click.echo(f"The key {ring.current} is the first of {config.key_ring} now.")
            return
        # Opened first: a gateway that uses the directory would go on with the old key.
        with changing(config):
            ring = add_key(config.key_ring) if step == "both" else read_key_ring(config.key_ring)
        with changing(config) as store:
            changed = rewrap_all(store, ring, lambda done: note(f"wrapped: {done}"))
        old = [name for name in ring.keys if name != ring.current]
        click.echo(f"{changed} secrets were wrapped anew; all are wrapped by {ring.current} now.")
        if old:
            click.echo(
                f"Nothing in the store needs {', '.join(old)} any more. Once no older backup "
                f"has to be read, remove the lines of these keys from {config.key_ring} and "
                "from every copy of it: every line but the first."
            )


@db.command()
@signer_option
@store_options
def check(signers: tuple[Path, ...], config_file: Path | None, data_dir: Path | None) -> None:
    """Check the database, the hash of every payload, and all evidence; nothing is changed.

    Works beside a running gateway. Exit status 1 when something is not as it was.
    """
    from digipoort_wus.process.checking import check_payloads

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        problems = _database(config)
        files = _files(config)

        def told(seen: int) -> None:
            if seen % 10_000 < 200:
                note(f"payloads: {seen}")

        found = look(config, lambda reader: check_payloads(reader, files, told))
        problems += found.problems
        report = _evidence(config, signers)
        problems += tuple(finding.sentence() for finding in report.findings)
        for problem in problems:
            click.echo(problem)
        click.echo(
            f"{found.seen} payloads, {report.kenmerken} chains with {report.entries} entries, "
            f"{report.batches} batches: {len(problems)} problems."
        )
        if problems:
            raise Failed("The store is not as it was.")


def _require_database(config: "Config") -> None:
    from digipoort_wus.store.looking import schema_of

    if not schema_of(config.data_dir):
        raise ConfigurationError(
            f"There is no database in {config.data_dir}: name it with --data-dir or --config."
        )


def _database(config: "Config") -> tuple[str, ...]:
    """Return what SQLite finds wrong; PostgreSQL has no such question."""
    if config.store_url:
        return ()
    from digipoort_wus.store.backup import database_problems
    from digipoort_wus.store.looking import DATABASE, connect_to_read

    _require_database(config)
    with closing(connect_to_read(config.data_dir / DATABASE)) as connection:
        return tuple(f"database: {problem}" for problem in database_problems(connection))


def _files(config: "Config") -> "PayloadFiles":
    from digipoort_wus.store.files import Holder, PayloadFiles
    from digipoort_wus.store.looking import PAYLOADS

    directory = config.documents if config.store_url else config.data_dir / PAYLOADS
    return PayloadFiles(directory, Holder.SHARED)


def _evidence(config: "Config", signers: tuple[Path, ...]) -> "Report":
    from digipoort_wus.process.checking import verify_store

    trust = trust_of(config, signers, ())
    return look(config, lambda reader: verify_store(reader, trust, now()))
