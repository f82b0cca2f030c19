"""The client: all twelve operations of Digipoort 1.2 as typed methods.

zeep is loaded when the first client is made, not when this module is imported.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from digipoort_wus import names
from digipoort_wus.client import results
from digipoort_wus.client.address import require_url
from digipoort_wus.client.exchange import Call, Exchanged, exchange, read_value
from digipoort_wus.client.results import Message, Receipt, Status
from digipoort_wus.client.waiting import OnStatus, Poll, wait_for_end
from digipoort_wus.client.wsse import (
    DigipoortWsse,
    new_message_id,
    signer_trust,
)
from digipoort_wus.clock import Clock, format_utc, system_clock
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party
from digipoort_wus.names import NO_AUTHORISATION_SERVICE, Service
from digipoort_wus.pki.chain import TrustStore
from digipoort_wus.pki.identity import Identity
from digipoort_wus.process.api import MailboxEntry, Period, ProcessEntry, Scope
from digipoort_wus.wss.policy import SUITE_SHA256, Suite

if TYPE_CHECKING:
    from digipoort_wus.client.transport import Timeouts

_T = TypeVar("_T")
_ALWAYS = Period()


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The URLs of the three services."""

    aanlever: str
    statusinformatie: str
    ophaal: str

    def __post_init__(self) -> None:
        for url in (self.aanlever, self.statusinformatie, self.ophaal):
            require_url(url)

    @classmethod
    def at(cls, base: str) -> Self:
        """Return the endpoints of a gateway that serves the usual paths below a URL.

        Args:
            base: such as ``https://localhost:8443``.

        Raises:
            ConfigurationError: it is no https URL.
        """
        stem = base.rstrip("/")
        services = (names.AANLEVER, names.STATUSINFORMATIE, names.OPHAAL)
        return cls(*(stem + service.paths[0] for service in services))

    def of(self, service: Service) -> str:
        """Return the URL of a service of :data:`digipoort_wus.names.SERVICES`."""
        urls = {
            names.AANLEVER.name: self.aanlever,
            names.STATUSINFORMATIE.name: self.statusinformatie,
            names.OPHAAL.name: self.ophaal,
        }
        return urls[service.name]


