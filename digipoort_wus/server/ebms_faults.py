"""How a message handler misbehaves on command: for partners, and ourselves, to test against.

What is done to a message is decided when it comes; signals are never counted. The faults of
acknowledgments hold for any signal that answers a message, a MessageError too.
"""

import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, repeat

from digipoort_wus.ebms.names import SIGNALS
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.ebms.partners import Partner
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.filing.content import read_content
from digipoort_wus.messaging.posting import EMPTY, HttpReply, Post
from digipoort_wus.server.ebms import NoReply, Receive

_HEAD = 65_536
"""Octets in which an envelope has its Service."""
_SERVICE = re.compile(rb">\s*" + re.escape(SIGNALS.encode("ascii")) + rb"\s*<")
_VALUE = re.compile(rb"(<(?:[\w.-]+:)?SignatureValue[^>]*>\s*)([A-Za-z0-9+/])")
_CPA_ID = re.compile(rb"(<(?:[\w.-]+:)?CPAId>)[^<]*(<)")
OTHER_CPA = "cpa-that-nobody-agreed-on"


class Misdeed(StrEnum):
    """What is done to one message, by the words of the command line."""

    NONE = "none"
    """It is dealt with as it should be."""
    LOSE_ACK = "lose-ack"
    """It is kept, and its signal gets lost: the connection is cut, or nothing is posted."""
    LATE_ACK = "late-ack"
    """It is kept, and its signal comes late."""
    DOUBLE_ACK = "double-ack"
    """Its signal comes once more, by a request of its own; what goes in the answer, goes there."""
    BAD_SIGNATURE = "bad-signature"
    """The signature of its signal is wrong; one that is not signed gets lost."""
    WRONG_CPA = "wrong-cpa"
    """Its signal names an agreement that there is not."""
    RESET = "reset"
    """It is not read: the connection is cut."""
    UNAVAILABLE = "503"
    """It is not read: HTTP 503."""
    ERROR = "500"
    """It is not read: HTTP 500, with an empty body."""
    NEVER = "never"
    """It is not read, and never answered: the connection stays open."""


_OF_SIGNALS = frozenset(
    {
        Misdeed.LOSE_ACK,
        Misdeed.LATE_ACK,
        Misdeed.DOUBLE_ACK,
        Misdeed.BAD_SIGNATURE,
        Misdeed.WRONG_CPA,
    }
)


@dataclass(frozen=True, slots=True)
class Spell:
    """A misdeed, and how many messages in a row it is done to; None: to all from then on."""

    misdeed: Misdeed
    times: int | None = 1


class Faults:
    """Stands before a message service, and before what it posts; for any thread.

    Args:
        spells: one behind the other, for the messages as they come; behind them nothing is done.
        late: seconds by which a late signal comes late.
        tell: is told of each message, and what is done to it.
    """

    def __init__(
        self,
        spells: Sequence[Spell],
        *,
        late: float = 10,
        tell: Callable[[Misdeed], object] = lambda _: None,
    ) -> None:
        self._coming = chain.from_iterable(
            repeat(spell.misdeed) if spell.times is None else repeat(spell.misdeed, spell.times)
            for spell in spells
        )
        self._late = late
        self._tell = tell
        self._lock = threading.Lock()
        self._owed: deque[Misdeed] = deque()
        self._closed = threading.Event()

    def close(self) -> None:
        """Let go of every connection that is held."""
        self._closed.set()

    def receiving(self, receive: Receive) -> Receive:
        """Return what receives, and misbehaves."""

        def received(inbound: Inbound) -> HttpReply:
            if _SERVICE.search(bytes(inbound.body[:_HEAD])):
                return receive(inbound)
            with self._lock:
                misdeed = next(self._coming, Misdeed.NONE)
            self._tell(misdeed)
            match misdeed:
                case Misdeed.RESET:
                    raise NoReply
                case Misdeed.NEVER:
                    self._closed.wait()
                    raise NoReply
                case Misdeed.UNAVAILABLE:
                    return HttpReply(503)
                case Misdeed.ERROR:
                    return HttpReply(500)
            # Before it is kept: the outbox may be quicker than this thread.
            owed = misdeed in _OF_SIGNALS
            if owed:
                self._owe(misdeed)
            reply = receive(inbound)
            if owed and reply.body and self._paid():
                return self._spoiled(reply, misdeed)
            return reply

        return received

    def posting(self, post: Post) -> Post:
        """Return what posts, and misbehaves."""

        def posted(url: str, package: WrittenPackage, partner: Partner, terms: Terms) -> HttpReply:
            misdeed = self._next_owed(package)
            match misdeed:
                case Misdeed.LOSE_ACK:
                    return EMPTY
                case Misdeed.LATE_ACK:
                    self._closed.wait(self._late)
                case Misdeed.DOUBLE_ACK:
                    post(url, package, partner, terms)
                case Misdeed.BAD_SIGNATURE | Misdeed.WRONG_CPA:
                    octets = _altered(read_content(package.content), misdeed)
                    if octets is None:
                        return EMPTY
                    post(url, replace(package, content=octets), partner, terms)
                    # The other party refuses it, and that is the end of it.
                    return EMPTY
            return post(url, package, partner, terms)

        return posted

    def _owe(self, misdeed: Misdeed) -> None:
        with self._lock:
            self._owed.append(misdeed)

    def _paid(self) -> bool:
        """Take back what was owed last: its signal goes in the answer, not by itself."""
        with self._lock:
            if self._owed:
                self._owed.pop()
                return True
        return False

    def _next_owed(self, package: WrittenPackage) -> Misdeed:
        octets = package.content if isinstance(package.content, bytes) else b""
        if not _SERVICE.search(octets[:_HEAD]):
            return Misdeed.NONE
        with self._lock:
            return self._owed.popleft() if self._owed else Misdeed.NONE

    def _spoiled(self, reply: HttpReply, misdeed: Misdeed) -> HttpReply:
        match misdeed:
            case Misdeed.LATE_ACK:
                self._closed.wait(self._late)
            case Misdeed.LOSE_ACK:
                raise NoReply
            case Misdeed.BAD_SIGNATURE | Misdeed.WRONG_CPA:
                octets = _altered(reply.body, misdeed)
                if octets is None:
                    raise NoReply
                return replace(reply, body=octets)
        return reply


def _altered(octets: bytes, misdeed: Misdeed) -> bytes | None:
    """Return a signal with another signature or CPAId; None where there is none to alter."""
    if misdeed is Misdeed.WRONG_CPA:
        other = OTHER_CPA.encode("ascii")
        return _CPA_ID.sub(lambda found: found[1] + other + found[2], octets, count=1)
    if _VALUE.search(octets) is None:
        return None
    return _VALUE.sub(
        lambda found: found[1] + (b"B" if found[2] == b"A" else b"A"), octets, count=1
    )
