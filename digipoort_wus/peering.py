"""The other party of an agreement: a message handler of its own that misbehaves on command."""

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any, cast

from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator

from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.config import Config
from digipoort_wus.corresponding import Corresponding
from digipoort_wus.ebms.cpa_finding import Finding
from digipoort_wus.materials import load_materials
from digipoort_wus.server.accept import BoundedTls
from digipoort_wus.server.ebms import EbmsResource
from digipoort_wus.server.ebms_faults import Faults
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.listening import listen_on
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.reactor import Port, Reactor
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.tls import ConnectionCreator
from digipoort_wus.server.trust import CurrentTrust
from digipoort_wus.server.workers import Workers
from digipoort_wus.store.ebms_values import Quirk
from digipoort_wus.stores import open_store


class Peer:
    """One message handler, without the services of WUS; it owns its store.

    Args:
        config: as of a gateway with ebMS.
        faults: what it does wrong.
        reactor: Twisted's; the peer never starts or stops it.
        clock: of everything.

    Raises:
        ConfigurationError: certificates or data directory cannot be used.
    """

    def __init__(
        self, config: Config, faults: Faults, *, reactor: Reactor, clock: Clock = system_clock
    ) -> None:
        self._config = config
        self._faults = faults
        self._reactor = reactor
        self._trust = CurrentTrust(load_materials(config, clock))
        self._tls = ConnectionCreator(self._trust.context, clock)
        self._store = open_store(config).store
        self.corresponding = Corresponding(
            config, self._store, self._trust, clock, Metrics(), through=faults.posting
        )
        self._resource: EbmsResource = self.corresponding.resource(
            reactor, lambda: config.authorisations, lambda: None, through=faults.receiving
        )
        self._site = BoundedSite(
            self._resource, reactor, self._resource.judge, body_max=self._resource.body_max
        )
        self._ports: list[Port] = []
        self.at_end: list[Callable[[], None]] = []
        """Called when no more comes, before the store is closed."""

    @property
    def url(self) -> str:
        """Return where it takes messages, once listening."""
        settings = self._config.ebms
        path = "" if settings is None else settings.path
        return f"https://localhost:{self._ports[0].getHost().port}{path}"

    def add(
        self,
        octets: bytes,
        urls: Mapping[str, str] = MappingProxyType({}),
        quirks: Mapping[str, Quirk] = MappingProxyType({}),
    ) -> tuple[Finding, ...]:
        """Put an agreement to use, and return its warnings.

        Raises:
            ConfigurationError: it cannot be used, or is not one of this party.
        """
        return self.corresponding.book.put(octets, urls=urls, quirks=quirks)

    def listen(self) -> None:
        """Accept connections, and send what is to be sent.

        Raises:
            ConfigurationError: the address or port cannot be used.
        """
        factory = BoundedTls(
            cast(IOpenSSLServerConnectionCreator, self._tls), self._site, self._reactor
        )
        self._ports = listen_on(self._reactor, self._config.host, self._config.port, factory)
        self.corresponding.start()

    @inlineCallbacks
    def stop(self) -> Generator[Deferred[Any], Any, None]:
        """Accept no more, let go of what is held, and close the store."""
        self._faults.close()
        for port in self._ports:
            yield maybeDeferred(port.stopListening)
        self._site.close_idle()
        closing: Future[None] = Workers().submit(self._close)
        yield to_deferred(closing, self._reactor)

    def _close(self) -> None:
        for end in self.at_end:
            end()
        self.corresponding.stop()
        self._store.close()
