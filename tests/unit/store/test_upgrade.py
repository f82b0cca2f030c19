"""A data directory of an earlier version is brought up to date, and loses nothing.

``version_1.sql`` and ``version_3.sql`` to ``version_5.sql`` are dumps of databases that the code of
those versions made: filings that came to their end and were fetched, and some whose job still
waits. That of version 3 has a large payload in a file, a delivery that continues a process, a
lease that a killed process left, and what is remembered of senders. That of version 4 was made
under a key ring of its own: a filing that is done, one that waits for its second delivery, and
one that is new. That of version 5 has the same three, and the validations of the first.
"""

import base64
import hashlib
import logging
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql, sqlite

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Document, Filing
from digipoort_wus.process.api import MailboxQuery, Scope
from digipoort_wus.store import migrate, schema
from digipoort_wus.store.ebms_values import EbmsWanted
from digipoort_wus.store.files import PayloadFiles
from digipoort_wus.store.ports import Overview, Reader
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sqlite import open_sqlite
from digipoort_wus.store.tables import ddl, metadata
from tests.postgres import Cluster
from tests.unit.process.sandbox import DELIVERY, HAPPY, OTHER, Sandbox, caller, done, opened
from tests.unit.store.conftest import payload_files

FIRST, SECOND = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 6))
LARGE_OF_3, CONTINUED_OF_3 = SECOND, f"{FIRST[:-1]}9"
LARGE = read_content(DELIVERY.document.content) + b"<!--" + b"x" * 200_000 + b"-->"
COPY = "digipoort.db.before-v6"
WAITING_OF_4, NEW_OF_4 = (f"00000000-0000-4000-8000-00000000000{number}" for number in (3, 6))
# Each before what it refers to.
OF_EBMS = ("ebms_event", "ebms_attempt", "ebms_task", "ebms_part", "ebms_message", "ebms_cpa")
WAITING_OF_5, NEW_OF_5 = (f"00000000-0000-4000-8000-00000000000{number}" for number in (5, 8))
RING_OF_4 = base64.b64encode(bytes([9]) * 32) + b"\n"


def restored(directory: Path, version: int) -> Path:
    """Return a data directory of an earlier version."""
    connection = sqlite3.connect(directory / "digipoort.db")
    dump = Path(__file__).with_name(f"version_{version}.sql").read_text("utf-8")
    connection.executescript(dump)
    assert connection.execute("PRAGMA user_version").fetchone() == (version,)
    connection.close()
    if version == 3:
        name = hashlib.sha256(LARGE).hexdigest()
        path = directory / "payloads" / name[:2] / name[2:4] / name
        path.parent.mkdir(parents=True)
        path.write_bytes(LARGE)
    if version >= 4:
        ring = directory / "key-ring"
        ring.write_bytes(RING_OF_4)
        ring.chmod(0o600)
    return directory


@pytest.fixture(params=[1, 3, 4, 5])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return restored(tmp_path, request.param)


@pytest.fixture
def old_1(tmp_path: Path) -> Path:
    return restored(tmp_path, 1)


@pytest.fixture
def old_3(tmp_path: Path) -> Path:
    return restored(tmp_path, 3)


@pytest.fixture
def old_4(tmp_path: Path) -> Path:
    return restored(tmp_path, 4)


@pytest.fixture
def old_5(tmp_path: Path) -> Path:
    return restored(tmp_path, 5)


def filings(house: Sandbox, *kenmerken: str) -> list[Filing]:
    def work(reader: Reader) -> list[Filing]:
        rows = [row for kenmerk in kenmerken for row in reader.filings_of(kenmerk)]
        return [reader.filing(row.filing_id) for row in rows]

    return house.store.read(work)


