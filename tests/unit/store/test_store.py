"""What every store does, on SQLite and on PostgreSQL: contents, statuses, messages, marks."""

import threading
from concurrent.futures import CancelledError
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from digipoort_wus.filing.content import read_content, size_of
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.store.ports import (
    Answer,
    FilingId,
    InboxRow,
    Material,
    MessageId,
    PayloadDamaged,
    Reader,
    Selection,
    Store,
    StoreFailed,
    Transaction,
)
from digipoort_wus.store.secrets import SecretUnreadable, key_ring
from digipoort_wus.store.sqlite import open_sqlite
from tests.unit.store.conftest import House
from tests.unit.store.samples import (
    LARGE,
    NOW,
    PARTY,
    SECOND,
    add,
    contents,
    done,
    filing,
    kenmerken,
    message,
    write,
)

# --- Works ------------------------------------------------------------------------------


def test_what_was_written_is_there_when_it_is_opened_again(house: House) -> None:
    with house.open() as store:
        first, large = done(add(store)), done(add(store, 2, LARGE))
    with house.open() as store:
        assert store.read(lambda reader: reader.filing(first)) == filing()
        assert contents(store, large) == [LARGE]
        assert kenmerken(store) == ["kenmerk-1", "kenmerk-2"]
        assert store.failure is None


def test_a_work_that_fails_undoes_itself_alone(store: Store) -> None:
    def fails(transaction: Transaction) -> None:
        transaction.add_filing(filing(2), "message-2", b"digest")
        raise ValueError("ours")

    first, second, third = add(store, 1), store.write(fails), add(store, 3)
    done(first)
    with pytest.raises(ValueError, match="ours"):
        done(second)
    done(third)
    assert sorted(kenmerken(store)) == ["kenmerk-1", "kenmerk-3"]


def test_the_same_message_is_kept_once(store: Store) -> None:
    """Whoever does not look first is refused by the database."""
    futures = [add(store) for _ in range(4)]
    outcomes = [future.exception(20) for future in futures]
    assert outcomes.count(None) == 1
    assert kenmerken(store) == ["kenmerk-1"]


def test_of_many_that_look_first_one_keeps_and_all_get_the_same(store: Store) -> None:
    def work(transaction: Transaction) -> FilingId:
        receipt = transaction.receipt("sender", "message-1")
        if receipt is not None:
            return receipt.filing_id
        return transaction.add_filing(filing(), "message-1", b"digest")

    found = {done(future) for future in [store.write(work) for _ in range(40)]}
    assert len(found) == 1
    assert kenmerken(store) == ["kenmerk-1"]


def test_closing_finishes_what_waits_and_then_says_so(store: Store) -> None:
    futures = [add(store, number) for number in range(50)]
    store.close()
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(StoreFailed, match="closed"):
        done(add(store, 101))
    with pytest.raises(StoreFailed, match="closed"):
        kenmerken(store)


def test_a_reader_sees_one_state(store: Store) -> None:
    def work(reader: Reader) -> None:
        before = reader.filings_of("kenmerk-1")
        done(add(store))
        assert reader.filings_of("kenmerk-1") == before == []

    store.read(work)
    assert kenmerken(store) == ["kenmerk-1"]


def test_a_reader_cannot_write(store: Store) -> None:
    def work(reader: Reader) -> None:
        reader._execute("DELETE FROM filing", ())  # type: ignore[attr-defined]

    done(add(store))
    with pytest.raises(Exception, match=r"read-?only"):
        store.read(work)
    assert kenmerken(store) == ["kenmerk-1"]


