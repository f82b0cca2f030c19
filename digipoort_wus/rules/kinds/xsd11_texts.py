"""Codes and texts of the kind ``xsd11``: those of ``xsd``, and of conditions, which 1.0 has not."""

from collections.abc import Mapping

from digipoort_wus.rules.kinds import xsd_texts
from digipoort_wus.rules.model import Text

CODES: Mapping[str, str] = {**xsd_texts.CODES, "condition": "VOORWAARDE"}
"""What stands behind the code of the rule, by the name in the option ``codes``."""
TEXTS: Mapping[str, Text] = {
    **xsd_texts.TEXTS,
    "condition": Text(
        "De gegevens in het onderdeel {element} (regel {line}) passen niet bij elkaar: ze voldoen "
        "niet aan een voorwaarde uit het schema van dit bericht.",
        "What is in the element {element} (line {line}) does not go together: it does not satisfy "
        "a condition of the schema of this document.",
    ),
}
"""By the same name."""
