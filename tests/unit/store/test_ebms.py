"""Messages of ebMS on SQLite and on PostgreSQL: known again, kept whole, sealed, forgotten."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from digipoort_wus.filing.content import size_of
from digipoort_wus.store import backup
from digipoort_wus.store import files as files_module
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsAnswer,
    EbmsId,
    EbmsMessage,
    EbmsWanted,
    Incoming,
    Known,
    Received,
    Repeats,
    StateChanged,
)
from digipoort_wus.store.files import PayloadFiles
from digipoort_wus.store.ports import PayloadDamaged, Store, Transaction
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sql.ebms import EbmsReads
from digipoort_wus.store.sql.session import Value
from digipoort_wus.store.sqlite import open_sqlite
from tests.unit.store.conftest import House, payload_files
from tests.unit.store.ebms_samples import (
    ANSWER,
    DAY,
    ENVELOPE,
    claim,
    head,
    incoming,
    message,
    payloads_of,
    receive,
    send,
)
from tests.unit.store.samples import LARGE, NOW, RING, SECOND, write


def kinds(store: Store) -> list[str]:
    return [event.kind for event in store.read(lambda reader: reader.ebms_events(None, 100))]


def everything(store: Store) -> list[EbmsId]:
    found = store.read(lambda reader: reader.ebms_messages(EbmsWanted()))
    return [row.ebms_id for row in found]


def execute(store: Store, statement: str, *values: object) -> int:
    """Change a row as somebody would who has the database and no key."""

    def work(transaction: Transaction) -> int:
        return transaction._execute(statement, values).rowcount  # type: ignore[attr-defined,no-any-return]

    return write(store, work)


# --- What comes in --------------------------------------------------------------------


def test_what_comes_in_is_kept_with_its_answer_and_event(store: Store) -> None:
    given = incoming("1@them", b"<x/>", b"")
    got = receive(store, given)
    assert (got.known, got.answer) == (Known.NEW, ANSWER)
    row = store.read(lambda reader: reader.ebms(got.ebms_id))
    assert (row.head, row.state, row.copy) == (given.message.head, "RECEIVED", 0)
    assert (row.settled_at, row.processed_at, row.answered_at) == (None, None, NOW)
    assert store.read(lambda reader: reader.ebms_known(row.head.key)) == row
    content = store.read(lambda reader: reader.ebms_content(got.ebms_id))
    assert content.envelope == ENVELOPE
    assert tuple(content.parts) == given.message.parts
    assert store.read(lambda reader: reader.ebms_answer(got.ebms_id)) == ANSWER
    assert kinds(store) == ["GOT"]
    assert store.read(lambda reader: reader.ebms_task(got.ebms_id)) is None
    assert store.read(lambda reader: reader.ebms_answered_with("ack-1@us")) == row
    assert store.read(lambda reader: reader.ebms_answered_with("ack-2@us")) is None


def test_a_repeat_gets_the_first_answer_and_leaves_nothing(store: Store) -> None:
    first = receive(store, incoming())
    other = EbmsAnswer(b"<another/>", "text/xml", "ack-2@us", NOW + SECOND)
    again = receive(store, incoming(answer=other))
    assert again == Received(first.ebms_id, Known.AGAIN, ANSWER)
    assert everything(store) == [first.ebms_id]
    assert kinds(store) == ["GOT"]


def test_other_content_under_a_known_id_changes_nothing(store: Store) -> None:
    first = receive(store, incoming())
    for repeats in Repeats:
        given = incoming(repeats=repeats)
        changed = replace(given.message, head=head(content=b"other"))
        got = receive(store, replace(given, message=changed))
        assert got == Received(first.ebms_id, Known.OTHER, None)
    assert everything(store) == [first.ebms_id]
    assert payloads_of(store, first.ebms_id) == [b"<x/>"]
    assert kinds(store) == ["GOT"]


def test_who_has_another_sender_agreement_or_way_is_another(store: Store) -> None:
    given = incoming()
    key = given.message.head.key
    keys = (
        key,
        replace(key, sender="urn:osb:oin:3"),
        replace(key, cpa_id="other"),
        replace(key, message_id="1@THEM"),
    )
    for each in keys:
        moved = replace(given.message, head=replace(given.message.head, key=each))
        assert receive(store, replace(given, message=moved)).known is Known.NEW
    send(store, "1@them")
    assert len(everything(store)) == 5


def test_where_repeats_are_kept_each_is_a_message(store: Store) -> None:
    got = [receive(store, incoming(repeats=Repeats.KEPT)) for _ in range(3)]
    assert [each.known for each in got] == [Known.NEW] * 3
    rows = store.read(lambda reader: reader.ebms_messages(EbmsWanted()))
    assert [row.copy for row in rows] == [0, 1, 2]
    assert kinds(store) == ["GOT"] * 3
    # Each under a MAC and a secret of its own.
    assert [payloads_of(store, each.ebms_id) for each in got] == [[b"<x/>"]] * 3


def test_what_was_refused_is_known_by_its_id_alone(store: Store) -> None:
    given = Incoming(EbmsMessage(head(), None), "REFUSED", ANSWER, settled=True)
    got = receive(store, given)
    row = store.read(lambda reader: reader.ebms(got.ebms_id))
    assert (row.state, row.settled_at) == ("REFUSED", NOW)
    content = store.read(lambda reader: reader.ebms_content(got.ebms_id))
    assert (content.envelope, list(content.parts)) == (None, [])
    assert receive(store, given) == Received(got.ebms_id, Known.AGAIN, ANSWER)
    assert kinds(store) == []


def test_a_work_that_fails_keeps_nothing_of_a_message(store: Store) -> None:
    def work(transaction: Transaction) -> None:
        transaction.receive_ebms(incoming(send_at=NOW))
        raise OSError("died")

    with pytest.raises(OSError, match="died"):
        write(store, work)
    assert (everything(store), kinds(store), claim(store)) == ([], [], [])
    assert receive(store, incoming()).known is Known.NEW


def test_of_parallel_copies_one_is_delivered(house: House) -> None:
    """Over one store, and over the connections of another machine where there is one."""
    with house.open() as store, ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda number: receive(store, copy_of(number)), range(24)))
        assert sorted(each.known.value for each in got) == ["again"] * 23 + ["new"]
        (first,) = {each.ebms_id for each in got}
        kept = store.read(lambda reader: reader.ebms_answer(first))
        assert {each.answer for each in got} == {kept}, "what was never stored was told"
        assert kinds(store) == ["GOT"]


def copy_of(number: int) -> Incoming:
    answer = EbmsAnswer(b"<a/>", "text/xml", f"ack-{number}@us", NOW)
    return incoming("1@them", LARGE if number % 3 == 0 else b"<x/>", answer=answer)


def test_an_answer_by_itself_is_a_task_and_a_repeat_sends_it_again(store: Store) -> None:
    got = receive(store, incoming(send_at=NOW))
    (task,) = claim(store)
    assert (task.ebms_id, task.attempts, task.last_at) == (got.ebms_id, 0, None)
    # While it is being sent a repeat changes nothing of it.
    receive(store, incoming(send_at=NOW - SECOND))
    write(store, lambda t: t.finish_ebms_task(task))
    assert claim(store) == []
    assert receive(store, incoming(send_at=NOW)).answer == ANSWER
    (again,) = claim(store)
    assert again.token > task.token + 1, "of the task before there may be somebody left"
    assert again.attempts == 0


def test_without_an_answer_a_repeat_gets_none(store: Store) -> None:
    first = receive(store, incoming(answer=None))
    assert first.answer is None
    assert receive(store, incoming(send_at=NOW)) == Received(first.ebms_id, Known.AGAIN, None)
    assert claim(store) == []
    assert write(store, lambda t: t.answer_ebms(first.ebms_id, ANSWER)) is True
    assert receive(store, incoming()).answer == ANSWER
    assert write(store, lambda t: t.answer_ebms(first.ebms_id, ANSWER)) is False


# --- What becomes of it ---------------------------------------------------------------


def test_a_state_changes_only_from_the_one_that_it_was(store: Store) -> None:
    ebms_id = send(store)
    write(store, lambda t: t.change_ebms(ebms_id, "CREATED", "WAITING"))
    for before in ("CREATED", "DELIVERED"):
        with pytest.raises(StateChanged):
            write(store, lambda t, it=before: t.change_ebms(ebms_id, it, "FAILED"))  # type: ignore[misc]
    write(store, lambda t: t.change_ebms(ebms_id, "WAITING", "DELIVERED", settled_at=NOW))
    write(store, lambda t: t.change_ebms(ebms_id, "DELIVERED", "DELIVERED"))
    row = store.read(lambda reader: reader.ebms(ebms_id))
    assert (row.state, row.settled_at, row.processed_at) == ("DELIVERED", NOW, None)
    with pytest.raises(KeyError):
        store.read(lambda reader: reader.ebms(EbmsId(99)))


def test_what_settles_a_message_is_kept_in_place_of_a_warning(store: Store) -> None:
    ebms_id = send(store)
    warning = EbmsAnswer(b"<ErrorList/>", "text/xml", None, NOW)
    assert write(store, lambda t: t.answer_ebms(ebms_id, warning))
    assert store.read(lambda reader: reader.ebms_answer(ebms_id)) == warning
    assert not write(store, lambda t: t.answer_ebms(ebms_id, ANSWER))
    assert write(store, lambda t: t.answer_ebms(ebms_id, ANSWER, replace=True))
    assert store.read(lambda reader: reader.ebms_answer(ebms_id)) == ANSWER
    # It is not what somebody here was answered with.
    assert store.read(lambda reader: reader.ebms_answered_with("ack-1@us")) is None
    for ask in (lambda t: t.answer_ebms(EbmsId(99), ANSWER), lambda t: t.ebms_answer(EbmsId(99))):
        with pytest.raises(KeyError):
            write(store, ask)


def test_the_application_takes_messages_and_events(store: Store) -> None:
    ids = [receive(store, incoming(f"{number}@them")).ebms_id for number in range(3)]
    unprocessed = EbmsWanted(direction=Direction.IN, unprocessed=True)
    assert everything(store) == ids
    write(
        store,
        lambda t: t.change_ebms(ids[1], "RECEIVED", "PROCESSED", processed_at=NOW + SECOND),
    )
    left = store.read(lambda reader: reader.ebms_messages(unprocessed))
    assert [row.ebms_id for row in left] == [ids[0], ids[2]]
    first, second, third = store.read(lambda reader: reader.ebms_events(None, 10))
    assert [first.ebms_id, second.ebms_id, third.ebms_id] == ids
    assert store.read(lambda reader: reader.ebms_events(first.event_id, 1)) == [second]
    taken = [second.event_id, third.event_id]
    assert write(store, lambda t: t.process_ebms_events(taken, NOW)) == 2
    assert write(store, lambda t: t.process_ebms_events([*taken, first.event_id], NOW)) == 1
    assert kinds(store) == []
    (kept,) = store.read(lambda reader: reader.ebms_events_of(ids[2]))
    assert kept == replace(third, processed_at=NOW)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EbmsWanted(), [0, 1, 2]),
        (EbmsWanted(direction=Direction.OUT), [2]),
        (EbmsWanted(message_id="1@them"), [1]),
        (EbmsWanted(cpa_id="cpa", sender="urn:osb:oin:1"), [0, 1, 2]),
        (EbmsWanted(receiver="urn:osb:oin:1"), []),
        (EbmsWanted(service="osb:aanleveren:1.1$1.0", action="aanleveren"), [0, 1, 2]),
        (EbmsWanted(action="x"), []),
        (EbmsWanted(conversation_id="conversation", state="CREATED"), [2]),
        (EbmsWanted(ref_to_message_id="x"), []),
        (EbmsWanted(unprocessed=True), [0, 1]),
    ],
)
def test_messages_are_found_by_what_they_say(
    store: Store, wanted: EbmsWanted, found: list[int]
) -> None:
    ids = [receive(store, incoming(f"{number}@them")).ebms_id for number in range(2)]
    ids.append(send(store))
    rows = store.read(lambda reader: reader.ebms_messages(wanted))
    assert [ids.index(row.ebms_id) for row in rows] == found
    after = replace(wanted, after=ids[0], limit=1)
    rows = store.read(lambda reader: reader.ebms_messages(after))
    assert [ids.index(row.ebms_id) for row in rows] == [each for each in found if each][:1]


# --- Sealed and bound -----------------------------------------------------------------

CHANGES: dict[str, Callable[[Store, EbmsId], int]] = {
    "receiver": lambda s, it: execute(s, "UPDATE ebms_message SET receiver = 'x'"),
    "service": lambda s, it: execute(s, "UPDATE ebms_message SET service_type = NULL"),
    "action": lambda s, it: execute(s, "UPDATE ebms_message SET action = 'x'"),
    "digest": lambda s, it: execute(s, "UPDATE ebms_message SET digest = mac"),
    "time": lambda s, it: execute(s, "UPDATE ebms_message SET timestamp = timestamp + 1"),
    "persist": lambda s, it: execute(s, "UPDATE ebms_message SET persist_until = 1"),
    "packaging": lambda s, it: execute(s, "UPDATE ebms_message SET content_type = 'x'"),
    "name": lambda s, it: execute(s, "UPDATE ebms_part SET name = NULL"),
    "type": lambda s, it: execute(s, "UPDATE ebms_part SET media_type = 'x'"),
    "part left out": lambda s, it: execute(s, "DELETE FROM ebms_part WHERE position = 1"),
    "envelope left out": lambda s, it: execute(s, "UPDATE ebms_message SET envelope_id = NULL"),
    "envelope for a part": lambda s, it: execute(
        s,
        """UPDATE ebms_message SET envelope_id = (SELECT payload_id FROM ebms_part
        WHERE position = 0 AND message_id = ebms_message.id)""",
    ),
    "payload of another": lambda s, it: execute(
        s,
        """UPDATE ebms_part SET payload_id = (SELECT min(payload_id) FROM ebms_part)
        WHERE position = 0 AND message_id = ?""",
        it,
    ),
    "secret of another": lambda s, it: execute(
        s,
        """UPDATE ebms_message SET secret_id = (SELECT min(secret_id) FROM ebms_message)
        WHERE id = ?""",
        it,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_who_changes_a_row_without_a_key_is_found_out(store: Store, change: str) -> None:
    receive(store, incoming("0@them", b"<a/>", b"<b/>"))
    ebms_id = receive(store, incoming("1@them", b"<c/>", b"<d/>")).ebms_id
    assert payloads_of(store, ebms_id) == [b"<c/>", b"<d/>"]
    assert CHANGES[change](store, ebms_id) > 0
    with pytest.raises(PayloadDamaged):
        store.read(lambda reader: reader.ebms_content(ebms_id))


def test_the_answer_of_another_is_not_given(store: Store) -> None:
    receive(store, incoming("0@them"))
    second = receive(store, incoming("1@them")).ebms_id
    execute(
        store,
        "UPDATE ebms_message SET answer_id = (SELECT min(answer_id) FROM ebms_message)",
    )
    with pytest.raises(PayloadDamaged):
        store.read(lambda reader: reader.ebms_answer(second))
    with pytest.raises(PayloadDamaged):
        receive(store, incoming("1@them"))


def test_nothing_of_a_message_stands_in_the_database_as_it_was(tmp_path: Path) -> None:
    with open_sqlite(tmp_path / "data", key_ring(RING)) as store:
        answer = EbmsAnswer(b"<Secret-answer/>", "text/xml", None, NOW)
        given = incoming("1@them", b"<Secret-payload/>", answer=answer)
        receive(store, replace(given, message=replace(given.message, envelope=b"<Secret-soap/>")))
    octets = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("digipoort.db*"))
    assert b"Secret" not in octets


def test_what_is_large_is_a_handle_and_comes_out_the_same(large_house: House) -> None:
    with large_house.open() as store:
        got = receive(store, incoming("1@them", LARGE, b"<x/>", LARGE[:-1]))
        out = send(store, "1@us", NOW, LARGE)
        assert len(large_house.files()) == 3
        first, small, _ = store.read(lambda reader: reader.ebms_content(got.ebms_id)).parts
        assert (size_of(first.content), small.content) == (len(LARGE), b"<x/>")
        assert not isinstance(first.content, bytes)
        assert payloads_of(store, got.ebms_id) == [LARGE, b"<x/>", LARGE[:-1]]
        # A repeat leaves no file behind.
        assert receive(store, incoming("1@them", LARGE)).known is Known.AGAIN
        assert len(large_house.files()) == 3
    with large_house.open() as store:
        assert payloads_of(store, out) == [LARGE]


def test_a_handle_is_kept_as_well_as_octets(store: Store) -> None:
    first = receive(store, incoming("1@them", LARGE)).ebms_id
    (part,) = store.read(lambda reader: reader.ebms_content(first)).parts
    assert payloads_of(store, send(store, "1@us", NOW, part.content)) == [LARGE]


def test_a_large_envelope_is_kept_too(store: Store) -> None:
    given = incoming()
    large = replace(given, message=replace(given.message, envelope=LARGE))
    got = receive(store, large)
    assert store.read(lambda reader: reader.ebms_content(got.ebms_id)).envelope == LARGE


def test_an_envelope_is_prepared_with_its_message(store: Store) -> None:
    given = message()
    prepared = store.prepare(given.documents)
    with pytest.raises(ValueError, match="envelope"):
        write(store, lambda t: t.receive_ebms(Incoming(given, "RECEIVED"), prepared))
    store.discard(prepared).result(20)
    # Who prepares nothing waits, and has it kept all the same.
    kept = write(store, lambda t: t.receive_ebms(Incoming(given, "RECEIVED")))
    assert payloads_of(store, kept.ebms_id) == [b"<x/>"]


def test_a_sweep_leaves_the_payloads_of_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "REMOVED_AFTER", -60.0)
    monkeypatch.setattr(files_module, "SWEPT_FROM_AGE", -60.0)
    data = tmp_path / "data"
    with open_sqlite(data, key_ring(RING)) as store:
        ids = [receive(store, incoming("1@them", LARGE)).ebms_id, send(store, "1", NOW, LARGE)]
        store.let_go(store.prepare(message("2@them", Direction.IN, LARGE).documents))
    assert len(payload_files(data / "payloads")) == 3
    with open_sqlite(data, key_ring(RING)) as store:
        asked = lambda digest: store.read(lambda r: r.is_file(digest))  # type: ignore[attr-defined]  # noqa: E731
        swept = PayloadFiles(data / "payloads")
        assert [swept.sweep(asked) for _ in range(3)] == [0, 1, 0]
        assert [payloads_of(store, each) for each in ids] == [[LARGE], [LARGE]]


def test_a_backup_has_the_payloads_of_messages(tmp_path: Path) -> None:
    data, quiet = tmp_path / "data", lambda *_: None
    with open_sqlite(data, key_ring(RING)) as store:
        ebms_id = receive(store, incoming("1@them", LARGE)).ebms_id
        assert backup.back_up(data, tmp_path / "backup", "now", quiet).files == 1
    backup.restore(tmp_path / "backup", tmp_path / "fresh", quiet)
    with open_sqlite(tmp_path / "fresh", key_ring(RING)) as store:
        assert payloads_of(store, ebms_id) == [LARGE]
        assert receive(store, incoming("1@them", LARGE)).answer == ANSWER


def test_the_secrets_of_messages_are_wrapped_anew_with_the_others(store: Store) -> None:
    receive(store, incoming())
    outside = store.read(lambda reader: reader.secrets_outside("new", 0, 10))
    assert len(outside) == 1


# --- Forgotten ------------------------------------------------------------------------


def test_what_is_at_rest_is_forgotten_when_it_may_be(large_house: House) -> None:
    with large_house.open() as store:
        taken = receive(store, incoming("1@them", LARGE, event=None, send_at=NOW)).ebms_id
        waiting = receive(store, incoming("2@them", event=None)).ebms_id
        told = receive(store, incoming("3@them")).ebms_id
        refused = receive(store, incoming("4@them", event=None, settled=True)).ebms_id
        sent = send(store, "1@us", NOW, LARGE)
        (answering, _) = claim(store)
        write(store, lambda t: t.begin_ebms_attempt(answering, NOW, "https://x.example/"))
        for each in (taken, told):
            change = lambda t, it=each: t.change_ebms(it, "RECEIVED", "P", processed_at=NOW)  # noqa: E731
            write(store, change)
        write(store, lambda t: t.change_ebms(sent, "CREATED", "FAILED", settled_at=NOW))

        def forget(before: object, most: int = 10) -> tuple[int, list[EbmsId]]:
            gone = write(store, lambda t: t.forget_ebms(t.ebms_forgettable(before, most)))  # type: ignore[arg-type]
            store.remove(gone.files).result(20)
            return gone.payloads, everything(store)

        everybody = [taken, waiting, told, refused, sent]
        end = NOW + DAY
        assert forget(end) == (0, everybody), "not before their time"
        end += SECOND
        # One has an event that waits; of two something has to be sent yet.
        assert forget(end) == (3, [taken, waiting, told, sent])
        write(store, lambda t: t.finish_ebms_task(answering))
        write(store, lambda t: t.drop_ebms_task(sent))
        assert forget(end, 1) == (3, [waiting, told, sent])
        assert len(large_house.files()) == 1
        assert forget(end) == (2, [waiting, told])
        assert large_house.files() == []
        (event,) = store.read(lambda reader: reader.ebms_events_of(told))
        write(store, lambda t: t.process_ebms_events([event.event_id], NOW))
        assert forget(end) == (3, [waiting]), "the application has not taken it"
        assert store.read(lambda reader: reader.ebms_attempts(taken)) == []
        # What is forgotten is new.
        assert receive(store, incoming("1@them")).known is Known.NEW


def test_what_was_forgotten_cannot_be_read_any_more(tmp_path: Path) -> None:
    with open_sqlite(tmp_path / "data", key_ring(RING)) as store:
        receive(store, incoming("unforgotten@them", event=None, settled=True))
        write(store, lambda t: t.forget_ebms(t.ebms_forgettable(NOW + 2 * DAY, 10)))
        wrapped = store.write(
            lambda t: t._all("SELECT wrapped FROM secret")  # type: ignore[attr-defined]
        ).result(20)
        assert wrapped == [(None,)]
    octets = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("digipoort.db*"))
    assert b"unforgotten@them" not in octets


def test_no_number_is_given_twice(store: Store) -> None:
    """Who was told of a message or an event by its number must never mean another."""

    def came(message_id: str) -> tuple[EbmsId, list[int]]:
        ebms_id = receive(store, incoming(message_id)).ebms_id
        events = store.read(lambda reader: reader.ebms_events_of(ebms_id))
        return ebms_id, [event.event_id for event in events]

    first, told = came("1@them")
    write(store, lambda t: t.change_ebms(first, "RECEIVED", "PROCESSED", processed_at=NOW))
    write(store, lambda t: t.process_ebms_events(told, NOW))  # type: ignore[arg-type]
    write(store, lambda t: t.forget_ebms(t.ebms_forgettable(NOW + 2 * DAY, 10)))
    assert everything(store) == []
    second, told_again = came("2@them")
    assert second > first
    assert min(told_again) > max(told), "or who read up to there never hears of it"


@pytest.mark.parametrize(
    "wanted",
    [
        EbmsWanted(Direction.IN, action="a", state="RECEIVED", unprocessed=True),
        EbmsWanted(Direction.IN, cpa_id="cpa", action="a", state="RECEIVED", unprocessed=True),
        EbmsWanted(direction=Direction.OUT, message_id="1@us"),
        EbmsWanted(Direction.IN, cpa_id="cpa", action="a", ref_to_message_id="1@us", state="x"),
        EbmsWanted(Direction.OUT, cpa_id="cpa", action="a", conversation_id="c"),
    ],
    ids=["waiting", "waiting of one", "by MessageId", "answers", "conversation"],
)
def test_what_is_asked_all_the_time_needs_no_look_at_what_is_done(
    tmp_path: Path, wanted: EbmsWanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite: PostgreSQL plans by what there is."""
    asked: list[tuple[str, Sequence[Value]]] = []
    whole = EbmsReads._all

    def noting(self: EbmsReads, statement: str, values: Sequence[Value] = ()) -> object:
        asked.append((statement, values))
        return whole(self, statement, values)

    def work(transaction: Transaction) -> list[str]:
        ((statement, values),) = asked
        rows = transaction._execute(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[attr-defined]
        return [row[3] for row in rows]

    monkeypatch.setattr(EbmsReads, "_all", noting)
    with open_sqlite(tmp_path) as store:
        store.read(lambda reader: reader.ebms_messages(wanted))
        (plan, *_) = write(store, work)
    index = plan.partition(" USING INDEX ")[2]
    assert index.startswith(
        (
            *("ebms_message_unprocessed", "ebms_message_referred", "ebms_message_conversation"),
            "sqlite_autoindex_ebms_message_1 (message_id=?",
        )
    ), plan
