"""The messages of the contract as Spyne models, in the order of the schema.

Every leaf is text: lengths and types are checked by the schema before Spyne
sees a message, and dateTime and base64 are read and written by ``mapping``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from spyne import ComplexModel, Unicode

from digipoort_wus import names

_Member = tuple[str, Any]

_TEXT = Unicode(min_occurs=1)
_OPTIONAL = Unicode(min_occurs=0)


def _sequence(*members: _Member) -> list[_Member]:
    return list(members)


def _optional(model: Any) -> Any:
    return model.customize(min_occurs=0)


def _many(model: Any, least: int = 0) -> Any:
    return model.customize(min_occurs=least, max_occurs="unbounded")


class Identiteit(ComplexModel):
    """``identiteitBelanghebbende`` and ``identiteitOntvanger``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("nummer", _TEXT), ("type", _TEXT))


class Inhoud(ComplexModel):
    """``berichtInhoud`` and ``bijlage``; the text of ``inhoud`` is a placeholder."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("mimeType", _TEXT), ("bestandsnaam", _TEXT), ("inhoud", _TEXT))


class Bijlagen(ComplexModel):
    """``berichtBijlagen``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("bijlage", _many(Inhoud, least=1)))


class Fout(ComplexModel):
    """``statusFoutcode``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("foutcode", _TEXT), ("foutbeschrijving", _TEXT))


class Constatering(ComplexModel):
    """One finding."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("code", _TEXT), ("beschrijving", _TEXT))


class Constateringen(ComplexModel):
    """``constateringenLijst``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("constatering", _many(Constatering, least=1)))


class AdditioneelElement(ComplexModel):
    """One pair of ``additioneleElementenLijst``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("naam", _TEXT), ("waarde", _TEXT))


class AdditioneleElementen(ComplexModel):
    """``additioneleElementenLijst``, whose children are called ``element``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("element", _many(AdditioneelElement, least=1)))


class AanleverRequest(ComplexModel):
    """Request of ``aanleveren``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("kenmerk", _OPTIONAL),
        ("berichtsoort", _TEXT),
        ("aanleverkenmerk", _OPTIONAL),
        ("eerderAanleverkenmerk", _OPTIONAL),
        ("identiteitBelanghebbende", Identiteit),
        ("rolBelanghebbende", _TEXT),
        ("identiteitOntvanger", _optional(Identiteit)),
        ("rolOntvanger", _OPTIONAL),
        ("berichtInhoud", Inhoud),
        ("berichtBijlagen", _optional(Bijlagen)),
        ("autorisatieAdres", _OPTIONAL),
    )


class AanleverResponse(ComplexModel):
    """Answer of ``aanleveren``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("kenmerk", _TEXT),
        ("berichtsoort", _TEXT),
        ("aanleverkenmerk", _OPTIONAL),
        ("eerderAanleverkenmerk", _OPTIONAL),
        ("tijdstempelAangeleverd", _TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("rolBelanghebbende", _TEXT),
        ("identiteitOntvanger", _optional(Identiteit)),
        ("rolOntvanger", _OPTIONAL),
        ("autorisatieAdres", _OPTIONAL),
        ("statuscode", _OPTIONAL),
        ("tijdstempelStatus", _OPTIONAL),
        ("statusomschrijving", _OPTIONAL),
        ("statusFoutcode", _optional(Fout)),
        ("statusdetails", _OPTIONAL),
    )


class EchoRequest(ComplexModel):
    """Request of ``echo``; the text of ``data`` is a placeholder."""

    __namespace__ = names.ECHO
    _type_info = _sequence(("text", _TEXT), ("data", _OPTIONAL))


class EchoResponse(ComplexModel):
    """Answer of ``echo``."""

    __namespace__ = names.ECHO
    _type_info = _sequence(("text", _TEXT), ("data", _OPTIONAL))


RESPONSES = MappingProxyType({"aanleveren": AanleverResponse, "echo": EchoResponse})
"""The answers that are no lists, by operation."""


class BerichtsoortenVraag(ComplexModel):
    """Request of ``getBerichtsoorten``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("identiteitBelanghebbende", Identiteit),
        ("autorisatieAdres", _OPTIONAL),
    )


class ProcessenVraag(ComplexModel):
    """Request of ``getProcessen``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("berichtsoort", _TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("autorisatieAdres", _OPTIONAL),
    )


class KenmerkVraag(ComplexModel):
    """Request of the two StatussenProces and the two BerichtenKenmerk operations."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("kenmerk", _TEXT),
        ("autorisatieAdres", _OPTIONAL),
        ("tijdstempelVanaf", _OPTIONAL),
        ("tijdstempelTot", _OPTIONAL),
    )


