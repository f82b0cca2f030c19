"""What validation found in a filing."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "error", "fatal"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation of one rule.

    Args:
        code: at most 20 characters, stable.
        severity: ``error`` and ``fatal`` make a filing invalid.
        text: Dutch sentence for the filer.
        where: XPath or line, empty when it is about the whole filing.
    """

    code: str
    severity: Severity
    text: str
    where: str = ""
