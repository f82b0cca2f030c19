"""Codes and texts of the kind ``xsd``."""

from collections.abc import Mapping

from digipoort_wus.rules.model import Text

CODES: Mapping[str, str] = {
    "root": "ROOT",
    "element": "ELEMENT",
    "surplus": "TEVEEL",
    "missing": "ONTBREEKT",
    "value": "WAARDE",
    "attribute": "ATTRIBUUT",
    "no_attribute": "KENMERK",
    "other": "OVERIG",
}
"""What stands behind the code of the rule, by the name in the option ``codes``."""
TEXTS: Mapping[str, Text] = {
    "root": Text(
        "Het bericht begint met het onderdeel {element}; dat is niet het begin van dit soort "
        "bericht. Controleer of het juiste bericht is aangeleverd.",
        "The document begins with the element {element}, which is not how this kind of document "
        "begins. Check whether the right document was filed.",
    ),
    "element": Text(
        "Het onderdeel {element} (regel {line}) staat niet op zijn plaats; "
        "hier wordt {expected} verwacht.",
        "The element {element} (line {line}) is out of place; {expected} is expected here.",
    ),
    "surplus": Text(
        "Het onderdeel {element} (regel {line}) mag hier niet staan.",
        "The element {element} (line {line}) may not stand here.",
    ),
    "missing": Text(
        "In het onderdeel {element} (regel {line}) ontbreekt een verplicht onderdeel: {expected}.",
        "In the element {element} (line {line}) a required element is missing: {expected}.",
    ),
    "value": Text(
        "De waarde van het onderdeel {element} (regel {line}) is niet toegestaan. "
        "Controleer wat daar is ingevuld.",
        "The value of the element {element} (line {line}) is not allowed. "
        "Check what was filled in there.",
    ),
    "attribute": Text(
        "Het onderdeel {element} (regel {line}) heeft een kenmerk dat daar niet mag staan: "
        "{attribute}.",
        "The element {element} (line {line}) has an attribute that may not stand there: "
        "{attribute}.",
    ),
    "no_attribute": Text(
        "Bij het onderdeel {element} (regel {line}) ontbreekt een verplicht kenmerk: {attribute}.",
        "The element {element} (line {line}) lacks a required attribute: {attribute}.",
    ),
    "other": Text(
        "Het onderdeel {element} (regel {line}) voldoet niet aan het schema van dit bericht.",
        "The element {element} (line {line}) does not satisfy the schema of this document.",
    ),
}
"""By the same name."""
