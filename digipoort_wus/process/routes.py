"""Which berichtsoorten this gateway knows and who receives them: a table, not an enum."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party, register_of


@dataclass(frozen=True, slots=True)
class Route:
    """One berichtsoort.

    Args:
        berichtsoort: exact, case-sensitive.
        about: what it is and how sure that is.
        belanghebbende_types: registers its numbers come from; informative; empty: any.
        ontvanger: filled in when the sender names none.
        rol_ontvanger: filled in likewise.
    """

    berichtsoort: str
    about: str = ""
    belanghebbende_types: tuple[str, ...] = ()
    ontvanger: Party | None = None
    rol_ontvanger: str | None = None

    def concerns(self, party: Party) -> bool:
        """Return whether parties of this register file it; types compare without case."""
        accepted = {register_of(name) for name in self.belanghebbende_types}
        return not accepted or party.register in accepted


Routes = Mapping[str, Route]
"""Routes by berichtsoort, in the order of the table."""


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
        **texts,  # a TypeError names what is not a field
    )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name} is no text")
    return value
