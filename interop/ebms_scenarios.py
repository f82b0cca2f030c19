"""The scenarios of ebMS 2.0 between two sides, whatever they are."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from ebms_cpa import SERVICE, Profile
from ebms_peer import Arrived

SECONDS = 20
"""A message has arrived and is acknowledged within so many, retries included."""


class Side(Protocol):
    """One of the two: what a scenario asks of it. Messages are known by their MessageId."""

    @property
    def oin(self) -> str:
        """Return which party it is."""

    @property
    def posts_again(self) -> bool:
        """Return whether it posts a signal once more by itself when that fails."""

    def agree(self, cpa: Path) -> None:
        """Take a CPA, in place of one that it may have under this id."""

    def send(self, cpa_id: str, service: str, action: str, payloads: Sequence[Path]) -> str:
        """Send a message, and return its id."""

    def state(self, message_id: str) -> str:
        """Return SENDING, DELIVERED, FAILED or EXPIRED of a message that it sent."""

    def why(self, message_id: str) -> str:
        """Return what it last heard of that message."""

    def arrived(self) -> list[Arrived]:
        """Return what it took."""

    def ping(self, cpa_id: str) -> str:
        """Send a Ping, and return its id."""

    def ask(self, cpa_id: str, message_id: str) -> str:
        """Send a StatusRequest, and return its id."""

    def asks_about(self, message_id: str) -> bool:
        """Return whether it can ask about a message: a gateway only does about its own."""

    def reply(self, message_id: str) -> str:
        """Return what came back: Pong, or a status; empty as long as nothing did."""


class NamedSide(Side, Protocol):
    """A side that can stand in a CPA."""

    @property
    def url(self) -> str:
        """Return where it takes messages."""

    @property
    def identity(self) -> str:
        """Return its name in certs-test."""


class FaultySide(Side, Protocol):
    """A side that can be made to err."""

    def repeat(self, message_id: str) -> None:
        """Send the octets of a message once more."""

    def fault(self, name: str, times: int = 1) -> None:
        """Let something go wrong so many times, as ebms-saaj/README.md says."""


class UnexpectedError(Exception):
    """A scenario went otherwise than it should."""


@dataclass(frozen=True)
class Exchange:
    """Who sends what to whom under which agreement.

    Args:
        sender: sends.
        receiver: receives.
        cpa_id: both know it.
        action: of SERVICE, which the sender may send.
        payloads: of every message.
    """

    sender: Side
    receiver: Side
    cpa_id: str
    action: str
    payloads: Sequence[Path]

    def sent(self) -> str:
        """Let the sender send the payloads, and return the id."""
        return self.sender.send(self.cpa_id, SERVICE, self.action, self.payloads)

    def ends(self, message_id: str, state: str) -> None:
        """Wait until the sender says that of a message."""
        if not _until(lambda: self.sender.state(message_id) == state):
            said = f"{self.sender.state(message_id)} ({self.sender.why(message_id)})"
            raise UnexpectedError(f"{state} expected, {said}")

    def came(self, message_id: str) -> Arrived | None:
        """Return what the receiver has of a message."""
        found = [m for m in self.receiver.arrived() if m.message_id == message_id]
        if len(found) > 1:
            raise UnexpectedError("taken more than once")
        return found[0] if found else None

    def arrives_once(self, message_id: str, *, copies: int = 1) -> None:
        """Wait until that many copies came; one message may come of them, with its payloads."""
        _until(lambda: (found := self.came(message_id)) is not None and found.copies >= copies)
        found = self.came(message_id)
        if found is None:
            raise UnexpectedError("did not arrive")
        if found.copies < copies:
            raise UnexpectedError(f"{copies} copies expected, {found.copies} came")
        wanted = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.payloads]
        if sorted(found.digests) != sorted(wanted):
            raise UnexpectedError("other payloads")
        if found.sender != self.sender.oin or found.action != self.action:
            raise UnexpectedError("another sender or action")


def _until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


# --- Scenarios: of every profile ------------------------------------------------------


def ping(exchange: Exchange) -> None:
    """A Ping is answered by a Pong."""
    asked = exchange.sender.ping(exchange.cpa_id)
    if not _until(lambda: exchange.sender.reply(asked) == "Pong"):
        raise UnexpectedError(exchange.sender.reply(asked) or "no Pong")


def message(exchange: Exchange) -> None:
    """A message arrives, and its sender knows."""
    message_id = exchange.sent()
    exchange.ends(message_id, "DELIVERED")
    exchange.arrives_once(message_id)


def status(exchange: Exchange) -> None:
    """A StatusRequest is answered, of a message that came and of one that did not."""
    message_id = exchange.sent()
    exchange.ends(message_id, "DELIVERED")
    for about, wanted in ((message_id, {"Received", "Processed"}), ("no", {"NotRecognized"})):
        if not exchange.sender.asks_about(about):
            continue
        asked = exchange.sender.ask(exchange.cpa_id, about)
        _until(lambda asked=asked: exchange.sender.reply(asked) != "")  # type: ignore[misc]
        if exchange.sender.reply(asked) not in wanted:
            raise UnexpectedError(f"status {exchange.sender.reply(asked)!r}")


# --- Scenarios: of the reliable ones --------------------------------------------------


def duplicate(exchange: Exchange, faulty: FaultySide) -> None:
    """A sender that repeats itself: the message is taken once."""
    message_id = exchange.sent()
    exchange.ends(message_id, "DELIVERED")
    faulty.repeat(message_id)
    exchange.arrives_once(message_id, copies=2)


def lost_acknowledgment(exchange: Exchange, faulty: FaultySide) -> None:
    """A receiver whose first acknowledgment is lost: the sender tries again, once is taken."""
    faulty.fault("hold-acks")
    faulty.fault("lose-answers")
    try:
        message_id = exchange.sent()
        exchange.ends(message_id, "DELIVERED")
        exchange.arrives_once(message_id, copies=2)
    finally:
        # One that comes in an HTTP answer is lost with it, and so is not held.
        faulty.fault("hold-acks", 0)


def unavailable(exchange: Exchange, faulty: FaultySide) -> None:
    """A receiver that is not there twice: 503, and then a connection that is cut."""
    faulty.fault("refuse")
    faulty.fault("lose-requests")
    message_id = exchange.sent()
    exchange.ends(message_id, "DELIVERED")
    exchange.arrives_once(message_id)


def lost_on_arrival(exchange: Exchange, faulty: FaultySide) -> None:
    """A sender that does not hear the first acknowledgment, and so tries again.

    Unless the acknowledgment itself comes again, sooner.
    """
    faulty.fault("lose-requests")
    message_id = exchange.sent()
    exchange.ends(message_id, "DELIVERED")
    exchange.arrives_once(message_id, copies=1 if exchange.receiver.posts_again else 2)


def wrong_acknowledgment(exchange: Exchange, faulty: FaultySide) -> None:
    """A receiver whose acknowledgment is signed well over another digest: no proof of anything."""
    faulty.fault("wrong-acks", 100)
    try:
        message_id = exchange.sent()
        exchange.ends(message_id, "EXPIRED")
    finally:
        faulty.fault("wrong-acks", 0)


def spoilt(exchange: Exchange, faulty: FaultySide) -> None:
    """A sender whose message was changed on the way: it is refused, and the sender is told."""
    faulty.fault("spoil")
    message_id = exchange.sent()
    exchange.ends(message_id, "FAILED")
    if exchange.came(message_id) is not None:
        raise UnexpectedError("taken all the same")


Erring = Callable[[Exchange, FaultySide], None]
FAULTY_RECEIVER: Sequence[Erring] = (lost_acknowledgment, unavailable)
"""The receiver errs."""
FAULTY_SENDER: Sequence[Erring] = (duplicate,)
"""The sender errs."""


def scenarios(
    exchange: Exchange,
    profile: Profile,
    faulty_sender: FaultySide | None,
    faulty_receiver: FaultySide | None,
) -> dict[str, Callable[[], None]]:
    """Return what can be run, by name: a side that cannot be made to err is None."""
    plain = (ping, message, status)
    found: dict[str, Callable[[], None]] = {
        each.__name__: partial(each, exchange) for each in plain
    }
    if not profile.reliable:
        return found
    faulty: list[tuple[Erring, FaultySide | None]] = []
    if not profile.sync:
        # The acknowledgment is a request, which the sender's side loses: the next that comes, so
        # this goes before what makes acknowledgments that nobody waits for.
        faulty.append((lost_on_arrival, faulty_sender))
    faulty += [(each, faulty_sender) for each in FAULTY_SENDER]
    faulty += [(each, faulty_receiver) for each in FAULTY_RECEIVER]
    if profile.signed:
        faulty += [(wrong_acknowledgment, faulty_receiver), (spoilt, faulty_sender)]
    for erring, side in faulty:
        if side is not None:
            found[erring.__name__] = partial(erring, exchange, side)
    return found


def refused(exchange: Exchange, agreed: Path, otherwise: Path) -> None:
    """A receiver that has agreed on something else answers with a MessageError, once told so."""
    exchange.receiver.agree(otherwise)
    try:
        message_id = exchange.sent()
        exchange.ends(message_id, "FAILED")
        if exchange.came(message_id) is not None:
            raise UnexpectedError("taken all the same")
    finally:
        exchange.receiver.agree(agreed)


def judged(scenario: Callable[[], None]) -> str:
    """Run a scenario, and return ok or what went wrong."""
    try:
        scenario()
    except UnexpectedError as error:
        return f"FAIL {error}"
    return "ok"