class DigipoortClient:
    """A client of one gateway under one identity.

    Use it in one thread at a time, and keep it: it keeps its connections. Every
    method raises :class:`~digipoort_wus.client.errors.DigipoortFault` when the gateway
    refuses, :class:`~digipoort_wus.client.errors.ConnectionFailed` when there is no
    answer, and :class:`~digipoort_wus.client.errors.AnswerRefused` when the answer
    cannot be trusted.

    Args:
        endpoints: where the services are.
        identity: the certificate that signs and, unless ``tls_identity`` is given,
            sets up the TLS connections.
        trust: whose certificates to believe, for TLS and for signatures.
        suite: algorithms of requests; answers must be signed alike or better.
        gateway_oins: who may sign answers; empty is everybody whom ``trust`` believes,
            so name the gateway's OIN where it is known.
        tls_identity: another certificate for TLS (PKIoverheid G4 has one purpose each).
        timeouts: how long to wait for an answer.
        clock: the time of signing and of receipt.

    Raises:
        ConfigurationError: identity or trust cannot be used for TLS.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        identity: Identity,
        trust: TrustStore,
        suite: Suite = SUITE_SHA256,
        gateway_oins: frozenset[str] = frozenset(),
        tls_identity: Identity | None = None,
        timeouts: "Timeouts | None" = None,
        clock: Clock = system_clock,
    ) -> None:
        from digipoort_wus.client.transport import DigipoortTransport

        self._endpoints = endpoints
        self._wsse = DigipoortWsse(identity, signer_trust(trust, gateway_oins), suite, clock)
        self._transport = DigipoortTransport(tls_identity or identity, trust, timeouts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def submit(
        self,
        document: Document,
        *,
        berichtsoort: str,
        belanghebbende: Party,
        rol_belanghebbende: str = "Bedrijf",
        attachments: Sequence[Document] = (),
        aanleverkenmerk: str | None = None,
        eerder_aanleverkenmerk: str | None = None,
        kenmerk: str | None = None,
        ontvanger: Party | None = None,
        rol_ontvanger: str | None = None,
        autorisatie_adres: str | None = NO_AUTHORISATION_SERVICE,
        message_id: str | None = None,
    ) -> Receipt:
        """File a document (``aanleveren``).

        Args:
            document: the content; at most 20 MiB, as every attachment.
            berichtsoort: such as ``Omzetbelasting``.
            belanghebbende: whom the filing is about.
            rol_belanghebbende: ``Bedrijf`` or ``Intermediair``.
            attachments: ``bijlagen``.
            aanleverkenmerk: a reference of your own.
            eerder_aanleverkenmerk: that of an earlier filing which this one corrects.
            kenmerk: continues a process; otherwise a new one starts.
            ontvanger: the agency; the gateway knows it by the berichtsoort.
            rol_ontvanger: its role.
            autorisatie_adres: an authorisation service; by default that there is none.
            message_id: wsa:MessageID; a repeat with the same one and the same content,
                after an answer was lost, is not filed a second time.
        """
        sent_as = message_id or new_message_id()
        bijlagen = {"bijlage": [_inhoud(attachment) for attachment in attachments]}
        values = {
            "kenmerk": kenmerk,
            "berichtsoort": berichtsoort,
            "aanleverkenmerk": aanleverkenmerk,
            "eerderAanleverkenmerk": eerder_aanleverkenmerk,
            "identiteitBelanghebbende": _identiteit(belanghebbende),
            "rolBelanghebbende": rol_belanghebbende,
            "identiteitOntvanger": None if ontvanger is None else _identiteit(ontvanger),
            "rolOntvanger": rol_ontvanger,
            "berichtInhoud": _inhoud(document),
            # The schema wants no empty list.
            "berichtBijlagen": bijlagen if attachments else None,
            "autorisatieAdres": autorisatie_adres,
        }
        exchanged = self._call(names.AANLEVER, "aanleveren", sent_as, values)
        return read_value(
            lambda value: results.read_receipt(
                value,
                signer=exchanged.verified.signer.oin,
                message_id=sent_as,
                answer=exchanged.octets,
            ),
            exchanged.value,
        )

    def statuses(
        self,
        kenmerk: str,
        *,
        scope: Scope = Scope.ALL,
        period: Period = _ALWAYS,
        autorisatie_adres: str | None = None,
    ) -> tuple[Status, ...]:
        """Return the statuses of one process (``getStatussenProces``).

        Args:
            kenmerk: the process.
            scope: NEW returns each status once (``getNieuweStatussenProces``).
            period: moments of the statuses, both ends included.
            autorisatie_adres: an authorisation service.
        """
        operation = _of(scope, "getStatussenProces", "getNieuweStatussenProces")
        return self._ask(
            names.STATUSINFORMATIE,
            operation,
            results.read_statuses,
            kenmerk=kenmerk,
            autorisatieAdres=autorisatie_adres,
            **_moments(period),
        )

    def new_statuses(
        self,
        berichtsoort: str,
        belanghebbende: Party,
        *,
        period: Period = _ALWAYS,
        autorisatie_adres: str | None = None,
    ) -> tuple[Status, ...]:
        """Return, once, the new statuses of all processes (``getNieuweStatussen``)."""
        return self._ask(
            names.STATUSINFORMATIE,
            "getNieuweStatussen",
            results.read_statuses,
            berichtsoort=berichtsoort,
            identiteitBelanghebbende=_identiteit(belanghebbende),
            autorisatieAdres=autorisatie_adres,
            **_moments(period),
        )

    def wait(
        self,
        kenmerk: str,
        *,
        timeout: float = 300,
        poll: Poll | None = None,
        on_status: OnStatus | None = None,
    ) -> tuple[Status, ...]:
        """Ask for the statuses of a process until one of them ends it.

        500 ends it well; 210, 230, 311, 321, 410, 510 and every status with a
        ``statusFoutcode`` end it in failure.

        Args:
            kenmerk: the process.
            timeout: seconds.
            poll: pauses between the questions; they grow.
            on_status: told each status once, in order.

        Raises:
            WaitTimeout: the process had not ended in time; its statuses are in it.
        """
        return wait_for_end(
            kenmerk,
            lambda: self.statuses(kenmerk),
            timeout=timeout,
            poll=poll or Poll(),
            on_status=on_status or (lambda _status: None),
            monotonic=time.monotonic,
            sleep=time.sleep,
        )

    def berichtsoorten(
        self, belanghebbende: Party, *, autorisatie_adres: str | None = None
    ) -> tuple[str, ...]:
        """Return what may be filed for a party (``getBerichtsoorten``)."""
        return self._ask(
            names.STATUSINFORMATIE,
            "getBerichtsoorten",
            results.read_berichtsoorten,
            identiteitBelanghebbende=_identiteit(belanghebbende),
            autorisatieAdres=autorisatie_adres,
        )

    def processes(
        self, berichtsoort: str, belanghebbende: Party, *, autorisatie_adres: str | None = None
    ) -> tuple[ProcessEntry, ...]:
        """Return the processes of a berichtsoort and party (``getProcessen``)."""
        return self._ask(
            names.STATUSINFORMATIE,
            "getProcessen",
            results.read_processes,
            berichtsoort=berichtsoort,
            identiteitBelanghebbende=_identiteit(belanghebbende),
            autorisatieAdres=autorisatie_adres,
        )

    def messages(
        self,
        belanghebbende: Party,
        *,
        berichtsoort: str | None = None,
        scope: Scope = Scope.ALL,
        period: Period = _ALWAYS,
        autorisatie_adres: str | None = None,
    ) -> tuple[Message, ...]:
        """Return messages for a party (``getBerichten``, ``getNieuweBerichten``)."""
        return self._ask(
            names.OPHAAL,
            _of(scope, "getBerichten", "getNieuweBerichten"),
            results.read_messages,
            berichtsoort=berichtsoort,
            identiteitBelanghebbende=_identiteit(belanghebbende),
            autorisatieAdres=autorisatie_adres,
            **_moments(period),
        )

    def messages_of(
        self,
        kenmerk: str,
        *,
        scope: Scope = Scope.ALL,
        period: Period = _ALWAYS,
        autorisatie_adres: str | None = None,
    ) -> tuple[Message, ...]:
        """Return the messages of one process (``get(Nieuwe)BerichtenKenmerk``)."""
        return self._ask(
            names.OPHAAL,
            _of(scope, "getBerichtenKenmerk", "getNieuweBerichtenKenmerk"),
            results.read_messages,
            kenmerk=kenmerk,
            autorisatieAdres=autorisatie_adres,
            **_moments(period),
        )

    def message_list(
        self,
        *,
        berichtsoort: str | None = None,
        scope: Scope = Scope.ALL,
        period: Period = _ALWAYS,
        autorisatie_adres: str | None = None,
    ) -> tuple[MailboxEntry, ...]:
        """Return what messages there are (``getBerichtenLijst``, ``getNieuweBerichtenLijst``)."""
        return self._ask(
            names.OPHAAL,
            _of(scope, "getBerichtenLijst", "getNieuweBerichtenLijst"),
            results.read_message_list,
            berichtsoort=berichtsoort,
            autorisatieAdres=autorisatie_adres,
            **_moments(period),
        )

    def _ask(
        self, service: Service, operation: str, read: Callable[[Any], _T], **values: object
    ) -> _T:
        return read_value(read, self._call(service, operation, new_message_id(), values).value)

    def _call(
        self, service: Service, operation: str, message_id: str, values: Mapping[str, object]
    ) -> Exchanged:
        return exchange(
            self._transport,
            self._wsse,
            Call(service, operation, self._endpoints.of(service), message_id),
            values,
        )


def _of(scope: Scope, every: str, new: str) -> str:
    return every if scope is Scope.ALL else new


def _moments(period: Period) -> dict[str, str | None]:
    return {
        "tijdstempelVanaf": _moment(period.start),
        "tijdstempelTot": _moment(period.end),
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else format_utc(value)


def _identiteit(party: Party) -> Mapping[str, str]:
    return {"nummer": party.number, "type": party.type}


def _inhoud(document: Document) -> Mapping[str, object]:
    return {
        "mimeType": document.mime_type,
        "bestandsnaam": document.file_name,
        # A request is signed as a whole.
        "inhoud": read_content(document.content),
    }