def test_readers_do_not_wait_for_each_other(store: Store) -> None:
    together = threading.Barrier(5)

    def work(reader: Reader) -> None:
        reader.filings_of("x")
        together.wait(10)

    threads = [threading.Thread(target=store.read, args=(work,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not together.broken


# --- Contents -----------------------------------------------------------------------------


def test_contents_are_sealed_where_they_lie(large_house: House) -> None:
    small, large = b"<geheim>123456782</geheim>", b"geheim 123456782 " * 20_000
    with large_house.open() as store:
        ids = [done(add(store, 1, small)), done(add(store, 2, large))]
        assert [contents(store, filing_id) for filing_id in ids] == [[small], [large]]
        (path,) = large_house.files()
        assert b"geheim" not in path.read_bytes()
        rows = store.read(
            lambda reader: reader._all("SELECT content, place, size FROM payload ORDER BY id")  # type: ignore[attr-defined]
        )
    assert [row[1:] for row in rows] == [("row", len(small)), (large_house.place, len(large))]
    assert b"geheim" not in rows[0][0]
    assert rows[1][0] is None


def test_the_same_content_is_stored_differently_each_time(store: Store) -> None:
    for number in (1, 2):
        done(add(store, number))
    rows = store.read(lambda reader: reader._all("SELECT sha256, salt FROM payload"))  # type: ignore[attr-defined]
    assert len({row[0] for row in rows}) == len({row[1] for row in rows}) == 2


def test_a_large_content_comes_back_as_a_handle(large_house: House) -> None:
    with large_house.open() as store:
        filing_id = done(add(store, 1, LARGE))
        content = store.read(lambda reader: reader.filing(filing_id)).delivery.document.content
        assert not isinstance(content, bytes)
        assert size_of(content) == len(LARGE)
        with content.open() as file:
            assert file.read(10) == LARGE[:10]


def test_a_large_content_that_was_damaged_is_noticed(large_house: House) -> None:
    with large_house.open() as store:
        filing_id = done(add(store, 1, LARGE))
        (path,) = large_house.files()
        octets = bytearray(path.read_bytes())
        octets[100_000] ^= 1
        path.write_bytes(octets)
        with pytest.raises(PayloadDamaged):
            contents(store, filing_id)
        path.unlink()
        with pytest.raises(PayloadDamaged, match="missing"):
            contents(store, filing_id)


def test_a_small_content_that_was_damaged_is_noticed(store: Store) -> None:
    first, second = (done(add(store, number)) for number in (1, 2))

    def swap(transaction: Transaction) -> None:
        transaction._execute(  # type: ignore[attr-defined]
            "UPDATE payload SET content = (SELECT content FROM payload WHERE id = ?) WHERE id = ?",
            (1, 2),
        )

    write(store, swap)
    assert contents(store, first) == [b"<x/>"]
    with pytest.raises(PayloadDamaged):
        contents(store, second)


def test_what_was_prepared_is_kept_as_it_is(large_house: House) -> None:
    documents = (filing(1, LARGE).delivery.document,)
    with large_house.open() as store:
        prepared = store.prepare(documents, b"<request/>")
        assert len(prepared.files) == 1
        assert len(large_house.files()) == 1

        def work(transaction: Transaction) -> FilingId:
            return transaction.add_filing(filing(1, LARGE), "message-1", b"d", prepared)

        filing_id = write(store, work)
        done(store.discard(prepared))
        assert len(large_house.files()) == 1
        assert contents(store, filing_id) == [LARGE]
        assert store.read(lambda reader: reader.request(filing_id)) == b"<request/>"


def test_what_was_prepared_in_vain_is_removed(large_house: House) -> None:
    with large_house.open() as store:
        prepared = store.prepare([Document("a/b", "c", LARGE)], LARGE)
        assert len(large_house.files()) == 2
        done(store.discard(prepared))
        assert large_house.files() == []


def test_a_missing_file_is_mended_by_who_sends_it_again(large_house: House) -> None:
    with large_house.open() as store:
        filing_id = done(add(store, 1, LARGE))
        (path,) = large_house.files()
        again = store.prepare(filing(1, LARGE).delivery.document for _ in range(1))
        write(store, lambda transaction: transaction.mend(filing_id, again))
        done(store.discard(again))
        assert large_house.files() == [path]
        path.unlink()
        again = store.prepare([filing(1, LARGE).delivery.document])
        write(store, lambda transaction: transaction.mend(filing_id, again))
        done(store.discard(again))
        assert contents(store, filing_id) == [LARGE]


def test_another_key_ring_reads_nothing_and_says_which_key_it_lacks(tmp_path: Path) -> None:
    with open_sqlite(tmp_path / "data", key_ring(bytes(32))) as store:
        filing_id = done(add(store))
    with (
        open_sqlite(tmp_path / "data", key_ring(b"o" * 32)) as store,
        pytest.raises(SecretUnreadable, match="put it back"),
    ):
        contents(store, filing_id)


def test_a_request_that_was_not_kept_is_none(store: Store) -> None:
    filing_id = done(add(store))
    assert store.read(lambda reader: reader.request(filing_id)) is None
    with pytest.raises(KeyError):
        store.read(lambda reader: reader.request(FilingId(99)))


def test_an_answer_is_kept_and_replaced(store: Store) -> None:
    filing_id = done(add(store))
    assert store.read(lambda reader: reader.answer(filing_id)) is None
    for octets, until in ((b"<one/>", NOW), (b"<two/>", NOW + SECOND)):
        write(store, partial(_put, filing_id=filing_id, answer=Answer(octets, until)))
        assert store.read(lambda reader: reader.answer(filing_id)) == Answer(octets, until)
    count = store.read(lambda reader: reader._one("SELECT count(*) FROM payload"))  # type: ignore[attr-defined]
    assert count == (2,), "the document and the newest answer"
    with pytest.raises(KeyError):
        write(store, partial(_put, filing_id=FilingId(99), answer=Answer(b"", NOW)))


def _put(transaction: Transaction, filing_id: FilingId, answer: Answer) -> None:
    transaction.put_answer(filing_id, answer.octets, answer.valid_until)


def test_materials_are_kept_once(store: Store) -> None:
    items = [Material(bytes([n]) * 32, "certificate", bytes([n])) for n in range(3)]
    first, second = (done(add(store, number)) for number in (1, 2))
    write(store, lambda transaction: transaction.add_materials(first, items))
    write(store, lambda transaction: transaction.add_materials(second, reversed(items)))
    assert store.read(lambda reader: reader.materials(first)) == items
    assert store.read(lambda reader: reader.materials(second)) == items[::-1]
    assert store.read(lambda reader: reader._one("SELECT count(*) FROM material")) == (3,)  # type: ignore[attr-defined]


# --- Statuses and messages ------------------------------------------------------------------


def test_statuses_keep_error_and_details_and_are_numbered_through(store: Store) -> None:
    filing_id = done(add(store))
    groups: tuple[list[Status], ...] = (
        [Status("105", NOW), Status("100", NOW + SECOND)],
        [],
        [Status("311", NOW + 2 * SECOND, StatusError("VAS500", "Fout é."), "<x/>")],
    )
    for group in groups:
        write(store, partial(_append, filing_id=filing_id, statuses=group))
    rows = store.read(lambda reader: reader.statuses(Selection("sender")))
    assert [row.status for row in rows] == [status for group in groups for status in group]
    assert [row.seq for row in rows] == [1, 2, 3]
    assert store.read(lambda reader: reader.last_status_at("kenmerk-1")) == NOW + 2 * SECOND
    assert store.read(lambda reader: reader.last_status_at("unknown")) is None


def _append(transaction: Transaction, filing_id: FilingId, statuses: list[Status]) -> None:
    transaction.add_statuses(filing_id, statuses)


def test_new_statuses_are_marked_as_far_as_they_were_given(store: Store) -> None:
    filing_id = done(add(store))
    statuses = [Status("105", NOW + n * SECOND) for n in range(5)]
    write(store, partial(_append, filing_id=filing_id, statuses=statuses))

    def take(transaction: Transaction) -> list[int]:
        rows = transaction.statuses(Selection("sender", unseen_by="sender"), limit=2)
        transaction.mark_statuses("sender", rows)
        transaction.mark_statuses("sender", rows)
        return [row.seq for row in rows]

    assert [write(store, take) for _ in range(4)] == [[1, 2], [3, 4], [5], []]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Selection("sender"), 2),
        (Selection("other"), 0),
        (Selection("sender", kenmerk="kenmerk-2"), 1),
        (Selection("sender", berichtsoort="ICP"), 0),
        (Selection("sender", belanghebbende=Party(PARTY.number, "FI")), 2),
        (Selection("sender", belanghebbende=Party(PARTY.number, "BTW")), 0),
        (Selection("sender", start=NOW, end=NOW), 2),
        (Selection("sender", start=NOW + timedelta(microseconds=1)), 0),
        (Selection("sender", end=NOW - timedelta(microseconds=1)), 0),
    ],
)
def test_statuses_are_selected(store: Store, wanted: Selection, found: int) -> None:
    for number in (1, 2):
        filing_id = done(add(store, number))
        write(store, partial(_append, filing_id=filing_id, statuses=[Status("105", NOW)]))
    assert len(store.read(lambda reader: reader.statuses(wanted))) == found