def shape(path: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    rows = {(name, " ".join(sql.split())) for name, sql in found}
    connection.close()
    return rows


def rows_of(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    counted = {
        name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in names
    }
    connection.close()
    return counted


def test_it_ends_up_as_a_new_one_begins(old: Path, tmp_path: Path) -> None:
    before = rows_of(old / "digipoort.db")
    open_sqlite(old).close()
    open_sqlite(tmp_path / "new").close()
    connection = sqlite3.connect(old / "digipoort.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (migrate.VERSION,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    assert shape(old / "digipoort.db") == shape(tmp_path / "new" / "digipoort.db")
    after = rows_of(old / "digipoort.db")
    assert {name: after[name] for name in before} == before


def test_what_it_was_is_kept_beside_it(old: Path, caplog: pytest.LogCaptureFixture) -> None:
    before, counted = shape(old / "digipoort.db"), rows_of(old / "digipoort.db")
    with caplog.at_level(logging.WARNING):
        open_sqlite(old).close()
    assert COPY in caplog.text
    copy = old / COPY
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert (shape(copy), rows_of(copy)) == (before, counted)
    caplog.clear()
    copy.unlink()
    open_sqlite(old).close()
    assert not copy.exists()
    assert caplog.text == ""


def test_a_new_one_has_nothing_to_keep(tmp_path: Path) -> None:
    open_sqlite(tmp_path / "new").close()
    assert not (tmp_path / "new" / COPY).exists()


def test_everything_of_version_1_is_still_there_and_goes_on(old_1: Path) -> None:
    attached = Document("application/octet-stream", "b.bin", b"x" * 100)
    with opened(old_1) as house:
        first, second = filings(house, FIRST, SECOND)
        assert (first.kenmerk, first.sender, first.tls_oin) == (FIRST, caller().oin, None)
        assert first.delivery.document == DELIVERY.document
        assert second.delivery.attachments == (attached,)
        assert house.codes(FIRST) == HAPPY
        assert house.codes(FIRST, scope=Scope.NEW) == []
        mailbox = house.service.messages
        assert len(done(mailbox(caller(), MailboxQuery(), Scope.ALL))) == 1
        assert done(mailbox(caller(), MailboxQuery(), Scope.NEW)) == []
        assert house.codes(SECOND, OTHER) == HAPPY[:3]
        house.run()
        assert house.codes(SECOND, OTHER) == HAPPY


def test_everything_of_version_3_is_still_there_and_goes_on(old_3: Path) -> None:
    with opened(old_3) as house:
        first, large, second, third = filings(house, FIRST, LARGE_OF_3, CONTINUED_OF_3)
        assert first.tls_oin == caller().oin
        assert read_content(large.delivery.document.content) == LARGE
        assert second.delivery.attachments[0].content == b"x" * 100
        assert third.kenmerk == second.kenmerk == CONTINUED_OF_3
        assert house.codes(FIRST) == house.codes(LARGE_OF_3) == HAPPY
        assert house.codes(FIRST, scope=Scope.NEW) == []
        assert house.codes(LARGE_OF_3, scope=Scope.NEW) == HAPPY
        mailbox = house.service.messages
        assert len(done(mailbox(caller(), MailboxQuery(), Scope.ALL))) == 2
        assert len(done(mailbox(caller(), MailboxQuery(), Scope.NEW))) == 1
        day = house.clock.now.date()
        assert house.store.read(lambda reader: reader.volume(caller().oin, day)) == 12345
        known = house.store.write(lambda t: t.remember(bytes([7]) * 32, house.clock.now))
        assert done(known) is False
        house.clock.turn(minutes=10)
        house.run_until_quiet()
        assert house.codes(CONTINUED_OF_3, OTHER) == [*HAPPY[:3], *HAPPY[:3], *HAPPY[3:] * 2]


def test_everything_of_version_4_is_still_there_and_goes_on(old_4: Path) -> None:
    with opened(old_4) as house:
        first, waiting, new = filings(house, FIRST, WAITING_OF_4, NEW_OF_4)
        assert {one.delivery.document for one in (first, waiting, new)} == {DELIVERY.document}
        assert house.codes(FIRST) == HAPPY
        assert house.codes(WAITING_OF_4) == [*HAPPY[:7], "420"]
        assert house.codes(NEW_OF_4) == HAPPY[:3]
        assert house.store.read(lambda reader: reader.validations(FIRST)) == []
        house.clock.turn(minutes=10)
        house.run_until_quiet()
        assert house.codes(WAITING_OF_4) == [*HAPPY[:7], "420", "405", "400", "500"]
        assert house.codes(NEW_OF_4) == HAPPY
        judged = house.store.read(lambda reader: reader.validations(NEW_OF_4))
        assert [(row.stage, row.attempt, row.outcome) for row in judged] == [
            ("envelope", 1, "valid"),
            ("content", 1, "valid"),
        ]
        assert house.store.read(lambda reader: reader.validations(WAITING_OF_4)) == []


def test_everything_of_version_5_is_still_there_and_goes_on(old_5: Path) -> None:
    with opened(old_5) as house:
        found = filings(house, FIRST, WAITING_OF_5, NEW_OF_5)
        assert {one.delivery.document for one in found} == {DELIVERY.document}
        assert house.codes(FIRST) == HAPPY
        assert house.codes(WAITING_OF_5) == [*HAPPY[:7], "420"]
        assert house.codes(NEW_OF_5) == HAPPY[:3]
        judged = house.store.read(lambda reader: reader.validations(FIRST))
        assert [(row.stage, row.outcome) for row in judged] == [
            ("envelope", "valid"),
            ("content", "valid"),
        ]
        house.clock.turn(minutes=10)
        house.run_until_quiet()
        assert house.codes(WAITING_OF_5) == [*HAPPY[:7], "420", "405", "400", "500"]
        assert house.codes(NEW_OF_5) == HAPPY
        assert house.store.read(lambda reader: reader.cpas()) == []
        assert house.store.read(lambda reader: reader.ebms_messages(EbmsWanted())) == []


def test_the_log_says_whether_what_it_was_is_encrypted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for version in (3, 4):
        (tmp_path / str(version)).mkdir()
        open_sqlite(restored(tmp_path / str(version), version)).close()
    of_3, of_4 = (record.getMessage() for record in caplog.records)
    assert "what it was before, not encrypted: remove it" in of_3
    assert "what it was before: remove it" in of_4


def test_what_is_old_can_be_purged(old_3: Path) -> None:
    with opened(old_3) as house:
        (row,) = house.store.read(lambda r: r.overview(Overview(kenmerk=LARGE_OF_3)))
        number, now = row.filing.filing_id, house.clock.now
        assert house.store.read(lambda reader: reader.evidence_salt(number)) is None
        salt = done(house.store.write(lambda t: t.evidence_salt(number)))
        assert house.store.read(lambda reader: reader.evidence_salt(number)) == salt
        done(house.store.write(lambda t: t.put_answer(number, b"<answer/>", now)))
        answer = house.store.read(lambda reader: reader.answer(number))
        assert answer is not None, "it has a secret now"
        purged = done(house.store.write(lambda t: t.purge(number, now)))
        assert purged.files == (hashlib.sha256(LARGE).digest(),)
        done(house.store.remove(purged.files))
    assert payload_files(old_3 / "payloads") == []
    assert hashlib.sha256(LARGE).digest() not in (old_3 / "digipoort.db").read_bytes()


def test_a_repeat_from_before_is_recognised(old: Path) -> None:
    with opened(old) as house:
        who = caller(message_id="urn:uuid:first", body=b"first")
        again = house.accept(replace(DELIVERY, aanleverkenmerk="first"), who)
        assert again.kenmerk == FIRST
        new = house.accept()
        assert filings(house, FIRST)[0] == again
        assert house.store.read(lambda reader: reader.filings_of(new.kenmerk))


def test_an_upgrade_of_the_ladder_that_is_interrupted_is_begun_again(old_1: Path) -> None:
    """As after a crash: neither half an upgrade nor a wrong version is left."""
    before = shape(old_1 / "digipoort.db")
    connection = sqlite3.connect(old_1 / "digipoort.db", isolation_level=None)
    broken = (f"{schema.UPGRADES[0]} CREATE TABLE volume (id);",)
    with pytest.raises(sqlite3.OperationalError):
        schema.bring_up_to_date(connection, broken)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    assert shape(old_1 / "digipoort.db") == before
    open_sqlite(old_1).close()
    assert rows_of(old_1 / "digipoort.db")["filing"] == 2


def test_an_upgrade_to_the_newest_that_is_interrupted_is_begun_again(
    old_3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, counted = shape(old_3 / "digipoort.db"), rows_of(old_3 / "digipoort.db")
    run = migrate._run

    def breaks(connection: object) -> None:
        run(connection)  # type: ignore[arg-type]
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(migrate, "_run", breaks)
        with pytest.raises(ConfigurationError, match="disk is full"):
            open_sqlite(old_3)
    assert (shape(old_3 / "digipoort.db"), rows_of(old_3 / "digipoort.db")) == (before, counted)
    open_sqlite(old_3).close()
    assert rows_of(old_3 / COPY) == counted
    assert rows_of(old_3 / "digipoort.db")["filing"] == 4


def test_a_copy_that_cannot_be_made_leaves_everything_as_it_was(
    old_3: Path,
) -> None:
    counted = rows_of(old_3 / "digipoort.db")
    (old_3 / COPY).mkdir()
    with pytest.raises(ConfigurationError, match="cannot open the store"):
        open_sqlite(old_3)
    assert rows_of(old_3 / "digipoort.db") == counted
    (old_3 / COPY).rmdir()
    open_sqlite(old_3).close()
    assert not (old_3 / f"{COPY}.part").exists()


def test_a_database_that_refers_to_nothing_is_not_upgraded(old_3: Path) -> None:
    connection = sqlite3.connect(old_3 / "digipoort.db")
    connection.execute("DELETE FROM payload")
    connection.commit()
    connection.close()
    with pytest.raises(ConfigurationError, match="restore it"):
        open_sqlite(old_3)
    connection = sqlite3.connect(old_3 / "digipoort.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()


# --- The tables and their migrations --------------------------------------------------


def test_the_frozen_statements_are_those_of_the_tables() -> None:
    """Each version adds its own; the order in which tables are made is not theirs."""
    directory = Path(migrate.__file__).parent / "migrations" / "versions"
    for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]
        frozen = [
            statement
            for version in range(4, migrate.VERSION + 1)
            for statement in statements(
                (directory / f"version_{version}.{dialect.name}.sql").read_text("utf-8")
            )
        ]
        assert sorted(frozen) == sorted(statements(ddl(dialect)))


def statements(text: str) -> list[str]:
    return [part.strip().removesuffix(";") for part in text.split(";\n\n")]


@pytest.mark.filterwarnings(
    "ignore:Skipped unsupported reflection", "ignore:autogenerate skipping metadata-specified"
)
def test_a_new_data_directory_is_as_the_tables_say(tmp_path: Path) -> None:
    open_sqlite(tmp_path / "new").close()
    assert differences(f"sqlite:///{tmp_path}/new/digipoort.db") == []


def test_a_new_database_is_as_the_tables_say(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        assert differences("postgresql+psycopg://", lambda: connection) == []


def differences(url: str, creator: Callable[[], object] | None = None) -> list[object]:
    """Return in what a database is not as the tables say."""
    engine = create_engine(url, creator=creator) if creator else create_engine(url)
    try:
        with engine.connect() as connection:
            found = compare_metadata(MigrationContext.configure(connection), metadata)
    finally:
        # Its pool keeps the connection, of which Python 3.13 complains.
        engine.dispose()
    # An index over an expression is not compared on SQLite; the frozen statements have it.
    # Tables of the queue are pgqueuer's.
    others = ("return_message_party", "pgqueuer")
    return [each for each in found if not any(name in str(each) for name in others)]


# --- PostgreSQL -----------------------------------------------------------------------


def test_only_the_command_makes_the_tables(postgres: Cluster, tmp_path: Path) -> None:
    with postgres.database("template0") as conninfo:
        with pytest.raises(ConfigurationError, match=r"is empty.*digipoort-wus db upgrade"):
            open_postgres(conninfo, tmp_path, key_ring(bytes(32)))
        assert migrate.upgrade_postgres(conninfo) == (0, migrate.VERSION)
        assert migrate.upgrade_postgres(conninfo) == (migrate.VERSION, migrate.VERSION)
        open_postgres(conninfo, tmp_path, key_ring(bytes(32))).close()


@pytest.mark.parametrize(("version", "said"), [("7", "up to 6"), ("5", "db upgrade")])
def test_another_schema_is_refused(
    postgres_database: str, tmp_path: Path, version: str, said: str
) -> None:
    with psycopg.connect(postgres_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", (version,))
    with pytest.raises(ConfigurationError, match=said):
        open_postgres(postgres_database, tmp_path, key_ring(bytes(32)))
    if version == "7":
        with pytest.raises(ConfigurationError, match="newer"):
            migrate.upgrade_postgres(postgres_database)


def test_a_database_of_version_4_becomes_a_current_one(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        for table in ("validation", *OF_EBMS):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE alembic_version SET version_num = '4'")
    assert migrate.upgrade_postgres(postgres_database) == (4, 6)
    with psycopg.connect(postgres_database) as connection:
        assert differences("postgresql+psycopg://", lambda: connection) == []


def test_a_database_of_version_5_becomes_a_current_one(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        for table in OF_EBMS:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE alembic_version SET version_num = '5'")
    assert migrate.upgrade_postgres(postgres_database) == (5, 6)
    with psycopg.connect(postgres_database) as connection:
        assert differences("postgresql+psycopg://", lambda: connection) == []


def test_somebody_elses_database_is_refused(postgres: Cluster, tmp_path: Path) -> None:
    with postgres.database("template0") as conninfo:
        with psycopg.connect(conninfo) as connection:
            connection.execute("CREATE TABLE other (id int)")
        for opens in (
            lambda: open_postgres(conninfo, tmp_path, key_ring(bytes(32))),
            lambda: migrate.upgrade_postgres(conninfo),
        ):
            with pytest.raises(ConfigurationError, match="not made by"):
                opens()


def test_two_that_upgrade_at_once_do_it_once(postgres: Cluster) -> None:
    with postgres.database("template0") as conninfo, ThreadPoolExecutor(4) as executor:
        found = list(executor.map(migrate.upgrade_postgres, [conninfo] * 4))
    assert sorted(found) == [(0, 6), (6, 6), (6, 6), (6, 6)]


def test_a_large_payload_of_version_3_is_still_read_as_it_was(tmp_path: Path) -> None:
    directory = restored(tmp_path, 3)
    open_sqlite(directory).close()
    stored = PayloadFiles(directory / "payloads").open(
        hashlib.sha256(LARGE).digest(), len(LARGE), None
    )
    assert stored.read() == LARGE


def test_a_current_data_directory_is_opened_without_the_tools_of_migrations(
    tmp_path: Path,
) -> None:
    """They take a third of a second to import, at every start."""
    open_sqlite(tmp_path / "data").close()
    code = (
        "import sys, pathlib; from digipoort_wus.store.sqlite import open_sqlite\n"
        "open_sqlite(pathlib.Path(sys.argv[1])).close()\n"
        "print([name for name in ('sqlalchemy', 'alembic', 'psycopg') if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert ended.stdout == "[]\n"
