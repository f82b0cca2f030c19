"""Puts the parts together: one running gateway from one configuration."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast
from uuid import uuid4

from lxml import etree
from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IReactorTime,
)

from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.config import Config
from digipoort_wus.contract.services import make_applications
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Delivery, Filing, ReturnMessage
from digipoort_wus.filing.status import Status
from digipoort_wus.materials import load_materials
from digipoort_wus.names import ECHO_BE, ECHO_BE_S, ENDPOINTS, OPHAAL, SERVICES, Service
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.process.admission import Admission, Seal
from digipoort_wus.process.agency import Agency, SandboxAgency
from digipoort_wus.process.api import Caller
from digipoort_wus.process.authorisation import AuthorisationTable, right_of
from digipoort_wus.process.engine import Engine
from digipoort_wus.process.intake import House
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.scenarios import Scenarios, no_scenarios, sandbox_scenarios
from digipoort_wus.process.service import ProcessService
from digipoort_wus.process.steps import AllowAll, Authoriser, Participants
from digipoort_wus.renewal import Renewal
from digipoort_wus.rules.api import RuleEngine
from digipoort_wus.rules.basic import BasicRules
from digipoort_wus.server.accept import BoundedTls
from digipoort_wus.server.gate import Gate, Opened
from digipoort_wus.server.reactor import Port, Reactor
from digipoort_wus.server.resources import (
    LONG_LIST,
    Dispatch,
    Services,
    WusResource,
    to_deferred,
)
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.spyne_host import call
from digipoort_wus.server.tls import ConnectionCreator
from digipoort_wus.server.trust import CurrentTrust, Materials
from digipoort_wus.server.workers import Workers
from digipoort_wus.store.ports import Reader, Selection, Transaction
from digipoort_wus.store.sqlite import open_sqlite
from digipoort_wus.wss.oracle import ENGINES
from digipoort_wus.wss.policy import DIGIPOORT_1_2, POLICIES, SecurityPolicy, with_pss, without_sha1
from digipoort_wus.xmlsafe.splice import LargeTexts

_DRAIN_SECONDS = 20
"""How long a stopping gateway waits for answers to be made, and then to be read."""
_READERS = 4


def policy_of(config: Config, service: Service) -> SecurityPolicy:
    """Return the security policy of a service, with what the operator may change of it.

    Digipoort: SHA-1 in a sandbox, or where the operator gave a reason, and another HTTP
    status of faults. Digikoppeling: RSASSA-PSS where the operator accepts it.
    """
    policy = POLICIES[service.policy]
    if policy is not DIGIPOORT_1_2:
        return with_pss(policy) if config.accept_pss else policy
    if config.mode != "sandbox" and not config.unsafe_accept_sha1:
        policy = without_sha1(policy)
    return replace(policy, fault_status=config.fault_status)


def new_id() -> str:
    """Return a fresh lower-case UUID."""
    return str(uuid4())


class Gateway:
    """One gateway: it owns its store and its engine, and listens when told to.

    Args:
        config: what the operator set.
        reactor: Twisted's; the gateway never starts or stops it.
        clock: of everything: gate, certificates, statuses, jobs.
        materials: to begin with; loaded from the configuration when None, as they are by a reload.
        rules: validates filings; the basic rules when None.
        agency: takes delivery; the sandbox agency when None.
        authoriser: says who may file what; everybody everything when None.
        scenarios: by aanleverkenmerk; those of the sandbox when None, none in production.
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
        on_accepted: Callable[[Filing], None] | None = None,
    ) -> None:
        self._config = config
        self._reactor = reactor
        # What may fail comes before the store, whose lock would outlive a failure.
        self._trust = CurrentTrust(materials or load_materials(config, clock))
        self._clock = clock
        self._tls = ConnectionCreator(self._trust.context, clock)
        self._store = open_sqlite(config.data_dir)
        self._executor = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        if config.mode == "production":
            scenarios = no_scenarios()
        elif scenarios is None:
            scenarios = sandbox_scenarios()
        engine = Engine(
            store=self._store,
            participants=Participants(
                authoriser=authoriser or AllowAll(),
                rules=rules or BasicRules(),
                agency=agency or SandboxAgency(clock, new_id, scenarios),
            ),
            clock=clock,
            scenarios=scenarios,
        )
        self._runner = Runner(engine.run_due, clock)
        self._admission = Admission(config.authorisations, self._store, clock)
        self._process = _Watched(
            store=self._store,
            house=House(sandbox_routes(), config.autorisatie_adressen),
            clock=clock,
            new_id=new_id,
            executor=self._executor,
            wake=self._runner.wake,
            scenarios=scenarios,
            authorisations=lambda: self._admission.table,
            on_accepted=on_accepted or _ignore,
        )
        # Changed in place by a reload: a request looks its gate up.
        self._gates = self._gates_of(self._trust.materials)
        self._workers = Workers()
        services = Services(self._gates, self._admit, self._dispatch())
        self._resource = WusResource(services, reactor, self._workers)
        self._site = BoundedSite(self._resource, reactor, self._resource.judge)
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
        """Return the addresses of aanlever, statusinformatie and ophaal, once listening."""
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

    def start(self) -> None:
        """Start the engine without listening; :meth:`listen` does both."""
        self._runner.start()
        self._renewal.start()

    def reload(self) -> Future[None]:
        """Load certificates, keys and CRLs anew, and fetch CRLs where that is configured.

        May be called from any thread, once the gateway has started. The future resolves when
        they are in force, and fails with a ConfigurationError when the old ones were kept.
        """
        return self._renewal.soon()

    def listen(self) -> None:
        """Start the engine and accept connections.

        Raises:
            ConfigurationError: the address or port cannot be used.
        """
        factory = BoundedTls(
            cast(IOpenSSLServerConnectionCreator, self._tls), self._site, self._reactor
        )
        self._ports = _listen(self._reactor, self._config.host, self._config.port, factory)
        self.start()

    @inlineCallbacks
    def stop(self) -> Generator[Deferred[Any], Any, None]:
        """Accept no more, finish the answers that are being made, and close the store."""
        for port in self._ports:
            yield maybeDeferred(port.stopListening)
        for finished in (self._resource.drained, self._site.written):
            waiting = finished()
            waiting.addTimeout(_DRAIN_SECONDS, cast(IReactorTime, self._reactor))
            waiting.addErrback(lambda _: None)  # the time is over: what is left is repeated safely
            yield waiting
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

        It is found by whoever filed its kenmerk.
        """

        def work(transaction: Transaction) -> None:
            transaction.offer(message)

        return self._store.write(work)

    def _close(self) -> None:
        self._renewal.stop()
        self._runner.stop()
        self._executor.shutdown()
        self._store.close()

    def _gates_of(self, materials: Materials) -> dict[str, Gate]:
        """Return the gate of each service, whose answers are signed with this material."""
        return {name: self._gate(service, materials.signing) for name, service in ENDPOINTS.items()}

    def _gate(self, service: Service, signing: Identity) -> Gate:
        config = self._config
        return Gate(
            policy=policy_of(config, service),
            trust=self._trust.signer,
            peer_trust=self._trust.peer,
            identity=signing,
            clock=self._clock,
            new_message_id=lambda: f"urn:uuid:{new_id()}",
            explain_faults=config.explains,
            origins=config.origins,
            mandates=config.mandates,
            engine=ENGINES[config.signature_engine],
            echo_message_id=config.echo_message_id and service.name in SERVICES,
            oins=config.oins or frozenset({oin_of(signing.certificate)}),
        )

    def _prepared(self, materials: Materials) -> Callable[[], None]:
        """Return what lets answers be signed with this material, once it is in force."""
        gates = self._gates_of(materials)
        return lambda: self._gates.update(gates)

    def _admit(self, opened: Opened) -> Future[None]:
        """Ask the table of parties, and let a signed question in once."""
        seal = None if opened.signature is None else Seal(opened.signature, opened.valid_until)
        return self._admission.admit(opened.caller, right_of(opened.service), seal)

    def _dispatch(self) -> Dispatch:
        applications = make_applications(self._process)

        def hand_over(service: Service, work: Callable[[], None], rows: int) -> None:
            # What is large is built in a thread: everybody else waits for the reactor.
            if service is OPHAAL or rows >= LONG_LIST:
                self._workers.submit(work)
            else:
                self._reactor.callFromThread(work)

        def dispatch(opened: Opened, texts: LargeTexts) -> Future[etree._Element]:
            return call(
                applications[opened.service.name],
                opened.body_child,
                opened.caller,
                opened.parts,
                texts=texts,
                hand_over=partial(hand_over, opened.service),
            )

        return dispatch


def _ignore(_filing: Filing) -> None:
    """Nobody asked."""


@dataclass(frozen=True, slots=True)
class _Watched(ProcessService):
    """The process, and somebody who is told of what it accepted."""

    on_accepted: Callable[[Filing], None] = _ignore

    def accept(self, caller: Caller, delivery: Delivery) -> Future[Filing]:
        accepted = ProcessService.accept(self, caller, delivery)
        accepted.add_done_callback(self._tell)
        return accepted

    def _tell(self, accepted: Future[Filing]) -> None:
        if not accepted.cancelled() and accepted.exception() is None:
            self.on_accepted(accepted.result())


def _in_url(host: str) -> str:
    # The test certificates are for "localhost", and so are its two addresses.
    if host in ("127.0.0.1", "::1"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _listen(reactor: Reactor, host: str, port: int, factory: object) -> list[Port]:
    bind = partial(reactor.listenTCP, factory=factory, backlog=128)
    try:
        if host != "localhost":
            return [bind(port, interface=host)]
        first = bind(port, interface="127.0.0.1")
    except CannotListenError as error:
        raise ConfigurationError(
            f"Cannot listen on {host} port {port}: {error.socketError}. "
            "Choose another port; 0 takes a free one."
        ) from error
    try:
        # Some clients try ::1 first and give up there.
        return [first, bind(first.getHost().port, interface="::1")]
    except CannotListenError:
        return [first]
