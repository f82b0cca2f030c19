"""Once-only, whatever is lost, late, doubled, restarted or forgotten between two stores.

One gateway sends, one receives; between them a wire that loses and keeps, and a clock. Whatever
order Hypothesis finds: a message is delivered at most once, nothing is acknowledged that is not
stored, and when its time is over its sender has come to an end and told of it once.
"""

import hashlib
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from operator import methodcaller
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from digipoort_wus.ebms.incoming import bad, good, taken
from digipoort_wus.ebms.outgoing import Event, Offer, attempted, signalled, take
from digipoort_wus.ebms.reception import Manner, Receiving
from digipoort_wus.ebms.reliability import FINAL, Happened, Impossible, Sending, Way
from digipoort_wus.ebms.schedule import Schedule, persist_until, schedule, time_to_live
from digipoort_wus.ebms.terms import Reliability
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsAnswer,
    EbmsAttempt,
    EbmsHead,
    EbmsId,
    EbmsKey,
    EbmsMessage,
    EbmsPart,
    EbmsTask,
    EbmsWanted,
    Known,
)
from digipoort_wus.store.ports import LostLease, Reader, Store, Transaction
from tests.unit.store.conftest import House, postgres_house, sqlite_house
from tests.unit.store.ebms_samples import expire
from tests.unit.store.samples import NOW, write

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
TWICE = Reliability(retries=2, interval=HOUR)
ONCE = Manner(acknowledge=True, eliminate=True)
LEASE = timedelta(minutes=1)
ERROR = EbmsAnswer(b"<ErrorList/>", "text/xml", None, NOW)


def head(direction: Direction, number: int, persist: timedelta | None) -> EbmsHead:
    lives = time_to_live(NOW, TWICE, persist)
    return EbmsHead(
        EbmsKey(direction, "cpa", "us", f"{number}@us"),
        *("them", "c", "s", None, "a", NOW, NOW),
        persist_until(NOW, persist, None, None),
        hashlib.sha256(b"%d" % number).digest(),
        time_to_live=lives,
    )


def plan_of(given: EbmsHead, persist: timedelta | None) -> Schedule:
    return schedule(NOW, TWICE, time_to_live=given.time_to_live, persist=persist)


@dataclass
class Sent:
    """What the wire and the test know of a message.

    Args:
        copies: on their way.
        signals: on their way back.
        under_way: attempts whose process still lives.
        delivered: how often the application of the receiver was told.
    """

    number: int
    ebms_id: EbmsId
    copies: int = 0
    signals: list[EbmsAnswer] = field(default_factory=list)
    under_way: list[tuple[EbmsTask, EbmsAttempt]] = field(default_factory=list)
    begun: int = 0
    delivered: int = 0


