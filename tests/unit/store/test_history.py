"""Evidence, keys, and what an operator does with filings, on SQLite and on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.store.ports import (
    Aged,
    BatchRow,
    EvidenceRow,
    FilingId,
    NotPurgeable,
    Overview,
    Position,
    Reader,
    Store,
    Transaction,
    ValidationRow,
)
from digipoort_wus.store.secrets import SecretDestroyed
from tests.unit.store.conftest import House
from tests.unit.store.samples import (
    LARGE,
    NOW,
    SECOND,
    add,
    add_with_job,
    claim,
    contents,
    done,
    filing,
    message,
    write,
)


def entry(seq: int, filing_id: FilingId, kenmerk: str = "kenmerk-1") -> EvidenceRow:
    return EvidenceRow(
        kenmerk,
        seq,
        filing_id,
        NOW + seq * SECOND,
        "status",
        b'{"a":"\xc3\xa9"}',
        bytes([seq]) * 32,
    )


def batch(number: int, leaves: int, previous: bytes = bytes(32)) -> BatchRow:
    return BatchRow(number, NOW, leaves, bytes([number]) * 32, previous, b"signature", b"c" * 32)


def append(store: Store, row: EvidenceRow) -> None:
    write(store, lambda transaction: transaction.add_evidence(row))


def unsealed(store: Store) -> Sequence[EvidenceRow]:
    return store.read(lambda reader: reader.unsealed(100))


# --- Evidence ---------------------------------------------------------------------------


def test_a_chain_comes_back_in_order(store: Store) -> None:
    filing_id = done(add(store))
    rows = [entry(seq, filing_id) for seq in (1, 2, 3)]
    assert store.read(lambda reader: reader.last_evidence("kenmerk-1")) is None
    for row in rows:
        append(store, row)
    found = store.read(lambda reader: reader.evidence("kenmerk-1"))
    assert [replace(row, row_id=0) for row in found] == rows
    assert store.read(lambda reader: reader.last_evidence("kenmerk-1")) == found[-1]
    assert store.read(lambda reader: reader.evidence("other")) == []


def test_of_many_that_append_each_gets_a_place_of_its_own(store: Store) -> None:
    filing_id = done(add(store))

    def work(transaction: Transaction) -> int:
        last = transaction.last_evidence("kenmerk-1")
        seq = 1 if last is None else last.seq + 1
        transaction.add_evidence(entry(seq, filing_id))
        return seq

    places = [done(future) for future in [store.write(work) for _ in range(8)]]
    assert sorted(places) == list(range(1, 9))


def test_a_place_in_a_chain_is_taken_once(store: Store) -> None:
    filing_id = done(add(store))
    append(store, entry(1, filing_id))
    with pytest.raises(Exception, match=r"(?i)unique"):
        append(store, entry(1, filing_id))


def test_batches_take_what_is_in_none(store: Store) -> None:
    filing_id = done(add(store))
    for seq in (1, 2, 3):
        append(store, entry(seq, filing_id))
    waiting = unsealed(store)
    assert [row.seq for row in waiting] == [1, 2, 3]
    assert store.read(lambda reader: reader.unsealed(1)) == waiting[:1]
    assert store.read(lambda reader: reader.last_batch()) is None
    write(store, lambda t: t.add_batch(batch(1, 2), waiting[:2]))
    write(store, lambda t: t.add_batch(batch(2, 1, b"\1" * 32), waiting[2:]))
    assert unsealed(store) == []
    sealed = store.read(lambda reader: reader.evidence_of_batch(1))
    assert [(row.seq, row.batch_id, row.leaf) for row in sealed] == [(1, 1, 0), (2, 1, 1)]
    assert store.read(lambda reader: reader.last_batch()) == batch(2, 1, b"\1" * 32)
    assert store.read(lambda reader: reader.batches(0, 10)) == [
        batch(1, 2),
        batch(2, 1, b"\1" * 32),
    ]
    assert store.read(lambda reader: reader.batches(1, 1)) == [batch(2, 1, b"\1" * 32)]
    with pytest.raises(KeyError):
        write(store, lambda t: t.add_batch(batch(3, 1, b"\2" * 32), waiting[:1]))
    assert len(store.read(lambda reader: reader.batches(0, 10))) == 2


def test_two_batches_cannot_follow_the_same(store: Store) -> None:
    filing_id = done(add(store))
    for seq in (1, 2):
        append(store, entry(seq, filing_id))
    first, second = unsealed(store)
    write(store, lambda t: t.add_batch(batch(1, 1), [first]))
    with pytest.raises(Exception, match=r"(?i)unique"):
        write(store, lambda t: t.add_batch(batch(2, 1), [second]))


def test_a_batch_is_stamped_once(store: Store) -> None:
    filing_id = done(add(store))
    append(store, entry(1, filing_id))
    waiting = unsealed(store)
    write(store, lambda t: t.add_batch(batch(1, 1), waiting))
    assert store.read(lambda reader: reader.unstamped(10)) == [batch(1, 1)]
    write(store, lambda t: t.stamp(1, b"token", NOW + SECOND))
    assert store.read(lambda reader: reader.unstamped(10)) == []
    stamped = replace(batch(1, 1), token=b"token", stamped_at=NOW + SECOND)
    assert store.read(lambda reader: reader.last_batch()) == stamped
    with pytest.raises(KeyError):
        write(store, lambda t: t.stamp(1, b"another", NOW))


# --- Keys -------------------------------------------------------------------------------


def test_secrets_are_wrapped_anew(store: Store) -> None:
    first, second = (done(add(store, number)) for number in (1, 2))
    outside = store.read(lambda reader: reader.secrets_outside("new", 0, 10))
    assert len(outside) == 2
    assert store.read(lambda reader: reader.secrets_outside(outside[0][1], 0, 10)) == []
    number, ring, wrapped = outside[0]
    assert store.read(lambda reader: reader.secret(first)) == (ring, wrapped)
    assert not write(store, lambda t: t.rewrap(number, b"another", "new", b"w" * 40))
    assert write(store, lambda t: t.rewrap(number, wrapped, "new", b"w" * 40))
    assert store.read(lambda reader: reader.secret(first)) == ("new", b"w" * 40)
    assert store.read(lambda reader: reader.secrets_outside("new", 0, 10)) == outside[1:]
    assert store.read(lambda reader: reader.secrets_outside("new", outside[1][0], 10)) == []
    assert store.read(lambda reader: reader.secret(second)) == outside[1][1:]


def test_the_salt_of_evidence_goes_with_the_filing(store: Store) -> None:
    first, second = (done(add(store, number)) for number in (1, 2))
    salts = [
        store.read(partial(_salt, filing_id=first)),
        store.read(partial(_salt, filing_id=second)),
    ]
    assert salts[0] != salts[1]
    assert [len(salt or b"") for salt in salts] == [32, 32]
    assert write(store, lambda t: t.evidence_salt(first)) == salts[0]
    write(store, lambda t: t.purge(first, NOW))
    with pytest.raises(SecretDestroyed):
        store.read(partial(_salt, filing_id=first))
    with pytest.raises(KeyError):
        store.read(partial(_salt, filing_id=FilingId(99)))


def _salt(reader: Reader, filing_id: FilingId) -> bytes | None:
    return reader.evidence_salt(filing_id)


# --- What an operator sees and does -------------------------------------------------------


def test_filings_are_looked_over_newest_first_and_page_by_page(store: Store) -> None:
    ids = [add_with_job(store, number) for number in range(5)]
    status = [Status("105", NOW), Status("210", NOW)]
    write(store, lambda t: t.add_statuses(ids[3], status))
    (job,) = claim(store, limit=1)
    write(store, lambda t: t.set_aside(job, "why"))

    def numbers(wanted: Overview) -> list[FilingId]:
        found = store.read(lambda reader: reader.overview(wanted))
        return [row.filing.filing_id for row in found]

    assert numbers(Overview()) == ids[::-1]
    assert numbers(Overview(limit=2)) == [ids[4], ids[3]]
    assert numbers(Overview(limit=2, before=ids[3])) == [ids[2], ids[1]]
    assert numbers(Overview(kenmerk="kenmerk-2")) == [ids[2]]
    assert numbers(Overview(sender="nobody")) == []
    assert numbers(Overview(status="210")) == [ids[3]]
    assert numbers(Overview(aside=True)) == [job.filing_id]
    assert numbers(Overview(start=NOW, end=NOW)) == ids[::-1]
    assert numbers(Overview(start=NOW + SECOND)) == []
    assert numbers(Overview(end=NOW - SECOND)) == []
    (row,) = store.read(lambda reader: reader.overview(Overview(status="210")))
    assert (row.message_id, row.received_at, row.status) == ("message-3", NOW, "210")
    assert row.job is not None
    assert (row.job.step, row.hold, row.purged_at) == ("begin", None, None)


def test_what_was_purged_cannot_be_read_and_its_chain_stays(large_house: House) -> None:
    with large_house.open() as store:
        filing_id, other = done(add(store, 1, LARGE)), done(add(store, 2, LARGE))
        failed = Status("311", NOW, StatusError("VAS500", "Fout."), "<x/>")
        write(store, lambda t: t.add_statuses(filing_id, [failed]))
        write(store, lambda t: t.put_answer(filing_id, b"<answer/>", NOW))
        offered = write(store, lambda t: t.offer(message(content=LARGE)))
        append(store, entry(1, filing_id))
        assert len(large_house.files()) == 3
        purged = write(store, lambda t: t.purge(filing_id, NOW + SECOND))
        assert len(purged.files) == 2
        done(store.remove(purged.files))
        assert len(large_house.files()) == 1
        for reads in (
            lambda reader: reader.filing(filing_id),
            lambda reader: reader.message(offered),
            lambda reader: reader.answer(filing_id),
        ):
            with pytest.raises(SecretDestroyed):
                store.read(reads)
        assert len(store.read(lambda reader: reader.evidence("kenmerk-1"))) == 1
        row = store.read(lambda reader: reader.filing_row(filing_id))
        assert (row.kenmerk, row.belanghebbende.number, row.aanleverkenmerk) == (
            "kenmerk-1",
            "",
            None,
        )
        ring = store.read(lambda reader: reader.secret(filing_id))
        assert ring is not None
        assert ring[1] is None
        assert contents(store, other) == [LARGE]
        (summary,) = store.read(lambda reader: reader.overview(Overview(kenmerk="kenmerk-1")))
        assert (summary.status, summary.purged_at) == ("311", NOW + SECOND)
        assert write(store, lambda t: t.purge(filing_id, NOW + 9 * SECOND)).files == ()


def test_a_purge_leaves_nothing_personal_in_any_row(store: Store) -> None:
    """Whatever the tables are: what could tell whom it was about is in none of them."""
    new = filing()
    secretive = replace(
        new,
        delivery=replace(
            new.delivery,
            aanleverkenmerk="geheim-1",
            eerder_aanleverkenmerk="geheim-2",
            kenmerk="geheim-3",
            belanghebbende=replace(new.delivery.belanghebbende, number="geheim-4"),
            document=replace(new.delivery.document, file_name="geheim-5", content=b"geheim-6"),
        ),
    )
    filing_id = write(store, lambda t: t.add_filing(secretive, "m", b"geheim-7"))
    failed = Status("311", NOW, StatusError("VAS500", "geheim-8"), "geheim-9")
    write(store, lambda t: t.add_statuses(filing_id, [failed]))
    judged = ValidationRow(filing_id, "content", 1, NOW, "invalid", b"geheim-16")
    write(store, lambda t: t.add_validations([judged]))
    offered = message()
    back = replace(
        offered,
        belanghebbende=replace(offered.belanghebbende, number="geheim-10"),
        aanleverkenmerk="geheim-11",
        elements=(("a", "geheim-12"),),
        findings=(replace(offered.findings[0], text="geheim-13"),),
        document=replace(offered.document, file_name="geheim-14", content=b"geheim-15"),
    )
    write(store, lambda t: t.offer(back))
    assert _everything(store).count("geheim") > 10
    write(store, lambda t: t.purge(filing_id, NOW))
    assert "geheim" not in _everything(store)


def _everything(store: Store) -> str:
    tables = (
        *("filing", "filing_document", "status", "return_message", "return_document", "payload"),
        *("secret", "job", "answer", "evidence", "inbox", "validation"),
    )
    return repr(
        [store.read(lambda r, name=table: r._all(f"SELECT * FROM {name}")) for table in tables]  # type: ignore[misc]
    )


def test_what_is_held_or_at_work_is_not_purged(store: Store) -> None:
    filing_id = add_with_job(store)
    with pytest.raises(NotPurgeable, match="worked on"):
        write(store, lambda t: t.purge(filing_id, NOW))
    write(store, lambda t: t.drop_job(filing_id))
    write(store, lambda t: t.set_hold(filing_id, "a dispute"))
    with pytest.raises(NotPurgeable, match="held"):
        write(store, lambda t: t.purge(filing_id, NOW))
    (row,) = store.read(lambda reader: reader.overview(Overview()))
    assert row.hold == "a dispute"
    write(store, lambda t: t.set_hold(filing_id, None))
    write(store, lambda t: t.purge(filing_id, NOW))
    for work in (
        lambda t: t.purge(FilingId(99), NOW),
        lambda t: t.set_hold(FilingId(99), "x"),
    ):
        with pytest.raises(KeyError):
            write(store, work)


def test_what_may_be_purged_is_old_at_rest_and_not_held(store: Store) -> None:
    ids = [done(add(store, number)) for number in range(4)]
    write(store, lambda t: t.set_hold(ids[1], "x"))
    write(store, lambda t: t.purge(ids[2], NOW))
    add_with_job(store, 9)

    def expired(later: timedelta, **more: Any) -> Sequence[FilingId]:
        aged = Aged(NOW + later, **more)
        found = store.read(lambda reader: reader.expired(aged, 10))
        assert store.read(lambda reader: reader.expired(aged, 1)) == found[:1]
        return [one.filing_id for one in found]

    assert expired(timedelta()) == []
    assert expired(SECOND) == [ids[0], ids[3]]
    assert expired(SECOND, berichtsoort="Omzetbelasting") == [ids[0], ids[3]]
    assert expired(SECOND, berichtsoort="ICP") == []
    assert expired(SECOND, but=("ICP",)) == [ids[0], ids[3]]
    assert expired(SECOND, but=("ICP", "Omzetbelasting")) == []
    assert expired(SECOND, after=Position(NOW, ids[0])) == [ids[3]]
    assert expired(SECOND, after=Position(NOW, ids[3])) == []
    write(store, lambda t: t.add_statuses(ids[0], [Status("400", NOW)]))
    assert expired(SECOND) == [ids[3]], "its agency has not judged it"
    write(store, lambda t: t.add_statuses(ids[0], [Status("500", NOW)]))
    assert expired(SECOND) == [ids[0], ids[3]]


def test_a_repeat_of_what_was_purged_is_not_taken_for_a_new_message(store: Store) -> None:
    filing_id = done(add(store))
    write(store, lambda t: t.purge(filing_id, NOW))
    receipt = store.read(lambda reader: reader.receipt("sender", "message-1"))
    assert receipt is not None
    assert receipt.body_digest == b""


def test_writers_of_one_process_come_one_after_the_other(store: Store) -> None:
    """Two that continue a process at the same moment do not give their statuses one time."""
    add_with_job(store, 0, "one")

    def work(transaction: Transaction, number: int) -> None:
        transaction.hold_process("one")
        last = transaction.last_status_at("one")
        new = filing(number, kenmerk="one")
        filing_id = transaction.add_filing(new, f"message-{number}", b"d")
        at = NOW if last is None else last + timedelta(milliseconds=1)
        transaction.add_statuses(filing_id, [Status("105", at)])

    futures = [store.write(partial(work, number=number)) for number in range(1, 9)]
    for future in futures:
        done(future)
    last = store.read(lambda reader: reader.last_status_at("one"))
    assert last == NOW + timedelta(milliseconds=7)
