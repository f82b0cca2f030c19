"""Which rule engine judges filings, as it stands in the configuration, and who waits for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from digipoort_wus import limits
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import size_of
from digipoort_wus.filing.filing import Filing
from digipoort_wus.rules.api import EngineOptions, Stage

HEAVY = "rules heavy"
"""Threads for filings that the engine calls slow; no agency can have a name with a space."""
LARGE = "rules large"
"""Threads for large documents."""
_MEGABYTE = 1_048_576
_WORKERS = range(1, 65)
_SECONDS = range(1, 3_601)
_MEGABYTES = range(64, 65_537)


@dataclass(frozen=True, slots=True)
class RulesRow:
    """What the configuration says of the rule engine.

    Args:
        engine: name of an entry point of the group ``digipoort_wus.rule_engine``.
        sets: directories of rule sets, besides those that ship.
        added: directory of artefacts that the operator adds to rule sets.
        workers: processes for cheap rules, 1 to 64.
        heavy_workers: processes for heavy rules, 1 to 64.
        seconds: for one judgement by cheap rules, 1 to 3,600.
        heavy_seconds: the same by heavy rules.
        memory_mb: megabytes of 1,048,576 octets that a cheap worker may hold, 64 to 65,536.
        heavy_memory_mb: the same of a heavy worker.

    Raises:
        ConfigurationError: a number is out of its bounds.
    """

    engine: str = "workers"
    sets: tuple[Path, ...] = ()
    added: Path | None = None
    workers: int = 2
    heavy_workers: int = 1
    seconds: int = 20
    heavy_seconds: int = 120
    memory_mb: int = 512
    heavy_memory_mb: int = 2_048

    def __post_init__(self) -> None:
        if not self.engine.strip():
            raise ConfigurationError('rules.engine is a name such as "workers".')
        for name, bounds, unit in (
            ("workers", _WORKERS, "processes"),
            ("seconds", _SECONDS, "seconds"),
            ("memory_mb", _MEGABYTES, "megabytes"),
        ):
            for key in (name, f"heavy_{name}"):
                if getattr(self, key) not in bounds:
                    raise ConfigurationError(
                        f"rules.{key} is {bounds[0]} to {bounds[-1]} {unit}, "
                        f"not {getattr(self, key)}."
                    )

    @property
    def options(self) -> EngineOptions:
        """Return what an engine is made with."""
        return EngineOptions(
            self.sets,
            self.added,
            self.workers,
            self.heavy_workers,
            self.seconds,
            self.heavy_seconds,
            self.memory_mb * _MEGABYTE,
            self.heavy_memory_mb * _MEGABYTE,
        )

    @property
    def threads(self) -> dict[str, int]:
        """Return how many filings are judged beside the others, by the name of their threads.

        A worker is left for small documents where there are two.
        """
        return {HEAVY: self.heavy_workers, LARGE: max(1, self.workers - 1)}


def at_once(filing: Filing, stage: Stage) -> str | None:
    """Return None: every judgement is quick."""
    del filing, stage
    return None


def beside(is_slow: Callable[[Filing, Stage], bool]) -> Callable[[Filing, Stage], str | None]:
    """Return what names the threads that judge a filing, None where it does not take long.

    Args:
        is_slow: says whether the rules for a filing may take seconds.
    """

    def judges(filing: Filing, stage: Stage) -> str | None:
        if is_slow(filing, stage):
            return HEAVY
        large = size_of(filing.delivery.document.content) > limits.JUDGED_AT_ONCE_BYTES
        return LARGE if large else None

    return judges