class Exchange(RuleBasedStateMachine):
    persist: timedelta | None = None

    def house(self, name: str) -> House:
        return sqlite_house(self.directory / name)

    @initialize(persist=st.sampled_from([2 * HOUR, 24 * HOUR, None]))
    def start(self, persist: timedelta | None) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.around = ExitStack()
        self.around.callback(shutil.rmtree, self.directory)
        self.persist = persist
        self.houses = {name: self.house(name) for name in ("us", "them")}
        self.stacks = {name: ExitStack() for name in self.houses}
        self.stores: dict[str, Store] = {}
        for name in self.houses:
            self.open(name)
        self.now = NOW
        self.messages: list[Sent] = []
        for _ in range(2):
            self.send()
        # Without a copy on its way most rules have nothing to do.
        self.offered(0, copies=2, happened=None)

    def open(self, name: str) -> None:
        self.stores[name] = self.stacks[name].enter_context(self.houses[name].open())

    def teardown(self) -> None:
        if not hasattr(self, "stacks"):
            return
        try:
            self.settle()
        finally:
            for stack in self.stacks.values():
                stack.close()
            self.around.close()

    # --- Who sends --------------------------------------------------------------------

    def send(self) -> None:
        number = len(self.messages)
        message = EbmsMessage(head(Direction.OUT, number, self.persist), b"<soap/>")
        keep = lambda t: t.send_ebms(message, Sending.CREATED.value, NOW)  # noqa: E731
        self.messages.append(Sent(number, write(self.stores["us"], keep)))

    def offer(self, sent: Sent) -> Offer:
        given = head(Direction.OUT, sent.number, self.persist)
        return Offer(Way.RELIABLE, plan_of(given, self.persist), NOW, "https://them.example/")

    @rule(
        seconds=st.sampled_from([1, 600, 3_600, 3_600, 7_000, 7_000, 30_000]),
        copies=st.integers(0, 2),
        happened=st.sampled_from([Happened.ACCEPTED, Happened.UNREACHED, None]),
    )
    def offered(self, seconds: int, copies: int, happened: Happened | None) -> None:
        """Time passes, and what is due is sent; None: its outcome is not there yet."""
        self.now += seconds * SECOND
        begun = [sent for sent in self.messages if not sent.under_way]
        self.work()
        for sent in begun:
            if sent.under_way:
                sent.copies += max(copies, happened is Happened.ACCEPTED)
                if happened is not None:
                    self.ends(sent, happened)

    def work(self) -> None:
        store = self.stores["us"]
        tasks = write(store, lambda t: t.claim_ebms_tasks(self.now, LEASE, 10))
        for task in tasks:
            sent = next(each for each in self.messages if each.ebms_id == task.ebms_id)
            attempt = write(store, lambda t: take(t, task, self.offer(sent), self.now))  # noqa: B023
            if attempt is not None:
                plan = self.offer(sent).plan
                assert plan.ends is not None
                assert self.now < plan.ends, "sent when the receiver may have forgotten it"
                sent.begun += 1
                sent.under_way.append((task, attempt))

    @precondition(lambda self: any(sent.under_way for sent in self.messages))
    @rule(happened=st.sampled_from([Happened.ACCEPTED, Happened.UNREACHED]))
    def slow_attempt_ends(self, happened: Happened) -> None:
        self.ends(next(each for each in self.messages if each.under_way), happened)

    def ends(self, sent: Sent, happened: Happened) -> None:
        task, attempt = sent.under_way.pop(0)
        done = partial(
            attempted,
            task=task,
            attempt=attempt,
            offer=self.offer(sent),
            happened=happened,
            at=self.now,
        )
        write(self.stores["us"], done)

    @precondition(lambda self: any(sent.under_way for sent in self.messages))
    @rule(dies=st.booleans())
    def leases_end_by_themselves(self, dies: bool) -> None:
        """Whoever held them is dead, or slow and comes back later."""
        if dies:
            for sent in self.messages:
                sent.under_way.clear()
            self.reopen("us")
        else:
            expire(self.houses["us"], self.stores["us"])

    @precondition(lambda self: any(sent.signals for sent in self.messages))
    @rule(keeps=st.booleans())
    def signal_arrives(self, keeps: bool) -> None:
        sent = next(each for each in self.messages if each.signals)
        signal = sent.signals[0] if keeps else sent.signals.pop(0)
        happened = Happened.REFUSED if signal.octets == ERROR.octets else Happened.ACKNOWLEDGED
        write(
            self.stores["us"],
            lambda t: signalled(t, sent.ebms_id, Way.RELIABLE, happened, signal, self.now),
        )

    # --- Who receives -----------------------------------------------------------------

    @precondition(lambda self: any(sent.copies for sent in self.messages))
    @rule(keeps=st.sampled_from([True, True, False]), dies=st.sampled_from([False, False, True]))
    def copy_arrives(self, keeps: bool, dies: bool) -> None:
        sent = max(self.messages, key=lambda each: each.copies)
        sent.copies -= not keeps
        given = head(Direction.IN, sent.number, self.persist)
        message = EbmsMessage(given, b"<soap/>", (EbmsPart("p", "a/b", b"<x/>"),))
        assert given.time_to_live is not None
        if self.now >= given.time_to_live:
            incoming = bad(message, ONCE, ERROR)
        else:
            incoming = good(message, ONCE, EbmsAnswer(b"<Ack/>", "text/xml", None, self.now))
        got = write(self.stores["them"], lambda t: t.receive_ebms(incoming))
        sent.delivered += got.known is Known.NEW and incoming.event is not None
        if dies:
            self.reopen("them")
        elif got.answer is not None:
            sent.signals.append(got.answer)

    @precondition(lambda self: any(sent.delivered for sent in self.messages))
    @rule(taking=st.sampled_from([True, True, False]))
    def receiver_tidies_up(self, taking: bool) -> None:
        def work(transaction: Transaction) -> None:
            rows = transaction.ebms_messages(EbmsWanted(unprocessed=True))
            ids = [row.ebms_id for row in rows if row.state == Receiving.RECEIVED]
            taken(transaction, ids, self.now)
            events = transaction.ebms_events(None, 100)
            transaction.process_ebms_events([event.event_id for event in events], self.now)

        if taking:
            write(self.stores["them"], work)
        write(self.stores["them"], lambda t: t.forget_ebms(t.ebms_forgettable(self.now, 10)))

    def reopen(self, name: str) -> None:
        self.stacks[name].close()
        self.open(name)

    # --- What holds -------------------------------------------------------------------

    @invariant()
    def each_is_delivered_once_at_most(self) -> None:
        for sent in getattr(self, "messages", ()):
            assert sent.delivered <= 1
            assert sent.begun <= 1 + TWICE.retries
            # Nobody heard of what is not stored.
            acknowledged = [each for each in sent.signals if each.octets == b"<Ack/>"]
            assert not acknowledged or sent.delivered == 1

    @invariant()
    def what_is_told_is_true_and_told_once(self) -> None:
        for sent in getattr(self, "messages", ()):
            state, told = self.told(sent)
            assert told == ([state] if Sending(state) in FINAL else [])
            if state == Sending.DELIVERED:
                assert sent.delivered == 1

    def told(self, sent: Sent) -> tuple[str, list[str]]:
        def look(reader: Reader) -> tuple[str, list[str]]:
            events = reader.ebms_events_of(sent.ebms_id)
            return reader.ebms(sent.ebms_id).state, [event.kind for event in events]

        return self.stores["us"].read(look)

    def settle(self) -> None:
        """Let the time of everything be over, and have everybody look once."""
        self.now = max(self.now, NOW + 100 * HOUR)
        for sent in self.messages:
            sent.under_way.clear()
        expire(self.houses["us"], self.stores["us"])
        self.work()
        self.each_is_delivered_once_at_most()
        self.what_is_told_is_true_and_told_once()
        for sent in self.messages:
            assert Sending(self.told(sent)[0]) in FINAL
        left = self.stores["us"].read(lambda reader: reader.next_ebms_task_at(self.now))
        assert left is None


