"""Agreements of ebMS on SQLite and on PostgreSQL: one at a time, sealed, and not exchanged."""

from dataclasses import replace

import pytest

from digipoort_wus.store.ebms_values import CpaRow
from digipoort_wus.store.ports import PayloadDamaged, Store
from tests.unit.store.ebms_samples import DAY, agreement
from tests.unit.store.samples import LARGE, NOW, SECOND, write


def put(store: Store, row: CpaRow) -> None:
    write(store, lambda t: t.put_cpa(row))


def edition(store: Store) -> tuple[int, int]:
    return store.read(lambda reader: reader.cpa_edition())


def test_an_agreement_comes_out_as_it_was_kept(store: Store) -> None:
    for row in (agreement(), agreement("another", LARGE), CpaRow("é", b"", NOW)):
        put(store, row)
        assert store.read(lambda reader, it=row: reader.cpa(it.cpa_id)) == row  # type: ignore[misc]
    assert [row.cpa_id for row in store.read(lambda reader: reader.cpas())] == [
        "another",
        "cpa",
        "é",
    ]
    assert store.read(lambda reader: reader.cpa("CPA")) is None


def test_one_agreement_is_current_and_those_before_stay(store: Store) -> None:
    editions = [edition(store)]
    first, second = agreement(), agreement(octets=b"<CPA version='2'/>", at=NOW + SECOND)
    put(store, first)
    editions.append(edition(store))
    put(store, second)
    editions.append(edition(store))
    assert store.read(lambda reader: reader.cpas()) == [second]
    ended = replace(first, removed_at=NOW + SECOND)
    assert store.read(lambda reader: reader.cpas_of("cpa")) == [ended, second]
    write(store, lambda t: t.remove_cpa("cpa", NOW + DAY))
    editions.append(edition(store))
    assert store.read(lambda reader: reader.cpa("cpa")) is None
    assert store.read(lambda reader: reader.cpas()) == []
    for cpa_id in ("cpa", "other"):
        with pytest.raises(KeyError):
            write(store, lambda t, it=cpa_id: t.remove_cpa(it, NOW))  # type: ignore[misc]
    put(store, replace(first, added_at=NOW + 2 * DAY))
    editions.append(edition(store))
    assert len(set(editions)) == len(editions) == 5
    assert len(store.read(lambda reader: reader.cpas_of("cpa"))) == 3


@pytest.mark.parametrize(
    "change",
    [
        "urls = '{}'",
        "certificates = '{}'",
        "quirks = '{}'",
        "cpa_id = 'cpa-2', added_at = added_at + 1",
        "content_id = (SELECT min(content_id) FROM ebms_cpa)",
        "secret_id = (SELECT min(secret_id) FROM ebms_cpa)",
        "mac = (SELECT mac FROM ebms_cpa AS another WHERE another.cpa_id = 'first')",
    ],
)
def test_whom_we_trust_is_not_changed_without_a_key(store: Store, change: str) -> None:
    put(store, agreement("first"))
    put(store, agreement("cpa"))
    statement = f"UPDATE ebms_cpa SET {change} WHERE cpa_id = 'cpa'"
    write(store, lambda t: t._execute(statement, ()))  # type: ignore[attr-defined]
    with pytest.raises(PayloadDamaged):
        store.read(lambda reader: reader.cpas())
    # One that was changed does not take the others with it.
    assert store.read(lambda reader: reader.cpa("first")) == agreement("first")
