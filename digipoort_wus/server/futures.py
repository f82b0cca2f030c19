"""From futures, which any thread resolves, to Deferreds, which belong to the reactor's."""

from concurrent.futures import Future
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.python.threadable import isInIOThread

from digipoort_wus.server.reactor import FromThreads

T = TypeVar("T")


def to_deferred(future: Future[T], reactor: FromThreads) -> Deferred[T]:
    """Return a Deferred that fires in the reactor's thread when the future is done.

    A future that is done already fires at once, without a turn of the reactor.
    """
    deferred: Deferred[T] = Deferred()

    # Not a name of the future itself: it never forgets its callbacks, and such a circle of
    # megabytes would wait for the cycle collector.
    def fire(done: Future[T]) -> None:
        error = done.exception()
        if error is None:
            deferred.callback(done.result())
        else:
            deferred.errback(Failure(error))

    def fire_in_reactor(done: Future[T]) -> None:
        if isInIOThread():
            fire(done)
        else:
            reactor.callFromThread(fire, done)

    if future.done():
        fire(future)
    else:
        future.add_done_callback(fire_in_reactor)
    return deferred
