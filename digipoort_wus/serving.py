"""What one gateway serves: who is let in, what a request does, and what is kept of it."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from lxml import etree

from digipoort_wus.clock import Clock
from digipoort_wus.config import Config
from digipoort_wus.contract.services import make_applications
from digipoort_wus.corresponding import Corresponding
from digipoort_wus.gates import gates_of
from digipoort_wus.names import OPHAAL, Service
from digipoort_wus.process.admission import Admission, Seal
from digipoort_wus.process.authorisation import right_of
from digipoort_wus.process.later import Later
from digipoort_wus.process.service import ProcessService
from digipoort_wus.server.backend import BackendPort, BackendResource
from digipoort_wus.server.ebms import EbmsResource, Served, WithEbms
from digipoort_wus.server.gate import Opened
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.server.resources import LONG_LIST, WusResource
from digipoort_wus.server.services import Dispatch, Services
from digipoort_wus.server.spyne_host import call
from digipoort_wus.server.tls import ConnectionCreator
from digipoort_wus.server.trust import CurrentTrust, Materials
from digipoort_wus.server.workers import Workers
from digipoort_wus.wss.sign import LIFETIME
from digipoort_wus.xmlsafe.splice import LargeTexts


class Serving:
    """The services over WUS and, where it is configured, ebMS, as one Twisted resource.

    Args:
        config: what the operator set.
        process: does what is asked.
        admission: asks the table of parties, and lets a signed question in once.
        ebms: the message handler; None where the configuration names none.
        trust: certificates and keys in force.
        clock: of receipt and of signing.
        reactor: answers in its thread.
        metrics: counts.
        creator: makes TLS connections with the gateway's certificate.
        require_room: raises a Refusal while nothing can be kept.
    """

    def __init__(
        self,
        config: Config,
        process: ProcessService,
        admission: Admission,
        ebms: Corresponding | None,
        *,
        trust: CurrentTrust,
        clock: Clock,
        reactor: Reactor,
        metrics: Metrics,
        creator: ConnectionCreator,
        require_room: Callable[[], None],
    ) -> None:
        self._config = config
        self._process = process
        self._admission = admission
        self._ebms = ebms
        self._trust = trust
        self._clock = clock
        self._reactor = reactor
        # Changed in place by a reload: a request looks its gate up.
        self._gates = gates_of(config, trust, clock)
        self._workers = Workers()
        services = Services(
            self._gates, self._admit, self._dispatch(), require_room, self._keep_answer
        )
        wus = WusResource(services, reactor, self._workers, metrics)
        self.resource: Served = wus
        """Answers what comes to the gateway's port."""
        self.applications: BackendPort | None = None
        """Where applications ask about ebMS; None where there is no such port."""
        self.draining: list[WusResource | EbmsResource | BackendResource] = [wus]
        """What makes answers, and may be waited for."""
        if ebms is None:
            return
        handler = ebms.resource(reactor, lambda: admission.table, require_room)
        self.resource = WithEbms(wus, handler)
        self.draining.append(handler)
        self.applications = ebms.applications(reactor, creator, require_room)
        if self.applications is not None:
            self.draining.append(self.applications.resource)

    def prepared(self, materials: Materials) -> Callable[[], None]:
        """Return what lets answers be signed with this material, once it is in force.

        Raises:
            ConfigurationError: a file cannot be used.
        """
        gates = gates_of(self._config, self._trust, self._clock, materials.signing)
        identified = None if self._ebms is None else self._ebms.prepared(materials)

        def put_in_force() -> None:
            self._gates.update(gates)
            if identified is not None:
                identified()

        return put_in_force

    def _admit(self, opened: Opened) -> Future[None]:
        """Ask the table of parties, and let a signed question in once."""
        seal = None if opened.signature is None else Seal(opened.signature, opened.valid_until)
        return self._admission.admit(opened.caller, right_of(opened.service), seal)

    def _keep_answer(self, opened: Opened, octets: bytes) -> Future[bytes]:
        """Keep the answer to a filing, which is signed a moment ago."""
        return self._process.answered(opened.caller, octets, self._clock() + LIFETIME)

    def _dispatch(self) -> Dispatch:
        applications = make_applications(self._process)

        def hand_over(service: Service, work: Callable[[], None], rows: int) -> None:
            # What is large is built in a thread: everybody else waits for the reactor.
            if service is OPHAAL or rows >= LONG_LIST:
                self._workers.submit(work)
            else:
                self._reactor.callFromThread(work)

        def dispatch(opened: Opened, texts: LargeTexts, later: Later) -> Future[etree._Element]:
            return call(
                applications[opened.service.name],
                opened.body_child,
                opened.caller,
                opened.parts,
                texts=texts,
                hand_over=partial(hand_over, opened.service),
                later=later,
            )

        return dispatch
