"""A backup of a directory in use can be restored, and what is not whole is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import read_content
from digipoort_wus.store import backup
from digipoort_wus.store.looking import look, schema_of
from digipoort_wus.store.migrate import VERSION
from digipoort_wus.store.ports import Overview, PayloadDamaged, Reader
from tests.unit.process.sandbox import DELIVERY, done, opened
from tests.unit.process.test_operator import large

MADE_AT = "2026-03-01T12:00:00.000Z"


def quiet(_what: str, _done: int, _total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory of two filings, one of them large, that a gateway has open."""
    return tmp_path / "data"


def backed_up(data: Path) -> tuple[Path, backup.Manifest]:
    target = data.parent / "backup"
    with opened(data) as house:
        house.accept()
        document = replace(DELIVERY.document, content=large())
        house.accept(replace(DELIVERY, document=document))
        house.run()
        manifest = backup.back_up(data, target, MADE_AT, quiet)
        # What comes afterwards is not in it.
        house.accept()
    return target, manifest


def contents(reader: Reader) -> list[bytes]:
    found = reader.overview(Overview())
    return [
        read_content(reader.filing(one.filing.filing_id).delivery.document.content) for one in found
    ]


def test_a_backup_beside_a_running_gateway_is_restored(data: Path, tmp_path: Path) -> None:
    target, manifest = backed_up(data)
    assert (manifest.filings, manifest.files, manifest.schema) == (2, 1, VERSION)
    assert not (target / "key-ring").exists()
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    shutil.copy(data / "key-ring", fresh)
    assert backup.restore(target, fresh, quiet) == manifest
    assert look(fresh, contents) == [large(), DELIVERY.document.content]
    with opened(fresh) as house:
        kenmerk = house.accept().kenmerk
        house.run()
        assert house.codes(kenmerk)[-1] == "500"


def test_a_reader_beside_a_gateway_sees_what_was_committed(data: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        assert schema_of(data) == VERSION
        found = look(data, lambda reader: reader.overview(Overview()))
        assert [one.filing.kenmerk for one in found] == [kenmerk]
        later = house.accept().kenmerk
        assert later in [
            one.filing.kenmerk for one in look(data, lambda reader: reader.overview(Overview()))
        ]
        done(house.store.write(lambda transaction: transaction.drop_job(found[0].filing.filing_id)))


def test_a_reader_cannot_write(data: Path) -> None:
    with opened(data):
        pass

    def work(reader: Reader) -> None:
        reader._execute("DELETE FROM status", ())  # type: ignore[attr-defined]

    with pytest.raises(ConfigurationError, match="readonly"):
        look(data, work)


@pytest.mark.parametrize("name", ["digipoort.db", "something"])
def test_nothing_is_written_over(data: Path, tmp_path: Path, name: str) -> None:
    target, _ = backed_up(data)
    full = tmp_path / "full"
    full.mkdir()
    (full / name).write_bytes(b"here")
    with pytest.raises(ConfigurationError, match="not empty"):
        backup.restore(target, full, quiet)
    with pytest.raises(ConfigurationError, match="not empty"):
        backup.back_up(data, full, MADE_AT, quiet)
    assert (full / name).read_bytes() == b"here"


def payload_file(target: Path) -> Path:
    return next(path for path in (target / "payloads").glob("??/??/*"))


def test_a_backup_that_was_changed_is_not_restored(data: Path, tmp_path: Path) -> None:
    target, _ = backed_up(data)
    path = payload_file(target)
    octets = bytearray(path.read_bytes())
    octets[-1] ^= 1
    # A file of its own: the backup's is a link to the gateway's.
    path.unlink()
    path.write_bytes(octets)
    with pytest.raises(PayloadDamaged, match="not what was stored"):
        backup.restore(target, tmp_path / "fresh", quiet)
    assert schema_of(tmp_path / "fresh") == 0, "no gateway takes it for a whole one"


def test_a_backup_that_lacks_a_file_is_not_restored(data: Path, tmp_path: Path) -> None:
    target, _ = backed_up(data)
    payload_file(target).unlink()
    with pytest.raises(PayloadDamaged, match="missing"):
        backup.restore(target, tmp_path / "fresh", quiet)


def test_a_backup_that_was_interrupted_is_none(data: Path, tmp_path: Path) -> None:
    target, _ = backed_up(data)
    (target / backup.MANIFEST).unlink()
    with pytest.raises(ConfigurationError, match="no whole backup"):
        backup.restore(target, tmp_path / "fresh", quiet)


def test_a_newer_backup_is_refused(data: Path, tmp_path: Path) -> None:
    target, _ = backed_up(data)
    said = json.loads((target / backup.MANIFEST).read_text())
    (target / backup.MANIFEST).write_text(json.dumps(said | {"schema": 99}))
    with pytest.raises(ConfigurationError, match="schema 99"):
        backup.restore(target, tmp_path / "fresh", quiet)


def test_a_damaged_database_is_not_restored(data: Path, tmp_path: Path) -> None:
    target, _ = backed_up(data)
    path = target / "digipoort.db"
    octets = bytearray(path.read_bytes())
    octets[4096 * 3 : 4096 * 3 + 2000] = b"\xff" * 2000
    path.write_bytes(octets)
    with pytest.raises((PayloadDamaged, ConfigurationError)):
        backup.restore(target, tmp_path / "fresh", quiet)
    assert schema_of(tmp_path / "fresh") == 0


def test_a_payload_that_is_missing_is_said(data: Path, tmp_path: Path) -> None:
    backed_up(data)
    payload_file(data).unlink()
    with pytest.raises(PayloadDamaged, match="missing"):
        backup.back_up(data, tmp_path / "second", MADE_AT, quiet)
    assert not (tmp_path / "second" / backup.MANIFEST).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "4"},
        {"schema": True},
        {"missing": None},
        {"missing": -1},
        {"filings": 1.5},
        {"rings": "abc"},
        {"rings": ["\x1b[2J"]},
        {"made_at": "\x1b[2J"},
        {"more": 1},
    ],
)
def test_a_manifest_of_another_form_is_refused(
    data: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    target, _ = backed_up(data)
    path = target / backup.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ConfigurationError, match="no whole backup"):
        backup.restore(target, tmp_path / "fresh", quiet)
    assert not (tmp_path / "fresh").exists()


def test_a_restore_that_was_interrupted_is_no_data_directory(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, _ = backed_up(data)
    fresh = tmp_path / "fresh"

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backup, "sync_tree", killed)
    with pytest.raises(KeyboardInterrupt):
        backup.restore(target, fresh, quiet)
    with pytest.raises(ConfigurationError, match="not finished"), opened(fresh):
        pass
    assert not (fresh / "digipoort.db").exists()
