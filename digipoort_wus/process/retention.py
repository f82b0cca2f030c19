"""How long filings are kept: a rule for each berichtsoort, or one for all others; and ebMS."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.values import Aged, Position

DAYS_MAX = 36_500
DEFAULT_HOUR = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """Which filings are purged after how many days.

    Args:
        name: for the evidence and the log; never personal data.
        days: since a filing was received.
        berichtsoort: None: any.
        but: none of these.
    """

    name: str
    days: int
    berichtsoort: str | None = None
    but: tuple[str, ...] = ()

    def aged(self, now: datetime, after: Position | None = None) -> Aged:
        """Return what is old enough by this rule."""
        before = now - timedelta(days=self.days)
        return Aged(before, self.berichtsoort, self.but, after)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept how long; without rules everything is kept.

    Args:
        rules: no filing is of two of them.
        hour: of the day in UTC at which the gateway purges.
        ebms_days: so much longer messages of ebMS are kept than their agreement demands.
    """

    rules: tuple[Rule, ...] = ()
    hour: int = DEFAULT_HOUR
    ebms_days: int = 0


def retention(
    days: Sequence[tuple[str, int]],
    default_days: int | None,
    hour: int = DEFAULT_HOUR,
    ebms_days: int = 0,
) -> Retention:
    """Return the rules of a configuration.

    Args:
        days: how long filings of a berichtsoort are kept.
        default_days: how long all others are; None: for good.
        hour: of the day in UTC.
        ebms_days: so much longer messages of ebMS are kept than their agreement demands.

    Raises:
        ConfigurationError: a number is out of range, or a berichtsoort has two rules.
    """
    if hour not in range(24):
        raise ConfigurationError("retention.hour is an hour of the day in UTC, 0 to 23.")
    if not 0 <= ebms_days <= DAYS_MAX:
        raise ConfigurationError(f"retention.ebms_days is 0 to {DAYS_MAX} days.")
    rules = []
    named: list[str] = []
    for berichtsoort, number in days:
        if not berichtsoort.strip():
            raise ConfigurationError("retention.rule: berichtsoort is needed: say which it is.")
        if berichtsoort in named:
            raise ConfigurationError(f"retention.rule: {berichtsoort!r} has two rules: keep one.")
        _require_days(f"retention.rule of {berichtsoort!r}", number)
        named.append(berichtsoort)
        rules.append(Rule(f"retention: {berichtsoort}, {number} days", number, berichtsoort))
    if default_days is not None:
        _require_days("retention.default_days", default_days)
        name = f"retention: default, {default_days} days"
        rules.append(Rule(name, default_days, but=tuple(named)))
    return Retention(tuple(rules), hour, ebms_days)


def _require_days(key: str, days: int) -> None:
    if not 1 <= days <= DAYS_MAX:
        raise ConfigurationError(f"{key}: days are 1 to {DAYS_MAX}; leave it out to keep all.")
