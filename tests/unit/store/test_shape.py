"""What was put into a database beside its tables is seen before it runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store import backup
from digipoort_wus.store.looking import connect_to_read
from digipoort_wus.store.shape import shape_problems
from digipoort_wus.store.sqlite import open_sqlite

TRIGGER = """CREATE TRIGGER audit AFTER INSERT ON filing BEGIN
    UPDATE filing SET sender = 'another' WHERE id = new.id; END"""
CHANGES = {
    "trigger": (TRIGGER, "it has the trigger 'audit'"),
    "view": ("CREATE VIEW v AS SELECT * FROM filing", "it has the view 'v'"),
    "index": ("CREATE INDEX i ON filing (hold)", "it has the index 'i'"),
    "column": ("ALTER TABLE answer ADD COLUMN more TEXT", "the table 'answer' is not as"),
    "missing": ("DROP INDEX job_free", "it lacks the index 'job_free'"),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    open_sqlite(tmp_path / "data").close()
    return tmp_path / "data"


def changed(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / "digipoort.db")) as connection:
        connection.execute(statement)


def problems(directory: Path) -> list[str]:
    with closing(connect_to_read(directory / "digipoort.db")) as connection:
        return [*backup.database_problems(connection)]


def test_a_new_database_is_as_it_should_be(data: Path) -> None:
    assert problems(data) == []


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_ours_is_refused(data: Path, tmp_path: Path, change: str) -> None:
    statement, words = CHANGES[change]
    backup.back_up(data, tmp_path / "backup", "now", lambda *_: None)
    for directory in (data, tmp_path / "backup"):
        changed(directory, statement)
    (problem,) = problems(data)
    assert words in problem
    with pytest.raises(ConfigurationError, match="not as this version makes it") as caught:
        open_sqlite(data)
    assert words in str(caught.value)
    with pytest.raises(Exception, match="damaged") as refused:
        backup.restore(tmp_path / "backup", tmp_path / "fresh", lambda *_: None)
    assert words in str(refused.value)


def test_statistics_that_somebody_asked_for_do_no_harm(data: Path) -> None:
    changed(data, "ANALYZE")
    open_sqlite(data).close()


def test_a_hidden_trigger_is_found_whatever_its_name(data: Path) -> None:
    changed(data, TRIGGER)
    with closing(sqlite3.connect(data / "digipoort.db")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET name = 'sqlite_x' WHERE type = 'trigger'")
        connection.commit()
        assert any("sqlite_x" in text for text in shape_problems(connection))
