"""What every part of the message service works with: a store, the agreements, who posts."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import uuid4

from digipoort_wus.clock import Clock
from digipoort_wus.ebms.composing import Ready
from digipoort_wus.ebms.message import StatusResponse
from digipoort_wus.filing.content import read_content
from digipoort_wus.messaging.book import Book
from digipoort_wus.messaging.charging import Charging
from digipoort_wus.messaging.elsewhere import Answered, heard
from digipoort_wus.messaging.posting import Mailroom, NoAnswer, Once
from digipoort_wus.store.ebms_values import EbmsAnswer, EbmsId, StateChanged
from digipoort_wus.store.ports import Store, StoreFailed, Transaction
from digipoort_wus.store.values import Prepared

_log = logging.getLogger(__name__)
T = TypeVar("T")
_AGAIN = 5
_QUESTIONS_MOST = 1_000
"""Of ours that wait for an answer at once."""
Changed = Callable[[EbmsId], None]
"""Is told that something of a message may have changed; quick, and from any thread."""


@dataclass(eq=False, slots=True)
class Waiting:
    """Questions to other message handlers that are not answered yet; any thread may ask."""

    _gate: threading.Lock = field(default_factory=threading.Lock)
    _futures: dict[tuple[str, str], "Future[StatusResponse | None]"] = field(default_factory=dict)

    def begin(self, cpa_id: str, message_id: str) -> "Future[StatusResponse | None]":
        """Return what resolves with the answer to a question, and is forgotten with it."""
        future: Future[StatusResponse | None] = Future()
        key = (cpa_id, message_id)
        with self._gate:
            while len(self._futures) >= _QUESTIONS_MOST:
                # Its answer will not come any more, as a rule; who waits has a time-out.
                del self._futures[next(iter(self._futures))]
            self._futures[key] = future
        future.add_done_callback(lambda _: self._forget(key))
        return future

    def answer(self, cpa_id: str, message_id: str, answer: StatusResponse | None) -> bool:
        """Resolve who waits for the answer to a question; False when nobody does."""
        with self._gate:
            future = self._futures.pop((cpa_id, message_id), None)
        if future is None or not future.set_running_or_notify_cancel():
            return False
        future.set_result(answer)
        return True

    def fail(self, cpa_id: str, message_id: str, error: Exception) -> bool:
        """Tell who waits for an answer that there will be none; False when nobody does."""
        with self._gate:
            future = self._futures.pop((cpa_id, message_id), None)
        if future is None or not future.set_running_or_notify_cancel():
            return False
        future.set_exception(error)
        return True

    def _forget(self, key: tuple[str, str]) -> None:
        with self._gate:
            self._futures.pop(key, None)


@dataclass(eq=False, slots=True)
class House:
    """What every part of the message service works with.

    Args:
        store: remembers.
        book: with whom, and as whom.
        clock: of everything.
        host: behind the ``@`` of our MessageIds.
        explain: whether others are told what was expected and received.
        mailroom: who posts; None until there is one.
        listeners: are told of changes.
        waiting: questions of ours.
        charging: says how much a party may send; by default as much as it wants.
    """

    store: Store
    book: Book
    clock: Clock
    host: str
    explain: bool = False
    mailroom: Mailroom | None = None
    listeners: list[Changed] = field(default_factory=list)
    waiting: Waiting = field(default_factory=Waiting)
    charging: Charging = field(init=False)
    _gate: threading.Lock = field(default_factory=threading.Lock, init=False)
    _hears: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.charging = Charging(self.clock)

    def hear_others(self) -> None:
        """Hear from now on what others on the same store do; may be called again.

        Who sends is woken then, as are those who listen, and who asked something gets what was
        answered elsewhere.
        """
        with self._gate:
            if self._hears:
                return
            self._hears = True
            self.store.hear(self._heard)

    def answered(self, answer: Answered) -> bool:
        """Give an answer to who waits for it; False when that is nobody of this process."""
        if answer.refused:
            why = NoAnswer(f"the other party refuses the question: {answer.refused}")
            return self.waiting.fail(answer.cpa_id, answer.asked, why)
        return self.waiting.answer(answer.cpa_id, answer.asked, answer.response)

    def pass_on(self, answer: Answered) -> bool:
        """Tell other processes of an answer for which nobody waits here; False: there are none.

        Raises:
            StoreFailed: they may not be told.
        """
        said = answer.written() if self.store.is_shared else None
        if said is not None:
            self.write(lambda transaction: transaction.tell_others(said))
        return said is not None

    def _heard(self, said: str) -> None:
        told = heard(said)
        if isinstance(told, Answered):
            self.answered(told)
            return
        self.wake()
        if told is not None:
            self.changed(told)

    def new_message_id(self) -> str:
        """Return a MessageId that no message had (Digikoppeling best practices EB013)."""
        return f"{uuid4()}@{self.host}"

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do a work in a transaction, and return when it is committed.

        Raises:
            StoreFailed: it may not be.
            StateChanged: somebody else changes the same message all the time.
        """
        for _ in range(_AGAIN):
            try:
                return self.store.write(work).result()
            except StateChanged:
                # What was decided from what had been read is decided anew.
                continue
        return self.store.write(work).result()

    def let_go(self, prepared: Prepared | None, error: BaseException | None) -> None:
        """Forget what was sealed ahead of a write that has its outcome."""
        if prepared is None:
            return
        if isinstance(error, StoreFailed):
            self.store.let_go(prepared)
        else:
            self.store.discard(prepared)

    def wake(self) -> None:
        """Have what is due sent."""
        if self.mailroom is not None:
            self.mailroom.wake()

    def once(self, signal: Once) -> None:
        """Have a signal posted that nobody keeps."""
        if self.mailroom is None:
            _log.warning(
                "ebMS: signal %s is not posted: nobody posts here",
                signal.message_id,
                extra={"event": "ebms-signal-lost"},
            )
        else:
            self.mailroom.once(signal)

    def changed(self, ebms_id: EbmsId) -> None:
        """Tell who listens that something of a message may have changed."""
        for listener in tuple(self.listeners):
            try:
                listener(ebms_id)
            except Exception:
                # It is a convenience: what counts is in the store, where everybody can look.
                _log.exception("a listener failed", extra={"event": "ebms-listener-failed"})


def answer_of(ready: Ready, house: House) -> EbmsAnswer:
    """Return a signal of ours as it is kept and given."""
    octets = read_content(ready.package.content)
    message_id = ready.message.header.message_id
    return EbmsAnswer(octets, ready.package.content_type, message_id, house.clock())
