"""A database and its payloads belong together; beside another nothing is opened or removed."""

from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.belonging import NAME, take_directory
from digipoort_wus.store.migrate import upgrade_postgres
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sqlite import open_sqlite
from tests.postgres import Cluster
from tests.unit.store.conftest import payload_files
from tests.unit.store.samples import LARGE, RING, add, contents, done

KNOWN, UNKNOWN = b"\1" * 32, b"\2" * 32


def payload(directory: Path, digest: bytes = KNOWN) -> Path:
    name = digest.hex()
    path = directory / name[:2] / name[2:4] / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"sealed")
    return path


def test_an_empty_directory_becomes_that_of_the_first_database(tmp_path: Path) -> None:
    for _ in range(2):
        take_directory(tmp_path, "one", ())
    assert (tmp_path / NAME).read_text() == "one\n"
    with pytest.raises(ConfigurationError, match="belong to another database"):
        take_directory(tmp_path, "two", ())
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_directory_that_says_nothing_is_known_by_a_file(tmp_path: Path) -> None:
    payload(tmp_path)
    with pytest.raises(ConfigurationError, match="knows none"):
        take_directory(tmp_path, "one", ())
    with pytest.raises(ConfigurationError, match="None of"):
        take_directory(tmp_path, "one", [UNKNOWN])
    assert not (tmp_path / NAME).exists()
    take_directory(tmp_path, "one", [UNKNOWN, KNOWN])
    take_directory(tmp_path, "one", ())


def test_a_directory_that_is_not_mounted_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="mount or name") as caught:
        take_directory(tmp_path, "one", [KNOWN])
    # What it says is how to go on without them.
    assert f"line one to {tmp_path / NAME}" in str(caught.value)
    (tmp_path / NAME).write_text("one\n")
    take_directory(tmp_path, "one", [KNOWN])


# --- A data directory -----------------------------------------------------------------------


def test_without_its_database_a_data_directory_is_not_begun_anew(tmp_path: Path) -> None:
    data, aside = tmp_path / "data", tmp_path / "aside"
    with open_sqlite(data) as store:
        filing_id = done(add(store, 1, LARGE))
    (data / "digipoort.db").rename(aside)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="belongs to a database that is not there"):
            open_sqlite(data)
        assert not (data / "digipoort.db").exists()
    # Also where somebody made the file.
    (data / "digipoort.db").touch()
    with pytest.raises(ConfigurationError, match="not there"):
        open_sqlite(data)
    aside.rename(data / "digipoort.db")
    with open_sqlite(data) as store:
        assert contents(store, filing_id) == [LARGE]


def test_another_s_database_does_not_fit_a_data_directory(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with open_sqlite(tmp_path / name, key_ring(RING)) as store:
            done(add(store, 1, LARGE))
    (tmp_path / "two" / "digipoort.db").replace(tmp_path / "one" / "digipoort.db")
    with pytest.raises(ConfigurationError, match="belong to another database"):
        open_sqlite(tmp_path / "one", key_ring(RING))
    assert len(payload_files(tmp_path / "one")) == 1


def test_a_store_whose_directory_said_nothing_yet_is_opened(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        filing_id = done(add(store, 1, LARGE))
    (tmp_path / "payloads" / NAME).unlink()
    with open_sqlite(tmp_path) as store:
        assert contents(store, filing_id) == [LARGE]
    assert (tmp_path / "payloads" / NAME).exists()


def test_while_a_restore_is_not_finished_nothing_is_opened(tmp_path: Path) -> None:
    (tmp_path / "digipoort.db.restoring").touch()
    with pytest.raises(ConfigurationError, match="was not finished"):
        open_sqlite(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["digipoort.db.restoring"]


# --- A database of many machines ------------------------------------------------------------


def test_another_database_does_not_get_the_shared_directory(
    postgres: Cluster, postgres_database: str, tmp_path: Path
) -> None:
    ring, payloads = key_ring(RING), tmp_path / "payloads"
    with open_postgres(postgres_database, payloads, ring) as store:
        filing_id = done(add(store, 1, LARGE))
    with postgres.database("template0") as other:
        upgrade_postgres(other)
        with pytest.raises(ConfigurationError, match="belong to another database"):
            open_postgres(other, payloads, ring)
    with open_postgres(postgres_database, payloads, ring) as store:
        assert contents(store, filing_id) == [LARGE]
    with pytest.raises(ConfigurationError, match="mount or name"):
        open_postgres(postgres_database, tmp_path / "not-mounted", ring)


def test_each_database_has_a_name_of_its_own(postgres: Cluster) -> None:
    found = set()
    for _ in range(2):
        with postgres.database("template0") as made:
            upgrade_postgres(made)
            with closing(psycopg.connect(made)) as connection:
                found.update(connection.execute("SELECT id FROM identity").fetchall())
    assert len(found) == 2
