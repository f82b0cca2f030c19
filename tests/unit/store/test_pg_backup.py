"""A PostgreSQL store in use is dumped with its payloads, and filled again from that."""

import json
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import read_content
from digipoort_wus.store import pg_backup
from digipoort_wus.store.backup import back_up, restore
from digipoort_wus.store.pg_backup import back_up_postgres, restore_postgres
from digipoort_wus.store.pg_queue import check_queue
from digipoort_wus.store.ports import Overview, PayloadDamaged
from tests.conftest import need
from tests.postgres import Cluster
from tests.unit.process.sandbox import DELIVERY, Sandbox, opened
from tests.unit.process.test_operator import large
from tests.unit.store.test_backup import MADE_AT, quiet


@pytest.fixture(autouse=True)
def programs() -> None:
    need(
        "pg_dump",
        found=None not in (pg_backup.program("pg_dump"), pg_backup.program("pg_restore")),
        install="apt-get install postgresql-client",
    )


@pytest.fixture
def empty(postgres: Cluster) -> Iterator[str]:
    """Give the address of a database without tables."""
    with postgres.database("template0") as conninfo:
        yield conninfo


def filed(house: Sandbox) -> list[str]:
    document = replace(DELIVERY.document, content=large())
    deliveries = (DELIVERY, replace(DELIVERY, document=document))
    kenmerken = [house.accept(delivery).kenmerk for delivery in deliveries]
    house.run()
    return kenmerken


def backed_up(tmp_path: Path, database: str) -> tuple[Path, list[str]]:
    target = tmp_path / "backup"
    with opened(tmp_path / "payloads", database=database) as house:
        kenmerken = filed(house)
        manifest = back_up_postgres(database, tmp_path / "payloads", target, MADE_AT, quiet)
        assert (manifest.filings, manifest.files, manifest.missing) == (2, 1, 0)
        # What comes afterwards is not in it.
        house.accept()
    assert len(manifest.rings) == 1
    return target, kenmerken


def test_a_backup_of_a_database_in_use_is_restored(
    tmp_path: Path, postgres_database: str, empty: str
) -> None:
    source, kenmerken = backed_up(tmp_path, postgres_database)
    assert stat.S_IMODE((source / pg_backup.DUMP).stat().st_mode) == 0o600
    restored = restore_postgres(source, empty, tmp_path / "other", quiet)
    assert restored.made_at == MADE_AT
    check_queue(empty)
    with opened(tmp_path / "other", database=empty) as house:
        found = house.store.read(lambda reader: reader.overview(Overview()))
        assert [one.filing.kenmerk for one in found] == kenmerken[::-1]
        content = house.store.read(
            lambda reader: read_content(
                reader.filing(found[0].filing.filing_id).delivery.document.content
            )
        )
        assert content == large()
        assert house.codes(kenmerken[0])[-1] == "500"
        # It goes on.
        after = house.accept().kenmerk
        house.run()
        assert house.codes(after)[-1] == "500"


def test_nothing_is_written_over(tmp_path: Path, postgres_database: str, empty: str) -> None:
    source, _ = backed_up(tmp_path, postgres_database)
    with pytest.raises(ConfigurationError, match="is not empty"):
        back_up_postgres(postgres_database, tmp_path / "payloads", source, MADE_AT, quiet)
    with pytest.raises(ConfigurationError, match="holds a store already"):
        restore_postgres(source, postgres_database, tmp_path / "other", quiet)
    with pytest.raises(ConfigurationError, match="is not empty"):
        restore_postgres(source, empty, tmp_path / "payloads", quiet)
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE TABLE other (id integer)")
    with pytest.raises(ConfigurationError, match="not made by digipoort-wus"):
        restore_postgres(source, empty, tmp_path / "other", quiet)


def test_what_is_not_whole_is_not_restored(
    tmp_path: Path, postgres_database: str, empty: str
) -> None:
    source, _ = backed_up(tmp_path, postgres_database)
    (file,) = source.glob("??/??/*")
    octets = file.read_bytes()
    file.write_bytes(octets[:-1] + bytes([octets[-1] ^ 1]))
    with pytest.raises(PayloadDamaged):
        restore_postgres(source, empty, tmp_path / "one", quiet)
    file.unlink()
    with pytest.raises(PayloadDamaged, match="missing"):
        restore_postgres(source, empty, tmp_path / "two", quiet)
    file.write_bytes(octets)
    dump = source / pg_backup.DUMP
    whole = dump.read_bytes()
    dump.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigurationError, match="pg_restore failed"):
        restore_postgres(source, empty, tmp_path / "three", quiet)
    # Nothing half done: the same database takes the whole one.
    dump.write_bytes(whole)
    restore_postgres(source, empty, tmp_path / "four", quiet)


def test_a_file_that_was_damaged_or_lost_before_is_said(
    tmp_path: Path, postgres_database: str
) -> None:
    with opened(tmp_path / "payloads", database=postgres_database) as house:
        filed(house)
    (file,) = (tmp_path / "payloads").glob("??/??/*")
    octets = file.read_bytes()
    file.write_bytes(bytes(len(octets)))
    target = tmp_path / "backup"
    with pytest.raises(PayloadDamaged, match="not what was stored"):
        back_up_postgres(postgres_database, tmp_path / "payloads", target, MADE_AT, quiet)
    assert not (target / "backup.json").exists()
    file.unlink()
    shutil.rmtree(target)
    with pytest.raises(PayloadDamaged, match="missing"):
        back_up_postgres(postgres_database, tmp_path / "payloads", target, MADE_AT, quiet)
    assert not (target / "backup.json").exists()


def test_the_two_kinds_of_backup_are_told_apart(
    tmp_path: Path, postgres_database: str, empty: str
) -> None:
    source, _ = backed_up(tmp_path, postgres_database)
    with pytest.raises(ConfigurationError, match="of a PostgreSQL database"):
        restore(source, tmp_path / "directory", quiet)
    with opened(tmp_path / "data") as house:
        house.accept()
        back_up(tmp_path / "data", tmp_path / "other", MADE_AT, quiet)
    with pytest.raises(ConfigurationError, match="of a data directory"):
        restore_postgres(tmp_path / "other", empty, tmp_path / "payloads-2", quiet)


def test_a_manifest_without_the_name_is_of_a_data_directory(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as house:
        house.accept()
        back_up(tmp_path / "data", tmp_path / "backup", MADE_AT, quiet)
    manifest = tmp_path / "backup" / "backup.json"
    told = json.loads(manifest.read_text())
    del told["database"]
    manifest.write_text(json.dumps(told))
    assert restore(tmp_path / "backup", tmp_path / "again", quiet).filings == 1


def test_without_the_programs_it_says_so(
    tmp_path: Path, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pg_backup, "_DEBIAN", tmp_path)
    with pytest.raises(ConfigurationError, match="pg_dump is not here: install"):
        back_up_postgres(postgres_database, tmp_path, tmp_path / "b", MADE_AT, quiet)
    with pytest.raises(ConfigurationError, match="pg_restore is not here: install"):
        restore_postgres(tmp_path, postgres_database, tmp_path / "p", quiet)
    assert not (tmp_path / "b").exists()
