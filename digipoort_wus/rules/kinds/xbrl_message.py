"""What Arelle said of an instance, and what that is about."""

import re
from dataclasses import dataclass
from typing import TypeAlias

from digipoort_wus.filing.finding import Severity

Steps: TypeAlias = tuple[int, ...]
"""The way from the root element down to another: the number of each child, comments counted."""
UNSATISFIED = "formula:assertionUnsatisfied"
NOT_EVALUATED = "formula:notEvaluated"
"""Our own: Arelle left the assertions out, and says so to nobody."""
TOO_MANY = "arelle:tooManyMessages"
"""Our own: what Arelle said after very many messages was not kept."""
# The last are mistakes of an expression, such as of an amount that is none.
_UNFINISHED = re.compile(
    rf"({NOT_EVALUATED}|{TOO_MANY}|formula:maxRunTime|formula:varSetTimeout|err:.*)\Z"
)
# What an instance can bring about. Anything else is a mistake of ours, of the taxonomy, or new.
_FAMILIES = re.compile(
    r"xbrl(\.\d|:)|xbrldie:|xmlSchema|xml\.\d|message:|utre:|dtre:|enum2?ie:|xlink:|"
    rf"({UNSATISFIED}|arelle:duplicateFacts)\Z"
)
_SYNTAX = re.compile(r"xmlSchema:syntax\Z")
_ABOUT = (
    ("value", re.compile(r"xmlSchema\S*:(value|pattern|enumeration|length|minLength|maxLength)")),
    ("value", re.compile(r"dtre:|enum2?ie:")),
    ("element", re.compile(r"xmlSchema")),
    ("unknown", re.compile(r"xbrl:schemaImportMissing\Z")),
    ("context", re.compile(r"xbrl\.(4\.7|4\.6\.1)\b")),
    ("unit", re.compile(r"xbrl\.(4\.8|4\.6\.2)\b")),
    ("dimension", re.compile(r"xbrldie:")),
    ("formula", re.compile(rf"message:|{UNSATISFIED}\Z")),
    ("twice", re.compile(r"arelle:duplicateFacts\Z")),
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of Arelle.

    Args:
        code: as Arelle calls it.
        severity: warning or error.
        elements: of the instance that it is about.
        assertion: id of the assertion that does not hold; empty when it is about none.
    """

    code: str
    severity: Severity
    elements: tuple[Steps, ...] = ()
    assertion: str = ""


def about(code: str) -> str:
    """Return what a code of Arelle is about: a key of the texts."""
    return next((part for part, pattern in _ABOUT if pattern.match(code)), "other")


def is_technical(code: str) -> bool:
    """Return whether a message says that the instance could not be judged."""
    return _FAMILIES.match(code) is None or _SYNTAX.match(code) is not None


def is_unfinished(code: str) -> bool:
    """Return whether a message says that not all was judged, or that not all is known."""
    return _UNFINISHED.match(code) is not None
