"""One agency that stands for all: each filing goes the way that its route names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from digipoort_wus.clock import Clock
from digipoort_wus.delivery.agencies import AgencyRow
from digipoort_wus.delivery.exchange import Credentials, Peer
from digipoort_wus.delivery.wus import WusAgency, no_findings
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.process.agency import (
    Accepted,
    Agency,
    Delivered,
    Refused,
    Rejected,
    Unreachable,
)
from digipoort_wus.process.routes import SANDBOX_AGENCY, Routes


class Dispatcher:
    """Delivers by the route of a berichtsoort; for any thread.

    A berichtsoort without a route, or with one to an agency that is not there, waits: its
    filings were accepted when there was one, and the operator may name one again.

    Args:
        routes: those in force; asked at each delivery.
        ways: the agencies that are reached over WUS, by name.
        sandbox: the agency in this process.
    """

    def __init__(self, routes: Routes, ways: Mapping[str, WusAgency], sandbox: Agency) -> None:
        self._routes = routes
        self._ways = ways
        self._agencies: dict[str, Agency] = {**ways, SANDBOX_AGENCY: sandbox}

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        """Hand a filing to the agency of its route; Unreachable while there is none."""
        agency = self._agency_of(filing)
        if agency is None:
            return Unreachable("no route names an agency for its berichtsoort")
        return agency.deliver(filing, attempt)

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
) -> dict[str, WusAgency]:
    """Return the way to each agency, by its name.

    Args:
        rows: the agencies.
        credentials: returns those in force for the agency of a name.
        clock: the time of signing, and of judging certificates.
        findings: what validation had to say of a filing, the same each time.
    """
    return {
        row.name: WusAgency(
            Peer(row.url, row.oin, row.signer_oin),
            partial(credentials, row.name),
            clock=clock,
            timeouts=row.timeouts,
            findings=findings,
        )
        for row in rows
    }
