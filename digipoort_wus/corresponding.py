"""ebMS in one gateway: its agreements, its message service, its path, and who posts."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Lock
from urllib.parse import urlsplit

from cryptography import x509

from digipoort_wus.clock import Clock
from digipoort_wus.config import Config
from digipoort_wus.delivery.desks import Desks, of_digipoort
from digipoort_wus.delivery.ebms_post import EbmsPost
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.delivery.filing_desk import FilingDesk
from digipoort_wus.delivery.passages import Confirmations, ServiceOutbox
from digipoort_wus.ebms.digipoort import AANLEVEREN
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.ebms.partners import oins_of_party
from digipoort_wus.ebms_orders import EbmsOrders
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.messaging.backend import Backend
from digipoort_wus.messaging.book import Book
from digipoort_wus.messaging.outbox import Outbox
from digipoort_wus.messaging.posting import Post
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.process.admission import Rates
from digipoort_wus.process.api import ProcessApi
from digipoort_wus.process.authorisation import AuthorisationTable, Right, require_right
from digipoort_wus.process.intake import House
from digipoort_wus.process.runner import Runner
from digipoort_wus.server.backend import BackendDoor, BackendPort
from digipoort_wus.server.backend_work import BackendDesk
from digipoort_wus.server.ebms import EbmsDoor, EbmsResource, Receive
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.reactor import FromThreads, Reactor
from digipoort_wus.server.tls import ConnectionCreator
from digipoort_wus.server.trust import CurrentTrust, Materials
from digipoort_wus.store.ports import Store

_log = logging.getLogger(__name__)


def host_of_ids(config: Config, settings: EbmsSettings) -> str:
    """Return what stands behind the ``@`` of our MessageIds."""
    if settings.host:
        return settings.host
    return next((urlsplit(url).hostname or "" for url in config.public_urls), "") or "localhost"


def own_parties(settings: EbmsSettings, tls: x509.Certificate) -> tuple[PartyId, ...]:
    """Return whom the gateway stands for.

    Args:
        settings: may name them.
        tls: certificate of the gateway; its OIN is the party where none is named.

    Raises:
        ConfigurationError: none is named, and the certificate has no OIN.
    """
    if settings.parties:
        return settings.parties
    try:
        return (PartyId(oin_of(tls), OIN_TYPE),)
    except Refusal as refusal:
        raise ConfigurationError(
            "The TLS certificate has no OIN: name who the gateway is in [[ebms.party]]."
        ) from refusal


def load_identities(
    settings: EbmsSettings, signing: Identity, tls: Identity
) -> tuple[Identity, ...]:
    """Return who signs and decrypts: the identities of the gateway, and former ones.

    Raises:
        ConfigurationError: a file cannot be used.
    """
    return (signing, tls, *(files.load() for files in settings.identities))


class Corresponding:
    """The message handler of one gateway.

    Args:
        config: of the gateway; names ebMS.
        store: keeps messages and agreements.
        trust: certificates in force.
        clock: of everything.
        metrics: counts.
        through: returns what is asked to post, in the place of what posts.

    Raises:
        ConfigurationError: a file cannot be used.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        trust: CurrentTrust,
        clock: Clock,
        metrics: Metrics,
        *,
        through: Callable[[Post], Post] = lambda post: post,
    ) -> None:
        settings = config.ebms or EbmsSettings()
        materials = trust.materials
        self._settings = settings
        self._config = config
        self._trust = trust
        self._clock = clock
        self._metrics = metrics
        parties = own_parties(settings, materials.tls.certificate)
        self.book = Book(
            store,
            parties,
            load_identities(settings, materials.signing, materials.tls),
            trust.signer_with,
            clock,
        )
        self.service = MessageService(
            store,
            self.book,
            host=host_of_ids(config, settings),
            clock=clock,
            explain=config.explains,
        )
        self._post = EbmsPost(
            trust.credentials, clock=clock, timeouts=settings.timeouts, told=metrics.ebms_posted
        )
        self.outbox = Outbox(
            self.service,
            through(self._post),
            concurrency=settings.concurrency,
            # A front answers; what is kept is sent by those that work.
            takes_tasks=config.role != "front",
            lease=timedelta(seconds=config.lease_seconds),
        )
        self.deliveries = ServiceOutbox(self.service, store, parties[0])
        self.orders = EbmsOrders(self.service, self.book)
        self._store = store
        self._desks: Runner | None = None
        self.backend = Backend(
            self.service,
            of_digipoort(AANLEVEREN.value if settings.filings else None, config.agencies),
        )

    def resource(
        self,
        reactor: FromThreads,
        table: Callable[[], AuthorisationTable],
        require_room: Callable[[], object],
        *,
        through: Callable[[Receive], Receive] = lambda receive: receive,
    ) -> EbmsResource:
        """Return the path of the message handler.

        Args:
            reactor: answers in its thread.
            table: returns the parties in force; one that is disabled, is not granted ebMS, or
                has no row and needs one, gets in nowhere.
            require_room: raises a Refusal while nothing can be kept.
            through: returns what is asked to receive, in the place of what receives.
        """
        rates, gate = Rates(), Lock()

        def admit(certificate: x509.Certificate, at: datetime) -> None:
            row = table().row(self._trust.peer(certificate, at).oin)
            with gate:
                rates.count(row, at)
            require_right(row, Right.EBMS)

        def admit_sender(ids: Sequence[PartyId]) -> None:
            # Another may have set up the connection for it.
            for oin in oins_of_party(ids):
                if oin in table().rows:
                    table().row(oin)

        self.service.admit_senders(admit_sender)
        self.service.charge(table)
        door = EbmsDoor(
            self._settings.path,
            through(self.service.receive),
            admit,
            require_room,
            explain=self._config.explains,
        )
        return EbmsResource(door, reactor, self._clock, self._metrics)

    def applications(
        self, reactor: Reactor, creator: ConnectionCreator, require_room: Callable[[], object]
    ) -> BackendPort | None:
        """Return the port at which applications ask, None where none is configured.

        Args:
            reactor: answers in its thread.
            creator: makes TLS connections with the gateway's certificate.
            require_room: raises a Refusal while nothing can be kept.
        """
        if self._settings.backend is None:
            return None
        return BackendPort(
            self._settings.backend,
            BackendDoor(
                BackendDesk(self.service, self.backend, self._clock),
                lambda certificate: self._trust.peer(certificate, self._clock()).oin,
                require_room,
            ),
            reactor=reactor,
            creator=creator,
            metrics=self._metrics,
        )

    def take_filings(self, process: ProcessApi, house: House, wake: Callable[[], None]) -> None:
        """Have filings and confirmations taken out of the messages that come, from the start on.

        Args:
            process: accepts filings, where the configuration wants that.
            house: knows the agencies.
            wake: is called when the engine may have something to do.
        """
        agencies = [row for row in self._config.agencies if row.ebms is not None]
        filings: FilingDesk | None = None
        if self._settings.filings:
            filings = FilingDesk(
                *(self._store, self.service, process, self.deliveries.sender, self._clock),
                explain=self._config.explains,
            )
        if self._config.role == "front" or not (agencies or filings):
            return
        confirmations = Confirmations(self._store, house, agencies, self._clock, wake)
        desks = Desks(self._store, filings, confirmations, self._clock)
        runner = self._desks = Runner(desks.run_due, self._clock, name="ebms-desks")
        self.service.on_change(lambda _: runner.wake())

    @property
    def trouble(self) -> str:
        """Say why nothing is sent or taken; empty when all goes well."""
        return self.outbox.trouble or ("" if self._desks is None else self._desks.trouble)

    def start(self) -> None:
        """Start to send; the agreements that cannot be used are logged."""
        self.service.hear_others()
        self.outbox.start()
        if self._desks is not None:
            self._desks.start()
        usable = self.book.current().partners
        _log.info(
            "ebMS: %d agreements at %s", len(usable), self._settings.path, extra={"event": "ebms"}
        )

    def prepared(self, materials: Materials) -> Callable[[], None]:
        """Return what lets these sign and decrypt, once they are in force.

        Raises:
            ConfigurationError: a file cannot be used.
        """
        identities = load_identities(self._settings, materials.signing, materials.tls)
        return lambda: self._identify(identities)

    def stop(self) -> None:
        """Send no more, and close the connections."""
        if self._desks is not None:
            self._desks.stop()
        self.outbox.close()
        self._post.close()

    def _identify(self, identities: Sequence[Identity]) -> None:
        self.book.identify(identities)
