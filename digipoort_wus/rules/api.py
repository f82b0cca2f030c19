"""What the gateway asks of a rule engine, and what it gets back."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
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


class Came(Enum):
    """What became of one rule."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It had nothing to judge: an earlier rule left nothing, or it is not for this MIME type."""
    TECHNICAL = "technical"
    """It could not be judged, which is nobody's mistake but ours."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One rule of a validation, and what became of it.

    Args:
        rule: its code in its set; ``*`` is all of them, when no worker answered.
        set_id: ``id@version`` of the set.
        digest: the first digits of the SHA-256 of the set.
        layer: of the set; ``*`` is all of them.
        came: what became of it.
        microseconds: that it took. Of rules that read the document together the first has the
            time of all: what each took of it is not known.
        why: of one that was skipped, or was technical; for the operator.
    """

    rule: str
    set_id: str
    digest: str
    layer: str
    came: Came
    microseconds: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one stage found.

    Args:
        outcome: INVALID when at least one finding is an error or fatal.
        findings: in order of the rules.
        technical: for the operator when UNDETERMINED; never shown to the filer.
        trace: what ran, in that order.
    """

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    technical: str = ""
    trace: tuple[Ran, ...] = ()


class Busy(Exception):
    """A filing cannot be judged now, and nothing was looked at: it is no attempt, try later."""


class RuleEngine(Protocol):
    """Validates filings; may block, is called outside the reactor."""

    def validate(self, filing: Filing, stage: Stage) -> Report:
        """Judge one filing at one stage; a crash of a rule is UNDETERMINED, not an exception.

        Raises:
            Busy: too many are waiting for what judges it, or nothing is there that could.
        """


class HostedEngine(RuleEngine, Protocol):
    """A rule engine that a gateway starts, reloads and ends."""

    def is_slow(self, filing: Filing, stage: Stage) -> bool:
        """Return whether judging it may take seconds; answers at once.

        A gateway judges such filings beside the others, so that nobody waits behind them.
        """

    def reload(self) -> None:
        """Take the rule sets as they are now; filings under way keep the old ones.

        Raises:
            ConfigurationError: they cannot be used; the old ones stay in use.
        """

    def figures(self) -> Mapping[str, int]:
        """Return counters and gauges for the metrics page, by a name in snake case."""

    def close(self) -> None:
        """End whatever it started; what is being judged comes out as Busy."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a gateway's configuration says of its rule engine.

    Args:
        directories: of the operator's own rule sets, beside those that ship with the engine.
        added: directory of artefacts that the operator adds to shipped sets, or None.
        workers: processes that judge cheap rules, from 1.
        heavy_workers: processes that judge heavy rules, from 1; started when a set needs one.
        seconds: of wall clock that one cheap judgement may take.
        heavy_seconds: of wall clock that one heavy judgement may take.
        memory: octets of data that a cheap worker may hold.
        heavy_memory: octets of data that a heavy worker may hold.
    """

    directories: tuple[Path, ...] = ()
    added: Path | None = None
    workers: int = 2
    heavy_workers: int = 1
    seconds: float = 20.0
    heavy_seconds: float = 120.0
    memory: int = 512 * 1024 * 1024
    heavy_memory: int = 2048 * 1024 * 1024


class EngineFactory(Protocol):
    """Makes a gateway's engine: an entry point of the group ``digipoort_wus.rule_engine``."""

    def __call__(self, options: EngineOptions) -> HostedEngine:
        """Make and start an engine.

        Raises:
            ConfigurationError: it cannot be used as configured.
        """
