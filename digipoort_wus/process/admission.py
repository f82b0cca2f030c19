"""The last door before an operation: who may come in, how often, and with what only once.

Everything here hangs on what the gate has verified. What only the body tells, a berichtsoort
or a belanghebbende, is judged where it is read, before anything is stored.
"""

from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digipoort_wus import checks
from digipoort_wus.clock import Clock
from digipoort_wus.errors import Refusal
from digipoort_wus.process.api import Caller
from digipoort_wus.process.authorisation import (
    AuthorisationTable,
    PartyRow,
    Right,
    require_enabled,
    require_right,
)
from digipoort_wus.store.ports import Store, Transaction

KEPT_LONGER = timedelta(minutes=10)
"""A clock that is set back by less than this opens no window for replays."""
FORGOTTEN_AT_ONCE = 128
"""Signatures forgotten in one go: every that many questions, so that the table stays short."""
_REPEATABLE = frozenset((Right.AANLEVEREN, Right.ZETSTATUS, Right.AANBIEDEN))
"""What changes something, and recognises a repeat by its MessageID and Body."""


@dataclass(frozen=True, slots=True)
class Seal:
    """By what a signed message is recognised when it comes again.

    Args:
        signature: SHA-256 of the SignatureValue, 32 octets.
        valid_until: when the message expires, skew included.
    """

    signature: bytes = field(repr=False)
    valid_until: datetime


class Admission:
    """Admits requests by the table that is in force; belongs to the thread that asks it.

    Args:
        table: who may do what; may be replaced between two requests.
        store: remembers which questions were asked.
        clock: counts the minutes, and says what is expired.
    """

    def __init__(self, table: AuthorisationTable, store: Store, clock: Clock) -> None:
        self.table = table
        self._store = store
        self._clock = clock
        self._rates = Rates()
        self._asked = 0

    def admit(self, caller: Caller, right: Right, seal: Seal | None) -> Future[None]:
        """Resolve when a request may be dealt with, for a question after it was noted durably.

        What changes something is not refused when it comes again, because it is then answered
        as before. An unsigned message has no seal.

        The future fails with PARTY-ENABLED, PARTY-RATE, PARTY-AUTHORISED or WSS-REPLAY. What
        is refused by another check than PARTY-ENABLED has counted for the rate.
        """
        now = self._clock()
        try:
            row = require_enabled(self.table, caller.oin, caller.tls_oin)
            self._rates.count(row, now)
            require_right(row, right)
        except Refusal as refusal:
            return _failed(refusal)
        if seal is None or right in _REPEATABLE:
            return _passed()
        self._asked += 1
        tidy = self._asked % FORGOTTEN_AT_ONCE == 0

        def note(transaction: Transaction) -> None:
            ask_once(transaction, seal)
            if tidy:
                transaction.forget(now - KEPT_LONGER, 2 * FORGOTTEN_AT_ONCE)

        return self._store.write(note)


def ask_once(transaction: Transaction, seal: Seal) -> None:
    """Note that a question is asked; whoever comes second is refused.

    Raises:
        Refusal: WSS-REPLAY.
    """
    if not transaction.remember(seal.signature, seal.valid_until):
        raise Refusal(checks.WSS_REPLAY, received="the same SignatureValue again")


class Rates:
    """Requests per party in the running minute of the clock; others than that are forgotten.

    Only parties with a limit are counted, so there are never more counters than rows.
    """

    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._counted: dict[str, int] = {}

    def count(self, row: PartyRow, now: datetime) -> None:
        """Count one request of a party.

        Raises:
            Refusal: PARTY-RATE; it was one too many.
        """
        if row.requests_per_minute is None:
            return
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._counted = minute, {}
        counted = self._counted[row.oin] = self._counted.get(row.oin, 0) + 1
        if counted > row.requests_per_minute:
            raise Refusal(
                checks.PARTY_RATE,
                expected=f"at most {row.requests_per_minute} requests a minute",
                received=f"request {counted} of this minute",
            )


def require_volume(row: PartyRow, total: int) -> None:
    """Refuse a filing with which a party would have filed more than its octets of a day.

    Args:
        row: of the party.
        total: octets of this UTC day, this filing included.

    Raises:
        Refusal: PARTY-VOLUME.
    """
    if row.bytes_per_day is not None and total > row.bytes_per_day:
        raise Refusal(
            checks.PARTY_VOLUME,
            expected=f"at most {row.bytes_per_day} bytes a day",
            received=f"{total} bytes with this filing",
        )


def _passed() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def _failed(refusal: Refusal) -> Future[None]:
    future: Future[None] = Future()
    future.set_exception(refusal)
    return future
