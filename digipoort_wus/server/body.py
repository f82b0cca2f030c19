"""The body of a request on its way in: in memory, counted, and given back when it is done."""

from io import BytesIO
from typing import Protocol, cast

from twisted.python.failure import Failure
from twisted.web.server import Request

from digipoort_wus.server.budget import Share


class _Channel(Protocol):
    refused: bool

    def new_share(self) -> Share: ...

    def refuse_busy(self) -> None: ...


class BoundedRequest(Request):
    """A request whose body stays in memory, and is counted in what all may hold."""

    received = 0
    """Octets of the body so far."""
    _share: Share | None = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's interface
        """Keep the body off the disk: it is bounded, and it is somebody's tax return."""
        self.content = BytesIO()
        # Twisted would read a form in it, of any size, before anybody refuses it.
        self._parsePOSTFormSubmission = False

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's interface
        """Take a piece of the body, if there is room for it."""
        channel = cast(_Channel, self.channel)
        if channel.refused:  # the rest of what came together with the piece too many
            return
        if self._share is None:
            self._share = channel.new_share()
        self.received += len(data)
        if not self._share.take(len(data)):
            channel.refuse_busy()
            return
        super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def is_complete(self) -> None:
        """Keep what is held: the request will be answered."""
        if self._share is not None:
            self._share.keep()

    def hand_over_share(self) -> Share:
        """Return what the request holds; the caller gives it back when its work is done."""
        share = self._share or cast(_Channel, self.channel).new_share()
        share.keep()
        self._share = None
        return share

    def forget(self) -> None:
        """Let go of the body, and give back what was held for it."""
        self.content = BytesIO()
        if self._share is not None:
            self._share.close()
            self._share = None

    def finish(self) -> None:
        """End the answer; what nobody took over is given back."""
        self.forget()
        super().finish()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's interface
        """Give back what was held: the client is gone."""
        self.forget()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
