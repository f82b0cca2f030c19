"""Log lines about strangers: enough to see what happens, and never so many that a disk fills.

Whoever reaches the port can cause them, without a certificate. So of one address a few lines
a minute are written, of all together some more, and of the rest one line with their number.
What is remembered is bounded, too.
"""

from collections import Counter
from collections.abc import Callable

from twisted.logger import Logger

from digipoort_wus.server.budget import party_of
from digipoort_wus.server.reactor import DelayedCall, Reactor

WINDOW_SECONDS = 60
LINES_PER_ADDRESS = 5
"""Of one IPv4 address or IPv6 network of 64 bits, in one window."""
LINES = 60
"""Of all of them together, in one window."""
ADDRESSES = 1_000
"""So many are told apart in one window; of others no line is written."""
KINDS = 20
"""So many kinds of what was left out are told apart; the rest is counted as one."""
_OTHERS = "something else"

_log = Logger(namespace="digipoort_wus")


def _warn(text: str) -> None:
    _log.warn("{text}", text=text)


class Reports:
    """Writes what strangers make happen, within bounds; in the reactor's thread.

    Args:
        reactor: tells the time, and calls when a window with something left out is over.
        write: takes a line.
    """

    def __init__(self, reactor: Reactor, write: Callable[[str], None] = _warn) -> None:
        self._reactor = reactor
        self._write = write
        self._began = float("-inf")
        self._lines = 0
        self._by_address: dict[str, int] = {}
        self._left_out: Counter[str] = Counter()
        self._timer: DelayedCall | None = None

    def tell(self, host: str, what: str) -> None:
        """Write that something happened, or count it.

        Args:
            host: the address that it came from.
            what: a few words out of a small set.
        """
        now = self._reactor.seconds()
        if now - self._began >= WINDOW_SECONDS:
            self.close()
            self._began = now
        address = party_of(host)
        told = self._by_address.get(address, 0)
        if told or len(self._by_address) < ADDRESSES:
            self._by_address[address] = told + 1
            if told < LINES_PER_ADDRESS and self._lines < LINES:
                self._lines += 1
                self._write(f"{what}, from {host}")
                return
        self._left_out[
            what if what in self._left_out or len(self._left_out) < KINDS else _OTHERS
        ] += 1
        if self._timer is None:
            left = self._began + WINDOW_SECONDS - now
            self._timer = self._reactor.callLater(left, self.close)

    def close(self) -> None:
        """End the window: write what was left out in it, and forget its addresses."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        left_out, addresses = self._left_out, len(self._by_address)
        self._began, self._lines, self._timer = float("-inf"), 0, None
        self._by_address, self._left_out = {}, Counter()
        if left_out:
            kinds = "; ".join(f"{what}: {number}" for what, number in left_out.most_common())
            more = " or more" if addresses >= ADDRESSES else ""
            self._write(
                f"{left_out.total()} more in the last {WINDOW_SECONDS} seconds, "
                f"of {addresses}{more} addresses together: {kinds}"
            )
