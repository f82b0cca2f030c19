"""What validation found in a filing."""

import re
from dataclasses import dataclass
from typing import Literal

_LINE = re.compile(r"(?:^| \()regel ([0-9]{1,9})\)?$")

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

    @property
    def line(self) -> int:
        """Return the line that ``where`` names, from 1; 0 when it names none."""
        found = _LINE.search(self.where)
        return int(found[1]) if found else 0
