"""What an operator sees of a running gateway: metrics, health, readiness, on a port of its own."""

from collections.abc import Callable, Generator, Mapping
from time import monotonic
from typing import Any, cast

from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred

from digipoort_wus.clock import Clock
from digipoort_wus.config import Config
from digipoort_wus.server.admin import AdminResource, AdminSite
from digipoort_wus.server.disk import Disk
from digipoort_wus.server.gauges import Gauges, InFlight
from digipoort_wus.server.listening import in_url, listen_on
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.reactor import Port, Reactor
from digipoort_wus.server.readiness import Finding, Findings, Readiness
from digipoort_wus.server.trust import CurrentTrust
from digipoort_wus.server.workers import Workers
from digipoort_wus.store.ports import Store


class Operating:
    """Counts, looks, and answers who asks; listens only where the configuration names a port.

    Args:
        config: of the gateway.
        store: its store.
        trust: its certificates and CRLs in force.
        clock: of them.
        reactor: the gateway's.
        metrics: what the parts of the gateway count with.

    Attributes:
        metrics: the same.
        disk: of the data.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        trust: CurrentTrust,
        clock: Clock,
        *,
        reactor: Reactor,
        metrics: Metrics,
    ) -> None:
        self.metrics = metrics
        self.disk = Disk(config.filled, config.min_free_bytes)
        self._config = config
        self._store = store
        self._trust = trust
        self._clock = clock
        self._reactor = reactor
        self._began = monotonic()
        # Of its own: whoever asks for metrics must not wait for large filings.
        self._workers = Workers()
        self._readiness = Readiness(
            store,
            lambda: trust.materials,
            clock,
            self.disk,
            reactor=reactor,
            workers=self._workers,
            stamps=config.stamp.stamps,
        )
        self._ports: list[Port] = []
        self._site: AdminSite | None = None

    @property
    def url(self) -> str | None:
        """Return the address of health checks and metrics, None when nobody can ask."""
        if not self._ports:
            return None
        return f"http://{in_url(self._config.admin_host)}:{self._ports[0].getHost().port}"

    def listen(
        self,
        in_flight: Callable[[], InFlight],
        engine_trouble: Callable[[], str] | None,
        figures: Callable[[], Mapping[str, int]],
    ) -> None:
        """Answer from now on, when the configuration says where.

        Args:
            in_flight: returns what clients make the gateway hold.
            engine_trouble: says why filings, or one of them, are not worked on; empty when all
                goes well; None: they are not in this process.
            figures: returns what the rule engine counts and measures.

        Raises:
            ConfigurationError: the address or port cannot be used.
        """
        if self._config.admin_port is None:
            return
        gauges = Gauges(
            self._store,
            lambda: self._trust.materials,
            self._clock,
            self.disk.free,
            in_flight,
            stamps=self._config.stamp.is_on,
            figures=figures,
        )
        self.metrics.registry.register(cast(Collector, gauges))
        self._readiness.figures = figures

        def health() -> Findings:
            told = f"answers since {monotonic() - self._began:.0f} s"
            if engine_trouble is None:
                engine = Finding("engine", True, "is in other processes")
            else:
                trouble = engine_trouble()
                engine = Finding("engine", not trouble, trouble or "runs")
            return (Finding("process", True, told), engine)

        resource = AdminResource(
            health,
            self._readiness,
            self.metrics.registry,
            reactor=self._reactor,
            workers=self._workers,
            host=self._config.admin_host,
        )
        site = self._site = AdminSite(resource, self._reactor)
        host, port = self._config.admin_host, self._config.admin_port
        self._ports = listen_on(self._reactor, host, port, site)

    def drain(self) -> None:
        """Say from now on that the gateway takes nothing more."""
        self._readiness.draining = True

    @inlineCallbacks
    def stop(self) -> Generator[Deferred[Any], Any, None]:
        """Answer no more."""
        for port in self._ports:
            yield maybeDeferred(port.stopListening)
        if self._site is not None:
            self._site.close_idle()
