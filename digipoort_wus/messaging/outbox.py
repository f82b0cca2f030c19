"""Sends what is due: claims tasks, counts an attempt, posts, and notes what came of it.

Between two of these steps any process may die. Each is a transaction of its own, and the token of
the task fences off who was too slow; what follows from what is decided by the tables of
:mod:`digipoort_wus.ebms.reliability`.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from digipoort_wus.ebms.cpa_terms import terms_for_signal, terms_to_send
from digipoort_wus.ebms.message import Service
from digipoort_wus.ebms.names import ACKNOWLEDGMENT, MESSAGE_ERROR, SIGNALS
from digipoort_wus.ebms.outgoing import Offer, attempted, take
from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.ebms.partners import Partner
from digipoort_wus.ebms.reception import Receiving
from digipoort_wus.ebms.reliability import Happened, Way, of_http
from digipoort_wus.ebms.schedule import Schedule
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.errors import ConfigurationError, DigipoortError
from digipoort_wus.messaging.faults import blames_client, told
from digipoort_wus.messaging.keeping import party_spelled, posted
from digipoort_wus.messaging.posting import HttpReply, NoAnswer, Once, Post
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.messaging.threads import Threads
from digipoort_wus.process.runner import Runner
from digipoort_wus.store.ebms_values import Direction, EbmsAttempt, EbmsId, EbmsRow, EbmsTask
from digipoort_wus.store.ports import LostLease, Reader

_log = logging.getLogger(__name__)
SIGNAL_PLAN = Schedule(retries=4, interval=timedelta(minutes=1), ends=None)
"""Of a signal of its own (ours): who misses it all the same repeats its message, and gets it."""
_ONCE_MOST = 1_000
"""Signals that wait to be posted; beyond these they are lost, as they may be."""
_ONCE_OF_ONE = 50
"""Of those for one partner, posted one behind the other: who lets them hang waits alone."""


@dataclass(frozen=True, slots=True)
class _Route:
    """Where something goes, by the agreement as it is now."""

    partner: Partner
    terms: Terms


class Outbox:
    """Posts what a message service has to send, in threads of its own.

    Args:
        service: whose messages.
        post: has the sockets.
        concurrency: so many posts at a time.
        lease: a post that takes longer without a sign of this process is another's to repeat.
        idle: at most this long nothing is looked for, because others may have kept something; a
            quarter of the lease where that is less, because what is under way has to keep it.
        takes_tasks: False: only signals that nobody keeps are posted, as where others send.
        name: of its threads.
    """

    def __init__(
        self,
        service: MessageService,
        post: Post,
        *,
        concurrency: int = 4,
        lease: timedelta = timedelta(minutes=10),
        idle: timedelta = timedelta(seconds=5),
        takes_tasks: bool = True,
        name: str = "ebms-outbox",
    ) -> None:
        self._service = service
        self._house = service.house
        self._post = post
        self._most = concurrency
        self._lease = lease
        self._takes_tasks = takes_tasks
        self._gate = threading.Lock()
        # A partner that lets its posts hang would else hold all threads, and everybody's messages.
        self._share = max(1, concurrency // 2)
        self._silent: set[str] = set()
        self._doing: dict[EbmsId, tuple[EbmsTask, str]] = {}
        self._closed = False
        self._waiting = 0
        self._lines: dict[str, deque[Once]] = {}
        self._extended = monotonic()
        self._pool = Threads(concurrency, f"{name}-post")
        # What nobody keeps does not wait behind what a dead partner holds up.
        self._once_pool = Threads(concurrency, f"{name}-once")
        idle = min(idle, lease / 4)
        self._runner = Runner(self._run_due, self._house.clock, idle=idle, name=name)
        service.attach(self)

    def start(self) -> None:
        """Start to send; once only."""
        if self._takes_tasks:
            self._runner.start()

    @property
    def trouble(self) -> str:
        """Say why nothing is sent; empty when all goes well."""
        return self._runner.trouble if self._takes_tasks else ""

    def wake(self) -> None:
        """Look for what is due now; from any thread."""
        self._runner.wake()

    def close(self, within: timedelta = timedelta(seconds=10)) -> None:
        """End; what is under way after this time is left to its lease."""
        end = monotonic() + within.total_seconds()
        if self._takes_tasks:
            self._runner.stop(within)
        self._pool.close()
        self._closed = True
        self._once_pool.close()
        while monotonic() < end and self._busy():
            threading.Event().wait(0.01)
        left = self._held()
        if left:
            _log.warning(
                "ebMS: %d posts are under way at the end",
                len(left),
                extra={"event": "ebms-outbox-left"},
            )

    def once(self, signal: Once) -> None:
        """Post a signal that nobody keeps, one time; what becomes of it is only logged."""
        cpa_id = signal.terms.cpa_id
        with self._gate:
            line = self._lines.get(cpa_id)
            is_full = self._waiting >= _ONCE_MOST or (line and len(line) >= _ONCE_OF_ONE)
            why = "the outbox is closed" if self._closed else "too many wait" if is_full else ""
            if not why:
                self._waiting += 1
                if line is not None:
                    line.append(signal)
                    return
                self._lines[cpa_id] = deque([signal])
        if why:
            self._lost(signal, NoAnswer(why))
            return
        try:
            self._once_pool.submit(partial(self._post_line, cpa_id))
        except RuntimeError:
            with self._gate:
                self._waiting -= len(self._lines.pop(cpa_id))
            self._lost(signal, NoAnswer("the outbox is closed"))

    def run_once(self) -> int:
        """Do what is due now, in this thread; return how many tasks there were."""
        tasks = self._claimed(self._most)
        for task in tasks:
            self._work(task)
        return len(tasks)

    # --- Tasks ------------------------------------------------------------------------

    def _run_due(self, stopping: Callable[[], bool]) -> datetime | None:
        self._extend()
        full: set[str] = set()
        while not stopping():
            free = self._most - len(self._held())
            if free <= 0:
                # Who is done first wakes it.
                return None
            tasks = self._claimed(free, full)
            left: list[EbmsTask] = []
            for task in tasks:
                cpa_id = self._cpa_of(task)
                with self._gate:
                    if self._is_full(cpa_id):
                        full.add(cpa_id)
                        left.append(task)
                        continue
                    self._doing[task.ebms_id] = (task, cpa_id)
                self._pool.submit(partial(self._done, task))
            if left:
                self._let_go(left)
            elif len(tasks) < free:
                break
        if full:
            # Who is done first wakes it; until then their tasks are no reason to look again.
            return None
        now = self._house.clock()
        return self._house.store.read(lambda reader: reader.next_ebms_task_at(now))

    def _claimed(self, most: int, over: Collection[str] = ()) -> list[EbmsTask]:
        now = self._house.clock()
        return list(
            self._house.write(
                lambda transaction: transaction.claim_ebms_tasks(now, self._lease, most, over)
            )
        )

    def _let_go(self, tasks: list[EbmsTask]) -> None:
        self._house.write(lambda transaction: transaction.release_ebms_tasks(tasks))

    def _cpa_of(self, task: EbmsTask) -> str:
        return self._house.store.read(lambda reader: reader.ebms(task.ebms_id)).head.key.cpa_id

    def _is_full(self, cpa_id: str) -> bool:
        """Return whether a partner has its share of the posts; one where nobody answers has one."""
        held = sum(one == cpa_id for _, one in self._doing.values())
        return held >= (1 if cpa_id in self._silent else self._share)

    def _extend(self) -> None:
        """Keep the leases of what is under way; whoever lost one finds out when it is done."""
        tasks = self._held()
        if not tasks or monotonic() < self._extended + self._lease.total_seconds() / 3:
            return
        self._extended = monotonic()
        beat = self._house.store.write_beat
        beat(lambda transaction: transaction.extend_ebms_tasks(tasks, self._lease)).result()

    def _done(self, task: EbmsTask) -> None:
        try:
            self._work(task)
        except Exception as error:
            # Its lease ends by itself, and then it is known what was under way.
            _log.error(
                "ebMS: an attempt ended badly: %s: %s",
                *(type(error).__name__, error if isinstance(error, DigipoortError) else ""),
                extra={"event": "ebms-attempt-failed"},
            )
        finally:
            with self._gate:
                self._doing.pop(task.ebms_id, None)
            self._runner.wake()

    def _work(self, task: EbmsTask) -> None:
        """Make one attempt of a task that is held, if one is due."""
        house = self._house
        row = house.store.read(lambda reader: reader.ebms(task.ebms_id))
        route = self._route(row)
        offer = _offer(row, "" if route is None else route.terms.url)
        try:
            attempt = house.write(lambda transaction: take(transaction, task, offer, house.clock()))
        except LostLease:
            return
        house.changed(task.ebms_id)
        if attempt is None:
            return
        happened, status = self._attempt(row, route, attempt)
        at = house.clock()
        house.write(
            lambda transaction: attempted(transaction, task, attempt, offer, happened, at, status)
        )
        _log.log(
            logging.INFO if happened is Happened.ACCEPTED else logging.WARNING,
            "ebMS: attempt %d of message %s under CPA %s: %s",
            *(attempt.seq, ascii(row.head.key.message_id), ascii(row.head.key.cpa_id)),
            happened.value if status is None else f"{happened.value} (HTTP {status})",
            extra={"event": "ebms-sent", "outcome": happened.value},
        )
        house.changed(task.ebms_id)

    def _attempt(
        self, row: EbmsRow, route: _Route | None, attempt: EbmsAttempt
    ) -> tuple[Happened, int | None]:
        if route is None:
            return Happened.UNREACHED, None
        try:
            package = self._house.store.read(lambda reader: _package(reader, row))
            reply = self._post(attempt.url, package, route.partner, route.terms)
            self._silent.discard(row.head.key.cpa_id)
        except DigipoortError as error:
            if isinstance(error, NoAnswer):
                self._silent.add(row.head.key.cpa_id)
            # Nobody took it: no answer, or our own store does not give what it holds.
            _log.log(
                logging.WARNING if isinstance(error, NoAnswer) else logging.ERROR,
                "ebMS: message %s was not taken: %s",
                *(ascii(row.head.key.message_id), error),
                extra={"event": "ebms-not-sent"},
            )
            return Happened.UNREACHED, None
        blamed = reply.status >= 500 and blames_client(reply)
        happened = of_http(reply.status, blames_client=blamed)
        self._hear(reply, route.terms)
        return happened, reply.status

    def _hear(self, reply: HttpReply, terms: Terms) -> None:
        try:
            self._service.answered(reply, terms)
        except DigipoortError as error:
            # The message is offered again, and so is what came with it.
            _log.error(
                "ebMS: what an answer says is not kept: %s",
                error,
                extra={"event": "ebms-not-kept"},
            )

    def _route(self, row: EbmsRow) -> _Route | None:
        """Return where a message goes, None where no agreement says so any more."""
        head = row.head
        outgoing = head.key.direction is Direction.OUT
        partner = self._house.book.current().partners.get(head.key.cpa_id)
        text = head.key.sender if outgoing else head.receiver
        party = None if partner is None else party_spelled(partner.agreement, text)
        if partner is None or party is None:
            _tell_not_agreed(row, "there is no such agreement of this party here")
            return None
        why = ""
        # What was sent under an agreement is sent to its end, also when that is over meanwhile.
        for at in (self._house.clock(), head.at):
            try:
                if outgoing and head.service != SIGNALS:
                    service = Service(head.service, head.service_type)
                    terms = terms_to_send(
                        partner.agreement, party.ids[0], service, head.action, at=at
                    )
                else:
                    action = head.action if outgoing else _action_of(row)
                    terms = terms_for_signal(partner.agreement, party.ids[0], action, at=at)
            except ConfigurationError as error:
                why = why or str(error)
            else:
                return _Route(partner, terms)
        _tell_not_agreed(row, why)
        return None

    # --- Signals that nobody keeps ----------------------------------------------------

    def _post_line(self, cpa_id: str) -> None:
        """Post what waits for one partner."""
        while True:
            with self._gate:
                line = self._lines[cpa_id]
                if not line:
                    del self._lines[cpa_id]
                    return
                signal = line.popleft()
            self._post_once(signal)

    def _post_once(self, signal: Once) -> None:
        try:
            reply = self._post(signal.terms.url, signal.package, signal.partner, signal.terms)
            if of_http(reply.status) is not Happened.ACCEPTED:
                raise NoAnswer(told(reply))
            self._hear(reply, signal.terms)
        except Exception as error:
            self._lost(signal, error)
        finally:
            with self._gate:
                self._waiting -= 1

    def _lost(self, signal: Once, error: Exception) -> None:
        """Tell that a signal is not posted, also to who waits for an answer to it."""
        _tell_lost(signal, f"{type(error).__name__}: {error}")
        failed = error if isinstance(error, NoAnswer) else NoAnswer(type(error).__name__)
        self._house.waiting.fail(signal.terms.cpa_id, signal.message_id, failed)

    def _held(self) -> list[EbmsTask]:
        with self._gate:
            return [task for task, _ in self._doing.values()]

    def _busy(self) -> bool:
        with self._gate:
            return bool(self._doing)


def _offer(row: EbmsRow, url: str) -> Offer:
    if row.head.key.direction is Direction.IN:
        return Offer(Way.SIGNAL, SIGNAL_PLAN, row.answered_at or row.head.at, url)
    how = posted(row.head)
    return Offer(how.way, how.plan, row.head.at, url)


def _package(reader: Reader, row: EbmsRow) -> WrittenPackage:
    """Return the octets that are sent, the same at every attempt."""
    if row.head.key.direction is Direction.OUT:
        return posted(row.head).packed(reader.ebms_content(row.ebms_id))
    answer = reader.ebms_answer(row.ebms_id)
    if answer is None:
        raise KeyError(row.ebms_id)
    return WrittenPackage(answer.content_type, answer.octets)


def _action_of(row: EbmsRow) -> str:
    """Return what was answered to a message that came in."""
    return MESSAGE_ERROR if row.state == Receiving.REFUSED.value else ACKNOWLEDGMENT


def _tell_not_agreed(row: EbmsRow, why: str) -> None:
    _log.error(
        "ebMS: message %s under CPA %s cannot be sent: %s",
        *(ascii(row.head.key.message_id), ascii(row.head.key.cpa_id), why),
        extra={"event": "ebms-not-agreed"},
    )


def _tell_lost(signal: Once, why: str) -> None:
    _log.warning(
        "ebMS: signal %s under CPA %s is not posted: %s",
        *(signal.message_id, ascii(signal.terms.cpa_id), why),
        extra={"event": "ebms-signal-lost"},
    )
