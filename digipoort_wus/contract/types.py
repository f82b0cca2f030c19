"""The messages of the contract as Spyne models, in the order of the schema."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from spyne import ComplexModel, Unicode

from digipoort_wus import names
from digipoort_wus.contract.fields import OPTIONAL, TEXT, many, optional, sequence


class Identiteit(ComplexModel):
    """``identiteitBelanghebbende`` and ``identiteitOntvanger``."""

    __namespace__ = names.TYPES
    _type_info = sequence(("nummer", TEXT), ("type", TEXT))


class Inhoud(ComplexModel):
    """``berichtInhoud`` and ``bijlage``; the text of ``inhoud`` is a placeholder."""

    __namespace__ = names.TYPES
    _type_info = sequence(("mimeType", TEXT), ("bestandsnaam", TEXT), ("inhoud", TEXT))


class Bijlagen(ComplexModel):
    """``berichtBijlagen``."""

    __namespace__ = names.TYPES
    _type_info = sequence(("bijlage", many(Inhoud, least=1)))


class Fout(ComplexModel):
    """``statusFoutcode``."""

    __namespace__ = names.TYPES
    _type_info = sequence(("foutcode", TEXT), ("foutbeschrijving", TEXT))


class Constatering(ComplexModel):
    """One finding."""

    __namespace__ = names.TYPES
    _type_info = sequence(("code", TEXT), ("beschrijving", TEXT))


class Constateringen(ComplexModel):
    """``constateringenLijst``."""

    __namespace__ = names.TYPES
    _type_info = sequence(("constatering", many(Constatering, least=1)))


class AdditioneelElement(ComplexModel):
    """One pair of ``additioneleElementenLijst``."""

    __namespace__ = names.TYPES
    _type_info = sequence(("naam", TEXT), ("waarde", TEXT))


class AdditioneleElementen(ComplexModel):
    """``additioneleElementenLijst``, whose children are called ``element``."""

    __namespace__ = names.TYPES
    _type_info = sequence(("element", many(AdditioneelElement, least=1)))


class AanleverRequest(ComplexModel):
    """Request of ``aanleveren``."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("kenmerk", OPTIONAL),
        ("berichtsoort", TEXT),
        ("aanleverkenmerk", OPTIONAL),
        ("eerderAanleverkenmerk", OPTIONAL),
        ("identiteitBelanghebbende", Identiteit),
        ("rolBelanghebbende", TEXT),
        ("identiteitOntvanger", optional(Identiteit)),
        ("rolOntvanger", OPTIONAL),
        ("berichtInhoud", Inhoud),
        ("berichtBijlagen", optional(Bijlagen)),
        ("autorisatieAdres", OPTIONAL),
    )


class AanleverResponse(ComplexModel):
    """Answer of ``aanleveren``."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("kenmerk", TEXT),
        ("berichtsoort", TEXT),
        ("aanleverkenmerk", OPTIONAL),
        ("eerderAanleverkenmerk", OPTIONAL),
        ("tijdstempelAangeleverd", TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("rolBelanghebbende", TEXT),
        ("identiteitOntvanger", optional(Identiteit)),
        ("rolOntvanger", OPTIONAL),
        ("autorisatieAdres", OPTIONAL),
        ("statuscode", OPTIONAL),
        ("tijdstempelStatus", OPTIONAL),
        ("statusomschrijving", OPTIONAL),
        ("statusFoutcode", optional(Fout)),
        ("statusdetails", OPTIONAL),
    )


class EchoRequest(ComplexModel):
    """Request of ``echo``; the text of ``data`` is a placeholder."""

    __namespace__ = names.ECHO
    _type_info = sequence(("text", TEXT), ("data", OPTIONAL))


class EchoResponse(ComplexModel):
    """Answer of ``echo``."""

    __namespace__ = names.ECHO
    _type_info = sequence(("text", TEXT), ("data", OPTIONAL))


RESPONSES = MappingProxyType({"aanleveren": AanleverResponse, "echo": EchoResponse})
"""The answers that are no lists, by operation."""


class BerichtsoortenVraag(ComplexModel):
    """Request of ``getBerichtsoorten``."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("identiteitBelanghebbende", Identiteit),
        ("autorisatieAdres", OPTIONAL),
    )


class ProcessenVraag(ComplexModel):
    """Request of ``getProcessen``."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("berichtsoort", TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("autorisatieAdres", OPTIONAL),
    )


class KenmerkVraag(ComplexModel):
    """Request of the two StatussenProces and the two BerichtenKenmerk operations."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("kenmerk", TEXT),
        ("autorisatieAdres", OPTIONAL),
        ("tijdstempelVanaf", OPTIONAL),
        ("tijdstempelTot", OPTIONAL),
    )


class StatussenVraag(ComplexModel):
    """Request of ``getNieuweStatussen``."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("berichtsoort", TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("autorisatieAdres", OPTIONAL),
        ("tijdstempelVanaf", OPTIONAL),
        ("tijdstempelTot", OPTIONAL),
    )


class BerichtenVraag(ComplexModel):
    """Request of ``getBerichten`` and ``getNieuweBerichten``."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("berichtsoort", OPTIONAL),
        ("identiteitBelanghebbende", Identiteit),
        ("autorisatieAdres", OPTIONAL),
        ("tijdstempelVanaf", OPTIONAL),
        ("tijdstempelTot", OPTIONAL),
    )


class BerichtenLijstVraag(ComplexModel):
    """Request of the two BerichtenLijst operations: no belanghebbende."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("berichtsoort", OPTIONAL),
        ("autorisatieAdres", OPTIONAL),
        ("tijdstempelVanaf", OPTIONAL),
        ("tijdstempelTot", OPTIONAL),
    )


class ProcesResultaat(ComplexModel):
    """One row of ``getProcessenReturn``."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("kenmerk", TEXT),
        ("berichtsoort", TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("identiteitOntvanger", optional(Identiteit)),
    )


class StatusResultaat(ComplexModel):
    """One row of the three status lists."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("kenmerk", TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("statuscode", TEXT),
        ("tijdstempelStatus", TEXT),
        ("statusomschrijving", TEXT),
        ("statusFoutcode", optional(Fout)),
        ("statusdetails", OPTIONAL),
    )


class BerichtResultaat(ComplexModel):
    """One message with its content."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("kenmerk", TEXT),
        ("berichtsoort", TEXT),
        ("berichtkenmerk", TEXT),
        ("aanleverkenmerk", OPTIONAL),
        ("eerderAanleverkenmerk", OPTIONAL),
        ("tijdstempelAangeleverd", TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("rolBelanghebbende", TEXT),
        ("identiteitAanleveraar", OPTIONAL),
        ("identiteitOntvanger", optional(Identiteit)),
        ("rolOntvanger", OPTIONAL),
        ("berichtInhoud", Inhoud),
        ("berichtBijlagen", optional(Bijlagen)),
        ("constateringenLijst", optional(Constateringen)),
        ("additioneleElementenLijst", optional(AdditioneleElementen)),
    )


class BerichtLijstResultaat(ComplexModel):
    """One message without its content."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("berichtsoort", TEXT),
        ("identiteitBelanghebbende", Identiteit),
        ("kenmerk", TEXT),
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
    returned = ComplexModel.produce(names.TYPES, f"{name}Return", {row: many(model)})
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
