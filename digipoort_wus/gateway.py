"""Puts the parts together: one running gateway from one configuration."""

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IReactorTime,
)
from twisted.internet.task import deferLater
from twisted.logger import Logger

from digipoort_wus.authorising import authoriser_of
from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.config import Config
from digipoort_wus.corresponding import Corresponding
from digipoort_wus.delivery.dispatch import Dispatcher, ways_to
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidencing import Evidencing, load_stamps
from digipoort_wus.filing.filing import Filing, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.status import Status
from digipoort_wus.gates import new_id
from digipoort_wus.materials import complete, load_materials
from digipoort_wus.names import ECHO_BE, ECHO_BE_S, SERVICES, Service
from digipoort_wus.operating import Operating
from digipoort_wus.process.admission import Admission
from digipoort_wus.process.agency import Agency, SandboxAgency
from digipoort_wus.process.authorisation import AuthorisationTable
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.intake import House
from digipoort_wus.process.queries import all_statuses
from digipoort_wus.process.routes import CurrentRoutes, Routes, destinations_of
from digipoort_wus.process.scenarios import Scenarios, no_scenarios, sandbox_scenarios
from digipoort_wus.process.steps import Authoriser, Participants
from digipoort_wus.process.validations import warnings_about
from digipoort_wus.process.validators import beside
from digipoort_wus.process.writing import write_message
from digipoort_wus.processing import (
    WatchedService,
    authority_of,
    one_agency,
    tell_nobody,
    works_of,
)
from digipoort_wus.purging import Purges
from digipoort_wus.renewal import Renewal
from digipoort_wus.rules.api import RuleEngine
from digipoort_wus.server.accept import BoundedTls
from digipoort_wus.server.control import Control
from digipoort_wus.server.ebms import Served
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.gauges import InFlight
from digipoort_wus.server.listening import in_url, listen_on
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.reactor import Port, Reactor
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.tls import ConnectionCreator
from digipoort_wus.server.trust import CurrentTrust, Materials
from digipoort_wus.serving import Serving
from digipoort_wus.store.ports import StoreFailed
from digipoort_wus.stores import open_store
from digipoort_wus.validating import Validation

_DRAIN_SECONDS = 20
"""How long a stopping gateway waits for answers to be made, and then to be read."""
_READERS = 4

_log = Logger(namespace="digipoort_wus")