TestOverSqlite = Exchange.TestCase
TestOverSqlite.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


# --- Each alone -----------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    if request.param == "sqlite":
        return sqlite_house(tmp_path)
    return postgres_house(tmp_path, request.getfixturevalue("postgres_database"))


def offer(way: Way = Way.RELIABLE, reliability: Reliability | None = TWICE) -> Offer:
    return Offer(way, schedule(NOW, reliability), NOW, "https://them.example/")


def sent(store: Store) -> EbmsId:
    message = EbmsMessage(head(Direction.OUT, 0, None), b"<soap/>")
    return write(store, lambda t: t.send_ebms(message, Sending.CREATED.value, NOW))


def claimed(store: Store, after: timedelta = timedelta(0)) -> EbmsTask:
    (task,) = write(store, lambda t: t.claim_ebms_tasks(NOW + after, LEASE, 10))
    return task


def begun(
    store: Store, how: Offer, after: timedelta = timedelta(0)
) -> tuple[EbmsTask, EbmsAttempt | None]:
    task = claimed(store, after)
    return task, write(store, lambda t: take(t, task, how, NOW + after))


def told(store: Store, ebms_id: EbmsId) -> tuple[str, list[str]]:
    return (
        store.read(lambda reader: reader.ebms(ebms_id)).state,
        [event.kind for event in store.read(lambda reader: reader.ebms_events_of(ebms_id))],
    )


def ends(
    store: Store,
    pair: tuple[EbmsTask, EbmsAttempt | None],
    how: Offer,
    happened: Happened,
    status: int | None = None,
) -> None:
    task, attempt = pair
    assert attempt is not None
    write(store, lambda t: attempted(t, task, attempt, how, happened, NOW, status))


def test_a_message_is_offered_again_until_its_acknowledgment_comes(house: House) -> None:
    with house.open() as store:
        ebms_id = sent(store)
        for number in range(2):
            pair = begun(store, offer(), number * HOUR)
            ends(store, pair, offer(), Happened.UNREACHED, 503)
        pair = begun(store, offer(), 2 * HOUR)
        ack = EbmsAnswer(b"<Ack/>", "text/xml", "a", NOW)
        for _ in range(2):
            write(
                store,
                lambda t: signalled(t, ebms_id, Way.RELIABLE, Happened.ACKNOWLEDGED, ack, NOW),
            )
        ends(store, pair, offer(), Happened.ACCEPTED, 204)
        assert told(store, ebms_id) == (Sending.DELIVERED, [Event.DELIVERED])
        assert store.read(lambda reader: reader.ebms_answer(ebms_id)) == ack
        attempts = store.read(lambda reader: reader.ebms_attempts(ebms_id))
        assert [(each.seq, each.outcome, each.status) for each in attempts] == [
            (1, "unreached", 503),
            (2, "unreached", 503),
            (3, "accepted", 204),
        ]
        assert store.read(lambda reader: reader.ebms_task(ebms_id)) is None


