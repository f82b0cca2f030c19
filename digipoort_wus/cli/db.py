"""``digipoort-wus db``: upgrade, copy, restore and check what a gateway stores."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.evidence import signer_option, trust_of
from digipoort_wus.cli.options import Failed, note, number_of, outcomes
from digipoort_wus.cli.stored import (
    changing,
    config_of,
    look,
    looking_at,
    now,
    progress,
    store_options,
)
from digipoort_wus.clock import format_utc
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.config import Config
    from digipoort_wus.evidence.verify import Report
    from digipoort_wus.store.backup import Manifest
    from digipoort_wus.store.outside import LargePayloads


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
        if before == after:
            click.echo(f"The store is up to date: schema {after}.")
        elif before:
            click.echo(f"The store went from schema {before} to schema {after}.")
        else:
            click.echo(f"The store was made, with schema {after}.")


@db.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--dumped",
    is_flag=True,
    help="With PostgreSQL: you have dumped the database a moment ago; copy the payload files only.",
)
@store_options
def backup(target: Path, dumped: bool, config_file: Path | None, data_dir: Path | None) -> None:
    """Copy the store to the new directory TARGET, beside a running gateway.

    The database is copied as it is at one moment. Payload files are linked where TARGET is on
    the same file system, and copied elsewhere. The key ring is not copied: keep it apart, for
    without it nothing of the backup can be read, and who has both can read everything.

    With PostgreSQL it runs pg_dump, and copies the payload files that the dump refers to behind
    it. Where pg_dump is not installed, dump the database by other means, never after its payload
    files are copied, and then say --dumped.
    """
    from digipoort_wus.store.backup import back_up

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        if config.store_url:
            _back_up_postgres(config, target, dumped=dumped)
            return
        if dumped:
            raise ConfigurationError(
                "--dumped is for PostgreSQL: a data directory is copied as a whole."
            )
        _require_database(config)
        _tell(config, target, back_up(config.data_dir, target, format_utc(now()), progress))


@db.command()
@click.argument("source", type=click.Path(path_type=Path, file_okay=False, exists=True))
@store_options
def restore(source: Path, config_file: Path | None, data_dir: Path | None) -> None:
    """Make a data directory of the backup in SOURCE; every payload file is checked.

    The data directory must not be there, or hold at most its key ring. With PostgreSQL the
    database that store.url names must be empty, and so must the directory of payloads; it is
    filled by pg_restore. What was accepted after the backup is not in it.
    """
    from digipoort_wus.store.backup import restore as restored

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        if config.store_url:
            from digipoort_wus.store.pg_backup import restore_postgres
            from digipoort_wus.stores import address_of

            manifest = restore_postgres(source, address_of(config), config.documents, progress)
            where = "the database"
        else:
            manifest, where = restored(source, config.data_dir, progress), f"{config.data_dir}"
        filings = number_of(manifest.filings, "filing", "filings")
        click.echo(f"Restored to {where}: {filings}, as of {manifest.made_at}.")
        _tell_of_certificates(config)
        _require_keys(config, manifest)
        if config.store_objects is not None:
            note("The objects were not looked at: run `digipoort-wus db check`.")


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
    machine, the same ring to all machines, restart each gateway, then --step wrap, until it wraps
    nothing any more: a gateway that was not restarted wraps under the old key.

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
            click.echo(
                f"The key {ring.current} is the first of {config.key_ring} now. Give the same "
                "file to every machine, restart every gateway, and then run --step wrap."
            )
            return
        # Opened first: a gateway that uses the directory would go on with the old key.
        with changing(config):
            ring = add_key(config.key_ring) if step == "both" else read_key_ring(config.key_ring)
        with changing(config) as store:
            changed = rewrap_all(store, ring, lambda done: note(f"wrapped: {done}"))
        old = [name for name in ring.keys if name != ring.current]
        anew = number_of(changed, "secret was", "secrets were")
        click.echo(f"{anew} wrapped anew; all are wrapped by {ring.current} now.")
        if old:
            _tell_of_old_keys(config, old)


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
        outside = _outside(config)

        def told(seen: int) -> None:
            if seen % 10_000 < 200:
                note(f"payloads: {seen}")

        with looking_at(config) as read:
            found = check_payloads(read, outside, told)
        problems += found.problems
        report = _evidence(config, signers)
        problems += tuple(finding.sentence() for finding in report.findings)
        for problem in problems:
            click.echo(problem)
        click.echo(
            f"{number_of(found.seen, 'payload', 'payloads')}, "
            f"{number_of(report.kenmerken, 'chain', 'chains')} with "
            f"{number_of(report.entries, 'entry', 'entries')}, "
            f"{number_of(report.batches, 'batch', 'batches')}: "
            f"{number_of(len(problems), 'problem', 'problems')}."
        )
        if problems:
            raise Failed("The store is not as it was.")


def _tell_of_old_keys(config: "Config", old: Sequence[str]) -> None:
    if config.store_url:
        click.echo(
            "A gateway that was not restarted since --step add still wraps what it stores under "
            f"{', '.join(old)}. When you are sure that every one was, run --step wrap again; "
            "when that wraps 0 secrets, nothing in the store needs these keys any more."
        )
    else:
        click.echo(f"Nothing in the store needs {', '.join(old)} any more.")
    click.echo(
        "Once no older backup has to be read, remove the lines of these keys from "
        f"{config.key_ring} and from every copy of it: every line but the first."
    )


def _back_up_postgres(config: "Config", target: Path, *, dumped: bool) -> None:
    from digipoort_wus.store.backup import copy_payloads
    from digipoort_wus.store.pg_backup import back_up_postgres, program
    from digipoort_wus.stores import address_of

    if dumped:
        number = copy_payloads(config.documents, target, progress)
        files = number_of(number, "payload file", "payload files")
        click.echo(f"Done with {files} in {target}: keep what is there with the dump.")
        _tell_of_objects(config)
        return
    if program("pg_dump") is None:
        raise ConfigurationError(
            "pg_dump is not here, and the database has to be dumped before its payload files are "
            "copied, never after: install PostgreSQL's client programs; or dump it elsewhere, as "
            "with `pg_dump --format=custom`, and then say --dumped."
        )
    address, at = address_of(config), format_utc(now())
    _tell(config, target, back_up_postgres(address, config.documents, target, at, progress))


def _tell(config: "Config", target: Path, manifest: "Manifest") -> None:
    click.echo(
        f"In {target}: {number_of(manifest.filings, 'filing', 'filings')} and "
        f"{number_of(manifest.files, 'payload file', 'payload files')}, {manifest.octets} octets."
    )
    click.echo(
        f"The key ring {config.key_ring} is not: keep a copy of it elsewhere. This backup "
        f"needs its keys {', '.join(manifest.rings) or '(none yet)'}."
    )
    if own := _own_files(config):
        click.echo(
            f"Neither are the certificates in {config.data_dir}, {own} among them: keep a copy of "
            "them too, for a gateway is started with them, and evidence is verified by them."
        )
    if manifest.missing:
        note(f"{manifest.missing} payload files were purged meanwhile.")
    _tell_of_objects(config)


def _tell_of_objects(config: "Config") -> None:
    place = config.store_objects
    if place is not None:
        click.echo(
            f"The objects in the bucket {place.bucket} are not copied: this backup needs them "
            "where they are. Keep earlier versions of them there, as long as any backup."
        )


def _own_files(config: "Config") -> str:
    """Return the name of the certificate that signs, where it is beside the store; or nothing."""
    from digipoort_wus.materials import identity_files

    signing = identity_files(config)[1]
    path = signing.certificate or signing.pkcs12
    if path is None or config.store_url or not path.exists():
        return ""
    return path.name if path.resolve().is_relative_to(config.data_dir.resolve()) else ""


def _tell_of_certificates(config: "Config") -> None:
    from digipoort_wus.materials import identity_files

    signing = identity_files(config)[1]
    path = signing.certificate or signing.pkcs12
    if path is not None and not path.exists():
        note(
            f"There is no {path}: no backup has certificates. Put back what was in "
            f"{path.parent} before a gateway is started."
        )


def _require_keys(config: "Config", manifest: "Manifest") -> None:
    from digipoort_wus.store.keyfile import read_key_ring

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


def _outside(config: "Config") -> "dict[str, LargePayloads]":
    """Return what keeps large payloads, by their place."""
    from digipoort_wus.store.files import Holder, PayloadFiles
    from digipoort_wus.store.looking import PAYLOADS
    from digipoort_wus.stores import objects_of

    found: dict[str, LargePayloads] = {}
    directory = config.store_payloads if config.store_url else config.data_dir / PAYLOADS
    if directory is not None:
        found["file"] = PayloadFiles(directory, Holder.LOOKING)
    if (objects := objects_of(config)) is not None:
        found["object"] = objects
    return found


def _evidence(config: "Config", signers: tuple[Path, ...]) -> "Report":
    from digipoort_wus.process.checking import verify_store

    trust = trust_of(config, signers, ())
    return look(config, lambda reader: verify_store(reader, trust, now()))
