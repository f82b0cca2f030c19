"""What each SBR filing rule (FR-NL) says to the filer, in words of our own."""

from collections.abc import Mapping

from digipoort_wus.rules.model import Declared, Text

_BASIS = "SBR Filing Rules"


def _rule(nl: str, en: str, basis: str = _BASIS) -> Declared:
    return Declared("error", Text(nl, en), basis)


FILING_RULES: Mapping[str, Declared] = {
    "FR-NL-1.01": _rule(
        "Het bericht begint met een byte order mark (BOM), en dat mag niet. "
        "Laat uw software het bericht opslaan als UTF-8 zonder BOM.",
        "The message begins with a byte order mark (BOM), which is not allowed. "
        "Have your software save the message as UTF-8 without a BOM.",
    ),
    "FR-NL-1.02": _rule(
        "Op regel {line} staat een teken dat niet mag: {found}. Toegestaan zijn gewone letters, "
        "ook met accenten, cijfers, leestekens en valutatekens. Gekrulde aanhalingstekens en "
        "lange streepjes mogen bijvoorbeeld niet.",
        "Line {line} has a character that is not allowed: {found}. Plain letters, also with "
        "accents, digits, punctuation and currency signs are allowed. Curly quotation marks and "
        "long dashes, for example, are not.",
    ),
    "FR-NL-1.03": _rule(
        "Het bericht bevat een DOCTYPE, en die mag niet voorkomen. "
        "Vraag de leverancier van uw software om een bericht zonder DOCTYPE.",
        "The message has a DOCTYPE, which is not allowed. "
        "Ask the supplier of your software for a message without a DOCTYPE.",
    ),
    "FR-NL-1.04": _rule(
        "Op regel {line} staat een verwijzing naar een teken die niet mag: {found}. Schrijf het "
        "teken zelf, als het is toegestaan.",
        "Line {line} has a character reference that is not allowed: {found}. Write the character "
        "itself, if that is allowed.",
    ),
    "FR-NL-1.05": _rule(
        "Het bericht is niet in de tekencodering UTF-8 (gevonden: {found}). "
        "Laat uw software het bericht opslaan als UTF-8.",
        "The message is not in the character encoding UTF-8 (found: {found}). "
        "Have your software save the message as UTF-8.",
    ),
    "FR-NL-1.06": _rule(
        "In de bestandsnaam mogen vóór de extensie alleen de letters a tot en met z, cijfers, "
        "streepjes en lage streepjes staan. Geef het bestand een andere naam.",
        "Before its extension a file name may only have the letters a to z, digits, hyphens and "
        "underscores. Give the file another name.",
    ),
    "FR-NL-2.03": _rule(
        "De taal van het bericht ontbreekt: het eerste element heeft geen xml:lang.",
        "The language of the message is missing: the root element has no xml:lang.",
    ),
    "FR-NL-2.04": _rule(
        "Het bericht moet naar precies één rapportagesoort verwijzen (link:schemaRef); "
        "het aantal is nu {count}.",
        "The message must refer to exactly one kind of report (link:schemaRef); it has {count}.",
        f"{_BASIS}; that there is one: XBRL 2.1 clause 4.2",
    ),
    "FR-NL-2.05": _rule(
        "Het bericht verwijst naar een linkbase (link:linkbaseRef), en dat mag niet.",
        "The message refers to a linkbase (link:linkbaseRef), which is not allowed.",
    ),
    "FR-NL-2.06": _rule(
        "Op regel {line} staan de tekens ]]> (het einde van een CDATA-sectie), en die mogen niet "
        "voorkomen.",
        "Line {line} has the characters ]]> (the end of a CDATA section), which are not allowed.",
    ),
    "FR-NL-2.07": _rule(
        "Bij {name} staat het attribuut xsi:nil, en dat mag niet. "
        "Laat een gegeven zonder waarde weg.",
        "{name} has the attribute xsi:nil, which is not allowed. "
        "Leave out a fact that has no value.",
    ),
    "FR-NL-3.01": _rule(
        "In de periode van context {id} staat een tijdstip bij een datum. Vermeld alleen de datum.",
        "The period of context {id} has a time with a date. State the date alone.",
        f"{_BASIS}; that an instant counts, too: inferred",
    ),
    "FR-NL-3.02": _rule(
        "Context {id} heeft geen begin en einde (xbrli:forever), en dat mag niet. "
        "Vermeld een periode of een datum.",
        "Context {id} has no start and end (xbrli:forever), which is not allowed. "
        "State a period or a date.",
    ),
    "FR-NL-3.03": _rule(
        "Geen enkel gegeven gebruikt context {id}. Laat een context die niet nodig is weg.",
        "No fact uses context {id}. Leave out a context that is not needed.",
    ),
    "FR-NL-3.04": _rule(
        "Context {id} is gelijk aan context {other}. Gebruik één context voor beide.",
        "Context {id} equals context {other}. Use one context for both.",
    ),
    "FR-NL-4.01": _rule(
        "Eenheid {id} is gelijk aan eenheid {other}. Gebruik één eenheid voor beide.",
        "Unit {id} equals unit {other}. Use one unit for both.",
    ),
    "FR-NL-4.02": _rule(
        "Geen enkel gegeven gebruikt eenheid {id}. Laat een eenheid die niet nodig is weg.",
        "No fact uses unit {id}. Leave out a unit that is not needed.",
    ),
    "FR-NL-5.01": _rule(
        "Het gegeven {name} staat meer dan één keer in het bericht, over hetzelfde onderwerp en "
        "tijdvak. Vermeld het één keer, ook als de waarden gelijk zijn.",
        "The fact {name} is in the message more than once, about the same subject and period. "
        "State it once, even when the values are equal.",
    ),
    "FR-NL-5.03": _rule(
        "Het gegeven {name} is leeg. Vul een waarde in of laat het weg.",
        "The fact {name} is empty. Give it a value or leave it out.",
        f"{_BASIS}; that it holds for facts of every type: inferred",
    ),
    "FR-NL-5.06": _rule(
        "Bij {name} staat het attribuut precision, en dat mag niet. Gebruik decimals.",
        "{name} has the attribute precision, which is not allowed. Use decimals.",
    ),
    "FR-NL-6.01": _rule(
        "Het bericht bevat een voetnoot, en die mag niet voorkomen.",
        "The message has a footnote, which is not allowed.",
        f"{_BASIS}; that an empty list of footnotes counts, too: inferred",
    ),
}
"""Every rule that can be judged without a taxonomy, and whose text is known."""