def test_a_warning_makes_room_for_what_decides_and_a_late_word_does_not(house: House) -> None:
    with house.open() as store:
        ebms_id = sent(store)
        pair = begun(store, offer())
        ends(store, pair, offer(), Happened.ACCEPTED)

        def hear(happened: Happened, octets: bytes) -> bytes:
            signal = EbmsAnswer(octets, "text/xml", None, NOW)
            write(store, lambda t: signalled(t, ebms_id, Way.RELIABLE, happened, signal, NOW))
            kept = store.read(lambda reader: reader.ebms_answer(ebms_id))
            return b"" if kept is None else kept.octets

        assert hear(Happened.WARNED, b"<warning/>") == b"<warning/>"
        assert told(store, ebms_id) == (Sending.WAITING, [])
        assert hear(Happened.REFUSED, b"<error/>") == b"<error/>"
        assert hear(Happened.ACKNOWLEDGED, b"<late/>") == b"<error/>"
        assert told(store, ebms_id) == (Sending.FAILED, [Event.FAILED])


def test_an_acknowledgment_behind_the_end_is_kept_and_flips_nothing(house: House) -> None:
    with house.open() as store:
        ebms_id = sent(store)
        ends(store, begun(store, offer()), offer(), Happened.ACCEPTED)
        assert begun(store, offer(reliability=Reliability(0, HOUR)), HOUR)[1] is None
        assert told(store, ebms_id) == (Sending.EXPIRED, [Event.EXPIRED])
        late = EbmsAnswer(b"<Ack/>", "text/xml", "a", NOW + 2 * HOUR)
        after = write(
            store,
            lambda t: signalled(t, ebms_id, Way.RELIABLE, Happened.ACKNOWLEDGED, late, late.at),
        )
        assert after is Sending.EXPIRED
        assert told(store, ebms_id) == (Sending.EXPIRED, [Event.EXPIRED])
        row = store.read(lambda reader: reader.ebms(ebms_id))
        assert (row.settled_at, row.answered_at) == (NOW + HOUR, NOW + 2 * HOUR)


def test_who_lost_the_task_leaves_a_note_and_no_more(house: House) -> None:
    with house.open() as store:
        ebms_id = sent(store)
        slow = begun(store, offer())
        expire(house, store)
        task = claimed(store)
        assert write(store, lambda t: take(t, task, offer(), NOW + LEASE)) is None
        assert told(store, ebms_id)[0] == Sending.WAITING
        ends(store, slow, offer(), Happened.REJECTED, 404)
        assert told(store, ebms_id) == (Sending.WAITING, [])
        (attempt,) = store.read(lambda reader: reader.ebms_attempts(ebms_id))
        assert attempt.status == 404
        assert begun(store, offer(), HOUR)[1] is not None
        with pytest.raises(LostLease):
            write(store, lambda t: take(t, slow[0], offer(), NOW + 3 * HOUR))


@pytest.mark.parametrize(
    ("happened", "state"),
    [
        (Happened.ACCEPTED, Sending.DELIVERED),
        (Happened.UNREACHED, Sending.FAILED),
        (Happened.REJECTED, Sending.FAILED),
    ],
)
def test_best_effort_is_over_after_one_attempt(
    house: House, happened: Happened, state: Sending
) -> None:
    how = offer(Way.BEST_EFFORT, None)
    with house.open() as store:
        ebms_id = sent(store)
        ends(store, begun(store, how), how, happened)
        assert told(store, ebms_id) == (state, [state])
        assert store.read(lambda reader: reader.next_ebms_task_at(NOW)) is None


def test_best_effort_that_was_interrupted_is_not_sent_again(house: House) -> None:
    how = offer(Way.BEST_EFFORT, None)
    with house.open() as store:
        ebms_id = sent(store)
        begun(store, how)
        expire(house, store)
        assert begun(store, how, HOUR)[1] is None
        assert told(store, ebms_id) == (Sending.FAILED, [Event.FAILED])
        assert store.read(lambda reader: reader.ebms_task(ebms_id)) is None


