"""What the gateway asks of a rule engine, and what it gets back."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding


class Stage(Enum):
    """The two validations of a filing; each gives a status of its own (inferred)."""

    ENVELOPE = "envelope"
    """Envelope and identity rules: the first 301."""
    CONTENT = "content"
    """Rules about the content: the second 301."""


class Outcome(Enum):
    """Three values: what could not be decided is never the sender's mistake."""

    VALID = "valid"
    INVALID = "invalid"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Report:
    """What one stage found.

    Args:
        outcome: INVALID when at least one finding is an error or fatal.
        findings: in order of the rules.
        technical: for the operator when UNDETERMINED; never shown to the filer.
    """

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    technical: str = ""


class RuleEngine(Protocol):
    """Validates filings; may block, is called outside the reactor."""

    def validate(self, filing: Filing, stage: Stage) -> Report:
        """Judge one filing at one stage; a crash of a rule is UNDETERMINED, not an exception."""
