"""Which berichtsoorten this gateway knows and who receives them: a table, not an enum."""

import tomllib
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party, register_of

SANDBOX_AGENCY = "sandbox"
"""The name of the agency in this process, which accepts everything."""


@dataclass(frozen=True, slots=True)
class Route:
    """One berichtsoort.

    Args:
        berichtsoort: exact, case-sensitive.
        about: what it is and how sure that is.
        belanghebbende_types: registers its numbers come from; informative; empty: any.
        ontvanger: filled in when the sender names none.
        rol_ontvanger: filled in likewise.
        agency: OIN of who takes delivery, and may report and offer messages; empty: the
            ontvanger's.
        destination: the name of the agency; by it the way to it is found.
    """

    berichtsoort: str
    about: str = ""
    belanghebbende_types: tuple[str, ...] = ()
    ontvanger: Party | None = None
    rol_ontvanger: str | None = None
    agency: str = ""
    destination: str = SANDBOX_AGENCY

    @property
    def agency_oin(self) -> str | None:
        """Return the OIN of who takes delivery, None when nobody is known."""
        return self.agency or (self.ontvanger.number if self.ontvanger else None)

    def concerns(self, party: Party) -> bool:
        """Return whether parties of this register file it; types compare without case."""
        accepted = {register_of(name) for name in self.belanghebbende_types}
        return not accepted or party.register in accepted


Routes = Mapping[str, Route]
"""Routes by berichtsoort, in the order of the table."""


class CurrentRoutes(Mapping[str, Route]):
    """The routes in force; others can be put in their place while somebody reads.

    Args:
        routes: to begin with.
    """

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    def replace(self, routes: Routes) -> None:
        """Put other routes in force, for whoever asks from now on."""
        self._routes = routes

    def __getitem__(self, berichtsoort: str) -> Route:
        return self._routes[berichtsoort]

    def __iter__(self) -> Iterator[str]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    # Of one table each: those of Mapping look every key up again.

    def keys(self) -> KeysView[str]:
        """Return the berichtsoorten."""
        return self._routes.keys()

    def values(self) -> ValuesView[Route]:
        """Return the routes."""
        return self._routes.values()

    def items(self) -> ItemsView[str, Route]:
        """Return the berichtsoorten and their routes."""
        return self._routes.items()


def destinations_of(routes: Routes) -> dict[str, str]:
    """Return the name of the agency of each berichtsoort."""
    return {berichtsoort: route.destination for berichtsoort, route in routes.items()}


def read_routes(text: str) -> Routes:
    """Read a table of routes; ``routes.toml`` in this package describes the form.

    Raises:
        ConfigurationError: the text is not such a table.
    """
    try:
        rows = tomllib.loads(text)["route"]
        routes = [_route(dict(row)) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"cannot read the table of routes: {error!r}") from error
    table = {route.berichtsoort: route for route in routes}
    if len(table) != len(routes):
        raise ConfigurationError("the table of routes names a berichtsoort twice")
    return MappingProxyType(table)


def sandbox_routes() -> Routes:
    """Return the table of the sandbox, from ``routes.toml`` in this package."""
    return read_routes(files(__package__).joinpath("routes.toml").read_text("utf-8"))


def _route(row: dict[str, object]) -> Route:
    types = row.pop("belanghebbende_types", [])
    if not isinstance(types, list):
        raise TypeError("belanghebbende_types is no list")
    texts = {name: _text(name, value) for name, value in row.items()}
    ontvanger = texts.pop("ontvanger", None)
    return Route(
        berichtsoort=texts.pop("berichtsoort"),
        about=texts.pop("about", ""),
        belanghebbende_types=tuple(_text("belanghebbende_types", name) for name in types),
        ontvanger=None if ontvanger is None else Party(ontvanger, "OIN"),
        rol_ontvanger=texts.pop("rol_ontvanger", None),
        agency=texts.pop("agency", ""),
        **texts,  # a TypeError names what is not a field
    )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name} is no text")
    return value