class StatussenVraag(ComplexModel):
    """Request of ``getNieuweStatussen``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("berichtsoort", _TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("autorisatieAdres", _OPTIONAL),
        ("tijdstempelVanaf", _OPTIONAL),
        ("tijdstempelTot", _OPTIONAL),
    )


class BerichtenVraag(ComplexModel):
    """Request of ``getBerichten`` and ``getNieuweBerichten``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("berichtsoort", _OPTIONAL),
        ("identiteitBelanghebbende", Identiteit),
        ("autorisatieAdres", _OPTIONAL),
        ("tijdstempelVanaf", _OPTIONAL),
        ("tijdstempelTot", _OPTIONAL),
    )


class BerichtenLijstVraag(ComplexModel):
    """Request of the two BerichtenLijst operations: no belanghebbende."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("berichtsoort", _OPTIONAL),
        ("autorisatieAdres", _OPTIONAL),
        ("tijdstempelVanaf", _OPTIONAL),
        ("tijdstempelTot", _OPTIONAL),
    )


class ProcesResultaat(ComplexModel):
    """One row of ``getProcessenReturn``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("kenmerk", _TEXT),
        ("berichtsoort", _TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("identiteitOntvanger", _optional(Identiteit)),
    )


class StatusResultaat(ComplexModel):
    """One row of the three status lists."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("kenmerk", _TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("statuscode", _TEXT),
        ("tijdstempelStatus", _TEXT),
        ("statusomschrijving", _TEXT),
        ("statusFoutcode", _optional(Fout)),
        ("statusdetails", _OPTIONAL),
    )


class BerichtResultaat(ComplexModel):
    """One message with its content."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("kenmerk", _TEXT),
        ("berichtsoort", _TEXT),
        ("berichtkenmerk", _TEXT),
        ("aanleverkenmerk", _OPTIONAL),
        ("eerderAanleverkenmerk", _OPTIONAL),
        ("tijdstempelAangeleverd", _TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("rolBelanghebbende", _TEXT),
        ("identiteitAanleveraar", _OPTIONAL),
        ("identiteitOntvanger", _optional(Identiteit)),
        ("rolOntvanger", _OPTIONAL),
        ("berichtInhoud", Inhoud),
        ("berichtBijlagen", _optional(Bijlagen)),
        ("constateringenLijst", _optional(Constateringen)),
        ("additioneleElementenLijst", _optional(AdditioneleElementen)),
    )


class BerichtLijstResultaat(ComplexModel):
    """One message without its content."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("berichtsoort", _TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("kenmerk", _TEXT),
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer of a query: ``<operation>Response`` around ``<operation>Return`` around rows."""

    operation: str
    row: str
    response: Any
    returned: Any

    def of(self, rows: Iterable[object]) -> object:
        """Return the answer with these rows; with none, ``…Return`` is empty."""
        returned = self.returned(**{self.row: list(rows)})
        return self.response(**{f"{self.operation}Return": returned})


def _listing(operation: str, row: str, model: Any) -> Listing:
    # Both models are made here because ten operations differ in these names only.
    name = operation[0].upper() + operation[1:]
    returned = ComplexModel.produce(names.TYPES, f"{name}Return", {row: _many(model)})
    response = ComplexModel.produce(
        names.TYPES, f"{name}Response", {f"{operation}Return": returned.customize(min_occurs=1)}
    )
    return Listing(operation, row, response, returned)


LISTINGS = MappingProxyType(
    {
        operation: _listing(operation, row, model)
        for operation, row, model in (
            ("getBerichtsoorten", "berichtsoort", Unicode),
            ("getProcessen", "ProcesResultaat", ProcesResultaat),
            ("getStatussenProces", "StatusResultaat", StatusResultaat),
            ("getNieuweStatussenProces", "StatusResultaat", StatusResultaat),
            ("getNieuweStatussen", "StatusResultaat", StatusResultaat),
            ("getBerichten", "BerichtResultaat", BerichtResultaat),
            ("getNieuweBerichten", "BerichtResultaat", BerichtResultaat),
            ("getBerichtenLijst", "BerichtLijstResultaat", BerichtLijstResultaat),
            ("getNieuweBerichtenLijst", "BerichtLijstResultaat", BerichtLijstResultaat),
            ("getBerichtenKenmerk", "BerichtResultaat", BerichtResultaat),
            ("getNieuweBerichtenKenmerk", "BerichtResultaat", BerichtResultaat),
        )
    }
)
"""The answers of StatusinformatieService and OphaalService, by operation."""
