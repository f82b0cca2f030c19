"""The messages of the services for agencies as Spyne models, in the order of their schemas."""

from typing import Any

from spyne import ComplexModel, Unicode

from digipoort_wus import names
from digipoort_wus.contract.types import Fout

_TEXT = Unicode(min_occurs=1)
_OPTIONAL = Unicode(min_occurs=0)


def _sequence(*members: tuple[str, Any]) -> list[tuple[str, Any]]:
    return list(members)


def _model(name: str, *members: tuple[str, Any]) -> Any:
    # As in the interface, in the namespace of our own service.
    values = {"__namespace__": names.BERICHTEN, "_type_info": _sequence(*members)}
    return type(ComplexModel)(name, (ComplexModel,), values)


def _optional(model: Any) -> Any:
    return model.customize(min_occurs=0)


def _many(model: Any) -> Any:
    return model.customize(min_occurs=1, max_occurs="unbounded")


class ZetStatusRequest(ComplexModel):
    """Request of ``zetStatus``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(
        ("kenmerk", _TEXT),
        ("berichtkenmerk", _OPTIONAL),
        ("statuscode", _TEXT),
        ("tijdstempelStatus", _TEXT),
        ("statusFoutcode", _optional(Fout)),
        ("statusdetails", _OPTIONAL),
    )


class ZetStatusResponse(ComplexModel):
    """Answer of ``zetStatus``."""

    __namespace__ = names.TYPES
    _type_info = _sequence(("kenmerk", _TEXT), ("statuscode", _TEXT))


_IDENTITEIT = _model("AanbiedIdentiteit", ("nummer", _TEXT), ("type", _TEXT))
_INHOUD = _model("AanbiedInhoud", ("mimeType", _TEXT), ("bestandsnaam", _TEXT), ("inhoud", _TEXT))
_BIJLAGEN = _model("AanbiedBijlagen", ("bijlage", _many(_INHOUD)))
_CONSTATERING = _model("AanbiedConstatering", ("code", _TEXT), ("beschrijving", _TEXT))
_CONSTATERINGEN = _model("AanbiedConstateringen", ("constatering", _many(_CONSTATERING)))
_ELEMENT = _model("AanbiedElement", ("naam", _TEXT), ("waarde", _TEXT))
_ELEMENTEN = _model("AanbiedElementen", ("element", _many(_ELEMENT)))


class AanbiedRequest(ComplexModel):
    """Request of ``aanbieden``; the text of every ``inhoud`` is a placeholder."""

    __namespace__ = names.BERICHTEN
    _type_info = _sequence(
        ("kenmerk", _TEXT),
        ("berichtsoort", _TEXT),
        ("berichtkenmerk", _TEXT),
        ("aanleverkenmerk", _OPTIONAL),
        ("eerderAanleverkenmerk", _OPTIONAL),
        ("identiteitBelanghebbende", _IDENTITEIT),
        ("rolBelanghebbende", _TEXT),
        ("identiteitAanleveraar", _OPTIONAL),
        ("identiteitOntvanger", _optional(_IDENTITEIT)),
        ("rolOntvanger", _OPTIONAL),
        ("berichtInhoud", _INHOUD),
        ("berichtBijlagen", _optional(_BIJLAGEN)),
        ("constateringenLijst", _optional(_CONSTATERINGEN)),
        ("additioneleElementenLijst", _optional(_ELEMENTEN)),
    )


class AanbiedResponse(ComplexModel):
    """Answer of ``aanbieden``."""

    __namespace__ = names.BERICHTEN
    _type_info = _sequence(("kenmerk", _TEXT), ("berichtkenmerk", _TEXT))
