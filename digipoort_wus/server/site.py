"""The site whose connections are bounded, and how it comes to its end."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import Site

from digipoort_wus import limits
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.server.body import BoundedRequest
from digipoort_wus.server.budget import Budget
from digipoort_wus.server.channel import BoundedChannel
from digipoort_wus.server.http import Head, HttpAnswer, http_refusal
from digipoort_wus.server.reactor import Reactor

Judge = Callable[[Head], object]
"""Judges a request by its head; raises a Refusal."""


class BoundedSite(Site):
    """A site whose connections and requests are bounded; speaks HTTP/1.1 only.

    Args:
        judge: judges a request when its head is complete.
        budget: what all clients together may hold.
        count: is told of each refusal here, by its check.
        body_max: returns the octets that a chunked body may have, by the head of its request.

    Attributes:
        told: writes the answer of what a connection is refused for.
        channels: the open connections.
        closing: set when the site is to end: each connection is closed behind its next answer.
    """

    protocol = BoundedChannel  # type: ignore[assignment] # Twisted's own wraps HTTP/2 as well
    displayTracebacks = False  # noqa: N815 - Twisted's interface
    noisy = False

    def __init__(
        self,
        resource: Resource,
        reactor: Reactor,
        judge: Judge,
        budget: Budget | None = None,
        count: Callable[[Check], object] = lambda _: None,
        body_max: Callable[[Head], int] = lambda _: limits.WIRE_MAX_BYTES,
    ) -> None:
        super().__init__(
            resource, requestFactory=BoundedRequest, timeout=limits.IDLE_SECONDS, reactor=reactor
        )
        self.now = reactor.seconds
        self.judge = judge
        self.budget = budget or Budget()
        self.count = count
        self.body_max = body_max
        self.told: Callable[[Refusal], HttpAnswer] = http_refusal
        self.channels: set[BoundedChannel] = set()
        self.closing = False
        self._behind: set[BoundedChannel] = set()
        self._waiting: list[Deferred[None]] = []

    def close_idle(self) -> None:
        """Close every connection on which nothing is under way; the others close by themselves."""
        self.closing = True
        for channel in tuple(self.channels):
            channel.close_if_idle()

    def written(self) -> Deferred[None]:
        """Return a Deferred that fires when no answer waits for a client to read it."""
        if not self._behind:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def fell_behind(self, channel: BoundedChannel) -> None:
        """Note a connection whose client has yet to read."""
        self._behind.add(channel)

    def caught_up(self, channel: BoundedChannel) -> None:
        """Note a connection that was written out, or is gone."""
        self._behind.discard(channel)
        if not self._behind:
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.callback(None)

    def startFactory(self) -> None:  # noqa: N802 - Twisted's interface
        """Open no access log: requests are logged with their outcome, by the resource."""

    def log(self, request: HttpRequest) -> None:
        """Log nothing here."""
