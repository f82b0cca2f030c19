"""The status table of the interface and the status of one filing at one moment."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

Ending = Literal["open", "success", "failure"]


@dataclass(frozen=True, slots=True)
class StatusCode:
    """One row of the status table.

    Args:
        code: three digits.
        text: Dutch ``statusomschrijving``.
        ending: whether a process ends here, and how.
        observed: the text was seen in a real message; otherwise it is ours.
    """

    code: str
    text: str
    ending: Ending
    observed: bool


STATUS_CODES = MappingProxyType(
    {
        row.code: row
        for row in (
            StatusCode("105", "Aanleverproces gestart.", "open", True),
            StatusCode("100", "Aanleveren gelukt.", "open", True),
            StatusCode("110", "Aanleverproces wordt aangeboden.", "open", True),
            StatusCode("200", "Authenticatie gelukt.", "open", True),
            StatusCode("210", "Authenticatie niet gelukt.", "failure", False),
            StatusCode("230", "Technisch probleem bij de AuSP.", "failure", False),
            StatusCode("301", "Validatie gelukt.", "open", True),
            StatusCode("311", "Validatie niet gelukt.", "failure", False),
            StatusCode("321", "Technisch probleem bij validatie.", "failure", False),
            StatusCode("405", "Afleveren naar uitvragende partij bezig...", "open", True),
            StatusCode("400", "Afleveren uitvragende partij gelukt.", "open", True),
            StatusCode("410", "Afleveren uitvragende partij niet gelukt.", "failure", False),
            # 420 ends a process only when it carries a statusFoutcode (AFS600, after 72 hours).
            StatusCode(
                "420",
                "Technisch probleem bij afleverservice uitvragende partij.",
                "open",
                False,
            ),
            StatusCode("500", "Validatie bij de uitvragende partij gelukt.", "success", True),
            StatusCode("510", "Validatie bij de uitvragende partij niet gelukt.", "failure", False),
        )
    }
)


@dataclass(frozen=True, slots=True)
class StatusError:
    """``statusFoutcode``: clients may treat its presence as the end of a process.

    Args:
        code: at most 20 characters, such as ``VAS500``.
        text: at most 1,048,576 characters.
    """

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """One ``StatusResultaat``."""

    code: str
    at: datetime
    error: StatusError | None = None
    details: str | None = None

    @property
    def text(self) -> str:
        """Return the ``statusomschrijving`` that belongs to the code."""
        return STATUS_CODES[self.code].text

    @property
    def ending(self) -> Ending:
        """Return whether the process ends with this status, and how."""
        if self.error is not None:
            return "failure"
        return STATUS_CODES[self.code].ending
