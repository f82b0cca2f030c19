"""Codes and texts of the kind ``identity``."""

from collections.abc import Mapping
from dataclasses import dataclass

from digipoort_wus.rules.kinds.numbers import Number
from digipoort_wus.rules.model import Declared, Text

CODES: Mapping[str, str] = {
    "nobody": "GEEN",
    "other": "ANDERS",
    "prefixed": "NL",
    "type": "SOORT",
    "scheme": "SCHEME",
    "form": "FORM",
    "digits": "ELF",
    "btw_id": "BTW",
}
"""What stands behind the code of the rule, by the name in the option ``codes``."""


@dataclass(frozen=True, slots=True)
class About:
    """What the texts call a document, and the number in it."""

    document: Text
    number: Text


ANY = About(Text("bericht", "document"), Text("nummer", "number"))
_BARE = "inferred: NL belongs to the btw-id, and without it the numbers are equal"
_VAT_NUMBER = Text("omzetbelastingnummer", "omzetbelastingnummer")
XBRL = About(Text("XBRL-bericht", "XBRL document"), Text("identifier", "identifier"))


def declared_codes(
    about: About,
    codes: Mapping[str, str],
    types: tuple[str, ...],
    scheme: str,
    number: Number | None,
) -> Mapping[str, Declared]:
    """Return what a rule may give.

    Args:
        about: which documents.
        codes: by name.
        types: of the belanghebbende that are accepted; none: all.
        scheme: that is expected; empty: any.
        number: what kind of number it is, where the set says so.
    """
    declared = {
        codes["nobody"]: Declared("error", _nobody(about, number)),
        codes["other"]: Declared("error", _other(about)),
        codes["prefixed"]: Declared("warning", _prefixed(about, number), _BARE),
    }
    if types:
        declared[codes["type"]] = Declared("error", _type(types))
    if scheme:
        declared[codes["scheme"]] = Declared("error", _scheme(scheme))
    if number is not None:
        declared[codes["form"]] = Declared("error", _form(number))
    if number is not None and number.elfproef:
        declared[codes["digits"]] = Declared("warning", _digits(number))
        declared[codes["btw_id"]] = Declared("warning", _btw_id(number))
    return declared


def _nobody(about: About, number: Number | None) -> Text:
    name = about.number if number is None else number.name
    return Text(
        f"In het {about.document.nl} staat niet over wie het gaat: "
        f"er is geen {_plain(name.nl)} gevonden.",
        f"The {about.document.en} does not say whom it is about: no {_plain(name.en)} was found.",
    )


def _other(about: About) -> Text:
    return Text(
        "Het nummer van de belanghebbende bij de aanlevering is niet het nummer in het "
        f"{about.document.nl}. Controleer of dit bericht van deze onderneming is.",
        "The number of the belanghebbende in the request is not the number in the "
        f"{about.document.en}. Check whether this document is of that business.",
    )


def _prefixed(about: About, number: Number | None) -> Text:
    name = _VAT_NUMBER if number is None else number.name
    return Text(
        "Het nummer van de belanghebbende begint bij de aanlevering met NL en in het "
        f"{about.document.nl} niet. Lever het {_plain(name.nl)} aan zonder NL.",
        "The number of the belanghebbende begins with NL in the request and not in the "
        f"{about.document.en}. File the {_plain(name.en)} without NL.",
    )


def _type(types: tuple[str, ...]) -> Text:
    nl, en = _plain(" of ".join(types)), _plain(" or ".join(types))
    return Text(
        f"Bij de aanlevering heeft de belanghebbende een nummer van soort {{found}}; "
        f"voor dit bericht moet dat {nl} zijn.",
        f"The belanghebbende has a number of type {{found}} in the request; "
        f"for this document it must be {en}.",
    )


def _scheme(scheme: str) -> Text:
    return Text(
        f"Het nummer in het bericht heeft als scheme {{found}}; dat moet {_plain(scheme)} zijn.",
        f"The number in the document has the scheme {{found}}; it must be {_plain(scheme)}.",
    )


def _form(number: Number) -> Text:
    name, shape = number.name, number.shape
    return Text(
        f"Het nummer in het bericht is geen {_plain(name.nl)}: dat is {_plain(shape.nl)}, "
        "zonder NL, spaties of punten.",
        f"The number in the document is no {_plain(name.en)}: that is {_plain(shape.en)}, "
        "without NL, spaces or dots.",
    )


def _digits(number: Number) -> Text:
    return Text(
        f"Het {_plain(number.name.nl)} in het bericht voldoet niet aan de elfproef; "
        "waarschijnlijk is er een cijfer verkeerd overgenomen.",
        f"The {_plain(number.name.en)} in the document fails its check digit; "
        "probably a digit was copied wrongly.",
    )


def _btw_id(number: Number) -> Text:
    return Text(
        "Het nummer in het bericht lijkt het btw-id te zijn, dat op facturen staat. In dit "
        f"bericht hoort het {_plain(number.name.nl)}, dat alleen voor de Belastingdienst is.",
        "The number in the document looks like the btw-id, which invoices carry. "
        f"This document needs the {_plain(number.name.en)}, which only the tax authority uses.",
    )


def _plain(value: str) -> str:
    """Return a text of the set for a text with places for values."""
    return value.replace("{", "{{").replace("}", "}}")