class Gateway:
    """One gateway: it owns its store and its engine, and listens when told to.

    Args:
        config: what the operator set.
        reactor: Twisted's; the gateway never starts or stops it.
        clock: of everything: gate, certificates, statuses, jobs.
        materials: to begin with, those of agencies included; loaded from the configuration when
            None, as they are by a reload.
        rules: validates filings; when None, the engine that the configuration names.
        agency: takes every delivery; when None, the agency that the configuration names for a
            berichtsoort, or the sandbox's.
        authoriser: says who may file what; when None, whom the configuration names for the
            ``autorisatieAdres`` of a filing.
        scenarios: by aanleverkenmerk; those of the sandbox when None, none in production.
        policies: how failures of the steps are retried.
        on_accepted: called with every accepted filing, after its commit, in another thread.

    Raises:
        ConfigurationError: certificates or data directory cannot be used.
    """

    def __init__(
        self,
        config: Config,
        *,
        reactor: Reactor,
        clock: Clock = system_clock,
        materials: Materials | None = None,
        rules: RuleEngine | None = None,
        agency: Agency | None = None,
        authoriser: Authoriser | None = None,
        scenarios: Scenarios | None = None,
        policies: Policies | None = None,
        on_accepted: Callable[[Filing], None] | None = None,
    ) -> None:
        self._config = config
        self._reactor = reactor
        # What may fail comes before the store, whose lock would outlive a failure.
        asked = authoriser_of(config, authoriser)
        self._trust = CurrentTrust(complete(config, materials or load_materials(config, clock)))
        self._clock = clock
        self._tls = ConnectionCreator(self._trust.context, clock)
        self._routes = CurrentRoutes(config.routing)
        self._metrics = metrics = Metrics(destinations_of(self._routes))
        stamps = load_stamps(config)
        self._rules = Validation(None if config.role == "front" else config.rules, rules)
        try:
            storage = open_store(config, metrics.committed)
        except BaseException:
            self._rules.close()
            raise
        self._store = storage.store
        self._ebms: Corresponding | None = None
        try:
            if config.ebms is not None:
                self._ebms = Corresponding(config, self._store, self._trust, clock, metrics)
            ways = ways_to(
                *(config.agencies, self._trust.credentials, clock, self._warnings),
                None if self._ebms is None else self._ebms.deliveries,
            )
        except BaseException:
            self._rules.close()
            self._store.close()
            raise
        self._store.look_after()
        self._executor = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        if config.mode == "production":
            scenarios = no_scenarios()
        scenarios = sandbox_scenarios() if scenarios is None else scenarios
        self._operating = Operating(
            config, self._store, self._trust, clock, reactor=reactor, metrics=metrics
        )
        self._dispatcher = Dispatcher(self._routes, ways, SandboxAgency(clock, new_id, scenarios))
        self._runner = works_of(
            config,
            storage,
            clock,
            participants=Participants(asked, self._rules, agency or self._dispatcher),
            policies=policies or Policies(),
            scenarios=scenarios,
            watcher=metrics,
            destination=self._dispatcher.destination_of if agency is None else one_agency,
            authority=authority_of(config, authoriser),
            judges=beside(self._rules.is_slow),
        )
        self._evidencing = Evidencing(
            config, self._store, lambda: self._trust.materials.signing, clock, metrics, stamps
        )
        self._admission = Admission(config.authorisations, self._store, clock)
        self._process = WatchedService(
            store=self._store,
            house=House(self._routes, config.authorisation_services),
            clock=clock,
            new_id=new_id,
            executor=self._executor,
            wake=self._runner.wake,
            scenarios=scenarios,
            authorisations=lambda: self._admission.table,
            on_accepted=on_accepted or tell_nobody,
        )
        if self._ebms is not None:
            self._ebms.take_filings(self._process, self._process.house, self._runner.wake)
        self._serving = Serving(
            *(config, self._process, self._admission, self._ebms),
            trust=self._trust,
            clock=clock,
            reactor=reactor,
            metrics=metrics,
            creator=self._tls,
            require_room=self._operating.disk.require_room,
        )
        served, self._applications = self._serving.resource, self._serving.applications
        self._site = BoundedSite(
            served, reactor, served.judge, count=metrics.refused, body_max=served.body_max
        )
        self._purges = Purges(
            *(self._store, config.retention, clock, metrics.purged, metrics.ebms_forgotten)
        )
        self._control = Control(
            config.data_dir,
            self._store,
            clock,
            self._runner.wake,
            self._evidencing.orders,
            {**self._purges.tasks, **(self._ebms.orders.tasks if self._ebms else {})},
        )
        self._renewal = Renewal(config, self._trust, self._serving.prepared, clock)
        self._ports: list[Port] = []

    @property
    def config(self) -> Config:
        """Return what the gateway was started with."""
        return self._config

    @property
    def resource(self) -> Served:
        """Return the services as a Twisted resource, to mount in a site of one's own."""
        return self._serving.resource

    @property
    def ebms(self) -> Corresponding | None:
        """Return the message handler of ebMS, None where the configuration names none."""
        return self._ebms

    @property
    def urls(self) -> tuple[str, ...]:
        """Return the addresses of aanlever, statusinformatie and ophaal; a worker has none."""
        if self._config.role == "worker":
            return ()
        return self._addresses(SERVICES.values())

    @property
    def echo_urls(self) -> tuple[str, ...]:
        """Return the addresses of Echo, of 2W-be and of 2W-be-S, once listening."""
        return self._addresses((ECHO_BE, ECHO_BE_S))

    @property
    def port(self) -> int:
        """Return the TCP port, once listening."""
        return self._ports[0].getHost().port

    @property
    def admin_url(self) -> str | None:
        """Return the address of health checks and metrics, None when there are none."""
        return self._operating.url

    @property
    def applications_url(self) -> str | None:
        """Return the address at which applications ask about ebMS, None when there is none."""
        return None if self._applications is None else self._applications.url

    @property
    def failure(self) -> StoreFailed | None:
        """Return why nothing is stored any more until a restart, None while the store works."""
        return self._store.failure

    def start(self) -> None:
        """Start the engine without listening; :meth:`listen` does both."""
        self._runner.start()
        if self._config.role != "front":
            self._evidencing.start()
            self._purges.start()
        self._renewal.start()
        if self._ebms is not None:
            self._ebms.start()
        if not self._config.store_url:
            self._control.start()

    def reload(self) -> Future[None]:
        """Load certificates, keys and CRLs anew, and fetch CRLs where that is configured.

        May be called from any thread, once the gateway has started. The future resolves when
        they are in force, and fails with a ConfigurationError when the old ones were kept.
        """
        return self._renewal.soon()

    def reload_rules(self) -> Future[None]:
        """Take the rule sets as they are now, without stopping; from any thread.

        The future fails with a ConfigurationError when the old ones were kept.
        """
        return self._rules.reload()

    def listen(self) -> None:
        """Start the engine and accept connections, as far as this is the role.

        Raises:
            ConfigurationError: the address or port cannot be used.
        """
        factory = BoundedTls(
            cast(IOpenSSLServerConnectionCreator, self._tls),
            self._site,
            self._reactor,
            metrics=self._operating.metrics,
        )
        if self._config.role != "worker":
            self._ports = listen_on(self._reactor, self._config.host, self._config.port, factory)
        try:
            self._operating.listen(self._in_flight, self._engine_trouble(), self._rules.figures)
            if self._applications is not None:
                self._applications.listen()
        except ConfigurationError:
            for port in self._ports:
                port.stopListening()
            raise
        self.start()

    @inlineCallbacks
    def stop(self) -> Generator[Deferred[Any], Any, None]:
        """Accept no more, finish the answers that are being made, and close the store.

        For ``drain_seconds`` it says that it is not ready and closes each connection behind
        its next answer; then it takes no connection any more.
        """
        self._operating.drain()
        self._site.closing = True
        _log.info("the gateway stops: it says that it is not ready", event="draining")
        if self._config.drain_seconds and self.failure is None and self._ports:
            yield deferLater(cast(IReactorTime, self._reactor), self._config.drain_seconds)
        for port in self._ports:
            yield maybeDeferred(port.stopListening)
        self._site.close_idle()
        if self._applications is not None:
            self._applications.end()
        draining = self._serving.draining
        for finished in (*(each.drained for each in draining), self._site.written):
            waiting = finished()
            waiting.addTimeout(_DRAIN_SECONDS, cast(IReactorTime, self._reactor))
            waiting.addErrback(lambda _: None)  # the time is over: what is left is repeated safely
            yield waiting
            for each in draining:
                each.closed = True
        yield self._operating.stop()
        # The reactor must turn while the threads end: they may be handing answers over.
        closing = ThreadPoolExecutor(1, thread_name_prefix="gateway-stop")
        future: Future[None] = closing.submit(self._close)
        yield to_deferred(future, self._reactor)
        closing.shutdown(wait=False)

    def authorise(self, table: AuthorisationTable) -> None:
        """Put another table of parties and mailbox mandates into force, for what comes from now on.

        In the reactor's thread.
        """
        self._admission.table = table

    def reroute(self, routes: Routes) -> None:
        """Put other routes into force, for what comes and what is delivered from now on.

        Args:
            routes: to agencies of the configuration that the gateway was started with.
        """
        self._routes.replace(routes)
        self._metrics.rename(destinations_of(routes))

    def wake(self) -> None:
        """Look for work that is due now; needed after a turn of the clock only."""
        self._runner.wake()

    def statuses(self, kenmerk: str) -> tuple[Status, ...]:
        """Return the statuses of a process, in order, for the operator: no query is counted.

        Empty for an unknown kenmerk.
        """
        return self._store.read(lambda reader: all_statuses(reader, kenmerk))

    def offer(self, message: ReturnMessage) -> Future[None]:
        """Put a message into the mailbox of its belanghebbende; resolves after the commit.

        It is found by whoever filed its kenmerk. The same message again changes nothing. Raises
        NotSendable for one that no answer can hold.
        """
        return write_message(self._store, self._executor, message, self._clock())

    def _warnings(self, filing: Filing) -> Sequence[Finding]:
        return warnings_about(self._store, filing)

    def _engine_trouble(self) -> Callable[[], str] | None:
        if self._config.role == "front":
            return None
        return lambda: self._runner.trouble or ("" if self._ebms is None else self._ebms.trouble)

    def _in_flight(self) -> InFlight:
        site = self._site
        busy = sum(each.busy for each in self._serving.draining)
        return InFlight(busy, site.budget.octets, len(site.channels))

    def _close(self) -> None:
        self._control.stop()
        self._renewal.stop()
        if self._ebms is not None:
            self._ebms.stop()
        self._runner.stop()
        self._rules.close()
        self._evidencing.stop()
        self._purges.stop()
        self._dispatcher.close()
        self._executor.shutdown()
        self._store.close()

    def _addresses(self, services: Iterable[Service]) -> tuple[str, ...]:
        host = self._config.host
        # The test certificates are for "localhost", and so are its two addresses.
        name = "localhost" if host in ("127.0.0.1", "::1") else in_url(host)
        return tuple(f"https://{name}:{self.port}{service.paths[0]}" for service in services)
