"""Which way a filing goes: by the routes in force, and nowhere while there is none."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from digipoort_wus.delivery.agencies import AgencyRow, routing
from digipoort_wus.delivery.dispatch import Dispatcher, Way, ways_to
from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.agency import Accepted, Delivered, Refused, Rejected, Unreachable
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.process.routes import CurrentRoutes, Route, destinations_of, sandbox_routes
from tests.unit.delivery.filings import filing

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OIN = "00000099000000004000"
URL = "https://agency.example.nl/wus/2.0/afleverservice/1.2"


@dataclass
class Noted:
    """An agency that notes what it was given."""

    attempts: list[int] = field(default_factory=list)

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        self.attempts.append(attempt)
        return Delivered()

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        return Accepted(None)


def nobodys(name: str) -> Credentials:
    raise AssertionError(f"{name} was asked")


def row(name: str, **options: object) -> AgencyRow:
    return AgencyRow(name, OIN, URL, **options)  # type: ignore[arg-type]


def ways(*rows: AgencyRow) -> Mapping[str, Way]:
    return ways_to(rows, nobodys, lambda: NOW)


def test_the_route_decides_at_each_delivery() -> None:
    sandbox, far = Noted(), ways(row("there"))
    routes = CurrentRoutes(sandbox_routes())
    agencies = Dispatcher(routes, far, sandbox)
    assert agencies.deliver(filing(), 1) == Delivered()
    assert agencies.answer(filing()) == Accepted(None)
    routes.replace(
        routing(sandbox_routes(), [row("there", berichtsoorten=("Omzetbelasting",))], [])
    )
    with pytest.raises(AssertionError, match="there was asked"):
        agencies.deliver(filing(), 2)
    # Only who is outside may keep a thread waiting.
    assert agencies.destination_of("Omzetbelasting") == "there"
    assert agencies.destination_of("ICP") is agencies.destination_of("unknown") is None
    # A verdict comes by zetStatus.
    assert agencies.answer(filing()) is None
    assert agencies.deliver(filing(berichtsoort="ICP"), 3) == Delivered()
    assert sandbox.attempts == [1, 3]
    agencies.close()


@pytest.mark.parametrize(
    "routes", [{}, {"Omzetbelasting": Route("Omzetbelasting", destination="gone")}]
)
def test_what_was_accepted_waits_for_a_route(routes: dict[str, Route]) -> None:
    sandbox = Noted()
    agencies = Dispatcher(routes, {}, sandbox)
    outcome = agencies.deliver(filing(), 1)
    assert isinstance(outcome, Unreachable)
    assert "no route" in outcome.technical
    assert agencies.answer(filing()) is None
    assert sandbox.attempts == []


def test_routes_are_replaced_as_a_whole() -> None:
    routes = CurrentRoutes({"A": Route("A"), "B": Route("B")})
    names, values, items = iter(routes), iter(routes.values()), iter(routes.items())
    assert (next(names), next(values), next(items)) == ("A", Route("A"), ("A", Route("A")))
    routes.replace({"C": Route("C", destination="there")})
    # Whoever has begun goes on with the old ones.
    assert (next(names), next(values), next(items)) == ("B", Route("B"), ("B", Route("B")))
    assert destinations_of(routes) == {"C": "there"}
    assert len(routes) == 1
    assert list(routes) == list(routes.keys()) == ["C"]


def test_values_that_the_file_cannot_hold_are_refused_too() -> None:
    with pytest.raises(ConfigurationError, match="agency there: '1' is"):
        AgencyRow("there", "1", URL)
    with pytest.raises(ConfigurationError, match="url is that of") as caught:
        AgencyRow("there", OIN, "https://me:s3cr3t@localhost/")
    assert "s3cr3t" not in str(caught.value)


def test_an_agency_gets_as_many_deliveries_as_it_takes() -> None:
    destinations = Destinations(lambda: 0.0, each=2, own={"there": 1, "large": 3})
    ends = threading.Event()

    def work() -> None:
        ends.wait(20)

    # As many as run, and as many again that wait for one of those.
    taken = dict.fromkeys(("there", "elsewhere", "large"), 0)
    try:
        for name in taken:
            while destinations.submit(name, work):
                taken[name] += 1
        assert taken == {"there": 2, "elsewhere": 4, "large": 6}
    finally:
        ends.set()
    assert destinations.wait(timedelta(seconds=20))
    assert destinations.submit("there", lambda: None)
    assert destinations.wait(timedelta(seconds=20))
