"""An example agency that is reached over ebMS: it takes filings, confirms and judges them.

How messages come and go is the message service; what is done with them is in
:mod:`~digipoort_wus.delivery.agency_desk`; the verdict is told over WUS, by zetStatus.
"""

from collections.abc import Mapping
from time import monotonic
from types import MappingProxyType

from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.config import Config
from digipoort_wus.delivery.agency_desk import AgencyDesk
from digipoort_wus.delivery.example import Conduct
from digipoort_wus.delivery.inbox import Inbox
from digipoort_wus.delivery.messenger import Messenger
from digipoort_wus.delivery.reporting import Reporting
from digipoort_wus.ebms.cpa_finding import Finding
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.filing.filing import Delivery
from digipoort_wus.messaging.posting import HttpReply
from digipoort_wus.peering import Peer
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.service import do_nothing
from digipoort_wus.server.ebms import Receive
from digipoort_wus.server.ebms_faults import Faults
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.store.ebms_values import Quirk


class EbmsExampleAgency:
    """One agency behind a message service of its own.

    Args:
        config: as of a gateway with ebMS: its certificates, where it keeps messages, and where it
            listens.
        inbox: what it took before; closed at the end.
        gateway_oin: of the gateway that delivers.
        reporting: the way to the gateway; None keeps every verdict to itself.
        conduct: how it misbehaves.
        reactor: Twisted's; the agency never starts or stops it.
        clock: of everything.

    Raises:
        ConfigurationError: certificates or a directory cannot be used.
    """

    def __init__(
        self,
        config: Config,
        inbox: Inbox,
        gateway_oin: str,
        *,
        reporting: Reporting | None,
        conduct: Conduct,
        reactor: Reactor,
        clock: Clock = system_clock,
    ) -> None:
        self._inbox = inbox
        self._messenger = None if reporting is None else Messenger(inbox, reporting, conduct, clock)
        self.peer = Peer(config, _Down(conduct), reactor=reactor, clock=clock)
        corresponding = self.peer.corresponding
        self._desk = AgencyDesk(
            corresponding.service,
            corresponding.backend,
            inbox,
            corresponding.deliveries.sender,
            gateway_oin,
            conduct,
            clock,
            do_nothing if self._messenger is None else self._messenger.wake,
        )
        runner = self._runner = Runner(self._desk.run_due, clock, name="agency-desk")
        corresponding.service.on_change(lambda _: runner.wake())
        self.peer.at_end.append(self._end)

    @property
    def url(self) -> str:
        """Return where it takes messages, once listening."""
        return self.peer.url

    def agree(
        self,
        octets: bytes,
        urls: Mapping[str, str] = MappingProxyType({}),
        quirks: Mapping[str, Quirk] = MappingProxyType({}),
    ) -> tuple[Finding, ...]:
        """Put an agreement with the gateway to use, and return its warnings.

        Raises:
            ConfigurationError: it cannot be used, or is not one of this agency.
        """
        return self.peer.add(octets, urls, quirks)

    def file(self, octets: bytes, delivery: Delivery) -> str:
        """File something under an agreement that is in use, and return the MessageId.

        Args:
            octets: of the agreement.
            delivery: what; one of each aanleverkenmerk is filed, however often this is called.

        Raises:
            ConfigurationError: the agreement does not allow that.
        """
        return self._desk.file(read_agreement(octets).cpa_id, delivery)

    def listen(self) -> None:
        """Take messages, and say to the gateway what it has not heard yet.

        Raises:
            ConfigurationError: the address or port cannot be used.
        """
        self.peer.listen()
        self._runner.start()
        if self._messenger is not None:
            self._messenger.start()

    def _end(self) -> None:
        self._runner.stop()
        if self._messenger is not None:
            self._messenger.stop()
        self._inbox.close()


class _Down(Faults):
    """Nothing goes wrong but what the conduct says: for a while every message gets 503."""

    def __init__(self, conduct: Conduct) -> None:
        super().__init__(())
        self._conduct = conduct
        self._began = monotonic()

    def receiving(self, receive: Receive) -> Receive:
        """Return what receives, or answers 503 as long as it is told to."""

        def received(inbound: Inbound) -> HttpReply:
            if monotonic() - self._began < self._conduct.down_for:
                return HttpReply(503)
            return receive(inbound)

        return received
