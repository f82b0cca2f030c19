"""Which authorisation service is asked for a filing: the one that its sender names.

How Digipoort asks such a service (AuSP) over a network is not public, so there is no wire
format here: what stands behind an address is a list of the operator, or a program of his.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.names import NO_AUTHORISATION_SERVICE
from digipoort_wus.process.steps import Authoriser

AuthoriserKind = Literal["allow", "refuse", "program"]
KINDS: tuple[AuthoriserKind, ...] = ("allow", "refuse", "program")
_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class AuthoriserRow:
    """Who answers for one ``autorisatieAdres``, as it stands in the configuration.

    Args:
        address: as senders write it, at most 255 characters; compared to the letter.
        kind: ``allow`` says 200 to everybody, ``refuse`` says 210 to whom the lists name,
            ``program`` asks what ``factory`` makes.
        oins: whom ``refuse`` refuses, whatever they file.
        berichtsoorten: what ``refuse`` refuses, whoever files it.
        factory: ``module:function`` of an installed program.

    Raises:
        ConfigurationError: a value cannot be used, or has no effect with this kind.
    """

    address: str
    kind: AuthoriserKind
    oins: frozenset[str] = frozenset()
    berichtsoorten: frozenset[str] = frozenset()
    factory: str = ""

    def __post_init__(self) -> None:
        if not self.address or len(self.address) > _LENGTH_MAX:
            raise ConfigurationError(
                f"authoriser.address is the autorisatieAdres of a service, 1 to {_LENGTH_MAX} "
                "characters."
            )
        if self.address.removesuffix("/") == NO_AUTHORISATION_SERVICE:
            raise ConfigurationError(
                f"authoriser.address: {NO_AUTHORISATION_SERVICE} means that there is no service, "
                "so nobody can answer for it. Name another address."
            )
        if self.kind not in KINDS:
            raise ConfigurationError(
                f"authoriser {self.address}: kind is one of {', '.join(KINDS)}, not {self.kind!r}."
            )
        if bool(self.oins or self.berichtsoorten) != (self.kind == "refuse"):
            raise ConfigurationError(
                f'authoriser {self.address}: kind = "refuse" and a list go together: name whom in '
                "oins, or what in berichtsoorten, or take another kind."
            )
        if bool(self.factory) != (self.kind == "program"):
            raise ConfigurationError(
                f'authoriser {self.address}: kind = "program" and factory go together: name the '
                "function that makes the service, or take another kind."
            )
        module, _, function = self.factory.partition(":")
        names = (*module.split("."), function)
        if self.factory and not all(name.isidentifier() for name in names):
            raise ConfigurationError(
                f"authoriser {self.address}: factory is module:function, such as "
                f'"our_ausp:service", not {self.factory!r}.'
            )


@dataclass(frozen=True, slots=True)
class RefuseListed:
    """Refuses whom and what a list names, and allows everything else.

    Args:
        oins: of signers.
        berichtsoorten: names of them.
    """

    oins: frozenset[str]
    berichtsoorten: frozenset[str]

    def ask(self, filing: Filing) -> Literal["200", "210"]:
        """Return 210 when the sender or the berichtsoort is listed, else 200."""
        if filing.sender in self.oins or filing.delivery.berichtsoort in self.berichtsoorten:
            return "210"
        return "200"


@dataclass(frozen=True, slots=True)
class AuthoriserByAddress:
    """Asks whom the ``autorisatieAdres`` of a filing names, and nobody where it names none.

    An address gets this far only when it stands in the configuration.

    Args:
        services: by address, exactly as it stands in the configuration.
    """

    services: Mapping[str, Authoriser]

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        """Return what the service says; 230 when nobody answers to an address.

        Raises:
            Exception: whatever the service raises; to the process that is a failure as 230 is.
        """
        address = filing.delivery.autorisatie_adres
        if not address or address.removesuffix("/") == NO_AUTHORISATION_SERVICE:
            return "200"
        service = self.services.get(address)
        return "230" if service is None else service.ask(filing)
