"""Every end of the interface is reached by the engine, and only the end has a statusFoutcode.

Clients take a statusFoutcode for the end of a process in failure, whatever the status.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.status import STATUS_CODES, StatusError
from digipoort_wus.process.agency import Refused, Rejected, Unreachable
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.operator import DECISIONS, Decision
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.transitions import TRANSITIONS
from digipoort_wus.rules.api import Outcome, Report, Stage
from tests.unit.process.sandbox import HAPPY, Sandbox, done, opened
from tests.unit.process.test_engine import Answer, ScriptedAgency, ScriptedRules, statuses

TWICE = RetryPolicy(timedelta(seconds=1), timedelta(seconds=1), 2)
SOON = Policies(authorisation=TWICE, validation=TWICE, delivery=TWICE)
WRONG = Report(Outcome.INVALID, (Finding("B001", "error", "Onjuist."),))
UNKNOWN = Report(Outcome.UNDETERMINED)
NOT_TAKEN = Rejected(StatusError("AFO100", "Onbekend."))
Opened = Callable[[Path], AbstractContextManager[Sandbox]]


@dataclass(frozen=True)
class End:
    opened: Opened
    codes: list[str]
    error: str | None
    cancelled: bool = False


def rules(stage: Stage, report: Report) -> ScriptedRules:
    return ScriptedRules({stage: report})


def with_agency(*answers: Rejected | Unreachable) -> Opened:
    return partial(opened, agency=ScriptedAgency(list(answers)), policies=SOON)


DELIVERED, ENVELOPE, CONTENT = HAPPY[:8], HAPPY[:4], HAPPY[:5]
ENDS = {
    "accepted": End(with_agency(), HAPPY, None),
    "accepted later": End(
        with_agency(Unreachable()), [*HAPPY[:7], "420", "405", "400", "500"], None
    ),
    "refused": End(
        partial(opened, agency=ScriptedAgency(verdict=Refused("nee"))),
        [*DELIVERED, "510"],
        "UVP500",
    ),
    "not authorised": End(partial(opened, authoriser=Answer("210")), [*HAPPY[:3], "210"], "AUT500"),
    "nobody authorises": End(
        partial(opened, authoriser=Answer("230"), policies=SOON), [*HAPPY[:3], "230"], "AUT400"
    ),
    "wrong envelope": End(
        partial(opened, rules=rules(Stage.ENVELOPE, WRONG)), [*ENVELOPE, "311"], "VAS500"
    ),
    "wrong content": End(
        partial(opened, rules=rules(Stage.CONTENT, WRONG)), [*CONTENT, "311"], "VAS500"
    ),
    "envelope not judged": End(
        partial(opened, rules=rules(Stage.ENVELOPE, UNKNOWN), policies=SOON),
        [*ENVELOPE, "321"],
        "VAS400",
    ),
    "content not judged": End(
        partial(opened, rules=rules(Stage.CONTENT, UNKNOWN), policies=SOON),
        [*CONTENT, "321"],
        "VAS400",
    ),
    "not taken": End(with_agency(NOT_TAKEN), [*HAPPY[:7], "410"], "AFO100"),
    "not taken later": End(
        with_agency(Unreachable(), NOT_TAKEN), [*HAPPY[:7], "420", "405", "410"], "AFO100"
    ),
    "never there": End(with_agency(*[Unreachable()] * 9), [*HAPPY[:7], "420", "420"], "AFS600"),
    "cancelled": End(
        with_agency(*[Unreachable()] * 9), [*HAPPY[:7], "420", "420"], "BEH900", cancelled=True
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_end_is_reached_and_only_it_has_a_statusfoutcode(tmp_path: Path, name: str) -> None:
    end = ENDS[name]
    with end.opened(tmp_path / "data") as house:
        filing = house.accept()
        if end.cancelled:
            house.run()
            cancel(house, filing.kenmerk)
        house.run_until_quiet()
        rows = [row.status for row in statuses(house, filing.kenmerk)]
        assert [row.code for row in rows] == end.codes
        assert [row.error for row in rows[:-1]] == [None] * (len(rows) - 1)
        last = rows[-1].error
        assert (last.code if last else None) == end.error
        # Nothing follows, however long one waits.
        house.clock.turn(days=100)
        assert house.run() is None
        assert house.codes(filing.kenmerk) == end.codes


def cancel(house: Sandbox, kenmerk: str) -> None:
    decision = Decision("beheerder", "proef", house.clock.now)
    done(house.store.write(lambda t: DECISIONS["cancel"](t, kenmerk, decision)))


def test_no_end_is_left_out() -> None:
    reached = {(end.codes[-1], end.error is None) for end in ENDS.values()}
    table = {(row.codes[-1], row.error is None) for row in TRANSITIONS.values() if not row.then}
    assert reached == table
    assert {code for code, _ in reached} >= {
        code.code for code in STATUS_CODES.values() if code.ending != "open"
    }
