"""Recognising a signed message that comes again, for who has no store to remember it in."""

import heapq
import threading
from datetime import datetime
from hashlib import sha256

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SecurityPolicy
from digipoort_wus.wss.verify import Verified, valid_until

DEFAULT_MOST = 100_000


class ReplayCache:
    """Lets a verified message pass once; in the memory of one process, for any of its threads.

    A message is remembered by its SignatureValue until its Timestamp expires. The end of the
    process forgets everything: then messages pass again that are not expired yet. The gateway
    itself remembers them in its store.

    Args:
        policy: the one that the messages are verified under; its skew is part of how long.
        most: messages at a time, about 250 bytes each. When that many are not yet expired,
            the next one is refused: to forget one early would let it pass again.
    """

    def __init__(self, policy: SecurityPolicy = DIGIPOORT_1_2, *, most: int = DEFAULT_MOST) -> None:
        self._policy = policy
        self._most = most
        self._lock = threading.Lock()
        self._known: set[bytes] = set()
        self._ends: list[tuple[datetime, bytes]] = []

    def require_new(self, verified: Verified, now: datetime) -> None:
        """Remember a message, and refuse one that is remembered already.

        Args:
            verified: what :func:`digipoort_wus.verify_request` returned.
            now: the moment that it was verified for.

        Raises:
            Refusal: WSS-REPLAY, or OVERLOAD when there is no room.

        WS-Security 1.1 §13.3.
        """
        digest = sha256(verified.signature_value).digest()
        end = valid_until(verified.timestamp, self._policy)
        with self._lock:
            while self._ends and self._ends[0][0] < now:
                self._known.discard(heapq.heappop(self._ends)[1])
            if digest in self._known:
                raise Refusal(checks.WSS_REPLAY, received="the same SignatureValue again")
            if len(self._known) >= self._most:
                raise Refusal(checks.OVERLOAD, expected=f"at most {self._most} messages at a time")
            self._known.add(digest)
            heapq.heappush(self._ends, (end, digest))

    def __len__(self) -> int:
        return len(self._known)