def test_a_return_message_comes_back_as_it_was_offered(house: House) -> None:
    with house.open() as store:
        done(add(store))
        offered = message(content=LARGE)
        prepared = store.prepare((offered.document, *offered.attachments))
        first = write(store, lambda transaction: transaction.offer(offered, prepared))
        done(store.discard(prepared))
        second = write(store, lambda transaction: transaction.offer(message(2)))
        found = store.read(lambda reader: reader.message(first))
        assert read_content(found.document.content) == LARGE
        assert found.elements == offered.elements
        assert found.findings == offered.findings
        assert store.read(lambda reader: reader.message(second)) == message(2)
        assert store.read(lambda reader: reader.offered("terug-2")) == second
        assert store.read(lambda reader: reader.offered("terug-9")) is None
        with pytest.raises(KeyError):
            store.read(lambda reader: reader.message(MessageId(99)))


def test_a_message_for_an_unknown_kenmerk_is_refused(store: Store) -> None:
    with pytest.raises(KeyError):
        write(store, lambda transaction: transaction.offer(message(kenmerk="unknown")))


def test_messages_are_those_of_who_filed_and_of_opened_mailboxes(store: Store) -> None:
    done(add(store))
    for number in (1, 2, 3):
        write(store, partial(_offer, offered=message(number)))

    def rows(selection: Selection, limit: int | None = None) -> list[int]:
        found = store.read(lambda reader: reader.message_rows(selection, limit))
        return [row.message_id for row in found]

    everything = rows(Selection("sender"))
    assert len(everything) == 3
    assert rows(Selection("sender"), 2) == everything[:2]
    assert rows(Selection("mandated")) == []
    opened = frozenset({Party(PARTY.number, "fI"), *(Party(str(n), "Fi") for n in range(3000))})
    assert rows(Selection("mandated", mailboxes=opened)) == everything
    assert rows(Selection("mandated", mailboxes=frozenset({Party("1", "Fi")}))) == []

    def take(transaction: Transaction) -> list[int]:
        found = transaction.message_rows(Selection("sender", unseen_by="sender"), 2)
        transaction.mark_messages("sender", found)
        return [row.message_id for row in found]

    assert [write(store, take) for _ in range(3)] == [everything[:2], everything[2:], []]


