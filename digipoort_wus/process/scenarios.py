"""The scenarios of the conformance test, as data; a sandbox plays them, nothing else does."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from importlib.resources import files
from types import MappingProxyType

from digipoort_wus import checks
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.process.retry import RetryPolicy


class Reply(Enum):
    """How the gateway answers a request about a filing with a scenario."""

    NORMAL = "normal"
    FAULT = "fault"
    SLOW = "slow"
    OVERLOAD = "overload"


class Deliver(Enum):
    """How delivery to the agency goes."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    UNREACHABLE_ONCE = "unreachable-once"
    UNREACHABLE = "unreachable"


class Verdict(Enum):
    """What the agency says of what was delivered."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    AWAITED = "awaited"
    """Nothing yet: it reports by zetStatus, as whoever plays the agency does."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to a filing whose aanleverkenmerk is ``name``.

    Args:
        name: exact, case-sensitive.
        about: what a tester sees.
        accept: answer of ``aanleveren``.
        status: answer of a status query for its kenmerk.
        deliver: how delivery goes.
        answer: the agency's verdict.
        delay: of slow answers.
        delivery_retry: instead of the gateway's own policy.
    """

    name: str
    about: str = ""
    accept: Reply = Reply.NORMAL
    status: Reply = Reply.NORMAL
    deliver: Deliver = Deliver.DELIVERED
    answer: Verdict = Verdict.ACCEPTED
    delay: timedelta = timedelta()
    delivery_retry: RetryPolicy | None = None


Scenarios = Mapping[str, Scenario]
"""Scenarios by aanleverkenmerk."""


def no_scenarios() -> Scenarios:
    """Return what every gateway uses that is no sandbox."""
    return MappingProxyType({})


def sandbox_scenarios() -> Scenarios:
    """Return the scenarios of ``scenarios.toml`` in this package."""
    return read_scenarios(files(__package__).joinpath("scenarios.toml").read_text("utf-8"))


def read_scenarios(text: str) -> Scenarios:
    """Read a table of scenarios; ``scenarios.toml`` in this package describes the form.

    Raises:
        ConfigurationError: the text is not such a table.
    """
    try:
        scenarios = [_scenario(dict(row)) for row in tomllib.loads(text)["scenario"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"cannot read the table of scenarios: {error!r}") from error
    return MappingProxyType({scenario.name: scenario for scenario in scenarios})


def scenario_of(scenarios: Scenarios, aanleverkenmerk: str | None) -> Scenario | None:
    """Return the scenario that a sender asked for, None for a normal filing."""
    return None if aanleverkenmerk is None else scenarios.get(aanleverkenmerk)


def played(scenario: Scenario, reply: Reply) -> float:
    """Refuse as the scenario says, or return by how many seconds it delays the answer."""
    match reply:
        case Reply.FAULT:
            raise Refusal(checks.SCENARIO_FAULT, received=scenario.name)
        case Reply.OVERLOAD:
            raise Refusal(checks.OVERLOAD, received=scenario.name)
        case Reply.SLOW:
            return scenario.delay.total_seconds()
        case Reply.NORMAL:
            return 0.0


def _scenario(row: dict[str, object]) -> Scenario:
    retry = None
    if "retry_seconds" in row:
        delay = timedelta(seconds=_number(row.pop("retry_seconds")))
        attempts = int(_number(row.pop("attempts"))) if "attempts" in row else None
        retry = RetryPolicy(delay, delay, attempts)
    scenario = Scenario(
        name=str(row.pop("name")),
        about=str(row.pop("about", "")),
        accept=Reply(row.pop("accept", "normal")),
        status=Reply(row.pop("status", "normal")),
        deliver=Deliver(row.pop("deliver", "delivered")),
        answer=Verdict(row.pop("answer", "accepted")),
        delay=timedelta(seconds=_number(row.pop("delay_seconds", 0))),
        delivery_retry=retry,
    )
    if row:
        raise ValueError(f"unknown: {', '.join(row)}")
    return scenario


def _number(value: object) -> float:
    if not isinstance(value, int | float) or value < 0:
        raise ValueError("a number is not a number or negative")
    return float(value)
