"""What an operator decides: only where it is possible, and always with evidence of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.evidence.batch import believed
from digipoort_wus.evidence.verify import Report, Trust
from digipoort_wus.filing.content import read_content
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process import operator, proving
from digipoort_wus.process.checking import rewrap_all, verify_store
from digipoort_wus.process.operator import Decision, NotPossible
from digipoort_wus.process.sealing import seal_batch
from digipoort_wus.process.transitions import Step
from digipoort_wus.store.keyfile import add_key
from digipoort_wus.store.ports import Overview, Transaction
from digipoort_wus.store.secrets import SecretDestroyed
from tests.unit.process.sandbox import DELIVERY, Sandbox, done, opened, scenario

AWAITED = "WachtOpUitvragendePartij"


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    database = None
    if request.param == "postgres":
        database = request.getfixturevalue("postgres_database")
    with opened(tmp_path / "data", database=database) as made:
        yield made


def decided(house: Sandbox, reason: str = "the filer asked") -> Decision:
    return Decision("jansen", reason, house.clock())


def write(house: Sandbox, work: Callable[[Transaction], object]) -> object:
    return done(house.store.write(work))


def kinds(house: Sandbox, kenmerk: str) -> list[str]:
    return [row.kind for row in house.store.read(lambda reader: reader.evidence(kenmerk))]


def verified(house: Sandbox, g1: TestPki) -> Report:
    signing = g1.identities["gateway-signing"]
    while seal_batch(house.store, signing, house.clock()) is not None:
        pass
    trust = Trust(believed(signing.certificate))
    return house.store.read(lambda reader: verify_store(reader, trust, house.clock()))


def test_a_filing_that_waits_is_cancelled_and_never_delivered(house: Sandbox) -> None:
    kenmerk = house.accept().kenmerk
    code = write(house, lambda tx: operator.cancel(tx, kenmerk, decided(house)))
    assert code == "230"
    house.run_until_quiet()
    assert house.codes(kenmerk) == ["105", "100", "110", "230"]
    assert kinds(house, kenmerk)[-2:] == ["cancelled", "status"]
    with pytest.raises(NotPossible, match="cannot be cancelled"):
        write(house, lambda tx: operator.cancel(tx, kenmerk, decided(house)))


def test_a_filing_that_ended_or_is_unknown_is_not_cancelled(house: Sandbox) -> None:
    kenmerk = house.accept().kenmerk
    house.run()
    for wrong in (kenmerk, "unknown"):
        with pytest.raises(NotPossible):
            write(house, lambda tx, wrong=wrong: operator.cancel(tx, wrong, decided(house)))  # type: ignore[misc]
    assert house.codes(kenmerk)[-1] == "500"
    assert "cancelled" not in kinds(house, kenmerk)


def test_who_decided_and_why_is_nowhere_in_plain_text(house: Sandbox) -> None:
    kenmerk = house.accept().kenmerk
    write(house, lambda tx: operator.cancel(tx, kenmerk, decided(house, "mevrouw De Vries belde")))
    rows = house.store.read(lambda reader: reader.evidence(kenmerk))
    entry = json.loads(next(row.entry for row in rows if row.kind == "cancelled"))
    assert set(entry["facts"]) == {"operator", "reason"}
    assert all(value.startswith("hmac-sha256:") for value in entry["facts"].values())
    assert all(word not in row.entry for row in rows for word in (b"jansen", b"Vries"))


def test_what_the_agency_lost_is_delivered_again(house: Sandbox) -> None:
    kenmerk = house.accept(scenario(AWAITED)).kenmerk
    house.run()
    assert house.codes(kenmerk)[-2:] == ["405", "400"]
    write(house, lambda tx: operator.resend(tx, kenmerk, decided(house)))
    house.run()
    assert house.codes(kenmerk)[-4:] == ["405", "400", "405", "400"]
    assert kinds(house, kenmerk).count("delivered") == 2
    assert "resent" in kinds(house, kenmerk)


def test_what_was_judged_is_not_delivered_again(house: Sandbox) -> None:
    kenmerk = house.accept().kenmerk
    with pytest.raises(NotPossible, match="not ready for delivery"):
        write(house, lambda tx: operator.resend(tx, kenmerk, decided(house)))
    house.run()
    with pytest.raises(NotPossible, match="500"):
        write(house, lambda tx: operator.resend(tx, kenmerk, decided(house)))


def test_a_job_that_was_set_aside_is_offered_again(house: Sandbox) -> None:
    kenmerk = house.accept().kenmerk

    def aside(transaction: Transaction) -> None:
        (job,) = transaction.claim(house.clock(), timedelta(seconds=60), 1)
        transaction.set_aside(job, "RuntimeError at here.py:1")

    write(house, aside)
    house.run()
    assert house.codes(kenmerk) == ["105", "100", "110"]
    found = house.store.read(lambda reader: reader.overview(Overview(aside=True)))
    assert [one.filing.kenmerk for one in found] == [kenmerk]
    steps = write(house, lambda tx: operator.again(tx, kenmerk, decided(house)))
    assert steps == [Step.AUTHORISE.value]
    house.run()
    assert house.codes(kenmerk)[-1] == "500"
    with pytest.raises(NotPossible, match="set aside"):
        write(house, lambda tx: operator.again(tx, kenmerk, decided(house)))


def test_a_purge_destroys_what_was_filed_and_the_chain_verifies(
    house: Sandbox, g1: TestPki
) -> None:
    kenmerk = house.accept(replace(DELIVERY, document=replace(DELIVERY.document, content=large())))
    house.run()
    (row,) = house.store.read(lambda reader: reader.filings_of(kenmerk.kenmerk))
    report = verified(house, g1)
    assert report.findings == ()

    def purge(transaction: Transaction) -> object:
        return operator.purge(transaction, row.filing_id, "older-than-7-days", house.clock())

    files = write(house, purge)
    assert isinstance(files, tuple)
    assert len(files) == 1
    done(house.store.remove(files))
    with pytest.raises(SecretDestroyed):
        house.store.read(lambda reader: reader.filing(row.filing_id))
    assert kinds(house, kenmerk.kenmerk)[-1] == "purged"
    again = verified(house, g1)
    assert (again.findings, again.entries) == ((), report.entries + 1)
    # A second time it changes nothing, and says nothing.
    write(house, purge)
    assert kinds(house, kenmerk.kenmerk).count("purged") == 1


def test_what_is_held_is_not_purged_until_it_is_released(house: Sandbox, g1: TestPki) -> None:
    filing = house.accept()
    house.run()
    (row,) = house.store.read(lambda reader: reader.filings_of(filing.kenmerk))

    def purge(transaction: Transaction) -> object:
        return operator.purge(transaction, row.filing_id, "older-than-7-days", house.clock())

    assert write(house, lambda tx: operator.hold(tx, filing.kenmerk, decided(house))) == 1
    with pytest.raises(NotPossible, match="held"):
        write(house, purge)
    with pytest.raises(NotPossible):
        write(house, lambda tx: operator.hold(tx, filing.kenmerk, decided(house)))
    assert write(house, lambda tx: operator.release(tx, filing.kenmerk, decided(house))) == 1
    write(house, purge)
    assert kinds(house, filing.kenmerk)[-3:] == ["held", "released", "purged"]
    assert verified(house, g1).findings == ()


def test_what_is_being_worked_on_is_not_purged(house: Sandbox) -> None:
    kenmerk = house.accept().kenmerk
    (row,) = house.store.read(lambda reader: reader.filings_of(kenmerk))
    with pytest.raises(NotPossible, match="worked on"):
        write(house, lambda tx: operator.purge(tx, row.filing_id, "rule", house.clock()))
    assert "purged" not in kinds(house, kenmerk)


def test_who_takes_out_contents_is_recorded(house: Sandbox) -> None:
    kenmerk = house.accept().kenmerk
    (row,) = house.store.read(lambda reader: reader.filings_of(kenmerk))
    write(house, lambda tx: operator.show(tx, row.filing_id, decided(house)))
    assert kinds(house, kenmerk)[-1] == "shown"


def test_every_secret_is_wrapped_anew_and_still_opens(tmp_path: Path) -> None:
    database = tmp_path / "data"
    with opened(database) as house:
        filings = [house.accept() for _ in range(3)]
        house.run()
        ring_path = database / "key-ring"
        ring = add_key(ring_path)
        assert rewrap_all(house.store, ring, lambda _done: None) >= len(filings)
        assert rewrap_all(house.store, ring, lambda _done: None) == 0
    first, *_ = ring_path.read_bytes().splitlines(keepends=True)
    # Without the old key, which nobody needs any more.
    ring_path.write_bytes(first)
    with opened(database) as house:
        for filing in filings:
            (row,) = house.store.read(
                lambda reader, kenmerk=filing.kenmerk: reader.filings_of(kenmerk)  # type: ignore[misc]
            )
            found = house.store.read(
                lambda reader, number=row.filing_id: reader.filing(number)  # type: ignore[misc]
            )
            assert read_content(found.delivery.document.content) == DELIVERY.document.content


def test_every_kenmerk_is_verified_once(house: Sandbox, g1: TestPki) -> None:
    kenmerken = {house.accept().kenmerk for _ in range(5)}
    house.run()
    assert verified(house, g1).kenmerken == len(kenmerken)
    assert set(house.store.read(lambda reader: list(proving.kenmerken(reader)))) == kenmerken


def large() -> bytes:
    return read_content(DELIVERY.document.content) + b"<!--" + b"x" * 200_000 + b"-->"


# --- A process of several deliveries --------------------------------------------------------


def two_deliveries(house: Sandbox) -> tuple[str, str, str]:
    """Return the kenmerk of a process, and its deliveries: one that fails, one that waits."""
    first = house.accept(scenario("TechnischProbleemAfleveren"))
    house.run()
    second = house.accept(replace(DELIVERY, kenmerk=first.kenmerk))
    house.run()
    return first.kenmerk, first.berichtkenmerk, second.berichtkenmerk


def jobs(house: Sandbox, kenmerk: str) -> list[str | None]:
    found = house.store.read(
        lambda reader: [reader.job(row.filing_id) for row in reader.filings_of(kenmerk)]
    )
    return [None if job is None else job.step for job in found]


def test_the_delivery_that_is_in_the_way_is_cancelled_by_its_name(house: Sandbox) -> None:
    kenmerk, older, newer = two_deliveries(house)
    assert jobs(house, kenmerk) == ["redeliver", "authorise"]
    with pytest.raises(NotPossible, match=f"has 2 deliveries .* {older}, {newer}"):
        write(house, lambda tx: operator.cancel(tx, kenmerk, decided(house)))
    wrong = replace(decided(house), berichtkenmerk="unknown")
    with pytest.raises(NotPossible, match=f"it has {older}, {newer}"):
        write(house, lambda tx: operator.cancel(tx, kenmerk, wrong))
    assert jobs(house, kenmerk) == ["redeliver", "authorise"]
    named = replace(decided(house), berichtkenmerk=older)
    assert write(house, lambda tx: operator.cancel(tx, kenmerk, named)) == "420"
    house.run_until_quiet()
    assert house.codes(kenmerk)[-1] == "500", "the newer one goes on"


def test_the_delivery_that_can_be_sent_again_is_meant(house: Sandbox) -> None:
    kenmerk, older, newer = two_deliveries(house)
    write(house, lambda tx: operator.resend(tx, kenmerk, decided(house)))
    assert jobs(house, kenmerk) == ["redeliver", "authorise"]
    named = replace(decided(house), berichtkenmerk=newer)
    with pytest.raises(NotPossible, match="it is at authorise"):
        write(house, lambda tx: operator.resend(tx, kenmerk, named))
    write(house, lambda tx: operator.cancel(tx, kenmerk, replace(named, berichtkenmerk=older)))
    with pytest.raises(NotPossible, match="it is at authorise"):
        write(house, lambda tx: operator.resend(tx, kenmerk, decided(house)))
    named = replace(named, berichtkenmerk=older)
    write(house, lambda tx: operator.resend(tx, kenmerk, named))
    assert jobs(house, kenmerk) == ["redeliver", "authorise"]