def _offer(transaction: Transaction, offered: ReturnMessage) -> MessageId:
    return transaction.offer(offered)


def test_an_agencys_message_is_remembered_with_its_answer(store: Store) -> None:
    filing_id = done(add(store))
    row = InboxRow("agency", "urn:1", b"digest", NOW)
    assert store.read(lambda reader: reader.inbox("agency", "urn:1")) is None
    write(store, lambda transaction: transaction.add_inbox(row, filing_id))
    assert store.read(lambda reader: reader.inbox("agency", "urn:1")) == row
    write(
        store, lambda transaction: transaction.answer_inbox("agency", "urn:1", b"<a/>", filing_id)
    )
    answered = InboxRow("agency", "urn:1", b"digest", NOW, b"<a/>")
    assert store.read(lambda reader: reader.inbox("agency", "urn:1")) == answered
    with pytest.raises(KeyError):
        write(store, lambda transaction: transaction.answer_inbox("x", "urn:1", b"", filing_id))
    whole = InboxRow("agency", "urn:2", b"digest", NOW, b"<b/>")
    write(store, lambda transaction: transaction.add_inbox(whole, filing_id))
    assert store.read(lambda reader: reader.inbox("agency", "urn:2")) == whole


def test_of_a_purged_filing_no_message_of_an_agency_is_remembered(store: Store) -> None:
    purged, other = done(add(store)), done(add(store, 2))
    for filing_id, message_id, answer in ((purged, "1", b"<a/>"), (other, "2", None)):
        row = InboxRow("agency", message_id, b"digest", NOW, answer)
        write(store, lambda t, of=filing_id, one=row: t.add_inbox(one, of))  # type: ignore[misc]
    write(store, lambda transaction: transaction.purge(purged, NOW))
    assert store.read(lambda reader: reader.inbox("agency", "1")) is None
    assert store.read(lambda reader: reader.inbox("agency", "2")) is not None


