"""The store that a configuration names: which, where its keys are, and what is refused."""

import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from digipoort_wus.config import Config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.keyfile import add_key, make_key_ring
from digipoort_wus.store.sqlite import SqliteStore
from digipoort_wus.stores import address_of, open_store
from tests.unit.store.samples import add, contents, done


def url_of(conninfo: str) -> str:
    parts = conninfo_to_dict(conninfo)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"


def sqlite(folder: Path) -> Config:
    return Config(data_dir=folder / "data")


@pytest.fixture(params=["sqlite", "postgres"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """A sandbox on each kind of store, of which the key ring does not exist yet."""
    if request.param == "sqlite":
        return sqlite(tmp_path)
    url = url_of(request.getfixturevalue("postgres_database"))
    return Config(data_dir=tmp_path / "data", store_url=url, store_payloads=tmp_path / "payloads")


def filed(config: Config) -> None:
    config.data_dir.mkdir(exist_ok=True)
    storage = open_store(config)
    done(add(storage.store, content=b"<what/>"))
    storage.store.close()


def test_a_sandbox_makes_its_key_ring_once(config: Config) -> None:
    filed(config)
    ring = config.key_ring.read_bytes()
    storage = open_store(config)
    found = storage.store.read(lambda reader: reader.filings_of("kenmerk-1"))
    assert contents(storage.store, found[0].filing_id)[0] == b"<what/>"
    storage.store.close()
    assert config.key_ring.read_bytes() == ring
    assert (storage.queue is None) == isinstance(storage.store, SqliteStore)


def test_a_store_whose_ring_is_gone_is_not_opened(config: Config) -> None:
    filed(config)
    (name,) = make_key_ring(config.key_ring).keys
    kept = config.key_ring.rename(config.key_ring.with_name("kept"))
    with pytest.raises(ConfigurationError, match=f"wrapped by key {name}: put"):
        open_store(config)
    assert not config.key_ring.exists()
    make_key_ring(config.key_ring)
    with pytest.raises(ConfigurationError, match=f"lacks key {name}, which"):
        open_store(config)
    kept.rename(config.key_ring)
    # One more key in front changes nothing for what there is.
    add_key(config.key_ring)
    open_store(config).store.close()


def test_production_wants_the_ring_that_there_is(tmp_path: Path) -> None:
    config = sqlite(tmp_path)
    object.__setattr__(config, "mode", "production")
    with pytest.raises(ConfigurationError, match=r"there is no key ring at .*data/key-ring"):
        open_store(config)
    make_key_ring(config.key_ring)
    open_store(config).store.close()


def test_the_password_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cr'et\n")
    config = Config(
        store_url="postgresql://gateway@db.example.nl/x",
        store_payloads=tmp_path,
        store_password_file=file,
    )
    parts = conninfo_to_dict(address_of(config))
    assert (parts["password"], parts["host"]) == ("s3cr'et", "db.example.nl")
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="no text in UTF-8"):
        address_of(config)
    file.unlink()
    with pytest.raises(ConfigurationError, match="No such file"):
        address_of(config)


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    url = f"postgresql://gateway@/x?host={tmp_path}"
    config = Config(store_url=url, store_payloads=tmp_path / "payloads")
    with pytest.raises(ConfigurationError, match="Cannot open the database"):
        open_store(config)


def test_an_address_with_a_part_that_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    for password in (None, tmp_path / "password"):
        config = Config(
            store_url="postgresql://gateway@/digipoort?nonsense=1",
            store_payloads=tmp_path / "payloads",
            store_key_ring=tmp_path / "ring",
            store_password_file=password,
        )
        with pytest.raises(ConfigurationError, match=r"store\.url cannot be used: .*nonsense"):
            address_of(config)


def test_packages_that_are_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "digipoort_wus.store.pg_queue", None)
    config = Config(store_url="postgresql:///x", store_payloads=tmp_path)
    with pytest.raises(ConfigurationError, match=r"pip install 'digipoort-wus\[postgres\]'"):
        open_store(config)
