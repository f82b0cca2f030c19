"""Every scenario ends as its row says, in seconds, and has no effect outside a sandbox."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from queue import Queue

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Check, ConfigurationError, Refusal
from digipoort_wus.filing.filing import Document
from digipoort_wus.process.api import Period, Scope
from digipoort_wus.process.scenarios import no_scenarios, read_scenarios, sandbox_scenarios
from digipoort_wus.process.service import thread_timer
from digipoort_wus.store.ports import Reader, Selection, StatusRow
from tests.unit.process.sandbox import HAPPY, SENDER, Sandbox, caller, done, opened, scenario

BEFORE_DELIVERY = HAPPY[:7]
ENDS = {
    "Happyflow": (HAPPY, None),
    "StatusInformatieFault": (HAPPY, None),
    "Afleverfout": ([*BEFORE_DELIVERY, "410"], "AFS400"),
    "Foutuitvragendepartij": ([*BEFORE_DELIVERY, "400", "510"], "UVP500"),
    "TechnischProbleemAfleveren": ([*BEFORE_DELIVERY, "420", "405", "400", "500"], None),
    "MaximaalAantalAfleverpogingen": ([*BEFORE_DELIVERY, "420", "420"], "AFS600"),
    "ZwaarbelastAanleveren": (HAPPY, None),
    "ZwaarbelastStatusInformatie": (HAPPY, None),
    "OverbelastStatusInformatie": (HAPPY, None),
    "WachtOpUitvragendePartij": ([*BEFORE_DELIVERY, "400"], None),
}
REFUSED_AT_ACCEPT = {
    "AanleverFault": checks.SCENARIO_FAULT,
    "OverbelastAanleveren": checks.OVERLOAD,
}


def stored(sandbox: Sandbox) -> list[tuple[str, str | None, str | None]]:
    """Read past the scenario's answer to queries."""

    def rows(reader: Reader) -> Sequence[StatusRow]:
        return reader.statuses(Selection(SENDER))

    return [
        (row.status.code, row.status.error.code if row.status.error else None, row.status.details)
        for row in sandbox.store.read(rows)
    ]


def test_there_are_the_eleven_names_and_one_of_ours() -> None:
    assert set(sandbox_scenarios()) == {*ENDS, *REFUSED_AT_ACCEPT}
    assert len(sandbox_scenarios()) == 12


@pytest.mark.parametrize("name", ENDS)
def test_it_ends_as_its_row_says(sandbox: Sandbox, name: str) -> None:
    accepted = sandbox.service.accept(caller(), scenario(name))
    sandbox.delay.release()
    done(accepted)
    began = sandbox.clock.now
    sandbox.run_until_quiet()
    codes, error = ENDS[name]
    found = stored(sandbox)
    assert [code for code, _, _ in found] == codes
    assert found[-1][1] == error
    assert all(earlier is None for _, earlier, _ in found[:-1])
    assert sandbox.clock.now - began <= timedelta(seconds=3)
    if codes[-1] in ("500", "510"):
        assert (found[-1][2] or "").startswith('<Responsemessage version="2006.1">')


@pytest.mark.parametrize(("name", "check"), REFUSED_AT_ACCEPT.items())
def test_it_is_refused_and_nothing_is_stored(sandbox: Sandbox, name: str, check: Check) -> None:
    with pytest.raises(Refusal) as caught:
        sandbox.accept(scenario(name))
    assert caught.value.check is check
    assert stored(sandbox) == []


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("StatusInformatieFault", checks.SCENARIO_FAULT),
        ("OverbelastStatusInformatie", checks.OVERLOAD),
    ],
)
def test_the_status_query_is_refused(
    sandbox: Sandbox, name: str, check: Check, scope: Scope
) -> None:
    filing = sandbox.accept(scenario(name))
    with pytest.raises(Refusal) as caught:
        sandbox.codes(filing.kenmerk, scope=scope)
    assert caught.value.check is check


def test_a_slow_acceptance_is_stored_before_it_is_answered(sandbox: Sandbox) -> None:
    answer = sandbox.service.accept(caller(), scenario("ZwaarbelastAanleveren"))
    sandbox.accept()
    assert not answer.done()
    assert [seconds for seconds, _ in sandbox.delay.calls] == [2.0]
    sandbox.delay.release()
    assert sandbox.codes(done(answer).kenmerk) == HAPPY[:3]


def test_a_slow_status_query_blocks_nobody(sandbox: Sandbox) -> None:
    slow = sandbox.accept(scenario("ZwaarbelastStatusInformatie"))
    answer = sandbox.service.process_statuses(caller(), slow.kenmerk, Period(), Scope.NEW, None)
    other = sandbox.accept()
    assert sandbox.codes(other.kenmerk) == HAPPY[:3]
    assert not answer.done()
    sandbox.delay.release()
    assert len(done(answer)) == 3


def test_content_is_not_looked_at(sandbox: Sandbox) -> None:
    nonsense = Document("text/xml", "x.xml", b"<!DOCTYPE nonsense")
    filing = sandbox.accept(replace(scenario("Happyflow"), document=nonsense))
    sandbox.run()
    assert sandbox.codes(filing.kenmerk) == HAPPY


def test_outside_a_sandbox_a_name_is_a_reference_like_any_other(tmp_path: Path) -> None:
    with opened(tmp_path / "data", scenarios=no_scenarios()) as house:
        filing = house.accept(scenario("AanleverFault"))
        house.run()
        assert house.codes(filing.kenmerk) == HAPPY
        assert filing.delivery.aanleverkenmerk == "AanleverFault"


@pytest.mark.parametrize("name", ["happyflow", "Happyflow ", "Anders"])
def test_another_name_is_a_normal_filing(sandbox: Sandbox, name: str) -> None:
    filing = sandbox.accept(scenario(name))
    sandbox.run()
    assert sandbox.codes(filing.kenmerk) == HAPPY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[scenario]]\nabout = 'nameless'",
        "[[scenario]]\nname = 'x'\nacept = 'slow'",
        "[[scenario]]\nname = 'x'\naccept = 'sometimes'",
        "[[scenario]]\nname = 'x'\ndelay_seconds = -1",
        "[[scenario]\n",
    ],
)
def test_a_wrong_table_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_scenarios(text)


def test_the_timer_calls_back_from_another_thread() -> None:
    called: Queue[str] = Queue()
    thread_timer(0.001, lambda: called.put(threading.current_thread().name))
    assert called.get(timeout=5) != threading.current_thread().name
