"""Puts the parts together: one running gateway from one configuration."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from uuid import uuid4

from cryptography import x509
from lxml import etree
from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.protocols.tls import TLSMemoryBIOFactory

from digipoort_wus import checks
from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.config import Config, IdentityFiles
from digipoort_wus.contract.services import make_applications
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.filing import Delivery, Filing, ReturnMessage
from digipoort_wus.filing.status import Status
from digipoort_wus.names import SERVICES
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import (
    CachingVerifier,
    VerifiedCertificate,
    trust_store,
    verify_certificate,
)
from digipoort_wus.pki.identity import Identity, load_certificates, load_crls
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import make_pki, write_pki
from digipoort_wus.process.agency import Agency, SandboxAgency
from digipoort_wus.process.api import Caller
from digipoort_wus.process.engine import Engine
from digipoort_wus.process.intake import House
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.scenarios import Scenarios, no_scenarios, sandbox_scenarios
from digipoort_wus.process.service import ProcessService
from digipoort_wus.process.steps import AllowAll, Authoriser, Participants
from digipoort_wus.rules.api import RuleEngine
from digipoort_wus.rules.basic import BasicRules
from digipoort_wus.server.gate import Gate, Opened
from digipoort_wus.server.reactor import Port, Reactor
from digipoort_wus.server.resources import Dispatch, Services, WusResource, to_deferred
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.spyne_host import call
from digipoort_wus.server.tls import ConnectionCreator, TlsTrust, server_context
from digipoort_wus.store.ports import Reader, Selection, Transaction
from digipoort_wus.store.sqlite import open_sqlite
from digipoort_wus.wss.oracle import ENGINES
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SecurityPolicy, without_sha1

_DRAIN_SECONDS = 20
"""How long a stopping gateway waits for answers to be made, and then to be read."""
_READERS = 4


@dataclass(frozen=True, slots=True)
class Materials:
    """Certificates and keys of a gateway, loaded.

    Args:
        tls: identity for TLS connections.
        signing: identity that signs answers.
        authorities: roots and intermediates of clients and signers.
        crls: of each of them.
        acceptance: which certificate policies and OINs are good, test or production.
    """

    tls: Identity
    signing: Identity
    authorities: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...]
    acceptance: profiles.Acceptance


def load_materials(config: Config, clock: Clock = system_clock) -> Materials:
    """Load certificates, keys and CRLs; in a sandbox without any, make a test PKI first.

    Raises:
        ConfigurationError: something is missing or unusable, or a certificate of the
            gateway itself is not good for what it is used for.
    """
    pki = config.pki
    sandbox = config.mode == "sandbox"
    if sandbox and config.ca_file is None and not (pki / "ca.pem").exists():
        write_pki(make_pki("g1", now=clock()), pki)
    materials = Materials(
        tls=(config.tls or _of_pki(config, "gateway-tls")).load(),
        signing=(config.signing or _of_pki(config, "gateway-signing")).load(),
        authorities=load_certificates(config.ca_file or pki / "ca.pem"),
        crls=load_crls(config.crl_dir or pki / "crl"),
        acceptance=profiles.TEST if sandbox else profiles.PRODUCTION,
    )
    _require_good(materials, clock)
    return materials


def _require_good(materials: Materials, clock: Clock) -> None:
    """Refuse to start with certificates that every client would refuse."""
    store = trust_store(materials.authorities, materials.crls, materials.acceptance)
    for name, identity, role in (
        ("TLS", materials.tls, Role.TLS_SERVER),
        ("signing", materials.signing, Role.SIGNER),
    ):
        try:
            verify_certificate(store, identity.certificate, identity.chain, role, clock())
        except Refusal as refusal:
            # A stale CRL is no fault of the certificate, and may be renewed while we run.
            if refusal.check is not checks.PKI_CRL:
                raise ConfigurationError(
                    f"The {name} certificate of the gateway cannot be used: {refusal}."
                ) from refusal


def policy_of(config: Config) -> SecurityPolicy:
    """Return the security policy: SHA-1 in a sandbox, or where the operator gave a reason."""
    if config.mode == "sandbox" or config.unsafe_accept_sha1:
        return DIGIPOORT_1_2
    return without_sha1(DIGIPOORT_1_2)


def new_id() -> str:
    """Return a fresh lower-case UUID."""
    return str(uuid4())


class Gateway:
    """One gateway: it owns its store and its engine, and listens when told to.

    Args:
        config: what the operator set.
        reactor: Twisted's; the gateway never starts or stops it.
        clock: of everything: gate, certificates, statuses, jobs.
        materials: loaded from the configuration when None.
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
        self._materials = materials or load_materials(config, clock)
        # What may fail comes before the store, whose lock would outlive a failure.
        gate = self._gate(clock)
        self._tls = ConnectionCreator(
            server_context(
                self._materials.tls,
                TlsTrust(self._materials.authorities, self._materials.crls),
            ),
            clock,
        )
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
        self._process = _Watched(
            store=self._store,
            house=House(sandbox_routes(), config.autorisatie_adressen),
            clock=clock,
            new_id=new_id,
            executor=self._executor,
            wake=self._runner.wake,
            scenarios=scenarios,
            on_accepted=on_accepted or _ignore,
        )
        gates = dict.fromkeys(SERVICES, gate)
        self._resource = WusResource(Services(gates, _admit, self._dispatch()), reactor)
        self._site = BoundedSite(self._resource, reactor)
        self._ports: list[Port] = []

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
    def port(self) -> int:
        """Return the TCP port, once listening."""
        return self._ports[0].getHost().port

    def start(self) -> None:
        """Start the engine without listening; :meth:`listen` does both."""
        self._runner.start()

    def listen(self) -> None:
        """Start the engine and accept connections.

        Raises:
            ConfigurationError: the address or port cannot be used.
        """
        factory = TLSMemoryBIOFactory(
            cast(IOpenSSLServerConnectionCreator, self._tls),
            False,
            cast(IProtocolFactory, self._site),
            clock=cast(IReactorTime, self._reactor),
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
        self._runner.stop()
        self._executor.shutdown()
        self._store.close()

    def _gate(self, clock: Clock) -> Gate:
        config, materials = self._config, self._materials
        verifier = CachingVerifier(
            trust_store(materials.authorities, materials.crls, materials.acceptance)
        )

        def trust(certificate: x509.Certificate, at: Any) -> VerifiedCertificate:
            return verifier(certificate, (), Role.SIGNER, at)

        return Gate(
            policy=policy_of(config),
            trust=trust,
            identity=materials.signing,
            clock=clock,
            new_message_id=lambda: f"urn:uuid:{new_id()}",
            explain_faults=config.explains,
            origins=config.origins,
            mandates=config.mandates,
            engine=ENGINES[config.signature_engine],
            fault_status=config.fault_status,
            echo_message_id=config.echo_message_id,
        )

    def _dispatch(self) -> Dispatch:
        applications = make_applications(self._process)
        hand_over: Callable[..., object] = self._reactor.callFromThread

        def dispatch(opened: Opened) -> Future[etree._Element]:
            return call(
                applications[opened.service.name],
                opened.body_child,
                opened.caller,
                opened.parts,
                hand_over=hand_over,
            )

        return dispatch


def _admit(_opened: Opened) -> Future[None]:
    """Let everybody in whom the gate let in."""
    future: Future[None] = Future()
    future.set_result(None)
    return future


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


def _of_pki(config: Config, name: str) -> IdentityFiles:
    return IdentityFiles(config.pki / f"{name}.pem", config.pki / f"{name}.key")


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
