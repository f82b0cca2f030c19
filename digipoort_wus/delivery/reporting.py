"""What an agency says to the gateway afterwards: a verdict, and a message for the mailbox."""

from collections.abc import Callable

from lxml import etree

from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.delivery.connection import NoAnswer, Timeouts
from digipoort_wus.delivery.exchange import Credentials, Exchange, Peer, Request
from digipoort_wus.delivery.messages import Verdict, aanbied_request, zet_status_request
from digipoort_wus.filing.filing import ReturnMessage
from digipoort_wus.names import AANBIED, ZET_STATUS
from digipoort_wus.wss.policy import SUITE_SHA256, Suite


class Reporting:
    """An agency's way to one gateway; for any thread.

    Whoever repeats a message says the same under the same wsa:MessageID, and the gateway takes
    it once. Every method raises what :meth:`Exchange.ask` does.

    Args:
        base: URL of the gateway, such as ``https://localhost:8443``.
        oin: of the gateway.
        credentials: returns those in force.
        clock: the time of signing, and of judging certificates.
        suite: algorithms of requests; answers are signed alike.
        timeouts: how long to wait.

    Raises:
        ConfigurationError: the URL is none.
    """

    def __init__(
        self,
        base: str,
        oin: str,
        credentials: Callable[[], Credentials],
        *,
        clock: Clock = system_clock,
        suite: Suite = SUITE_SHA256,
        timeouts: Timeouts | None = None,
    ) -> None:
        stem = base.rstrip("/")
        self._zet_status, self._aanbieden = (
            Exchange(
                service,
                Peer(stem + service.paths[0], oin),
                credentials,
                clock=clock,
                suite=suite,
                timeouts=timeouts,
            )
            for service in (ZET_STATUS, AANBIED)
        )

    def report(self, verdict: Verdict, message_id: str) -> None:
        """Report a verdict (``zetStatus``)."""
        request = Request(ZET_STATUS.operations[0], zet_status_request(verdict), message_id)
        said = self._zet_status.ask(request).body_child
        _require_same(said, ("kenmerk", verdict.kenmerk), ("statuscode", verdict.code))

    def offer(self, message: ReturnMessage, message_id: str) -> None:
        """Offer a message for the mailbox of its belanghebbende (``aanbieden``)."""
        request = Request(AANBIED.operations[0], aanbied_request(message), message_id)
        said = self._aanbieden.ask(request).body_child
        _require_same(
            said, ("kenmerk", message.kenmerk), ("berichtkenmerk", message.berichtkenmerk)
        )

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._zet_status.close()
        self._aanbieden.close()


def _require_same(said: etree._Element, *pairs: tuple[str, str]) -> None:
    for name, expected in pairs:
        if " ".join((said.findtext(f"{{*}}{name}") or "").split()) != expected:
            raise NoAnswer(f"the answer is about another {name}")
