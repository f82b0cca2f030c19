"""What goes over HTTP and what comes back; who has the sockets gives a :class:`Post`."""

from dataclasses import dataclass, field
from typing import Protocol

from cryptography import x509

from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.ebms.partners import Partner
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.errors import DigipoortError


class NoAnswer(DigipoortError):
    """Nothing came back, or nothing that is HTTP; the text is technical, for the log."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An HTTP answer: one that we give, or one that came.

    Args:
        status: of it.
        content_type: value of the header, empty without one.
        body: all of it.
        peer: the verified certificate of the server that gave it; None for our own.
    """

    status: int
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    peer: x509.Certificate | None = field(default=None, repr=False)


EMPTY = HttpReply(204)
"""It was taken, and there is nothing to say now (Digikoppeling ebMS2 3.3.2)."""


class Post(Protocol):
    """Posts a package to a partner over mutual TLS; for any thread, it blocks."""

    def __call__(
        self, url: str, package: WrittenPackage, partner: Partner, terms: Terms
    ) -> HttpReply:
        """Return what was answered.

        Args:
            url: where to.
            package: its content is read as often as this needs it.
            partner: to whom.
            terms: of the message; they name the certificates of the server.

        Raises:
            NoAnswer: nothing came back, and it may have arrived.
        """


@dataclass(frozen=True, slots=True)
class Once:
    """A signal that nobody keeps, to be posted one time: a pong, say.

    Args:
        package: the signal.
        partner: for whom.
        terms: of signals to it, with its URL.
        message_id: of the signal.
    """

    package: WrittenPackage
    partner: Partner
    terms: Terms
    message_id: str


class Mailroom(Protocol):
    """Who posts: the outbox, as far as the service knows it."""

    def wake(self) -> None:
        """Look for what is due now; from any thread."""

    def once(self, signal: Once) -> None:
        """Post a signal soon, in another thread; what becomes of it is only logged."""
