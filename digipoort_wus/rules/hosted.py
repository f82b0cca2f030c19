"""A gateway's engine that judges in the gateway's own process: for embedding and for tests.

A rule that hangs, or ends the process, does so to the gateway. What judges strangers' filings
belongs in workers.
"""

from collections.abc import Mapping
from threading import Lock

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.rules.api import EngineOptions, HostedEngine, Outcome, Report, Stage
from digipoort_wus.rules.case_files import cases_of
from digipoort_wus.rules.cases import Held, run_cases
from digipoort_wus.rules.catalogue import Catalogue
from digipoort_wus.rules.engine import SHIPPED, Engine, choose
from digipoort_wus.rules.model import Cost
from digipoort_wus.rules.subject import subject_of


def make_here(options: EngineOptions) -> HostedEngine:
    """Make an engine that judges where it is called; it knows no limits of time or memory.

    Raises:
        ConfigurationError: a rule set, an artefact or a plug-in cannot be used.
    """
    return _Here(options)


def is_slow(catalogue: Catalogue, filing: Filing, stage: Stage) -> bool:
    """Return whether a rule that a filing is judged by at this stage is not a cheap one."""
    plan = choose(catalogue, subject_of(filing)).plan
    return any(
        rule.cost is not Cost.CHEAP
        for layer in plan.layers
        if layer.stage is stage
        for rule in layer.rules
    )


class _Here:
    """Implements :class:`~digipoort_wus.rules.api.HostedEngine`; any thread may ask."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._engine = self._made()
        self._lock = Lock()
        self._counted = dict.fromkeys(Outcome, 0)
        self._reloads = 0

    def validate(self, filing: Filing, stage: Stage) -> Report:
        """Judge one filing at one stage."""
        report = self._engine.validate(filing, stage)
        with self._lock:
            self._counted[report.outcome] += 1
        return report

    def is_slow(self, filing: Filing, stage: Stage) -> bool:
        """Return whether judging it may take seconds."""
        return is_slow(self._engine.catalogue, filing, stage)

    def reload(self) -> None:
        """Take the rule sets as they are now, when they can be used and their cases hold."""
        fresh = self._made()
        for name, cases in cases_of((SHIPPED, *self._options.directories)).items():
            broken = [
                f"{each.case}: {each.why}"
                for each in run_cases(fresh.catalogue, name, cases).verdicts
                if each.held is Held.BROKEN
            ]
            if broken:
                raise ConfigurationError(
                    f"{len(broken)} of {len(cases)} cases of {name} do not hold: {broken[0]}."
                )
        self._engine = fresh
        with self._lock:
            self._reloads += 1

    def figures(self) -> Mapping[str, int]:
        """Return how many judgements there were of each outcome, and how many reloads."""
        with self._lock:
            counted = {f"judged_{each.value}": number for each, number in self._counted.items()}
            return {**counted, "reloads": self._reloads}

    def close(self) -> None:
        """Do nothing: there is nothing that was started."""

    def _made(self) -> Engine:
        return Engine.of((SHIPPED, *self._options.directories), added=self._options.added)
