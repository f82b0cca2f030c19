"""The answer to a filing is kept before it is sent, and a repeat gets the same octets."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.blinded import blind
from digipoort_wus.process.api import Caller
from tests.unit.process.sandbox import DELIVERY, Sandbox, caller, done, opened

LIFETIME = timedelta(minutes=10)


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    database = None
    if request.param == "postgres":
        database = request.getfixturevalue("postgres_database")
    with opened(tmp_path / "data", database=database) as made:
        yield made


def answered(house: Sandbox, who: Caller, octets: bytes) -> bytes:
    return done(house.service.answered(who, octets, house.clock() + LIFETIME))


def test_a_repeat_gets_the_first_answer_while_it_is_valid(house: Sandbox) -> None:
    who = caller()
    house.accept(DELIVERY, who)
    assert answered(house, who, b"first") == b"first"
    house.clock.turn(minutes=8)
    assert answered(house, who, b"second") == b"first"
    house.clock.turn(minutes=1)
    assert answered(house, who, b"third") == b"third", "a minute is too little to be read in"
    assert answered(house, who, b"fourth") == b"third"


def test_the_evidence_is_over_each_answer_that_was_given(house: Sandbox) -> None:
    who = caller()
    filing = house.accept(DELIVERY, who)
    for octets in (b"first", b"again"):
        answered(house, who, octets)
        house.clock.turn(minutes=20)
    answered(house, who, b"last")
    answered(house, who, b"not given")
    (row,) = house.store.read(lambda reader: reader.filings_of(filing.kenmerk))
    salt = house.store.read(lambda reader: reader.evidence_salt(row.filing_id))
    assert salt is not None
    chain = house.store.read(lambda reader: reader.evidence(filing.kenmerk))
    told = [entry.entry for entry in chain if entry.kind == "answered"]
    for octets, entry in zip((b"first", b"again", b"last"), told, strict=True):
        assert str(blind(salt, "answer", octets)).encode() in entry
    kept = house.store.read(lambda reader: reader.answer(row.filing_id))
    assert kept is not None
    assert kept.octets == b"last"


def test_each_filing_has_its_own(house: Sandbox) -> None:
    first, second = caller(), caller()
    for who in (first, second):
        house.accept(DELIVERY, who)
    assert answered(house, first, b"1") == b"1"
    assert answered(house, second, b"2") == b"2"


def test_no_answer_without_a_filing(house: Sandbox) -> None:
    with pytest.raises(DigipoortError):
        answered(house, caller(), b"answer")
