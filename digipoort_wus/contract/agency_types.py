"""The messages of the services for agencies as Spyne models, in the order of their schemas."""

from typing import Any

from spyne import ComplexModel

from digipoort_wus import names
from digipoort_wus.contract.fields import OPTIONAL, TEXT, Member, many, optional, sequence
from digipoort_wus.contract.types import Fout


def _model(name: str, *members: Member) -> Any:
    # As in the interface, in the namespace of our own service.
    values = {"__namespace__": names.BERICHTEN, "_type_info": sequence(*members)}
    return type(ComplexModel)(name, (ComplexModel,), values)


class ZetStatusRequest(ComplexModel):
    """Request of ``zetStatus``."""

    __namespace__ = names.TYPES
    _type_info = sequence(
        ("kenmerk", TEXT),
        ("berichtkenmerk", OPTIONAL),
        ("statuscode", TEXT),
        ("tijdstempelStatus", TEXT),
        ("statusFoutcode", optional(Fout)),
        ("statusdetails", OPTIONAL),
    )


class ZetStatusResponse(ComplexModel):
    """Answer of ``zetStatus``."""

    __namespace__ = names.TYPES
    _type_info = sequence(("kenmerk", TEXT), ("statuscode", TEXT))


_IDENTITEIT = _model("AanbiedIdentiteit", ("nummer", TEXT), ("type", TEXT))
_INHOUD = _model("AanbiedInhoud", ("mimeType", TEXT), ("bestandsnaam", TEXT), ("inhoud", TEXT))
_BIJLAGEN = _model("AanbiedBijlagen", ("bijlage", many(_INHOUD, least=1)))
_CONSTATERING = _model("AanbiedConstatering", ("code", TEXT), ("beschrijving", TEXT))
_CONSTATERINGEN = _model("AanbiedConstateringen", ("constatering", many(_CONSTATERING, least=1)))
_ELEMENT = _model("AanbiedElement", ("naam", TEXT), ("waarde", TEXT))
_ELEMENTEN = _model("AanbiedElementen", ("element", many(_ELEMENT, least=1)))


class AanbiedRequest(ComplexModel):
    """Request of ``aanbieden``; the text of every ``inhoud`` is a placeholder."""

    __namespace__ = names.BERICHTEN
    _type_info = sequence(
        ("kenmerk", TEXT),
        ("berichtsoort", TEXT),
        ("berichtkenmerk", TEXT),
        ("aanleverkenmerk", OPTIONAL),
        ("eerderAanleverkenmerk", OPTIONAL),
        ("identiteitBelanghebbende", _IDENTITEIT),
        ("rolBelanghebbende", TEXT),
        ("identiteitAanleveraar", OPTIONAL),
        ("identiteitOntvanger", optional(_IDENTITEIT)),
        ("rolOntvanger", OPTIONAL),
        ("berichtInhoud", _INHOUD),
        ("berichtBijlagen", optional(_BIJLAGEN)),
        ("constateringenLijst", optional(_CONSTATERINGEN)),
        ("additioneleElementenLijst", optional(_ELEMENTEN)),
    )


class AanbiedResponse(ComplexModel):
    """Answer of ``aanbieden``."""

    __namespace__ = names.BERICHTEN
    _type_info = sequence(("kenmerk", TEXT), ("berichtkenmerk", TEXT))
