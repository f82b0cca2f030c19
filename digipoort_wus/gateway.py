"""Puts the parts together: one running gateway from one configuration."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, cast

from lxml import etree
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
from digipoort_wus.contract.services import make_applications
from digipoort_wus.delivery.dispatch import Dispatcher, ways_to
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidencing import Evidencing, load_stamps
from digipoort_wus.filing.filing import Filing, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.status import Status
from digipoort_wus.gates import gates_of, new_id
from digipoort_wus.materials import complete, load_materials
from digipoort_wus.names import ECHO_BE, ECHO_BE_S, OPHAAL, SERVICES, Service
from digipoort_wus.operating import Operating
from digipoort_wus.process.admission import Admission, Seal
from digipoort_wus.process.agency import Agency, SandboxAgency
from digipoort_wus.process.authorisation import AuthorisationTable, right_of
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.intake import House
from digipoort_wus.process.later import Later
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
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.gate import Opened
from digipoort_wus.server.gauges import InFlight
from digipoort_wus.server.listening import in_url, listen_on
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.reactor import Port, Reactor
from digipoort_wus.server.resources import LONG_LIST, WusResource
from digipoort_wus.server.services import Dispatch, Services
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.spyne_host import call
from digipoort_wus.server.tls import ConnectionCreator
from digipoort_wus.server.trust import CurrentTrust, Materials
from digipoort_wus.server.workers import Workers
from digipoort_wus.store.ports import Reader, Selection, StoreFailed
from digipoort_wus.stores import open_store
from digipoort_wus.validating import Validation
from digipoort_wus.wss.sign import LIFETIME
from digipoort_wus.xmlsafe.splice import LargeTexts

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
        ways = ways_to(config.agencies, self._trust.credentials, clock, self._warnings)
        self._metrics = metrics = Metrics(destinations_of(self._routes))
        stamps = load_stamps(config)
        self._rules = Validation(None if config.role == "front" else config.rules, rules)
        try:
            storage = open_store(config, metrics.committed)
        except BaseException:
            self._rules.close()
            raise
        self._store = storage.store
        self._store.look_after()
        self._executor = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        if config.mode == "production":
            scenarios = no_scenarios()
        elif scenarios is None:
            scenarios = sandbox_scenarios()
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
        # Changed in place by a reload: a request looks its gate up.
        self._gates = gates_of(config, self._trust, clock)
        self._workers = Workers()
        services = Services(
            self._gates,
            self._admit,
            self._dispatch(),
            self._operating.disk.require_room,
            self._keep_answer,
        )
        self._resource = WusResource(services, reactor, self._workers, metrics)
        self._site = BoundedSite(
            self._resource, reactor, self._resource.judge, count=metrics.refused
        )
        self._purges = Purges(self._store, config.retention, clock, metrics.purged)
        self._control = Control(
            config.data_dir,
            self._store,
            clock,
            self._runner.wake,
            self._evidencing.orders,
            self._purges.tasks,
        )
        self._renewal = Renewal(config, self._trust, self._prepared, clock)
        self._ports: list[Port] = []

    @property
    def config(self) -> Config:
        """Return what the gateway was started with."""
        return self._config

    @property
    def resource(self) -> WusResource:
        """Return the services as a Twisted resource, to mount in a site of one's own."""
        return self._resource

    @property
    def urls(self) -> tuple[str, ...]:
        """Return the addresses of aanlever, statusinformatie and ophaal; a worker has none."""
        if self._config.role == "worker":
            return ()
        base = f"https://{_in_url(self._config.host)}:{self.port}"
        return tuple(base + service.paths[0] for service in SERVICES.values())

    @property
    def echo_urls(self) -> tuple[str, ...]:
        """Return the addresses of Echo, of 2W-be and of 2W-be-S, once listening."""
        base = f"https://{_in_url(self._config.host)}:{self.port}"
        return tuple(base + service.paths[0] for service in (ECHO_BE, ECHO_BE_S))

    @property
    def port(self) -> int:
        """Return the TCP port, once listening."""
        return self._ports[0].getHost().port

    @property
    def admin_url(self) -> str | None:
        """Return the address of health checks and metrics, None when there are none."""
        return self._operating.url

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
        for finished in (self._resource.drained, self._site.written):
            waiting = finished()
            waiting.addTimeout(_DRAIN_SECONDS, cast(IReactorTime, self._reactor))
            waiting.addErrback(lambda _: None)  # the time is over: what is left is repeated safely
            yield waiting
            self._resource.closed = True
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

        def work(reader: Reader) -> tuple[Status, ...]:
            filings = reader.filings_of(kenmerk)
            if not filings:
                return ()
            rows = reader.statuses(Selection(filings[0].sender, kenmerk=kenmerk))
            return tuple(row.status for row in rows)

        return self._store.read(work)

    def offer(self, message: ReturnMessage) -> Future[None]:
        """Put a message into the mailbox of its belanghebbende; resolves after the commit.

        It is found by whoever filed its kenmerk. The same message again changes nothing. Raises
        NotSendable for one that no answer can hold.
        """
        return write_message(self._store, self._executor, message, self._clock())

    def _warnings(self, filing: Filing) -> Sequence[Finding]:
        return warnings_about(self._store, filing)

    def _engine_trouble(self) -> Callable[[], str] | None:
        return None if self._config.role == "front" else lambda: self._runner.trouble

    def _in_flight(self) -> InFlight:
        site = self._site
        return InFlight(self._resource.busy, site.budget.octets, len(site.channels))

    def _close(self) -> None:
        self._control.stop()
        self._renewal.stop()
        self._runner.stop()
        self._rules.close()
        self._evidencing.stop()
        self._purges.stop()
        self._dispatcher.close()
        self._executor.shutdown()
        self._store.close()

    def _prepared(self, materials: Materials) -> Callable[[], None]:
        """Return what lets answers be signed with this material, once it is in force."""
        gates = gates_of(self._config, self._trust, self._clock, materials.signing)
        return lambda: self._gates.update(gates)

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


def _in_url(host: str) -> str:
    # The test certificates are for "localhost", and so are its two addresses.
    return "localhost" if host in ("127.0.0.1", "::1") else in_url(host)