def test_an_answer_of_its_own_is_tried_again_and_nobody_is_told(house: House) -> None:
    how = offer(Way.SIGNAL)
    with house.open() as store:
        ack = EbmsAnswer(b"<Ack/>", "text/xml", "a", NOW)
        message = EbmsMessage(head(Direction.IN, 0, None), b"<soap/>")
        given = good(message, ONCE, ack, NOW)
        ebms_id = write(store, lambda t: t.receive_ebms(given)).ebms_id
        ends(store, begun(store, how), how, Happened.UNREACHED)
        begun(store, how, HOUR)
        expire(house, store)
        # Its process died: an interval is waited for.
        assert begun(store, how, HOUR)[1] is None
        ends(store, begun(store, how, 2 * HOUR), how, Happened.ACCEPTED)
        assert told(store, ebms_id) == (Receiving.RECEIVED, [Event.RECEIVED])
        assert store.read(lambda reader: reader.ebms_task(ebms_id)) is None
        # A repeat has it sent again, from the first attempt on.
        write(store, lambda t: t.receive_ebms(given))
        for number in range(3):
            ends(store, begun(store, how, number * HOUR), how, Happened.UNREACHED)
        assert begun(store, how, 3 * HOUR)[1] is None
        assert told(store, ebms_id) == (Receiving.RECEIVED, [Event.RECEIVED])
        assert store.read(lambda reader: reader.ebms_task(ebms_id)) is None


def test_what_is_bad_is_remembered_without_what_it_held(house: House) -> None:
    with house.open() as store:
        part = EbmsPart("p", "a/b", b"<x/>")
        message = EbmsMessage(head(Direction.IN, 0, None), b"<soap/>", (part,))
        got = write(store, lambda t: t.receive_ebms(bad(message, ONCE, ERROR)))
        content = store.read(lambda reader: reader.ebms_content(got.ebms_id))
        assert (content.envelope, list(content.parts)) == (None, [])
        assert told(store, got.ebms_id) == (Receiving.REFUSED, [])
        # It was made good, and has the same id and content: it stays refused.
        again = write(store, lambda t: t.receive_ebms(good(message, ONCE, None)))
        assert (again.known, again.answer) == (Known.AGAIN, ERROR)
        with pytest.raises(Impossible):
            write(store, lambda t: taken(t, [got.ebms_id], NOW))


def test_a_repeat_whose_time_is_over_gets_the_answer_of_then(house: House) -> None:
    with house.open() as store:
        message = EbmsMessage(head(Direction.IN, 0, None), b"<soap/>")
        ack = EbmsAnswer(b"<Ack/>", "text/xml", "a", NOW)
        got = write(store, lambda t: t.receive_ebms(good(message, ONCE, ack)))
        late = write(store, lambda t: t.receive_ebms(bad(message, ONCE, ERROR)))
        assert (late.ebms_id, late.answer) == (got.ebms_id, ack)


def test_the_application_takes_what_came_in_and_nothing_else(house: House) -> None:
    with house.open() as store:
        message = EbmsMessage(head(Direction.IN, 0, None), b"<soap/>")
        got = write(store, lambda t: t.receive_ebms(good(message, ONCE))).ebms_id
        assert write(store, lambda t: taken(t, [got, got], NOW)) == 1
        assert write(store, lambda t: taken(t, [got], NOW + HOUR)) == 0
        row = store.read(lambda reader: reader.ebms(got))
        assert (row.state, row.processed_at) == (Receiving.PROCESSED, NOW)
        out = sent(store)
        for number in (out, EbmsId(99)):
            with pytest.raises(KeyError):
                write(store, lambda t, it=number: taken(t, [it], NOW))  # type: ignore[misc]


def test_a_copy_that_comes_when_its_id_is_forgotten_is_not_delivered(house: House) -> None:
    """The usual numbers contradict each other: all attempts take longer than ids are kept."""
    persist = 2 * HOUR
    given = head(Direction.IN, 0, persist)
    message = EbmsMessage(given, b"<soap/>")
    assert given.time_to_live is not None
    assert given.time_to_live < given.persist_until
    with house.open() as store:
        got = write(store, lambda t: t.receive_ebms(good(message, ONCE)))
        write(store, lambda t: taken(t, [got.ebms_id], NOW))
        events = store.read(lambda reader: reader.ebms_events(None, 10))
        write(store, lambda t: t.process_ebms_events([each.event_id for each in events], NOW))
        for moment in (given.time_to_live, given.persist_until):
            assert store.read(methodcaller("ebms_forgettable", moment, 10)) == []
        later = given.persist_until + SECOND
        assert write(store, lambda t: t.forget_ebms(t.ebms_forgettable(later, 10))).payloads == 1
        # It would be new, but its time was over before it was forgotten.
        late = write(store, lambda t: t.receive_ebms(bad(message, ONCE, ERROR)))
        assert (late.known, late.answer) == (Known.NEW, ERROR)
        assert store.read(lambda reader: reader.ebms_events(None, 10)) == []