# --- What is counted and remembered -----------------------------------------------------------


def test_volumes_are_counted_by_party_and_day(house: House) -> None:
    day, next_day = NOW.date(), NOW.date() + timedelta(days=1)

    def count(store: Store, oin: str, on: date, size: int) -> int:
        return write(store, lambda transaction: transaction.add_volume(oin, on, size))

    def read(store: Store, oin: str, on: date) -> int:
        return store.read(lambda reader: reader.volume(oin, on))

    with house.open() as store:
        assert read(store, "a", day) == 0
        assert [count(store, "a", day, size) for size in (5, 0, 7)] == [5, 5, 12]
        assert count(store, "b", day, 2**40) == 2**40
    with house.open() as store:
        assert (read(store, "a", day), read(store, "b", day)) == (12, 2**40)
        assert count(store, "a", next_day, 1) == 1
        assert (read(store, "a", day), read(store, "a", next_day)) == (0, 1)


def test_volumes_that_are_counted_together_are_all_counted(store: Store) -> None:
    def work(transaction: Transaction) -> int:
        return transaction.add_volume("a", NOW.date(), 1)

    totals = [done(future) for future in [store.write(work) for _ in range(30)]]
    assert sorted(totals) == list(range(1, 31))


def test_a_signature_is_new_once_until_it_is_forgotten(store: Store) -> None:
    def remember(number: int, until: timedelta = timedelta()) -> bool:
        octets = bytes([number]) * 32
        return write(store, lambda transaction: transaction.remember(octets, NOW + until))

    def forget(after: timedelta, most: int = 10) -> int:
        return write(store, lambda transaction: transaction.forget(NOW + after, most))

    assert [remember(1), remember(1), remember(2, SECOND)] == [True, False, True]
    assert not remember(1, 100 * SECOND), "the first one stays as it is"
    assert forget(timedelta()) == 0
    assert forget(timedelta(milliseconds=1)) == 1
    assert [remember(1, -SECOND), remember(2)] == [True, False]
    assert [forget(2 * SECOND, most=1) for _ in range(3)] == [1, 1, 0]


def test_a_signature_that_is_asked_by_many_at_once_is_new_to_one(store: Store) -> None:
    def work(transaction: Transaction) -> bool:
        return transaction.remember(b"s" * 32, NOW)

    answers = [done(future) for future in [store.write(work) for _ in range(20)]]
    assert answers.count(True) == 1


def test_a_signature_that_is_no_digest_is_refused(store: Store) -> None:
    # To do nothing at a repeat must not become nothing at a mistake.
    with pytest.raises(Exception, match=r"(?i)check"):
        write(store, lambda transaction: transaction.remember(b"short", NOW))


def test_a_work_that_was_cancelled_is_not_done(store: Store) -> None:
    release, futures = threading.Event(), []
    for _ in range(8):
        store.write(lambda _: release.wait(10))
    for number in range(5):
        futures.append(add(store, number))
    cancelled = [future.cancel() for future in futures]
    release.set()
    for future, was in zip(futures, cancelled, strict=True):
        if was:
            with pytest.raises(CancelledError):
                future.result(10)
        else:
            future.result(10)
    assert any(cancelled)
    assert len(kenmerken(store)) == cancelled.count(False)
