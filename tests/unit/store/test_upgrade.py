"""A data directory of an earlier version is brought up to date, and loses nothing.

``version_1.sql`` is the dump of a database that the code of version 1 made: a filing that came
to its end and was fetched, and one whose job still waits.
"""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from digipoort_wus.filing.filing import Document, Filing
from digipoort_wus.process.api import MailboxQuery, Scope
from digipoort_wus.store import schema
from digipoort_wus.store.ports import Reader
from digipoort_wus.store.sqlite import open_sqlite
from tests.unit.process.sandbox import DELIVERY, HAPPY, OTHER, Sandbox, caller, done, opened

FIRST, SECOND = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 6))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a data directory of version 1."""
    connection = sqlite3.connect(tmp_path / "digipoort.db")
    connection.executescript(Path(__file__).with_name("version_1.sql").read_text("utf-8"))
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    return tmp_path


def filings(house: Sandbox) -> list[Filing]:
    def work(reader: Reader) -> list[Filing]:
        kenmerken = (FIRST, SECOND)
        rows = [row for kenmerk in kenmerken for row in reader.filings_of(kenmerk)]
        return [reader.filing(row.filing_id) for row in rows]

    return house.store.read(work)


def shape(path: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path / "digipoort.db")
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    rows = {(name, " ".join(sql.split())) for name, sql in found}
    connection.close()
    return rows


def test_it_ends_up_as_a_new_one_begins(old: Path, tmp_path: Path) -> None:
    open_sqlite(old).close()
    open_sqlite(tmp_path / "new").close()
    connection = sqlite3.connect(old / "digipoort.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    assert shape(old) == shape(tmp_path / "new")


def test_everything_is_still_there_and_goes_on(old: Path) -> None:
    attached = Document("application/octet-stream", "b.bin", b"x" * 100)
    with opened(old) as house:
        first, second = filings(house)
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


def test_a_repeat_from_before_is_recognised(old: Path) -> None:
    with opened(old) as house:
        who = caller(message_id="urn:uuid:first", body=b"first")
        again = house.accept(replace(DELIVERY, aanleverkenmerk="first"), who)
        assert again.kenmerk == FIRST
        new = house.accept()
        assert filings(house)[0] == again
        assert house.store.read(lambda reader: reader.filings_of(new.kenmerk))


def test_an_upgrade_that_is_interrupted_is_begun_again(old: Path) -> None:
    """As after a crash: neither half an upgrade nor a wrong version is left."""
    before = shape(old)
    connection = sqlite3.connect(old / "digipoort.db", isolation_level=None)
    broken = (f"{schema.UPGRADES[0]} CREATE TABLE volume (id);",)
    with pytest.raises(sqlite3.OperationalError):
        schema.bring_up_to_date(connection, broken)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    assert shape(old) == before
    open_sqlite(old).close()
    assert shape(old) > before - {row for row in before if row[0] == "filing"}
