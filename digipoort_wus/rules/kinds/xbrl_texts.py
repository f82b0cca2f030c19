"""What the kind ``xbrl`` says to the filer, in words of our own.

Places: ``{name}``, the facts or elements that it is about, by local name; ``{line}``; ``{check}``,
the assertion, or the last part of the code of Arelle; ``{found}``, the whole code, or the last
part of an address.
"""

from collections.abc import Mapping

from digipoort_wus.rules.model import Text

CODES: Mapping[str, str] = {
    "none": "GEEN",
    "reference": "REF",
    "file": "BESTAND",
    "value": "WAARDE",
    "element": "ELEMENT",
    "unknown": "ONBEKEND",
    "context": "CONTEXT",
    "unit": "EENHEID",
    "dimension": "DIMENSIE",
    "formula": "CONTROLE",
    "twice": "DUBBEL",
}
"""What stands behind the code of a rule, by what it is about; of the rest it is the rule's own."""
TEXTS: Mapping[str, Text] = {
    "none": Text(
        "Het bericht is geen XBRL-bericht met een schemaRef: daarin staat welke taxonomie is "
        "gebruikt. Maak het bericht opnieuw aan met uw software.",
        "The document is no XBRL instance with a schemaRef, which says which taxonomy was used. "
        "Make it again with your software.",
    ),
    "reference": Text(
        "Het bericht verwijst op regel {line} naar een rapportagesoort die hier niet bekend is: "
        "{found}. Gebruik de taxonomie die bij deze berichtsoort hoort.",
        "On line {line} the document refers to a kind of report that is not known here: {found}. "
        "Use the taxonomy of this kind of message.",
    ),
    "file": Text(
        "Het bericht verwijst op regel {line} naar iets anders dan de taxonomie: {found}. Dat mag "
        "niet. Vraag de leverancier van uw software om een bericht zonder die verwijzing.",
        "On line {line} the document refers to something other than the taxonomy: {found}, which "
        "is not allowed. Ask the supplier of your software for a document without it.",
    ),
    "value": Text(
        "De waarde van {name} op regel {line} past niet bij wat de taxonomie ervoor voorschrijft "
        "({check}).",
        "The value of {name} on line {line} is not of the form that the taxonomy demands "
        "({check}).",
    ),
    "element": Text(
        "Het onderdeel {name} op regel {line} staat niet op een plaats waar de taxonomie dat "
        "toestaat, of er ontbreekt iets aan ({check}).",
        "The element {name} on line {line} is not where the taxonomy allows it, or lacks "
        "something ({check}).",
    ),
    "unknown": Text(
        "Het gegeven {name} op regel {line} komt in de taxonomie niet voor.",
        "The taxonomy does not know the fact {name} on line {line}.",
    ),
    "context": Text(
        "De context van {name} op regel {line} ontbreekt of past er niet bij: let op de periode "
        "({check}).",
        "The context of {name} on line {line} is missing or does not suit it: mind the period "
        "({check}).",
    ),
    "unit": Text(
        "De eenheid van {name} op regel {line} ontbreekt of past er niet bij ({check}).",
        "The unit of {name} on line {line} is missing or does not suit it ({check}).",
    ),
    "dimension": Text(
        "Het gegeven {name} op regel {line} heeft een dimensie die daar niet mag, of mist er een "
        "({check}).",
        "The fact {name} on line {line} has a dimension that is not allowed there, or lacks one "
        "({check}).",
    ),
    "formula": Text(
        "Een controle van de taxonomie klopt niet ({check}). Die gaat over: {name}; kijk bij "
        "regel {line}.",
        "An assertion of the taxonomy does not hold ({check}). It is about: {name}; see line "
        "{line}.",
    ),
    "twice": Text(
        "Het gegeven {name} staat meer dan één keer in het bericht, met verschillende waarden; "
        "kijk bij regel {line}.",
        "The fact {name} is in the document more than once, with different values; see line "
        "{line}.",
    ),
    "other": Text(
        "Het bericht voldoet op regel {line} niet aan de regels van XBRL: {name} ({found}).",
        "On line {line} the document breaks a rule of XBRL: {name} ({found}).",
    ),
}
"""By what it is about."""
