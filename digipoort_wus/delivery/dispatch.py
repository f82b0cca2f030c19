"""One agency that stands for all: each filing goes the way that its route names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol

from digipoort_wus.clock import Clock
from digipoort_wus.delivery.agencies import AgencyRow
from digipoort_wus.delivery.ebms import EbmsAgency
from digipoort_wus.delivery.exchange import Credentials, Peer
from digipoort_wus.delivery.messages import no_findings
from digipoort_wus.delivery.outbox import Outbox
from digipoort_wus.delivery.wus import WusAgency
from digipoort_wus.ebms.message import Service
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.process.agency import (
    Accepted,
    Agency,
    Confirming,
    Outcome,
    Refused,
    Underway,
    Unreachable,
)
from digipoort_wus.process.routes import SANDBOX_AGENCY, Routes


class Way(Agency, Protocol):
    """The way to an agency outside."""

    def close(self) -> None:
        """Close the connections that nobody uses."""


class Dispatcher:
    """Delivers by the route of a berichtsoort; for any thread.

    A berichtsoort without a route, or with one to an agency that is not there, waits: its
    filings were accepted when there was one, and the operator may name one again.

    Args:
        routes: those in force; asked at each delivery.
        ways: the agencies outside, by name.
        sandbox: the agency in this process.
    """

    def __init__(self, routes: Routes, ways: Mapping[str, Way], sandbox: Agency) -> None:
        self._routes = routes
        self._ways = ways
        self._agencies: dict[str, Agency] = {**ways, SANDBOX_AGENCY: sandbox}

    def deliver(self, filing: Filing, attempt: int) -> Outcome | Underway:
        """Hand a filing to the agency of its route; Unreachable while there is none."""
        agency = self._agency_of(filing)
        if agency is None:
            return Unreachable("no route names an agency for its berichtsoort")
        return agency.deliver(filing, attempt)

    def outcome(self, filing: Filing) -> Outcome | Underway:
        """Return how a delivery went that was underway.

        It is not known where the route leads to another agency now, or to none.
        """
        agency = self._agency_of(filing)
        if not isinstance(agency, Confirming):
            return Unreachable("its route leads elsewhere now")
        return agency.outcome(filing)

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        """Return the verdict of the agency of its route, None when it comes by itself."""
        agency = self._agency_of(filing)
        return None if agency is None else agency.answer(filing)

    def destination_of(self, berichtsoort: str) -> str | None:
        """Return the name of the agency outside that gets a berichtsoort, None when none does."""
        route = self._routes.get(berichtsoort)
        return route.destination if route is not None and route.destination in self._ways else None

    def _agency_of(self, filing: Filing) -> Agency | None:
        route = self._routes.get(filing.delivery.berichtsoort)
        return None if route is None else self._agencies.get(route.destination)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for way in self._ways.values():
            way.close()


def ways_to(
    rows: Iterable[AgencyRow],
    credentials: Callable[[str], Credentials],
    clock: Clock,
    findings: Callable[[Filing], Sequence[Finding]] = no_findings,
    outbox: Outbox | None = None,
) -> dict[str, Way]:
    """Return the way to each agency, by its name.

    Args:
        rows: the agencies.
        credentials: returns those in force for the agency of a name.
        clock: the time of signing, and of judging certificates.
        findings: what validation had to say of a filing, the same each time.
        outbox: the messaging service; None where there is none.

    Raises:
        ConfigurationError: an agency is reached over ebMS, and there is no messaging service.
    """
    return {
        row.name: _ebms(row, outbox, clock, findings)
        if row.ebms is not None
        else WusAgency(
            Peer(row.url, row.oin, row.signer_oin),
            partial(credentials, row.name),
            clock=clock,
            timeouts=row.timeouts,
            findings=findings,
        )
        for row in rows
    }


def _ebms(
    row: AgencyRow,
    outbox: Outbox | None,
    clock: Clock,
    findings: Callable[[Filing], Sequence[Finding]],
) -> EbmsAgency:
    if row.ebms is None or outbox is None:
        raise ConfigurationError(
            f"agency {row.name} is reached over ebMS, which is not served here: give its url."
        )
    return EbmsAgency(
        row.oin,
        row.ebms.cpa,
        outbox,
        clock=clock,
        service=Service(row.ebms.service, row.ebms.service_type or None),
        confirm_within=timedelta(hours=row.ebms.confirm_hours),
        findings=findings,
    )
